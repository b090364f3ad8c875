"""What tests import for themselves: known before a notebook runs, so that it is loaded before learners' code is.

Threat: a module that only a test imports can be patched, replaced in ``sys.modules`` or hidden by another of its name
before the test asks for it. What was loaded and remembered at the beginning is put back like every other library.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from studyhall_judge.magics import as_python
from studyhall_judge.rebuild import CellKind, PlannedCell

_IMPORTERS = frozenset({"import_module", "__import__", "importorskip"})
"""Functions that import what their first argument names."""


def fetched_by(cells: Iterable[PlannedCell]) -> list[list[str]]:
    """Return what a notebook's tests import: lists of a module's name and the names that are taken from it."""
    found: dict[str, set[str]] = {}
    for source in [one.source for one in cells if one.kind is CellKind.test and one.driven is None]:
        for module, names in _imports_of(source):
            found.setdefault(module, set()).update(names)
    return [[module, *sorted(names)] for module, names in sorted(found.items())]


@lru_cache(maxsize=4096)
def _imports_of(source: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if "import" not in source:
        return ()
    try:
        tree = ast.parse(as_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [(alias.name, ()) for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found.append((module, tuple(alias.name for alias in names if alias.name != "*")))
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(str(text)), *_]
            ):
                if name in _IMPORTERS:
                    found.append((text, ()))
    return tuple(one for one in found if one[0] not in ("__future__", "__main__"))
