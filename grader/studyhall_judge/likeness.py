"""How alike two cells are: the comparisons that rebuilding rests on."""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections import Counter, deque
from typing import Any

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import nbgrader_metadata

SIMILAR = 0.6
"""From this ratio on, two texts count as versions of one another."""

LONGEST_COMPARED = 8_000
"""Longer texts are compared by their beginning: the comparison's cost grows with the square."""

LONGEST_PARSED = 200_000
"""Longer texts are not parsed: the parser needs a thousand times their size and lets nobody else run meanwhile."""

MOST_STEPS = 10_000_000
"""How many characters and pairs of characters are looked at for one notebook, a second or two's worth."""


_COMMAND = re.compile(r"(?m)^([ \t]*+)(?:[%!]|[\w., ]{1,80}=[ \t]*[%!]|[\w.]{1,80}\?{1,2}[ \t]*$).*$")
"""A line that is the notebook's and not Python's, such as ``files = !ls``."""


def compiles(source: str) -> bool:
    """Whether a cell's text is complete Python, magics aside. One that is too long to parse counts as complete."""
    return len(source) > LONGEST_PARSED or _is_python(source) or _is_python(_COMMAND.sub(r"\1pass", source))


def _is_python(source: str) -> bool:
    try:
        compile(source, "<cell>", "exec", dont_inherit=True, flags=_TOP_LEVEL_AWAIT | _ONLY_AST)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_TOP_LEVEL_AWAIT = 0x2000
_ONLY_AST = 0x400


def same_code(first: str, second: str) -> bool:
    """Whether two texts are the same Python but for its form: blanks, brackets, quotes and comments."""
    if max(len(first), len(second)) > LONGEST_PARSED:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = _TOP_LEVEL_AWAIT | _ONLY_AST
            one, other = (
                compile(text, "<cell>", "exec", dont_inherit=True, flags=flags) for text in (first, second)
            )
        return ast.dump(one) == ast.dump(other)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def with_plain_ends(source: str) -> str:
    """Return a text whose lines end as Python reads them anyway; a shell, or a file that is written, does not."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def plain(source: str) -> str:
    """Return a text without what editors change on their own: line ends and trailing white space."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def similarity(first: str, second: str, at_least: float = SIMILAR) -> float:
    """Return how alike two texts are, from 0 to 1; 0 when that is clearly less than ``at_least``."""
    return Comparisons().similarity(first, second, at_least)


class Comparisons:
    """Compares texts until a notebook has used up its share of work: then it is ``exhausted`` and nothing is alike."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._left = steps
        self.exhausted = False

    def similarity(self, first: str, second: str, at_least: float = SIMILAR) -> float:
        """Return how alike two texts are, from 0 to 1; 0 when that is clearly less than ``at_least``."""
        first, second = first[:LONGEST_COMPARED], second[:LONGEST_COMPARED]
        if self.exhausted:
            return 0.0
        matcher = difflib.SequenceMatcher(None, first, second, autojunk=True)
        # The bounds by length and by letters cost little and settle nearly all pairs of cells.
        if matcher.real_quick_ratio() < at_least or not self._spend(len(first) + len(second)):
            return 0.0
        if matcher.quick_ratio() < at_least:
            return 0.0
        # What the matcher looks at: places of equal letters, without those that it holds for too frequent.
        there, frequent = Counter(second), len(second) // 100 + 1 if len(second) >= 200 else len(second)
        pairs = sum(
            count * there[letter] for letter, count in Counter(first).items() if there[letter] <= frequent
        )
        return matcher.ratio() if self._spend(pairs) else 0.0

    def _spend(self, steps: int) -> bool:
        self._left -= steps
        self.exhausted = self._left < 0
        return not self.exhausted


def without(text: str, part: str) -> str:
    """Return ``text`` without the lines of ``part``, in order, as far as they are found."""
    return _without(text, part)[0]


def beyond(text: str, part: str) -> str:
    """Return what ``text`` holds beyond all of ``part``; nothing when not all of ``part`` is there."""
    rest, complete = _without(text, part)
    return rest.strip("\n") if complete and rest.strip() else ""


def _without(text: str, part: str) -> tuple[str, bool]:
    unwanted = deque(line.rstrip() for line in part.strip().splitlines())
    kept: list[str] = []
    for line in text.splitlines():
        if unwanted and line.rstrip() == unwanted[0]:
            unwanted.popleft()
        else:
            kept.append(line)
    return "\n".join(kept), not unwanted


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
