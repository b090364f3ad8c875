"""What stands for a learner's named tuple that calculates or compares in its own way.

A test compares it as the tuple that it is. Its fields and methods are the learner's own, and so is what comes of
calculating with two of them: nobody has said yet what is expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studyhall_judge.sandbox.view import BETWEEN_TWO, SEE, Operation


class Record(tuple[Any, ...]):  # noqa: SLOT001 - below a tuple slots can have no names
    """The plain tuple, which asks the learner's object for what a tuple does not have."""

    def __getattr__(self, name: str) -> Any:
        """Return a field or method of the learner's, but nothing that a library would ask for the tuple's worth."""
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask_of(self)((SEE, getattr(record_of(self), name)))

    @property
    def __class__(self) -> type:
        """What isinstance asks."""
        return type(record_of(self))

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError("an object of a test's cannot change its class")

    def __repr__(self) -> str:
        return repr(record_of(self))

    def __str__(self) -> str:
        return str(record_of(self))


def record(value: Any, parts: tuple[Any, ...], ask: Callable[[Any], Any]) -> Record:
    """Return what stands for ``value``, a named tuple that holds ``parts``."""
    made: Record = tuple.__new__(Record, parts)
    _space_of(made).update(_value=value, _ask=ask)
    return made


def record_of(value: Record) -> Any:
    """Return what a record stands for."""
    return _space_of(value)["_value"]


def _ask_of(value: Record) -> Callable[[Any], Any]:
    ask: Callable[[Any], Any] = _space_of(value)["_ask"]
    return ask


def _calculating(operation: Operation, plain: Operation | None) -> Any:
    def calculate(self: Record, other: Any) -> Any:
        if type(other) is Record:
            return _ask_of(self)((SEE, operation(record_of(self), record_of(other))))
        return NotImplemented if plain is None else plain(self, other)

    return calculate


_space_of: Callable[[Record], dict[str, Any]] = Record.__dict__["__dict__"].__get__
for _name, _operation in BETWEEN_TWO.items():
    setattr(Record, f"__{_name}__", _calculating(_operation, getattr(tuple, f"__{_name}__", None)))
