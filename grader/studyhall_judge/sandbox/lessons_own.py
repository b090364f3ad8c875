"""What the lesson's cells have bound and tests use: it has to be that still, and made of what it was made of.

Simple functions and constants come to a test as copies of its own (:mod:`studyhall_judge.sandbox.ownership`). The rest
stays in the namespace, where learners' code can replace it: decorated functions, functions made by functions, partial
ones, tables of functions, the lesson's classes and their objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import is_
from types import CodeType, FunctionType
from typing import Any

from studyhall_judge.sandbox.bindings import TOOLS, Cells, Touched, reached_from

_PLAIN = (int, float, str, bytes, bool, type(None))
_METHODS = (FunctionType, staticmethod, classmethod, property)
_slots = FunctionType.__dict__
_get_code: Callable[[Any], CodeType] = _slots["__code__"].__get__
_get_defaults: Callable[[Any], Any] = _slots["__defaults__"].__get__
_get_keywords: Callable[[Any], Any] = _slots["__kwdefaults__"].__get__
_space_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
_missing = object()
_DECIDING = tuple(
    f"__{name}__"
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "bool", "contains", "getattribute", "class")
)
"""What decides how a class's objects compare. It is put back, too, where the class left it to its bases."""

_CELL = "<ipython-input-"


class LessonsOwn:
    """What the lesson's cells have bound, by name."""

    def __init__(self, cells: Cells, touched: Touched) -> None:
        self._cells = cells
        self._touched = touched
        self._values: dict[str, Any] = {}
        self._needs: dict[str, frozenset[str]] = {}
        self._held: dict[str, list[Any]] = {}
        self._methods: dict[type, dict[str, Any]] = {}
        self._deciding: dict[type, dict[str, Any]] = {}
        self._partials: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._files: tuple[str, ...] = ()

    def note(self, namespace: dict[str, Any], told: dict[str, Any], file: str) -> None:
        """Remember what a cell of the lesson has just bound.

        Args:
            namespace: where it did so.
            told: ``bound``, names that the exercise is not about; of these ``spoken`` are shown to learners elsewhere,
                too; ``changing`` are variables that the lesson's functions change themselves.
            file: how the name begins that the cell's code has for a file.
        """
        self._files += (file,)
        changing = frozenset(told["changing"])
        for name in told["bound"]:
            value = namespace.get(name, _missing)
            kind = type(value)
            spoken = name in told["spoken"]
            if isinstance(value, TOOLS):
                self._keep(name, value, [value], changing)
            elif (
                kind in (list, tuple, dict)
                and value
                and not spoken
                and all(isinstance(one, TOOLS) for one in _items(value))
            ):
                self._held[name] = list(value.items() if kind is dict else value)
                self._keep(name, value, list(_items(value)), changing)
            elif isinstance(value, type) and value.__module__ == "__main__":
                self._note_class(value, changing)
                self._values[name] = value
            elif kind.__module__ == "__main__" and not spoken:
                self._note_class(kind, changing)
                self._values[name] = value
            elif kind in _PLAIN and name.isupper() and name not in changing:
                self._values[name] = value

    def _keep(self, name: str, value: Any, parts: list[Any], changing: frozenset[str]) -> None:
        self._values[name] = value
        self._needs[name] = self._note_parts(parts, changing)

    def _note_class(self, kind: type, changing: frozenset[str]) -> None:
        methods = {name: one for name, one in _space_of(kind).items() if isinstance(one, _METHODS)}
        self._methods.setdefault(kind, methods)
        self._deciding.setdefault(kind, {name: _space_of(kind).get(name, _missing) for name in _DECIDING})
        self._note_parts(list(methods.values()), changing)

    def _note_parts(self, values: list[Any], changing: frozenset[str]) -> frozenset[str]:
        """Remember what callables are made of; returns the names that they look up."""
        needs: set[str] = set()
        for one in reached_from(values):
            if type(one) is FunctionType and self._is_ours(code := _get_code(one)):
                self._cells.note([one], all_but=changing)
                self._touched.own.add(id(one))
                needs |= _names_in(code)
            elif type(one) is partial:
                self._partials.setdefault(id(one), (one, (one.func, one.args, dict(one.keywords))))
        return frozenset(needs)

    def _is_ours(self, code: CodeType) -> bool:
        """Whether code is no other cell's: the lesson may have wrapped a function of the learner's."""
        return not code.co_filename.startswith(_CELL) or code.co_filename.startswith(self._files)

    def classes(self) -> list[type]:
        """Return the classes that the lesson's cells have defined."""
        return list(self._methods)

    def put_back_parts(self) -> list[str]:
        """Give partial functions back what they were made of; returns which had been changed, in words."""
        found = []
        for one, (function, arguments, keywords) in self._partials.values():
            same = one.func is function and one.args is arguments and len(one.keywords) == len(keywords)
            if not same or not all(map(is_, one.keywords.values(), keywords.values())):
                partial.__setstate__(one, (function, arguments, dict(keywords), vars(one)))  # type: ignore[attr-defined]  # how copies are made
                found.append(f"The partial {getattr(function, '__name__', 'function')}")
        return found

    def replaced(self, namespace: dict[str, Any], names: list[str]) -> Iterator[tuple[str, str]]:
        """Yield what of the lesson's that a test uses is something else by now; what can be put back is.

        A class and its objects stay: the learner's objects may be of the new one. How they compare is put back.
        """
        waiting, known = [*names], set(names)
        while waiting:
            name = waiting.pop()
            value, found = self._values.get(name, _missing), namespace.get(name, _missing)
            needed = {one for one in self._needs.get(name, ()) if one in self._values} - known
            known |= needed
            waiting += needed
            if value is _missing:
                continue
            if isinstance(value, type) or type(value).__module__ == "__main__":
                yield from self._changed_class(name, value, found)
            elif found is not value:
                namespace[name] = value
                if not says_the_same(value, found):
                    yield "replaced_helper", name
            if name in self._held and self._refill(value, self._held[name]):
                yield "replaced_helper", name

    def _refill(self, value: Any, held: list[Any]) -> bool:
        """Give a table of functions back those that it had; more may have been added."""
        if type(value) is dict:
            lost = [(key, one) for key, one in held if dict.get(value, key) is not one]
            dict.update(value, lost)
            return bool(lost)
        same = len(value) >= len(held) and all(map(is_, value, held))
        if not same:
            list.__setitem__(value, slice(0, len(held)), held)
        return not same

    def _changed_class(self, name: str, value: Any, found: Any) -> Iterator[tuple[str, str]]:
        kind = value if isinstance(value, type) else type(value)
        methods = self._methods.get(kind, {})
        if found is not value and not _is_alike(methods, found if isinstance(value, type) else type(found)):
            yield "replaced_part", name
        space = _space_of(kind)
        for method, one in self._deciding.get(kind, {}).items():
            if space.get(method, _missing) is not one:
                type.__delattr__(kind, method) if one is _missing else type.__setattr__(kind, method, one)
                yield "replaced_helper", f"{kind.__name__}.{method}"
        for method, one in methods.items():
            if space.get(method) is not one:
                yield "replaced_part", f"{kind.__name__}.{method}"
        if value is not kind and type(own := getattr(value, "__dict__", None)) is dict:
            for method in own.keys() & methods.keys():
                if isinstance(methods[method], (FunctionType, staticmethod, classmethod)):
                    yield "replaced_part", f"{name}.{method}"


def _items(value: Any) -> Any:
    return value.values() if type(value) is dict else value


def says_the_same(value: Any, found: Any) -> bool:
    """Whether a function has the same text, or a number is the same: somebody has run the lesson's cell again."""
    if type(value) is not type(found):
        return False
    if type(value) in _PLAIN:
        return bool(found == value)
    return type(value) is FunctionType and _says_of(value) == _says_of(found)


def _is_alike(methods: dict[str, Any], kind: Any) -> bool:
    """Whether a class was defined by the same text: somebody has run the lesson's cell again."""
    if not isinstance(kind, type):
        return False
    found = {name: one for name, one in _space_of(kind).items() if isinstance(one, _METHODS)}
    return found.keys() == methods.keys() and all(
        _says_of(found[name]) == _says_of(methods[name]) for name in methods
    )


def _says_of(method: Any) -> list[Any]:
    return [said for one in reached_from([method]) for said in _says(one)]


def _says(value: Any) -> Iterator[Any]:
    yield type(value)
    if type(value) in _PLAIN:
        yield value
    elif type(value) is FunctionType:
        yield _text_of(_get_code(value))
        keywords = _get_keywords(value) or {}
        for default in (*(_get_defaults(value) or ()), *keywords.values()):
            yield type(default), default if type(default) in _PLAIN else id(default)


def _text_of(code: CodeType) -> tuple[Any, ...]:
    inner = [_text_of(one) if type(one) is CodeType else repr(one) for one in code.co_consts]
    return code.co_code, code.co_names, inner


def _names_in(code: CodeType) -> set[str]:
    """Return the names that code looks up, with what is defined in it."""
    found, waiting = set(code.co_names), [code]
    while waiting:
        inner = [one for one in waiting.pop().co_consts if type(one) is CodeType]
        found.update(name for one in inner for name in one.co_names)
        waiting += inner
    return found
