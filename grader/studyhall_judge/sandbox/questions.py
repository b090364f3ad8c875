"""What a compiled test asks its guard, by the name of the function or method that it calls."""

from __future__ import annotations

import ast

MATCHERS = frozenset({"approx", "ANY", "Mock", "MagicMock", "AsyncMock"})
"""What tests import to compare with, or to hand to a learner's function; believed only where a test made it itself."""

QUERIES = frozenset(
    {"count", "index", "get", "issubset", "issuperset", "isdisjoint", "equals", "isin", "all", "any"}
    | {"remove", "discard", "difference", "intersection", "symmetric_difference", "difference_update"}
    | {"intersection_update", "compare", "eq", "ne", "lt", "le", "gt", "ge"}
    | {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}
)
"""Methods of plain containers, arrays and tables that compare what they hold, and keep nothing that they are given."""

INSPECTORS = frozenset(
    {"copy", "deepcopy", "asdict", "astuple", "replace", "fields", "is_dataclass", "signature", "getsource"}
    | {"getmembers", "getdoc", "isclass", "isfunction", "ismethod", "getsizeof", "dumps", "ref"}
)
"""Functions that tests import to look at an object itself: these get it as it is, and decide nothing."""

HAND_OUT = frozenset({"len", "isinstance", "enumerate", "zip", "iter", "reversed", "list", "tuple"})
"""Builtins that decide nothing by what a container holds."""

CALCULATE = frozenset(
    {"abs", "bin", "chr", "complex", "divmod", "float", "hex", "int", "oct", "pow", "round", "sum"}
)
"""Builtins that calculate with what they are given."""

WRITE_DOWN = frozenset({"ascii", "format", "print", "repr", "str"})
"""Builtins that ask an object for its own text, and tell it nothing."""

LOOK_AT = frozenset({"id", "callable"})
"""Builtins that say what something is."""

REARRANGES = frozenset(
    {"shuffle", "heapify", "heappush", "heappop", "heapreplace", "heappushpop"}
    | {"insort", "insort_left", "insort_right"}
)
"""Functions that tests import to change the order in a list, which so has to be that list itself."""

IDENTITIES = frozenset({"assertIs", "assertIsNot"})
MEMBERSHIPS = frozenset({"assertIn", "assertNotIn"})

OURS = object()
"""Goes along when the guard asks the collector what an object refers to: nobody else has it."""


def asked_between(operators: list[ast.cmpop]) -> str:
    """Return what the guard is asked of something between these operators."""
    if any(isinstance(one, ast.In | ast.NotIn) for one in operators):
        return "sought"
    equals = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)
    return "equal" if all(isinstance(one, equals) for one in operators) else "ordered"
