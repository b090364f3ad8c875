"""Numbers that lie in memory, many of them read at once.

To ask many objects something, one after the other, touches each of them, and in a copy of a process each first touch
costs a page of memory. Reading a number where it lies touches nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any


class Word(ctypes.c_uint64):
    """A number in memory. A class of our own: the public one can be patched."""


VALUE_OF: Any = vars(ctypes.c_uint64.__base__)["value"].__get__
"""The C function behind the attribute."""

# Bytes from an object's start, after its reference count (and class).
_TO_CLASS = 8
_TO_CONTENTS = 16


def word_at(address: int) -> Word:
    """Return the number at an address, for as long as what lies there is kept."""
    return Word.from_address(address)


def values_of(words: Iterable[Word]) -> list[int]:
    """Return what the numbers are now."""
    return list(map(VALUE_OF, words))


class Steady:
    """Addresses of objects that other objects hold, and hold for good. All of them have to be kept by somebody."""

    def __init__(self, places: Iterable[int], held: Iterable[Any]) -> None:
        self._words = [word_at(place) for place in places]
        self._were = values_of(self._words)
        self._readable = self._were == [id(one) for one in held]

    def is_intact(self) -> bool:
        """Whether each still holds what it held; False where that cannot be read, as in another kind of Python."""
        return self._readable and values_of(self._words) == self._were


def classes_of(objects: Sequence[Any]) -> Steady:
    """Return which class each of some objects has."""
    return Steady([id(one) + _TO_CLASS for one in objects], map(type, objects))


def contents_of_cells(cells: Sequence[Any], held: Sequence[Any]) -> Steady:
    """Return what each of some functions' cells holds."""
    return Steady([id(one) + _TO_CONTENTS for one in cells], held)
