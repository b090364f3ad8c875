"""What one test has looked at: how much it may still look at afresh, and what big containers were found to be.

Each time that a test compares a container, the guard looks at all elements: one could have been put there since. A test
that looks for thousands of words among thousands would never end that way, so there is a limit.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

FREE_LOOKS = 8_000_000
"""Elements that one test has looked at afresh, whatever it has seen before: a fifth of a second. After that containers
are taken for what they were found to be, or a test that looks for thousands of words among thousands would not end."""

MORE_LOOKS = 40_000_000
"""Elements that it has looked at after that, where a size had changed. Then only what has doubled is looked at."""

FREE_PARTS = 100_000
"""Parts of libraries' objects that it has looked at, a tenth of a second; then only the nearest of each are."""

DEAR = 40
"""How many elements of which only the class is looked at take the time of one that is looked into."""

DEAREST = 400
"""The same for one that something has to stand in for."""

_SMALL = 64
"""Elements of a container that is always looked at afresh."""

_MOST_REMEMBERED = 64
_NOTHING_KNOWN: tuple[Any, int, list[Any], Any] = (None, 0, [], None)


class Looks:
    """The looks of one test. ``left`` and ``parts_left`` are how much it may still look at afresh."""

    def __init__(self) -> None:
        self.left = FREE_LOOKS
        self.parts_left = FREE_PARTS
        self._remembered: dict[int, tuple[Any, int, list[Any], Any]] = {}
        """Big containers by identity, the last ones: each with its size, what it held, and what it was found to be."""
        self._shared: dict[tuple[Any, ...], Any] = {}
        """Big arrays of objects by where they lie in memory, the last ones."""

    def recall(self, value: Any, size: int, held: Iterable[Any]) -> Any:
        """Return what a big container was found to be, once a test has looked at very much; None if that is unknown."""
        if self.left > 0 or size <= _SMALL:
            return None
        of, before, contents, seen = self._remembered.get(id(value), _NOTHING_KNOWN)
        if of is not value or not all(map(_is, contents, held)):
            return None
        as_before = before == size or (seen is value and self.left < -MORE_LOOKS and size < 2 * before)
        return seen if as_before else None

    def remember(self, value: Any, size: int, seen: Any, values: Iterable[Any] = ()) -> Any:
        """Note what a container was found to be; returns that. ``values`` are those of a mapping."""
        if self.left <= 0 and size > _SMALL:
            # What stands for it stands for what it holds now.
            contents = [] if seen is value else [*value, *values]
            _put(self._remembered, id(value), (value, size, contents, seen))
        return seen

    def knows(self, array: Any) -> bool:
        """Whether what an array of objects holds was looked at, once a test has looked at very much."""
        return self.left <= 0 and _place_of(array) in self._shared

    def note(self, array: Any) -> None:
        """Note that an array was looked at: a table hands out new ones each time, which share their elements."""
        if self.left <= 0 and array.size > _SMALL:
            _put(self._shared, _place_of(array), array)  # kept, so that no other one comes to lie there


def _put(remembered: dict[Any, Any], key: Any, value: Any) -> None:
    while len(remembered) >= _MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
    remembered[key] = value


def _place_of(array: Any) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.strides


_is = operator.is_
