"""What an author's solutions do to names of the lesson, which says what a learner's answers may do to them."""

import ast
import builtins
import warnings
from collections.abc import Iterable, Iterator
from typing import Final

_CHANGING: Final = frozenset(
    {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse", "update"}
    | {"setdefault", "add", "discard", "appendleft", "popleft", "rotate", "subtract"}
)
"""Methods of Python's containers that change them."""


def changed_names(sources: Iterable[str]) -> set[str]:
    """Return the names that solutions declare global, or whose lists, dictionaries or attributes they change."""
    found: set[str] = set()
    for node in _nodes(sources):
        match node:
            case ast.Global(names=names):
                found |= set(names)
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if name != "self":
                found.add(name)
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=name), *_]):
                found.add(name)
            case ast.AugAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _CHANGING:
                found.add(name)
    return found


def bound_builtins(sources: Iterable[str]) -> set[str]:
    """Return the names of Python's builtins that solutions give another meaning, such as ``sum = 0``."""
    known = set(vars(builtins))
    found: set[str] = set()
    for node in _nodes(sources):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
    return found & known


def _nodes(sources: Iterable[str]) -> Iterator[ast.AST]:
    for source in sources:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # with magics in it, for instance: nothing is known of that cell
        yield from ast.walk(tree)
