"""The sorts of plain values that a guard tells apart: by their very type, since a class below one may say otherwise."""

from __future__ import annotations

import _thread
import collections
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    NoneType,
    NotImplementedType,
)
from typing import Any

ATOMS: frozenset[type] = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        bytearray,
        NoneType,
        NotImplementedType,
        type(...),
        range,
        FunctionType,
        BuiltinFunctionType,
        MethodType,
        ModuleType,
        GeneratorType,
        type,
    }
)
SEQUENCES: frozenset[type] = frozenset({list, tuple, set, frozenset, collections.deque})
MAPPINGS: frozenset[type] = frozenset(
    {dict, collections.OrderedDict, collections.defaultdict, collections.Counter}
)
HASHED = MAPPINGS | {set, frozenset, type({}.keys())}
"""What finds a plain value by its hash, which nobody can have forged who does not know the value."""

KEYS: frozenset[type] = frozenset({type({}.keys()), type(collections.OrderedDict().keys())})
ITEMS: frozenset[type] = frozenset({type({}.items()), type(collections.OrderedDict().items())})

FLAT: frozenset[type] = frozenset({str, bytes, bytearray, range})

_COPIED = MAPPINGS | {list, set, collections.deque}
_count_threads = _thread._count  # noqa: SLF001 - threading's own count can be changed
_OWN_THREADS = 1
"""The judge's own, beside the main one, which is not counted."""


def is_alone() -> bool:
    """Whether no thread of a learner's runs, which could change a container that is being looked at."""
    return bool(_count_threads() <= _OWN_THREADS)


def still(value: Any, kind: Any) -> Any:
    """Return a container that stays as it is: where a learner's thread runs, it could change what was looked at."""
    if is_alone():
        return value
    is_table = hasattr(kind, "dtype") or hasattr(kind, "dtypes")
    return kind.copy(value) if is_table or kind in _COPIED else value
