"""Keeps the lesson's own classes that assert something what the lesson made them, and has them look through the guard.

A class cannot be given to a test as a copy, as a function can: a learner's code makes objects of it, and a test asks
whether they are. So while a test runs the methods of the class itself have the guarded code.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

Methods = dict[str, dict[str, CodeType]]
"""The guarded code of methods, by the names of class and method."""


class LockedClasses:
    """The classes that the lesson's cells have defined, by name."""

    def __init__(self) -> None:
        self._kinds: dict[str, type] = {}
        self._methods: dict[str, dict[str, Any]] = {}
        self._own_code: list[tuple[FunctionType, CodeType]] = []

    def note(self, name: str, kind: type) -> None:
        """Remember a class that a cell of the lesson has just defined."""
        self._kinds[name] = kind
        self._methods[name] = {
            method: value for method, value in _namespace_of(kind).items() if _function_of(value) is not None
        }

    def chosen(self, names: list[str]) -> dict[str, type]:
        """Return those of these names that are classes."""
        return {name: self._kinds[name] for name in names if name in self._kinds}

    def put_back(self, names: list[str]) -> list[str]:
        """Give classes their methods back; returns those that had been replaced, in words."""
        replaced = []
        for name, kind in self.chosen(names).items():
            for method, value in self._methods[name].items():
                if _namespace_of(kind).get(method) is not value:
                    type.__setattr__(kind, method, value)
                    replaced.append(f"{name}.{method}")
        return replaced

    def guard(self, methods: Methods) -> None:
        """Have methods run as parts of the test, until `unguard`."""
        for name, codes in methods.items():
            for method, code in codes.items():
                function = _function_of(self._methods.get(name, {}).get(method))
                if function is not None and len(function.__code__.co_freevars) == len(code.co_freevars):
                    self._own_code.append((function, function.__code__))
                    function.__code__ = code

    def unguard(self) -> None:
        """Give methods their own code back."""
        while self._own_code:
            function, code = self._own_code.pop()
            function.__code__ = code


def _function_of(value: Any) -> FunctionType | None:
    found = value.__func__ if type(value) in (staticmethod, classmethod) else value
    return found if type(found) is FunctionType else None


_namespace_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
