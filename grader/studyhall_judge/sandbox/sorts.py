"""The sorts of plain values that a guard tells apart: by their very type, since a class below one may say otherwise."""

from __future__ import annotations

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
