"""Tells staff of classes that answer for their objects, where they say something of what a test asks at the moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studyhall_judge.sandbox.kinds import ORDERING, Kinds, name_of

LENT: frozenset[str] = frozenset(())
"""Asked by a library: of numbers it may want anything."""


class Telling:
    """The part of a guard that knows what is asked. ``on_forged`` is told once of each class by its name."""

    def __init__(self, kinds: Kinds, on_forged: Callable[[str], None]) -> None:
        self._kinds = kinds
        self._on_forged = on_forged
        self._told: set[str] = set()
        self._asked: frozenset[str] | None = None
        """The methods that decide what the test asks at the moment; None where any may."""

    def _tell(self, name: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._on_forged(name)

    def _tell_of(self, kind: type, names: frozenset[str] | None = None) -> None:
        """Tell of a class whose objects are read past it, where it says something of what is asked."""
        asked = self._asked
        if asked is LENT:
            asked = None if self._kinds.is_number(kind) else ORDERING
        if names is not None:
            asked = names if asked is None else asked & names
        if asked is None or self._kinds.decides(kind, asked):
            self._tell(name_of(kind))

    def _about(self, asked: frozenset[str], look: Callable[[Any], Any], value: Any) -> Any:
        """Look at a value of which only this is asked."""
        before, self._asked = self._asked, asked
        try:
            return look(value)
        finally:
            self._asked = before
