"""Plain values: what a learner's code may give back to a driven test, and how such values are compared.

Plain are ``None``, truth values, numbers (also complex ones), text, bytes, and lists, tuples, sets and dictionaries of
plain values. A value of a class that is derived from one of these counts as the value that it holds: what its own
comparisons say does not matter. Anything else is `Unplain` and equals nothing.
"""

import cmath
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

MAX_DEPTH: Final = 50
"""Containers within containers that are looked into."""

MAX_UNITS: Final = 100_000
"""Size of a value: every item is a unit, and so are each four characters of a text."""

MAX_WRITTEN_UNITS: Final = 300_000
"""Size of a value that a test's own text may make."""

_LONGEST_SHOWN: Final = 120

_SEEN_AT_A_GLANCE: Final = 60
"""Length of a value in which people find a difference by themselves."""

Form = Literal["", "list", "dict", "truth"]


@dataclass(frozen=True)
class Unplain:
    """Stands for a value that is not plain. ``kind`` is its type's name, ``why`` says more when size is the reason."""

    kind: str
    why: str = ""

    def __repr__(self) -> str:
        return self.why or f"a value of type {self.kind}"


class _TooMuch(Exception):
    """A value is nested too deeply or is too large to compare."""


def to_plain(value: Any, form: Form = "") -> Any:
    """Return the value as a plain one, with `Unplain` in the place of what is none.

    Args:
        value: what the code gave.
        form: ``list`` turns arrays, columns, tables (a list of rows), iterators and other collections into lists
            first, ``dict`` turns tables and columns into dictionaries, ``truth`` asks whether the value is true;
            empty leaves it as it is.
    """
    try:
        return _Conversion().convert(as_form(value, form), 0)
    except _TooMuch as error:
        return Unplain(type(value).__name__, str(error))


def as_form(value: Any, form: Form) -> Any:
    """Return the value in a form, as `to_plain` says."""
    if form == "truth":
        return bool(value)
    if form == "list":
        if not hasattr(value, "tolist") and hasattr(value, "to_numpy"):
            value = value.to_numpy()
        return value.tolist() if hasattr(value, "tolist") else list(islice(iter(value), MAX_UNITS + 1))
    if form == "dict":
        if hasattr(value, "to_dict"):
            return value.to_dict("list") if hasattr(value, "columns") else value.to_dict()
        return dict(value)
    return value


class _Conversion:
    def __init__(self) -> None:
        self._units = MAX_UNITS

    def convert(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _TooMuch("a value that is nested too deeply to compare")
        self._spend(1)
        if value is None:
            return None
        if type(value).__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
            value = value.item()
        for kind, read in _ATOMS:
            if isinstance(value, kind):
                plain = read(value)
                self._spend(_size(plain))
                return plain
        for kind, read, make in _COLLECTIONS:
            if isinstance(value, kind):
                return make(self.convert(item, depth + 1) for item in read(value))
        if isinstance(value, dict):
            return {
                self.convert(key, depth + 1): self.convert(item, depth + 1) for key, item in dict.items(value)
            }
        return Unplain(type(value).__name__)

    def _spend(self, units: int) -> None:
        self._units -= units
        if self._units < 0:
            raise _TooMuch("a value that is too large to compare")


def _size(plain: Any) -> int:
    if isinstance(plain, str | bytes):
        return len(plain) // 4
    return plain.bit_length() // 16 if isinstance(plain, int) else 0


def fits(value: Any, *, units: int, depth: int | None = None) -> bool:
    """Return whether a plain value is at most so large, in units, and has at most so many levels of containers."""
    waiting = [(value, 0)]
    while waiting:
        one, level = waiting.pop()
        units -= 1 + _size(one)
        if units < 0 or (depth is not None and level > depth):
            return False
        if isinstance(one, list | tuple | set | frozenset):
            if len(one) > units:
                return False
            waiting += [(item, level + 1) for item in one]
        elif isinstance(one, dict):
            waiting += [(part, level + 1) for pair in one.items() for part in pair]
    return True


_ATOMS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bool, bool),
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
)
"""How a plain value is read out of a derived class without asking that class."""

_COLLECTIONS: tuple[tuple[type, Callable[[Any], Iterable[Any]], Callable[[Iterable[Any]], Any]], ...] = (
    (list, list.__iter__, list),
    (tuple, tuple.__iter__, tuple),
    (set, set.__iter__, set),
    (frozenset, frozenset.__iter__, frozenset),
)


def is_plain(value: Any) -> bool:
    """Return whether nothing in a converted value is `Unplain`."""
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_plain(item) for item in value)
    return not isinstance(value, Unplain)


def same(value: Any, expected: Any) -> bool:
    """Return whether two converted values are equal: as Python says, except that nan equals nan."""
    return _alike(value, expected, _equal)


def close(value: Any, expected: Any, *, rel: float, abs_: float) -> bool:
    """Return whether two converted values are equal when numbers in them may differ a little.

    Args:
        value: what came back.
        expected: what the test expects.
        rel: the difference that is allowed, as a part of the larger number.
        abs_: the difference that is allowed whatever the numbers' size.
    """

    def near(one: Any, other: Any) -> bool:
        if _equal(one, other):
            return True
        if not (_is_number(one) and _is_number(other)):
            return False
        try:
            if isinstance(one, complex) or isinstance(other, complex):
                return cmath.isclose(one, other, rel_tol=rel, abs_tol=abs_)
            return math.isclose(one, other, rel_tol=rel, abs_tol=abs_)
        except OverflowError:  # whole numbers beyond what a float holds, and they are not equal
            return False

    return _alike(value, expected, near)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, bool)


def _equal(value: Any, expected: Any) -> bool:
    if isinstance(value, float) and isinstance(expected, float) and math.isnan(value):
        return math.isnan(expected)
    return bool(value == expected)


def _alike(value: Any, expected: Any, leaves_alike: Callable[[Any, Any], bool]) -> bool:
    if isinstance(value, Unplain) or isinstance(expected, Unplain):
        return False
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(
            _alike(item, expected[key], leaves_alike) for key, item in value.items()
        )
    for kind in (list, tuple):
        if isinstance(value, kind) and isinstance(expected, kind):
            return len(value) == len(expected) and all(
                _alike(one, other, leaves_alike) for one, other in zip(value, expected, strict=True)
            )
    return leaves_alike(value, expected)


def difference(value: Any, expected: Any, alike: Callable[[Any, Any], bool]) -> str:
    """Say in words where two values first differ, if what :func:`show` makes of them may not show it; else nothing."""
    if max(_shown_length(value), _shown_length(expected)) <= _SEEN_AT_A_GLANCE:
        return ""
    if isinstance(value, str) and isinstance(expected, str):
        return _difference_of_texts(value, expected)
    if isinstance(value, dict) and isinstance(expected, dict):
        return _difference_of_dictionaries(value, expected, alike)
    for kind in (list, tuple):
        if isinstance(value, kind) and isinstance(expected, kind):
            return _difference_of_sequences(value, expected, alike)
    return ""


def _difference_of_dictionaries(
    value: dict[Any, Any], expected: dict[Any, Any], alike: Callable[[Any, Any], bool]
) -> str:
    for key, wanted in expected.items():
        if key not in value:
            return f"The key {show(key)} is missing."
        if not alike(value[key], wanted):
            return _first(f"at the key {show(key)}", value[key], wanted)
    beyond = next((key for key in value if key not in expected), None)
    return "" if beyond is None else f"The key {show(beyond)} is one too many."


def _difference_of_sequences(
    value: Sequence[Any], expected: Sequence[Any], alike: Callable[[Any, Any], bool]
) -> str:
    lengths = f"It has {len(value)} items and not {len(expected)}." if len(value) != len(expected) else ""
    for index, (item, wanted) in enumerate(zip(value, expected, strict=False)):
        if not alike(item, wanted):
            return f"{_first(f'at index {index}', item, wanted)} {lengths}".rstrip()
    return lengths


def _first(place: str, value: Any, expected: Any) -> str:
    return f"The first difference is {place}: {show(value)} instead of {show(expected)}."


def _difference_of_texts(value: str, expected: str) -> str:
    lines, wanted = value.split("\n"), expected.split("\n")
    pairs = enumerate(zip(lines, wanted, strict=False), start=1)
    number = next((number for number, (one, other) in pairs if one != other), None)
    if number is None:
        return f"It has {len(lines)} lines and not {len(wanted)}." if len(lines) != len(wanted) else ""
    one, other = lines[number - 1], wanted[number - 1]
    start = next((at for at, both in enumerate(zip(one, other, strict=False)) if both[0] != both[1]), None)
    start = min(len(one), len(other)) if start is None else start
    # A little of what stands before, so that the place is found in a long line.
    cut = max(0, start - 20)
    before = "…" if cut else ""
    return _first(f"in line {number}", before + one[cut:], before + other[cut:])


def _shown_length(value: Any) -> int:
    """Return a lower bound of how long a value is when it is written."""
    if isinstance(value, str):
        return len(value)
    return 4 * len(value) if isinstance(value, list | tuple | dict) else 0


def show(value: Any) -> str:
    """Return a short text for a converted value."""
    try:
        text = repr(value)
    except ValueError:  # a number with more digits than Python writes
        text = "a very large number"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
