"""Tells by which class a value may be looked up: one whose metaclass answers for it could pass for any other.

Sets and dictionaries ask a class for its hash and whether it equals another one, and so its metaclass. Threat: a
metaclass with ``__hash__`` and ``__eq__`` of its own says that its class is ``int``, which is believed. Whatever looks
a class up therefore looks up what `Metaclasses.kind_of` returns, and goes through many values by
`Metaclasses.kinds_of`, which tells their classes apart by who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

_WORDS = ("__eq__", "__hash__")
_NOTHING = object()
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_namespace_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__


class Unnameable:
    """Stands for every class whose metaclass answers for it. Nobody believes its objects."""


class Metaclasses:
    """Knows what the metaclasses said that were there before any student code.

    Args:
        trusted: all classes that were there then, which have to be kept.
        is_librarys: says of a class that came later, and of a method in it, whether both are a library's.
    """

    def __init__(self, trusted: Iterable[type], is_librarys: Callable[[type, Any], bool]) -> None:
        self._said = {
            (id(kind), word): _namespace_of(kind).get(word, _NOTHING)
            for kind in trusted
            if issubclass(kind, type)
            for word in _WORDS
        }
        self._is_librarys = is_librarys

    def kind_of(self, value: Any) -> type:
        """Return a value's class, or `Unnameable` where its metaclass answers for it."""
        return self.nameable(type(value))

    def nameable(self, kind: type) -> type:
        """Return a class, or `Unnameable` where its metaclass answers for it."""
        metaclass = type(kind)
        return kind if metaclass is type or self._is_silent(metaclass) else Unnameable

    def kinds_of(self, values: Collection[Any]) -> set[type]:
        """Return the classes of values, as `kind_of` does of each."""
        samples = dict(zip(map(id, map(type, values)), values, strict=True))
        return set(map(self.kind_of, samples.values()))

    def _is_silent(self, metaclass: type) -> bool:
        """Whether a metaclass, and whatever made it, leaves its classes' hash and equality to the interpreter."""
        while metaclass is not type:
            said = ((one, word) for one in _mro(metaclass) for word in _WORDS)
            if any(one is not type and one is not object and self._speaks(one, word) for one, word in said):
                return False
            metaclass = type(metaclass)
        return True

    def _speaks(self, kind: type, word: str) -> bool:
        said = _namespace_of(kind).get(word, _NOTHING)
        if (id(kind), word) in self._said:
            return said is not self._said[id(kind), word]
        return said is not _NOTHING and not self._is_librarys(kind, said)
