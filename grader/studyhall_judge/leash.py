"""How long a cell may run, given which earlier cells already ran out of time.

An endless loop in one answer would otherwise cost the full time-out once per test that calls it. After a time-out,
the answer cells involved are remembered, and a later cell that uses what they define gets half a second: plenty for a
call that ends, too little to wait for one that does not.
"""

from __future__ import annotations

import ast

from studyhall_judge.rebuild import CellKind, PlannedCell
from studyhall_judge.scoring import CellOutcome, Ending

SHORT_SECONDS = 0.5

MOST_PARSED = 200_000
"""Characters of a learner's cells that are read for names: the parser lets nobody else run meanwhile. A cell beyond
that leads nowhere, which costs its own learner time and nobody else."""


class Leash:
    """Knows which names lead into a cell that ran out of time."""

    def __init__(self, cells: list[PlannedCell]) -> None:
        self._cells = cells
        self._left = MOST_PARSED
        self._uses: dict[int, set[str]] = {}
        self._defines: dict[int, set[str]] = {}
        self._endless: set[str] = set()

    def seconds(self, place: int, normal: float) -> float:
        """Return how long the cell at ``place`` may run."""
        if self._endless and self._names(place)[0] & self._endless:
            return min(normal, SHORT_SECONDS)
        return normal

    def remember(self, place: int, outcome: CellOutcome) -> None:
        """Note that a cell ran out of time: what it used from learners' cells is suspect from now on."""
        if outcome.ending is not Ending.timed_out:
            return
        suspects = set(self._names(place)[0])
        for earlier in range(place, -1, -1):
            cell = self._cells[earlier]
            if not cell.runs or cell.kind is not CellKind.learner:
                continue
            uses, defines = self._names(earlier)
            if defines & suspects:
                self._endless |= defines & suspects
                suspects |= uses
        self._spread()

    def _spread(self) -> None:
        """Whatever a learner's cell defines by means of an endless name may be endless, too."""
        users: dict[str, list[int]] = {}
        for place, cell in enumerate(self._cells):
            if cell.runs and cell.kind is CellKind.learner:
                for name in self._names(place)[0]:
                    users.setdefault(name, []).append(place)
        waiting = list(self._endless)
        # Each name leads on once: of thousands of cells, each may use what the next one defines.
        while waiting:
            for place in users.pop(waiting.pop(), ()):
                more = self._names(place)[1] - self._endless
                self._endless |= more
                waiting += more

    def _names(self, place: int) -> tuple[set[str], set[str]]:
        """Return the names that a cell reads and the functions and classes that it defines."""
        if place not in self._uses:
            uses: set[str] = set()
            defines: set[str] = set()
            source = self._cells[place].source
            if self._cells[place].kind is CellKind.learner:
                source = source if len(source) <= self._left else ""
                self._left -= len(source)
            kept = "\n".join(
                "" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()
            )
            try:
                tree = ast.parse(kept)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                tree = ast.Module([], [])
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    uses.add(node.id)
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    defines.add(node.name)
            driven = self._cells[place].driven
            self._uses[place] = uses if driven is None else uses | driven.names
            self._defines[place] = defines
        return self._uses[place], self._defines[place]
