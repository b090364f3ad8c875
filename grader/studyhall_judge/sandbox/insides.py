"""Looks for forged values inside of others: in objects that compare by what they hold, in arrays and in tables.

A fraction compares its numerator, a namespace its names, a path its parts, a table its cells. Each of these answers
honestly and asks what it holds: a part that says yes to everything makes the whole equal to anything.
"""

from __future__ import annotations

import collections
import gc
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from studyhall_judge.sandbox.questions import OURS

MOST_PARTS = 20_000
"""Objects that are looked at: some libraries' objects lead to a whole document."""

FEW_PARTS = 200
"""The same, when a test has looked at very many already."""

_referents = gc.get_referents
_PLAIN = frozenset(map(id, (int, float, complex, bool, str, bytes, type(None))))
"""Told apart by who they are: a learner's class may say that it equals one."""

_NO_PARTS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType)


def find_inside(
    value: Any, is_forged: Callable[[type], bool], compares: Callable[[type], bool], *, much: bool
) -> tuple[type | None, int]:
    """Return the class of a part of ``value`` that is forged, None where there is none, and how many were looked at.

    The nearest parts come first: what is far from the value is rarely what it compares.

    Args:
        value: an object of a library's class.
        is_forged: says of a class whether its comparisons are not to be believed.
        compares: says of a class whether its objects compare by what they hold.
        much: whether more than a few parts are looked at.
    """
    if not (parts := _parts(value)):
        return None, 1
    most = MOST_PARTS if much else FEW_PARTS
    known = {id(value)}
    waiting = collections.deque(parts)
    while waiting and len(known) < most:
        part = waiting.popleft()
        kind = type(part)
        if id(part) in known:
            continue
        known.add(id(part))
        if is_forged(kind):
            return kind, len(known)
        if is_array(kind):
            for batch in batches_of(part, is_forged):
                waiting += _not_plain(batch if type(batch) is list else items_of(batch))
        elif compares(kind):
            waiting += _parts(part)
    return None, len(known)


def _parts(value: Any) -> list[Any]:
    """Return what an object refers to and could compare by, but plain values."""
    return _not_plain(_referents(value, OURS))


def _not_plain(parts: list[Any]) -> list[Any]:
    if set(map(id, map(type, parts))) <= _PLAIN:
        return []
    return [part for part in parts if id(type(part)) not in _PLAIN and not issubclass(type(part), _NO_PARTS)]


def is_array(kind: type) -> bool:
    """Whether objects of a class are numpy's or pandas' arrays and tables."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.void)):
        return True
    tables = ("DataFrame", "Series", "Index")
    return pandas is not None and any(issubclass(kind, getattr(pandas, name, ())) for name in tables)


def is_masked(value: Any) -> bool:
    """Whether an array hides elements, which numpy's assertions then take for equal to anything."""
    numpy = sys.modules.get("numpy")
    masked = numpy is not None and issubclass(type(value), numpy.ma.MaskedArray)
    return masked and bool(numpy.ma.getmaskarray(value).any())  # type: ignore[union-attr]  # numpy is there


def batches_of(value: Any, is_forged: Callable[[type], bool]) -> Iterator[Any]:
    """Yield what an array or table holds that compares itself: numbers do not, objects do.

    Returns:
        Lists of objects, and numpy's own arrays of objects, which hold what `items_of` returns.
    """
    numpy = sys.modules["numpy"]
    kind = type(value)
    if issubclass(kind, numpy.ndarray):
        if value.dtype.hasobject:
            yield value if kind is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)
    elif issubclass(kind, numpy.void):
        yield list(value.tolist()) if value.dtype.names else []
    elif value.ndim > 1:
        for number, kept in enumerate(value.dtypes):
            if not _is_numbers(kept, numpy):
                yield from _of_column(value.iloc[:, number].array, is_forged)
        for axis in value.axes:
            yield from _of_index(axis, is_forged)
    elif hasattr(value, "index") and hasattr(value, "axes"):
        if not _is_numbers(value.dtype, numpy):
            yield from _of_column(value.array, is_forged)
        yield [value.name]
        yield from _of_index(value.index, is_forged)
    else:
        yield from _of_index(value, is_forged)


def items_of(array: Any) -> list[Any]:
    """Return what one of numpy's own arrays holds, with the fields of what has any."""
    items: list[Any] = array.ravel().tolist()
    return [part for item in items for part in item] if array.dtype.names else items


def _is_numbers(kept: Any, numpy: Any) -> bool:
    return isinstance(kept, numpy.dtype) and not kept.hasobject


def _of_index(index: Any, is_forged: Callable[[type], bool]) -> Iterator[Any]:
    yield list(index.names)
    if getattr(index, "nlevels", 1) > 1:
        for level in index.levels:
            yield from _of_index(level, is_forged)
    elif not _is_numbers(index.dtype, sys.modules["numpy"]):
        yield from _of_column(index.array, is_forged)


def _of_column(array: Any, is_forged: Callable[[type], bool]) -> Iterator[Any]:
    """Yield what a column's array compares by: itself or its parts, and what of its elements compares itself."""
    numpy = sys.modules["numpy"]
    parts = _parts(array)
    held = [part for part in parts if type(part) is numpy.ndarray]
    if not held or is_forged(type(array)):
        yield [array]
        if hasattr(array, "categories"):
            yield from _of_index(array.categories, is_forged)
        elif array.dtype.kind == "O" and (plain := array.to_numpy()).dtype.hasobject:
            yield plain
        return
    others = [part for part in parts if type(part) is not numpy.ndarray]
    if hasattr(array, "categories") and not any(map(is_forged, map(type, others))):
        others = []  # the type of the column, which holds the categories
        yield from _of_index(array.categories, is_forged)
    yield others
    yield from (part for part in held if part.dtype.hasobject)
