"""How alike two cells are: the comparisons that rebuilding rests on."""

from __future__ import annotations

import difflib
from typing import Any

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import nbgrader_metadata

SIMILAR = 0.6
"""From this ratio on, two texts count as versions of one another."""

LONGEST_COMPARED = 20_000
"""Longer texts are compared by their beginning: the comparison's cost grows with the square."""


def compiles(source: str) -> bool:
    """Whether a cell's text is complete Python, magics aside."""
    kept = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        compile(kept, "<cell>", "exec", dont_inherit=True, flags=_TOP_LEVEL_AWAIT | _ONLY_AST)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_TOP_LEVEL_AWAIT = 0x2000
_ONLY_AST = 0x400


def plain(source: str) -> str:
    """Return a text without what editors change on their own: line ends and trailing white space."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def similarity(first: str, second: str) -> float:
    """Return how alike two texts are, from 0 to 1; 0 when they are clearly not."""
    matcher = difflib.SequenceMatcher(
        None, first[:LONGEST_COMPARED], second[:LONGEST_COMPARED], autojunk=True
    )
    if matcher.real_quick_ratio() < SIMILAR:
        return 0.0
    return matcher.ratio()


def without(text: str, part: str) -> str:
    """Return ``text`` without the lines of ``part``, in order, as far as they are found."""
    unwanted = [line.rstrip() for line in part.strip().splitlines()]
    kept: list[str] = []
    for line in text.splitlines():
        if unwanted and line.rstrip() == unwanted[0]:
            unwanted.pop(0)
        else:
            kept.append(line)
    return "\n".join(kept)


def metadata_differs(cell: NotebookNode, released: NotebookNode) -> bool:
    """Whether a cell's nbgrader settings are not the released ones."""
    mine, theirs = nbgrader_metadata(cell), nbgrader_metadata(released)
    keys = ("grade", "solution", "locked", "points", "task", "schema_version")
    return any(_value(mine, key) != _value(theirs, key) for key in keys)


def points_differ(cell: NotebookNode, released: NotebookNode) -> bool:
    """Whether what a cell is worth, or whether it is graded, was changed."""
    mine, theirs = nbgrader_metadata(cell), nbgrader_metadata(released)
    return any(_value(mine, key) != _value(theirs, key) for key in ("grade", "solution", "points"))


def _value(metadata: dict[str, Any], key: str) -> Any:
    value = metadata.get(key)
    if key == "task":
        return bool(value)
    return value
