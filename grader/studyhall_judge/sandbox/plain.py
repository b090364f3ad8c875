"""Plain values on the channel: how arguments of a driven test go in and what the learner's code gave comes out.

JSON knows neither tuples nor sets, neither bytes nor nan, so each value but None, truth values, text and small whole
numbers is a list that begins with a letter. Never pickle: what comes out is data, whoever wrote it. What is plain is
said in ``studyhall_notebooks.driven.values``, whose `to_plain` gives the same values in a kernel.

The expected value is not here, so nothing has to be kept from the learner's code; what it can do to this module
changes only the value that it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

MAX_DEPTH = 50
MAX_UNITS = 100_000
"""As in a kernel: every item is a unit, and so are each four characters of a text."""

MAX_ARGUMENT_UNITS = 310_000
"""A little more than the text of a test may make, which is looked at when the test is read."""

MAX_BYTES = 8_000_000
"""What a value of that size can take on the channel."""

MOST_ALIKE = 100
"""How many items of a set or dictionary may have the same hash."""

_CLASHING = "a collection of values that Python can hardly tell apart (their hashes are equal)"
_SMALL = 1 << 62


class Malformed(ValueError):
    """What came is not a value in this notation."""


class _TooMuch(Exception):
    """The value is too large or nested too deeply."""


def encode(value: Any, form: str = "") -> Any:
    """Return a value as JSON; what is not plain, or is too large, by its type's name. Runs the learner's methods."""
    try:
        return _Writer(MAX_UNITS, MAX_DEPTH).write(_as_form(value, form), 0)
    except _TooMuch as reason:
        return ["?", _name_of(value), str(reason)]


def encode_arguments(values: tuple[Any, ...] | dict[str, Any]) -> Any:
    """Return arguments of a call as JSON. Raises `ValueError` when they are larger than a test's text may make them."""
    try:
        return _Writer(MAX_ARGUMENT_UNITS, MAX_DEPTH + 1).write(values, 0)
    except _TooMuch as reason:
        raise ValueError(str(reason)) from None


def decode_arguments(written: Any) -> Any:
    """Return the arguments that `encode_arguments` wrote. Raises `Malformed`."""
    return _decode(written, _Reader(None, MAX_ARGUMENT_UNITS, MAX_DEPTH + 1))


def _name_of(value: Any) -> str:
    name: str = type.__getattribute__(type(value), "__name__")
    return name[:100]


def _as_form(value: Any, form: str) -> Any:
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


class _Writer:
    def __init__(self, units: int, depth: int) -> None:
        self._units = units
        self._depth = depth

    def write(self, value: Any, depth: int) -> Any:
        if depth > self._depth:
            raise _TooMuch("a value that is nested too deeply to compare")
        self._spend(1)
        if value is None:
            return None
        if type(value).__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
            value = value.item()
        for kind, write in _ATOMS:
            if isinstance(value, kind):
                return write(value, self._spend)
        for kind, letter, read in _COLLECTIONS:
            if isinstance(value, kind):
                return [letter, [self.write(item, depth + 1) for item in read(value)]]
        if isinstance(value, dict):
            pairs = list(dict.items(value))
            return ["d", [[self.write(key, depth + 1), self.write(item, depth + 1)] for key, item in pairs]]
        return ["?", _name_of(value), ""]

    def _spend(self, units: int) -> None:
        self._units -= units
        if self._units < 0:
            raise _TooMuch("a value that is too large to compare")


def _write_int(value: Any, spend: Callable[[int], None]) -> Any:
    number = int.__pos__(value)
    spend(number.bit_length() // 16)
    return number if -_SMALL < number < _SMALL else ["i", hex(number)]


def _write_float(value: Any, _: Callable[[int], None]) -> Any:
    return ["f", float.hex(value)]


def _write_complex(value: Any, _: Callable[[int], None]) -> Any:
    number = complex.__pos__(value)
    return ["c", float.hex(number.real), float.hex(number.imag)]


def _write_text(value: Any, spend: Callable[[int], None]) -> Any:
    text = str.__str__(value)
    spend(len(text) // 4)
    return text


def _write_bytes(value: Any, spend: Callable[[int], None]) -> Any:
    data = bytes.__getitem__(value, slice(None))
    spend(len(data) // 4)
    return ["b", data.hex()]


_ATOMS: tuple[tuple[type, Callable[[Any, Callable[[int], None]], Any]], ...] = (
    (bool, lambda value, _: value),
    (int, _write_int),
    (float, _write_float),
    (complex, _write_complex),
    (str, _write_text),
    (bytes, _write_bytes),
)
_COLLECTIONS: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (list, "l", list.__iter__),
    (tuple, "t", tuple.__iter__),
    (set, "s", set.__iter__),
    (frozenset, "z", frozenset.__iter__),
)
_MAKERS: dict[str, Callable[[list[Any]], Any]] = {"l": list, "t": tuple, "s": set, "z": frozenset}
_KINDS = {"s": "set", "z": "frozenset", "d": "dict"}


def decode(written: Any, unplain: Callable[[str, str], Any] | None = None) -> Any:
    """Return the value that was written.

    Args:
        written: what `encode` made, or what somebody wants us to take for it.
        unplain: makes what stands for a value that is not plain, of its type's name and a reason; without it such a
            value is malformed.

    Raises:
        Malformed: it is not in this notation, or larger or deeper than `encode` writes.
    """
    return _decode(written, _Reader(unplain, MAX_UNITS, MAX_DEPTH))


def _decode(written: Any, reader: _Reader) -> Any:
    try:
        return reader.read(written, 0)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise Malformed(str(error)) from error


class _Reader:
    def __init__(self, unplain: Callable[[str, str], Any] | None, units: int, depth: int) -> None:
        self._unplain = unplain
        self._units = units
        self._depth = depth

    def read(self, written: Any, depth: int) -> Any:
        if depth > self._depth:
            raise Malformed("nested too deeply")
        self._spend(1)
        if written is None or isinstance(written, bool):
            return written
        if isinstance(written, int):
            return self._of_size(written, written.bit_length() // 16)
        if isinstance(written, str):
            return self._of_size(written, len(written) // 4)
        if not isinstance(written, list):
            raise Malformed("not a value")
        letter, *rest = written
        if letter in _MAKERS or letter == "d":
            (items,) = rest
            return self._collection(letter, items, depth + 1)
        if letter == "?" and self._unplain is not None:
            name, why = rest
            return self._unplain(str(name)[:100], str(why)[:100])
        return self._atom(letter, rest)

    def _collection(self, letter: str, items: Any, depth: int) -> Any:
        if letter == "d":
            pairs = [(self.read(key, depth), self.read(item, depth)) for key, item in items]
            return dict(pairs) if _spread(key for key, _ in pairs) else self._clashing(letter)
        read = [self.read(item, depth) for item in items]
        if letter in _KINDS and not _spread(read):
            return self._clashing(letter)
        return _MAKERS[letter](read)

    def _clashing(self, letter: str) -> Any:
        if self._unplain is None:
            raise Malformed(_CLASHING)
        return self._unplain(_KINDS[letter], _CLASHING)

    def _atom(self, letter: Any, rest: list[Any]) -> Any:
        match letter:
            case "i":
                number = int(rest[0], 16)
                return self._of_size(number, number.bit_length() // 16)
            case "f":
                return float.fromhex(rest[0])
            case "c":
                return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
            case "b":
                data = bytes.fromhex(rest[0])
                return self._of_size(data, len(data) // 4)
        raise Malformed("not a value")

    def _of_size(self, value: Any, units: int) -> Any:
        self._spend(units)
        return value

    def _spend(self, units: int) -> None:
        self._units -= units
        if self._units < 0:
            raise Malformed("too large")


def _spread(keys: Iterable[Any]) -> bool:
    """Whether a set or dictionary of these can be made in a reasonable time.

    Each item is compared with all others of the same hash, and a learner can choose numbers that all have the same
    one. Hashes are sorted here because counting them in a dictionary would be as slow.
    """
    hashes = sorted(map(hash, keys))
    return all(one != other for one, other in zip(hashes, hashes[MOST_ALIKE:], strict=False))
