"""Reads the plain value out of an object of a learner's subclass, without asking the subclass.

What an ``int`` or a date holds is read by the functions of the class itself, whatever the subclass puts over them.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import sys
from collections.abc import Callable
from typing import Any

_moment: Any = dt.datetime
_OF_A_DAY = ("year", "month", "day")
_OF_A_SPAN = ("days", "seconds", "microseconds")
_OF_A_MOMENT = (*_OF_A_DAY, "hour", "minute", "second", "microsecond", "tzinfo", "fold")


def _fields(value: Any, kind: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a value of a class written in C holds, without asking its subclass."""
    spaces = [vars(one) for one in type.mro(kind)]
    return {name: next(one[name] for one in spaces if name in one).__get__(value) for name in names}


def _fraction(value: Any) -> Any:
    parts = _fields(value, fractions.Fraction, ("_numerator", "_denominator")).values()
    whole = all(issubclass(type(part), int) for part in parts)
    return fractions.Fraction(*map(int.__pos__, parts)) if whole else None


def _data(value: Any, kind: type) -> Any:
    """Return what an object keeps under the name that collections' own classes have for it."""
    found = object.__getattribute__(value, "__dict__").get("data")
    return found if issubclass(type(found), kind) else None


def counter(counts: dict[Any, Any]) -> collections.Counter[Any]:
    """Return a counter of these counts."""
    made: collections.Counter[Any] = dict.__new__(collections.Counter)
    dict.update(made, counts)
    return made


READERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (list, lambda value: list.__getitem__(value, slice(None))),
    (tuple, lambda value: (*tuple.__iter__(value),)),
    (collections.Counter, lambda value: counter(dict.copy(value))),
    (collections.OrderedDict, lambda value: collections.OrderedDict(collections.OrderedDict.items(value))),
    (dict, dict.copy),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (collections.deque, lambda value: collections.deque(collections.deque.__iter__(value))),
    (dt.datetime, lambda value: _moment(**_fields(value, dt.datetime, _OF_A_MOMENT))),
    (dt.date, lambda value: dt.date(**_fields(value, dt.date, _OF_A_DAY))),
    (dt.timedelta, lambda value: dt.timedelta(**_fields(value, dt.timedelta, _OF_A_SPAN))),
    (fractions.Fraction, _fraction),
    (collections.UserList, lambda value: _data(value, list)),
    (collections.UserString, lambda value: _data(value, str)),
    (decimal.Decimal, lambda value: decimal.Decimal(decimal.Decimal.__str__(value))),
)
"""How to read a plain value out of a subclass without asking the subclass: None where it holds something else."""

COLLECTIONS = (list, tuple, dict, set, frozenset, collections.deque)


def as_librarys(value: Any, librarys: type) -> Any:
    """Return an array or table of a learner's class as one of the class that it comes from."""
    numpy = sys.modules["numpy"]
    if issubclass(librarys, numpy.ndarray):
        return numpy.ndarray.view(value, librarys)
    made: Any = object.__new__(librarys)
    vars(made).update(object.__getattribute__(value, "__dict__"))
    return made
