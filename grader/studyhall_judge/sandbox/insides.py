"""Looks for forged values inside of others: in objects that compare by what they hold, in arrays and in tables.

A fraction compares its numerator, a namespace its names, a path its parts, a table its cells. Each of these answers
honestly and asks what it holds: a part that says yes to everything makes the whole equal to anything.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

MOST_PARTS = 200
"""Objects that are looked at: some libraries' objects lead to a whole document."""

_referents = gc.get_referents
_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None)})
_NO_PARTS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType)


def find_inside(
    value: Any, is_forged: Callable[[type], bool], compares: Callable[[type], bool]
) -> type | None:
    """Return the class of a part of ``value`` that is forged, None where there is none.

    Args:
        value: an object of a library's class.
        is_forged: says of a class whether its comparisons are not to be believed.
        compares: says of a class whether its objects compare by what they hold.
    """
    known = {id(value)}
    waiting = _parts(value)
    while waiting and len(known) < MOST_PARTS:
        part = waiting.pop()
        kind = type(part)
        if id(part) in known:
            continue
        known.add(id(part))
        if is_forged(kind):
            return kind
        if is_array(kind):
            waiting += [
                one for batch in batches_of(part) for one in batch if not issubclass(type(one), _NO_PARTS)
            ]
        elif compares(kind):
            waiting += _parts(part)
    return None


def _parts(value: Any) -> list[Any]:
    """Return what an object refers to and could compare by, but plain values."""
    found = [part for part in _referents(value) if type(part) not in _PLAIN]
    return [part for part in found if not issubclass(type(part), _NO_PARTS)]


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


def batches_of(value: Any) -> Iterator[list[Any]]:
    """Yield what an array or table holds that compares itself, in lists: numbers do not, objects do."""
    numpy = sys.modules["numpy"]
    kind = type(value)
    if issubclass(kind, numpy.ndarray):
        if value.dtype.hasobject:
            yield _of_objects(numpy.ndarray.view(value, numpy.ndarray), numpy)
    elif issubclass(kind, numpy.void):
        yield list(value.tolist()) if value.dtype.names else []
    elif value.ndim > 1:
        for number, kept in enumerate(value.dtypes):
            if not _is_numbers(kept, numpy):
                yield from _of_column(value.iloc[:, number].array)
        for axis in value.axes:
            yield from _of_index(axis)
    elif hasattr(value, "index") and hasattr(value, "axes"):
        if not _is_numbers(value.dtype, numpy):
            yield from _of_column(value.array)
        yield [value.name]
        yield from _of_index(value.index)
    else:
        yield from _of_index(value)


def _is_numbers(kept: Any, numpy: Any) -> bool:
    return isinstance(kept, numpy.dtype) and not kept.hasobject


def _of_objects(array: Any, numpy: Any) -> list[Any]:
    items: list[Any] = array.ravel().tolist()
    if array.dtype.names:
        return [part for item in items for part in item]
    return [part for item in items for part in (item.tolist() if type(item) is numpy.void else (item,))]


def _of_index(index: Any) -> Iterator[list[Any]]:
    yield list(index.names)
    if getattr(index, "nlevels", 1) > 1:
        for level in index.levels:
            yield from _of_index(level)
    elif not _is_numbers(index.dtype, sys.modules["numpy"]):
        yield from _of_column(index.array)


def _of_column(array: Any) -> Iterator[list[Any]]:
    """Yield a column's array, which compares for all that it holds, and what of that compares itself."""
    yield [array]
    if hasattr(array, "categories"):
        yield from _of_index(array.categories)
    elif array.dtype.kind == "O" and (plain := array.to_numpy()).dtype.hasobject:
        yield plain.tolist()
