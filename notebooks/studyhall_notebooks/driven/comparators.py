"""Comparators of driven tests: functions of the test cell that decide about a value.

The judge runs them where nothing else of the notebook is, so they can use only what their own cell defines.
"""

import ast
import builtins
import symtable
from collections.abc import Iterator

_ALWAYS_THERE = frozenset({*dir(builtins), "__name__", "__builtins__", "display", "get_ipython"})


def missing_names(statements: list[ast.stmt], comparators: set[str]) -> list[str]:
    """Return the names that code of a test cell needs and does not define, sorted.

    Args:
        statements: the cell's imports, constants and functions.
        comparators: the functions that decide; of the others only those count that these use.
    """
    module = symtable.symtable(ast.unparse(ast.Module(statements, [])), "test cell", "exec")
    symbols = module.get_symbols()
    defined = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
    needed = {one.get_name() for one in symbols if one.is_referenced()}
    functions = {one.get_name(): one for one in module.get_children() if one.get_type() == "function"}
    waiting, seen = list(comparators), set(comparators)
    while waiting:
        names = set(_names_from_outside(functions[waiting.pop()]))
        needed |= names
        waiting += [name for name in names if name in functions and name not in seen]
        seen |= names
    return sorted(needed - defined - _ALWAYS_THERE)


def _names_from_outside(scope: symtable.SymbolTable) -> Iterator[str]:
    yield from (one.get_name() for one in scope.get_symbols() if one.is_global() and one.is_referenced())
    for inner in scope.get_children():
        yield from _names_from_outside(inner)
