"""The names that a compiled test reads from its guard: builtins, and what it has bound or imported itself."""

from __future__ import annotations

import builtins
from typing import Any

from studyhall_judge.sandbox.placeholders import BUILTIN, OWN


class OwnNames:
    """Holds names as attributes, each behind a prefix of its sort."""

    def __init__(self) -> None:
        self._namespace: dict[str, Any] = {}
        for name, value in vars(builtins).items():
            setattr(self, BUILTIN + name, value)

    def start_names(self, namespace: dict[str, Any], own: dict[str, Any]) -> None:
        """Begin a test that runs in ``namespace``; ``own`` are its own names from the start."""
        self._namespace = namespace
        attributes = vars(self)
        for name in [name for name in attributes if name.startswith(OWN)]:
            del attributes[name]
        for name, value in own.items():
            attributes[OWN + name] = value

    def __getattr__(self, name: str) -> Any:
        """Return a name of the test's own that it has not bound here: as Python would look it up.

        Raises:
            NameError: as for any name that does not exist.
        """
        plain = name.removeprefix(OWN)
        if plain == name:
            raise AttributeError(name)
        if plain in self._namespace:
            return self._namespace[plain]
        found = vars(self).get(BUILTIN + plain, self)
        if found is self:
            raise NameError(f"name '{plain}' is not defined", name=plain)
        return found

    def own(self, name: str) -> Any:
        """Return what the test has bound one of its own names to; the guard itself where it has not."""
        return vars(self).get(OWN + name, self)

    def bound(self, name: str) -> Any:
        """Return what a name stands for in the test at the moment."""
        mine = self.own(name)
        return self._namespace.get(name) if mine is self else mine
