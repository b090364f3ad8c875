"""Loads what only tests import before any learner's code runs, and says what of it is to be watched.

Afterwards these modules are ground like all others (:mod:`studyhall_judge.sandbox.guards`): what is written to them, to
the classes that a test takes from them, and to the modules that they lean on themselves is found and put back.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from functools import lru_cache, partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from studyhall_judge.sandbox import root
from studyhall_judge.sandbox.watched import Record

_import = importlib.import_module
_find = importlib.util.find_spec
_MOST_CLASSES = 40
"""Classes of a module that are watched; of one with more, as numpy, those that are named."""
_LARGEST_MODULE = 200_000

FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, type, ModuleType, partial, type(lru_cache(len)))
"""What a library does not change by itself."""

METHODS = (
    *(FunctionType, BuiltinFunctionType, staticmethod, classmethod, property),
    *(type(int.__add__), type(str.join), type(FunctionType.__code__), type(FunctionType.__globals__)),
)
"""The same of a class: what is no method may be its own counter or cache."""

_KEPT_OF = {"sys": (BuiltinFunctionType,)}
"""Of the interpreter's own module: streams and hooks change with every cell."""

_NOT_WATCHED = frozenset({"builtins", "__main__"})


def not_loaded(wanted: list[list[str]]) -> list[list[str]]:
    """Return what of the ``wanted`` (a module's name, names taken from it) is not there yet."""
    return [one for one in wanted if not _is_loaded(one)]


def _is_loaded(wanted: list[str]) -> bool:
    module = sys.modules.get(wanted[0])
    return type(module) is ModuleType and all(name in vars(module) for name in wanted[1:])


def load(wanted: list[list[str]]) -> None:
    """Import modules and what is taken from them; what cannot be imported is left to the test.

    A module of the lesson's own that does more than define is left to it as well: when that is done may matter.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing new lies beside the notebook
    try:
        for name, *parts in wanted:
            with contextlib.suppress(Exception):
                if name in sys.modules or _only_defines(name):
                    module = _import(name)
                    for part in parts:
                        if not hasattr(module, part):
                            _import(f"{name}.{part}")
    finally:
        sys.dont_write_bytecode = before


def _only_defines(name: str) -> bool:
    """Whether importing a module does nothing that could be meant to be done later; of libraries that is so."""
    spec = _find(name.partition(".")[0])
    origin = None if spec is None else spec.origin
    if not isinstance(origin, str) or not origin.startswith(root.WORK + os.sep):
        return spec is not None
    if "." in name or not origin.endswith(".py"):
        return False
    with open(origin, encoding="utf-8") as file:
        text = file.read(_LARGEST_MODULE)
    return all(map(_only_says, ast.parse(text).body))


def _only_says(statement: ast.stmt) -> bool:
    """Whether a statement is no call that is made for what it does; printing is nothing."""
    match statement:
        case ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name(id="print"))):
            return True
    return not isinstance(statement, ast.Expr)


def records_of(wanted: list[list[str]], known: set[int]) -> tuple[dict[str, ModuleType], list[Record]]:
    """Return the modules of what tests import that are loaded now, by name, and what is to be remembered of them.

    Args:
        wanted: modules' names, each with the names taken from it.
        known: identities of what is remembered already.
    """
    names = {part for name, *_ in wanted for part in _with_packages(name)}
    modules = {name: module for name in names if type(module := sys.modules.get(name)) is ModuleType}
    values: list[Any] = list(modules.values())
    for name, *parts in wanted:
        found = modules.get(name)
        if found is None:
            continue
        taken = [vars(found).get(part) for part in parts]
        inner = [one for one in taken if type(one) is ModuleType]
        modules |= {one.__name__: one for one in inner if sys.modules.get(one.__name__) is one}
        values += taken
        if id(found) not in known:
            values += [one for one in vars(found).values() if isinstance(one, ModuleType)]
    return modules, take_records_of(values, known)


def _with_packages(name: str) -> list[str]:
    """Return a module's name and those of its packages: a module is an attribute of its package, too."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def take_records_of(values: Iterable[Any], known: set[int]) -> list[Record]:
    """Remember the modules that imported values are, or come from, and the classes among them.

    Of a library that nobody has looked at before only functions, methods and classes: what else it holds it may change
    itself.
    """
    records: dict[int, Record] = {}
    classes: list[type] = []
    for value in values:
        is_module = isinstance(value, ModuleType)
        module = value if is_module else sys.modules.get(getattr(value, "__module__", None) or "")
        if type(module) is not ModuleType or module.__name__ in _NOT_WATCHED:
            continue
        name = module.__name__
        if id(module) not in known and id(module) not in records:
            records |= {
                id(one.owner): one for one in _records_of_module(module) if id(one.owner) not in known
            }
        if is_module:
            classes += _classes[id(module)] if id(module) in _classes else _classes_of(module)
        if isinstance(value, type):
            classes.append(value)
    for kind in classes:
        for one in type.mro(kind)[:-1]:
            if id(one) not in known and id(one) not in records and one.__module__ not in _NOT_WATCHED:
                name = f"{one.__module__}.{one.__qualname__}"
                records[id(one)] = Record(name, one, vars(one), METHODS)
    tables = [table for record in records.values() for table in _tables_of(record, known)]
    return [*records.values(), *tables]


def _tables_of(record: Record, known: set[int]) -> list[Record]:
    """Remember dictionaries in which a module or class looks up what to do with something, by its class or method."""
    spaces = {
        name: one for name, one in record.namespace.items() if type(one) is dict and id(one) not in known
    }
    return [
        Record(f"{record.name}.{name}", one, one)
        for name, one in spaces.items()
        if one and name != "__builtins__" and all(map(callable, one)) and all(map(callable, one.values()))
    ]


def _records_of_module(module: ModuleType) -> list[Record]:
    name, space = module.__name__, vars(module)
    if not is_lessons(module):
        return [Record(name, module, space, _KEPT_OF.get(name, FUNCTIONS))]
    changing = {one for one, value in space.items() if not (one.isupper() or isinstance(value, FUNCTIONS))}
    with (
        contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError),
        open(str(module.__file__), "rb") as file,
    ):
        nodes = ast.walk(ast.parse(file.read(_LARGEST_MODULE)))
        changing |= {one for node in nodes if isinstance(node, ast.Global) for one in node.names}
    tables = [one for one in space if one.isupper() and type(space[one]) is dict and one not in changing]
    tables = [one for one in tables if space[one]]
    kept = Record(name, module, space, but=frozenset(changing))
    return [kept, *(Record(f"{name}.{one}", space[one], space[one]) for one in tables)]


def is_lessons(owner: Any) -> bool:
    """Whether a module lies beside the notebook, or a class comes from one that does."""
    module = sys.modules.get(owner.__module__) if isinstance(owner, type) else owner
    return str(getattr(module, "__file__", None)).startswith(root.WORK + os.sep)


def note_classes(records: Iterable[Record]) -> None:
    """Find the classes of the modules that all submissions share, so that none has to look at all their names."""
    _classes.update(
        {id(one.owner): _classes_of(one.owner) for one in records if type(one.owner) is ModuleType}
    )


def _classes_of(module: ModuleType) -> list[type]:
    found = [
        one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__
    ]
    return found if len(found) <= _MOST_CLASSES else []


_classes: dict[int, list[type]] = {}
