"""What functions hold beside their module: cells, defaults for keywords, their code. All of it can be written to.

Threat: a function that a test calls stays the same object under the same name while somebody changes what it is made
of: ``f.__closure__[0].cell_contents = …``, ``f.__kwdefaults__["rel_tol"] = 9``, ``f.__code__ = …``.

Defaults and code are only reached through the interpreter's audit, so only functions that somebody has asked about are
looked at again. A cell can be written to unheard (also by a trace function), so all are looked at, which costs a
hundredth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from operator import is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType
from typing import Any

from studyhall_judge.sandbox.words import contents_of_cells

_CACHED: Any = type(lru_cache(len))
TOOLS = (FunctionType, BuiltinFunctionType, MethodType, partial, _CACHED)
"""What can be called and keeps nothing of its own."""

_slots = FunctionType.__dict__
_get_code: Callable[[Any], CodeType] = _slots["__code__"].__get__
_get_defaults: Callable[[Any], Any] = _slots["__defaults__"].__get__
_get_keywords: Callable[[Any], Any] = _slots["__kwdefaults__"].__get__
_get_cells: Callable[[Any], Any] = _slots["__closure__"].__get__
_get_contents: Callable[[Any], Any] = CellType.__dict__["cell_contents"].__get__
_set_contents: Callable[[Any, Any], None] = CellType.__dict__["cell_contents"].__set__
_NOTHING = object()


def parts_of(value: Any) -> list[Any]:
    """Return what a callable hands its work on to: what it wraps, what its cells hold."""
    kind = type(value)
    if kind is FunctionType:
        return [*map(contents_of, _get_cells(value) or ()), vars(value).get("__wrapped__")]
    if kind in (staticmethod, classmethod, MethodType):
        return [value.__func__]
    if kind is property:
        return [value.fget, value.fset, value.fdel]
    if kind is partial:
        return [value.func, *value.args, *value.keywords.values()]
    return [vars(value).get("__wrapped__")] if kind is _CACHED else []


def contents_of(cell: Any) -> Any:
    """Return what a cell holds, or nothing that anybody has."""
    try:
        return _get_contents(cell)
    except ValueError:  # empty
        return _NOTHING


def reached_from(values: Iterable[Any]) -> Iterator[Any]:
    """Yield callables and what they hand their work on to, each once."""
    waiting, known = list(values), set()
    while waiting:
        value = waiting.pop()
        if id(value) not in known:
            known.add(id(value))
            yield value
            waiting += parts_of(value)


class Cells:
    """Cells of functions that tests lean on, with what they held."""

    def __init__(self) -> None:
        self._cells: list[Any] = []
        self._held: list[Any] = []
        self._names: list[str] = []
        self._known: set[int] = set()
        self._first = 0
        self._first_held = contents_of_cells((), ())

    def note(self, values: Iterable[Any], *, all_but: frozenset[str] | None = None) -> None:
        """Remember cells of functions: those that hold callables.

        Args:
            values: functions; everything else is passed over.
            all_but: names of variables that functions change themselves; given, all other cells are remembered.
        """
        for function in values:
            cells = _get_cells(function) if type(function) is FunctionType else None
            if not cells:
                continue
            names = () if all_but is None else _get_code(function).co_freevars
            for number, cell in enumerate(cells):
                held = contents_of(cell)
                wanted = isinstance(held, (*TOOLS, type)) if all_but is None else names[number] not in all_but
                if wanted and held is not _NOTHING and id(cell) not in self._known:
                    self._known.add(id(cell))
                    self._cells.append(cell)
                    self._held.append(held)
                    self._names.append(function.__qualname__)

    def seal(self) -> None:
        """Have what is remembered by now looked at without touching it: for what all submissions share."""
        self._first = len(self._cells)
        self._first_held = contents_of_cells(self._cells, self._held)

    def _is_intact(self) -> bool:
        try:
            first = self._first if self._first_held.is_intact() else 0
            cells, held = self._cells[first:], self._held[first:]
            return all(map(is_, map(_get_contents, cells), held))
        except (NameError, ValueError):  # one was emptied
            return False

    def put_back(self) -> list[str]:
        """Give cells back what they held; returns whose that were."""
        if self._is_intact():
            return []
        found = []
        for cell, held, name in zip(self._cells, self._held, self._names, strict=True):
            if contents_of(cell) is not held:
                _set_contents(cell, held)
                found.append(f"A variable that {name} keeps")
        return found


class Touched:
    """Functions that somebody has asked for their defaults, or has given others, with what they had before.

    Made by the audit hook, as it hears of each; ``own`` are the identities of the lesson's functions. ``heard`` is
    what learners' code has done to the surroundings.
    """

    def __init__(self) -> None:
        self.own: set[int] = set()
        self.heard: set[str] = set()
        self._written: dict[int, tuple[Any, CodeType, Any, Any]] = {}
        self._read: dict[int, tuple[Any, dict[str, Any], dict[str, Any]]] = {}
        self._resting = False

    def is_wanted(self, function: Any, name: str) -> bool:
        """Whether what is asked of a function is worth noting, if it is a library's or the lesson's."""
        return not self._resting and id(function) not in (self._read if name == _KEYWORDS else self._written)

    def note(self, function: Any, *, written: bool) -> int:
        """Note a function as it is; returns how many questions the interpreter was asked for that."""
        keywords = _get_keywords(function)
        if type(keywords) is dict and id(function) not in self._read:
            self._read[id(function)] = (function, keywords, dict(keywords))
        if not written:
            return 1
        self._written[id(function)] = (function, _get_code(function), _get_defaults(function), keywords)
        return 3

    def put_back(self) -> list[str]:
        """Give functions back what they had; returns what had changed, in words."""
        if not self._read and not self._written:
            return []
        self._resting = True
        found = [name for one in self._written.values() for name in _rewrite(*one)]
        for function, keywords, before in self._read.values():
            if len(keywords) != len(before) or not all(map(is_, keywords.values(), before.values())):
                keywords.clear()
                keywords.update(before)
                found.append(f"{function.__qualname__}.{_KEYWORDS}")
        self._resting = False
        return found


def _rewrite(function: Any, code: CodeType, defaults: Any, keywords: Any) -> Iterator[str]:
    for name, value, before in (
        ("__code__", _get_code(function), code),
        ("__defaults__", _get_defaults(function), defaults),
        (_KEYWORDS, _get_keywords(function), keywords),
    ):
        if value is not before:
            setattr(function, name, before)
            yield f"{function.__qualname__}.{name}"


_KEYWORDS = "__kwdefaults__"
