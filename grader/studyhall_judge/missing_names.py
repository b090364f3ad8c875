"""Says why a name that a test needs is not there, by the text of the learner's cells and by how they ended.

What is said of a cell is its own text, which the learner wrote, and the kind of its error: nothing that its process,
which may know of hidden tests, could have made up.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MOST_READ = 200_000
"""Characters of a notebook's cells that are read: the parser lets nobody else run meanwhile."""

_LONGEST_READ = 50_000
_LONGEST_NAME = 80
_MOST_NAMES = 1_000
"""How many names are looked at for one that is spelled almost alike, each of at most `_LONGEST_NAME` characters."""

_MODULES = {"np": "numpy as np", "pd": "pandas as pd", "plt": "matplotlib.pyplot as plt"}
_ERRORS = frozenset(vars(builtins))
_ASKED = "StdinNotImplementedError"
_NO_ANSWER = "NotImplementedError"
NO_ANSWER = "This task has no answer yet."

WITHOUT_NETWORK = frozenset(
    {"ClientConnectorError", "ConnectError", "ConnectTimeout", "ConnectionError", "MaxRetryError", "SSLError"}
    | {"NameResolutionError", "NewConnectionError", "URLError", "gaierror"}
)
"""Errors by which libraries say that something in the web cannot be reached."""

TEST = "An earlier test"
LESSON = "A cell of the lesson"
"""Whose cell it was, of those that are not the learner's."""


@dataclass(frozen=True)
class Ended:
    """A cell and how it ended: its error's name and message, empty where there was none.

    Of one that is not the learner's (``owner`` says whose) the text is what the learner got.
    """

    source: str
    error: str = ""
    message: str = ""
    out_of_time: bool = False
    owner: str = ""


@dataclass
class _Names:
    """What a cell's text does with names."""

    outside: dict[str, int] = field(default_factory=dict)
    """Names that it sets for all cells, with the line of the first time."""
    within: dict[str, str] = field(default_factory=dict)
    """Names that it sets within a function or class only, by that one's name."""
    deleted: set[str] = field(default_factory=set)


def above(before: Sequence[Ended]) -> Ended | None:
    """Return the learner's cell that has run last."""
    return next((one for one in reversed(before) if not one.owner), None)


def why_none(before: Sequence[Ended]) -> str:
    """Say why a test has met None, where that stands above the place of an answer that is not there yet."""
    cell = above(before)
    return NO_ANSWER if cell is not None and cell.error == _NO_ANSWER and _NO_ANSWER in cell.source else ""


class Texts:
    """The cells of one notebook: each text is read once, until together they are more than `MOST_READ`."""

    def __init__(self) -> None:
        self._left = MOST_READ
        self._read: dict[str, _Names] = {}

    def names_in(self, source: str) -> _Names:
        """Return what a cell's text does with names; nothing where it is too long to be read."""
        if source not in self._read:
            short = len(source) <= min(_LONGEST_READ, self._left)
            self._left -= len(source) if short else 0
            self._read[source] = _names_in(source) if short else _Names()
        return self._read[source]


def why_missing(name: str, before: Sequence[Ended], after: Iterable[str], texts: Texts) -> tuple[str, str]:
    """Return in a sentence why a name is not defined, and what Python said where a cell's error is the reason.

    Args:
        name: the missing name.
        before: the cells that have run, in their order.
        after: the texts of the learner's that have not.
        texts: what has been read of the notebook's cells.
    """
    cells = [(one, texts.names_in(one.source)) for one in before if not one.owner]
    for cell, names in reversed(cells):
        if said := _lost_in(cell, names, name):
            return said
    if any(name in texts.names_in(source).outside for source in after):
        return (
            f"A cell below this test defines {name}: cells run from top to bottom, so it comes too late.",
            "",
        )
    for cell in reversed(before):
        ended_early = cell.error or cell.out_of_time
        if cell.owner and ended_early and name in texts.names_in(cell.source).outside:
            return f"{cell.owner} makes {name}, but did not come that far. Look at that one first.", ""
    return _not_defined(name, cells), ""


def _lost_in(cell: Ended, names: _Names, name: str) -> tuple[str, str] | None:
    """Say how a learner's cell comes to leave a name undefined; None where it has nothing to do with it."""
    if name in names.deleted:
        return f"Your code deletes the name {name} (del {name}) before this test.", ""
    if name not in names.outside or not (cell.error or cell.out_of_time):
        return None
    said = cell.message
    if cell.out_of_time:
        why, said = f"The cell that defines {name} ran out of time before that. Mend that cell first.", ""
    elif cell.error == _ASKED:
        why, said = (
            f"The cell that defines {name} asks for input(), which nobody answers while your work is graded.",
            "",
        )
    elif cell.error in WITHOUT_NETWORK:
        why = f"The cell that defines {name} fetches something from the web, and there is no network while your work "
        why, said = f"{why}is graded. Read a file that lies beside the notebook.", ""
    elif cell.error == _NO_ANSWER:
        why, said = f"{NO_ANSWER} The cell that defines {name} ended there.", ""
    else:
        # A class of the learner's own may have been named after what a hidden test has asked.
        kind = f": {cell.error}" if cell.error in _ERRORS else ""
        why = f"The cell that defines {name} ended with an error before that{kind}. Mend that cell first."
    return why, said


def _not_defined(name: str, cells: list[tuple[Ended, _Names]]) -> str:
    place = next((names.within[name] for _, names in cells if name in names.within), None)
    known = sorted({one for cell, names in cells if not cell.error for one in names.outside})
    known = [one for one in known if len(one) <= _LONGEST_NAME >= len(name)][:_MOST_NAMES]
    alike = difflib.get_close_matches(name, known, 1, 0.75) or [
        one for one in known if one.lower() == name.lower()
    ]
    if name in known:
        said = f"Your code sets {name} only where it was not reached: look at the conditions and loops around that."
    elif place is not None:
        said = f"{name} is defined only inside of {place}, where nobody else sees it. Is it indented too far?"
    elif alike:
        said = (
            f"No cell of yours defines {name}, but one defines {alike[0]}. Is that the name that was meant?"
        )
    elif name in _MODULES or name in sys.stdlib_module_names:
        said = f"{name} is the name of a module that was not imported: import {_MODULES.get(name, name)}"
    elif any(cell.error == _NO_ANSWER for cell, _ in cells):
        said = f"No cell of yours defines {name} yet: a task above this test has no answer."
    else:
        said = f"No cell of yours defines {name}. Is it spelled as the task says?"
    return said


def _names_in(source: str) -> _Names:
    names = _Names()
    # A line that is a command of the notebook's is no Python.
    plain = "\n".join("" if line.startswith(("%", "!")) else line for line in source.split("\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return names
    waiting: deque[tuple[ast.AST, str]] = deque((one, "") for one in tree.body)
    while waiting:
        node, place = waiting.popleft()
        for name in _bound_by(node):
            if place:
                names.within.setdefault(name, place)
            else:
                names.outside.setdefault(name, getattr(node, "lineno", 0))
        if isinstance(node, ast.Delete) and not place:
            names.deleted |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        inner = (
            node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else place
        )
        if not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting += [(one, inner) for one in ast.iter_child_nodes(node)]
    return names


def _bound_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(one.asname or one.name).partition(".")[0] for one in names]
    return []
