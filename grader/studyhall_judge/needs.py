"""Whether a submission needs the environment's libraries, or the standard library will do.

A copy of a process that has numpy, pandas and pyplot in it costs twice as much as a copy of one that has not. So each
slot keeps both kinds warm where an environment has libraries at all, and looks at the text first. A wrong guess costs
time and nothing else: what was not imported in advance is imported then.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

_IMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)
# Blanks, never line ends: from each of very many empty lines it would look through all that follow, for hours.
_LIBRARY_MAGIC = re.compile(r"^[^\S\n]*%[^\S\n]*(?:matplotlib|pylab|load_ext|run)\b", re.MULTILINE)
_DYNAMIC = re.compile(r"\b(?:__import__|import_module|find_spec)\b")


def needs_libraries(sources: Iterable[str], own_modules: frozenset[str]) -> bool:
    """Return whether cells of these texts import something that is neither Python's own nor beside the notebook."""
    return any(_needs(source, own_modules) for source in sources)


def _needs(source: str, own_modules: frozenset[str]) -> bool:
    if _LIBRARY_MAGIC.search(source) or _DYNAMIC.search(source):
        return True
    for package, modules in _IMPORTED.findall(source):
        names = (
            [package]
            if package
            else [part.split()[0].partition(".")[0] for part in modules.split(",") if part.split()]
        )
        if any(name not in sys.stdlib_module_names and name not in own_modules for name in names):
            return True
    return False
