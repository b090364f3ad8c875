"""Rebuild a notebook from the release and the texts of a submission.

Nothing of a submission is trusted but the text in its answer cells: test cells, points and locked cells come from the
release. The learner's own cells keep their place after the cell that they followed. What was damaged is mended and
said, in words for the learner; what looks like an attempt at the marks is also flagged for staff.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import CellRole, grade_id, nbgrader_metadata
from studyhall_notebooks.driven import DrivenTest

from studyhall_judge.likeness import (
    SIMILAR,
    compiles,
    metadata_differs,
    plain,
    points_differ,
    similarity,
    without,
)
from studyhall_judge.releases import ReleasedCell, ReleasedNotebook, top_level_names
from studyhall_judge.report import IntegrityFlag, Repair, Scoring


class CellKind(StrEnum):
    """Who wrote a cell that will run, and what its outcome means."""

    author = "author"
    learner = "learner"
    test = "test"
    manual = "manual"
    text = "text"


@dataclass
class PlannedCell:
    """One cell of the rebuilt notebook. ``index`` is its place in the submitted notebook, None when it has none."""

    kind: CellKind
    source: str
    node: NotebookNode
    index: int | None
    released: ReleasedCell | None = None
    driven: DrivenTest | None = None
    """What a test says that runs from outside: its source is never sent."""

    @property
    def runs(self) -> bool:
        """Whether the cell is sent to the sandbox."""
        return self.kind is not CellKind.text and self.node.cell_type == "code" and bool(self.source.strip())


@dataclass
class Rebuilt:
    """A notebook ready to run. ``missing`` holds grade ids that nbgrader would leave to be graded by hand."""

    cells: list[PlannedCell]
    repairs: list[Repair] = field(default_factory=list)
    flags: list[IntegrityFlag] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)


@dataclass
class _Submitted:
    index: int
    node: NotebookNode
    source: str
    grade_id: str | None
    match: ReleasedCell | None = None
    dropped: bool = False

    @property
    def free(self) -> bool:
        return self.match is None and not self.dropped

    @property
    def is_code(self) -> bool:
        return bool(self.node.cell_type == "code")

    @cached_property
    def plain(self) -> str:
        return plain(self.source)


def rebuild(released: ReleasedNotebook, submitted: NotebookNode | None, scoring: Scoring) -> Rebuilt:
    """Return the notebook to run for what was submitted (None: nothing that can be read)."""
    return _Rebuilding(released, submitted, scoring).run()


class _Rebuilding:
    def __init__(self, released: ReleasedNotebook, submitted: NotebookNode | None, scoring: Scoring) -> None:
        self._released = released
        self._scoring = scoring
        self._anchors = [cell for cell in released.cells if cell.is_anchor]
        cells = [] if submitted is None else submitted.cells
        self._submitted = [
            _Submitted(index, node, node.source, grade_id(node)) for index, node in enumerate(cells)
        ]
        self._found: dict[str, _Submitted] = {}
        self._texts: dict[str, str] = {}
        self._repairs: list[Repair] = []
        self._flags: list[IntegrityFlag] = []

    def run(self) -> Rebuilt:
        self._match_by_grade_id()
        if self._submitted:
            self._match_by_cell_id()
            self._match_by_text()
            self._match_answers_by_names()
            self._match_answers_between_neighbours()
            self._recover_merged_answers()
        self._settle_copies()
        self._say_what_changed()
        cells = self._in_submitted_order() if self._scoring == "nbgrader" else self._in_released_order()
        missing = {
            str(cell.grade_id)
            for cell in self._anchors
            if cell.role in (CellRole.test, CellRole.manual, CellRole.task)
            and self._submitted
            and self._counts_as_missing(cell)
        }
        return Rebuilt(cells, self._repairs, self._flags, missing)

    def _counts_as_missing(self, released: ReleasedCell) -> bool:
        """Whether a graded cell is gone. To nbgrader, so is a cell without its label."""
        cell = self._found.get(str(released.grade_id))
        return cell is None or (self._scoring == "nbgrader" and cell.grade_id is None)

    # Finding each released cell in the submission

    def _match_by_grade_id(self) -> None:
        wanted = {cell.grade_id: cell for cell in self._anchors}
        order = reversed(self._submitted) if self._scoring == "nbgrader" else iter(self._submitted)
        for cell in order:
            released = wanted.get(cell.grade_id) if cell.grade_id else None
            if released is not None and str(cell.grade_id) not in self._found:
                self._take(released, cell)

    def _match_by_cell_id(self) -> None:
        by_id = {cell.node.get("id"): cell for cell in self._submitted if cell.free and cell.grade_id is None}
        for released in self._unmatched():
            cell = by_id.get(released.node.get("id"))
            if cell is None or not cell.free:
                continue
            # Another program may have given the id to another cell: the text has to speak for it, too.
            same_kind = cell.is_code == released.is_code
            if cell.source == released.shown or (released.is_learners and same_kind):
                self._take(released, cell)

    def _match_by_text(self) -> None:
        """Recognise locked, test and untouched cells by what the learner was shown."""
        for released in self._unmatched():
            if not released.shown.strip():
                continue
            for cell in self._submitted:
                if cell.free and cell.plain == released.plain:
                    self._take(released, cell)
                    break
            else:
                if not released.is_learners:
                    self._match_similar(released)

    def _match_similar(self, released: ReleasedCell) -> None:
        best: tuple[float, _Submitted] | None = None
        for cell in self._submitted:
            if not cell.free or cell.grade_id is not None or cell.is_code != released.is_code:
                continue
            if self._is_plain_released(cell):
                continue
            ratio = similarity(cell.source, released.shown)
            if ratio >= SIMILAR and (best is None or ratio > best[0]):
                best = ratio, cell
        if best is not None:
            self._take(released, best[1])

    def _match_answers_by_names(self) -> None:
        """An answer without its id is the free cell that defines what the stub defines."""
        for released in self._unmatched():
            if released.role is not CellRole.answer or not released.names:
                continue
            best: tuple[float, _Submitted] | None = None
            for cell in self._submitted:
                if not cell.free or not cell.source.strip():
                    continue
                shared = len(released.names & top_level_names(cell.source)) / len(released.names)
                if shared > 0 and (best is None or shared > best[0]):
                    best = shared, cell
            if best is not None:
                self._take(released, best[1])

    def _match_answers_between_neighbours(self) -> None:
        """An answer that defines no known name is the cell where it should be: between its neighbours."""
        places = {cell.grade_id: place for place, cell in enumerate(self._anchors)}
        for released in self._unmatched():
            if not released.is_learners:
                continue
            place = places[released.grade_id]
            before = [
                self._found[str(c.grade_id)].index for c in self._anchors[:place] if c.grade_id in self._found
            ]
            after = [
                self._found[str(c.grade_id)].index
                for c in self._anchors[place + 1 :]
                if c.grade_id in self._found
            ]
            low, high = max(before, default=-1), min(after, default=len(self._submitted))
            candidates = [
                cell
                for cell in self._submitted[low + 1 : high]
                if cell.free
                and cell.grade_id is None
                and cell.is_code == released.is_code
                and cell.source.strip()
                and not self._is_plain_released(cell)
            ]
            if candidates:
                self._take(
                    released, max(candidates, key=lambda cell: similarity(cell.source, released.shown))
                )

    def _is_plain_released(self, cell: _Submitted) -> bool:
        return any(
            released.plain == cell.plain for released in self._released.cells if not released.is_anchor
        )

    def _recover_merged_answers(self) -> None:
        """An answer that was merged into a locked or test cell is what that cell holds beyond its own text."""
        for released in self._unmatched():
            if released.role is not CellRole.answer or not released.names:
                continue
            for host in self._found.values():
                match = host.match
                if match is None or match.is_learners or not match.is_code or host.source == match.shown:
                    continue
                if not released.names & top_level_names(host.source):
                    continue
                self._texts[str(released.grade_id)] = without(host.source, match.shown)
                self._found[str(released.grade_id)] = host
                self._repair(
                    "merged_cell",
                    released,
                    "Your answer had been merged into another cell. It was taken from there.",
                )
                break

    def _take(self, released: ReleasedCell, cell: _Submitted) -> None:
        cell.match = released
        self._found[str(released.grade_id)] = cell
        self._texts[str(released.grade_id)] = cell.source

    def _unmatched(self) -> list[ReleasedCell]:
        return [cell for cell in self._anchors if cell.grade_id not in self._found]

    # Copies and halves

    def _settle_copies(self) -> None:
        for cell in self._submitted:
            if not cell.free:
                continue
            original = self._found.get(str(cell.grade_id)) if cell.grade_id else None
            if original is not None and original.match is not None:
                self._settle_copy(original.match, original, cell)
            elif cell.grade_id is None:
                self._drop_unlabelled_copy(cell)

    def _settle_copy(self, released: ReleasedCell, original: _Submitted, copy: _Submitted) -> None:
        identifier = str(released.grade_id)
        if not released.is_learners:
            copy.dropped = True
            self._repair("copied_cell", released, "This cell was there twice. The original was used.")
            if released.role is CellRole.test:
                self._flag("copied_test", released, "A test cell was there more than once.")
        elif self._is_second_half(original, copy, identifier):
            self._texts[identifier] = f"{self._texts[identifier]}\n{copy.source}"
            copy.dropped = True
            self._repair(
                "split_cell", released, "Your answer had been split into two cells. They were joined."
            )
        else:
            self._repair(
                "copied_cell",
                released,
                "Your answer was there twice. The first one counts as the answer; the other ran as a cell of yours.",
            )

    def _is_second_half(self, original: _Submitted, copy: _Submitted, identifier: str) -> bool:
        if self._scoring == "nbgrader" or copy.index < original.index:
            return False
        between = self._submitted[original.index + 1 : copy.index]
        if any(not cell.dropped for cell in between) or copy.source.strip() == original.source.strip():
            return False
        if not original.is_code:
            return True
        first, second = self._texts[identifier], copy.source
        return (
            not compiles(first)
            or not compiles(second)
            or not (top_level_names(first) & top_level_names(second))
        )

    def _drop_unlabelled_copy(self, cell: _Submitted) -> None:
        """A copy of a test or locked cell that lost its label is not the learner's own cell."""
        for released in self._anchors:
            if released.role in (CellRole.test, CellRole.read_only) and released.is_code and released.plain:
                same = cell.plain == released.plain
                if same and released.grade_id in self._found:
                    cell.dropped = True
                    self._repair("copied_cell", released, "This cell was there twice. The original was used.")
                    return

    # Saying what was mended

    def _repair(self, code: str, released: ReleasedCell | None, message: str) -> None:
        identifier = None if released is None else released.grade_id
        repair = Repair(code=code, notebook=self._released.name, grade_id=identifier, message=message)
        if repair not in self._repairs:
            self._repairs.append(repair)

    def _flag(self, code: str, released: ReleasedCell, message: str) -> None:
        test = f"{self._released.name}/{released.grade_id}"
        self._flags.append(IntegrityFlag(code=code, test_id=test, message=message))

    def _say_what_changed(self) -> None:
        if not self._submitted:
            return
        for released in self._anchors:
            cell = self._found.get(str(released.grade_id))
            if cell is None:
                self._say_missing(released)
            elif cell.match is released:
                self._say_differences(released, cell)
        for cell in self._submitted:
            unknown = cell.free and cell.grade_id is not None and cell.grade_id not in self._found
            if unknown and nbgrader_metadata(cell.node).get("grade") is True:
                self._repair(
                    "unknown_cell",
                    None,
                    "A cell was marked as graded that this lesson does not have. It ran as yours.",
                )
        self._say_reordered()

    def _say_missing(self, released: ReleasedCell) -> None:
        if released.role is CellRole.test:
            self._repair("missing_test", released, "A test cell had been deleted. The original was put back.")
            self._flag("missing_test", released, "The test cell had been deleted from the submission.")
        elif released.is_learners:
            self._repair(
                "missing_answer", released, "No answer was found for this task: its cell had been deleted."
            )
        elif released.is_code:
            self._repair("missing_cell", released, "A cell of the lesson had been deleted. It was put back.")

    def _say_differences(self, released: ReleasedCell, cell: _Submitted) -> None:
        if cell.grade_id != released.grade_id:
            self._repair(
                "lost_label", released, "This cell had lost its label and was recognised by its content."
            )
        elif metadata_differs(cell.node, released.node):
            self._repair(
                "metadata", released, "The settings of this cell had been changed. They were put back."
            )
            if points_differ(cell.node, released.node):
                self._flag("changed_metadata", released, "Points or the kind of the cell had been changed.")
        if cell.node.cell_type != released.node.cell_type:
            self._repair(
                "retyped_cell", released, "This cell had been turned into another type. It was turned back."
            )
        if not released.is_learners and cell.plain != released.plain:
            if released.role is CellRole.test:
                self._repair("changed_test", released, "A test cell had been changed. The original was used.")
                self._flag("changed_test", released, "The text of the test cell had been changed.")
            elif released.is_code:
                self._repair(
                    "changed_cell", released, "A locked cell had been changed. The original was used."
                )

    def _say_reordered(self) -> None:
        places = [
            self._found[str(cell.grade_id)].index for cell in self._anchors if cell.grade_id in self._found
        ]
        if places != sorted(places):
            self._repair(
                "reordered", None, "Cells of the lesson were out of order. They ran in the lesson's order."
            )

    # Putting it together

    def _in_released_order(self) -> list[PlannedCell]:
        own = self._own_cells_by_anchor()
        planned = own.get(None, [])
        for released in self._anchors:
            planned += self._planned(released)
            planned += own.get(released.grade_id, [])
        if not self._submitted:
            return self._with_plain_released()
        return planned

    def _with_plain_released(self) -> list[PlannedCell]:
        planned: list[PlannedCell] = []
        for released in self._released.cells:
            planned += self._planned(released)
        return planned

    def _in_submitted_order(self) -> list[PlannedCell]:
        """As nbgrader runs it: the submission's own order, nothing put back (``missing`` says what is not there)."""
        if not self._submitted:
            return self._with_plain_released()
        planned: list[PlannedCell] = []
        for cell in self._submitted:
            if cell.dropped:
                continue
            planned += self._planned(cell.match) if cell.match is not None else [_own(cell)]
        return planned

    def _own_cells_by_anchor(self) -> dict[str | None, list[PlannedCell]]:
        own: dict[str | None, list[PlannedCell]] = {}
        anchor: str | None = None
        for cell in self._submitted:
            if cell.match is not None:
                anchor = cell.match.grade_id
            elif not cell.dropped:
                own.setdefault(anchor, []).append(_own(cell))
        return own

    def _planned(self, released: ReleasedCell) -> list[PlannedCell]:
        cell = self._found.get(str(released.grade_id)) if released.is_anchor else None
        index = None if cell is None else cell.index
        kind = _KINDS.get(released.role, CellKind.author)
        source = released.source
        if released.is_learners:
            text = self._texts.get(str(released.grade_id))
            if text is None and released.role is CellRole.answer and self._submitted:
                return []  # a stub in place of a deleted answer could undo what the learner wrote elsewhere
            source = released.shown if text is None else text
        if not released.is_code and kind is not CellKind.manual:
            kind = CellKind.text
        return [PlannedCell(kind, source, released.node, index, released, released.driven)]


_KINDS = {
    CellRole.answer: CellKind.learner,
    CellRole.test: CellKind.test,
    CellRole.manual: CellKind.manual,
    CellRole.task: CellKind.text,
    CellRole.quiz: CellKind.text,
}


def _own(cell: _Submitted) -> PlannedCell:
    kind = CellKind.learner if cell.is_code else CellKind.text
    return PlannedCell(kind, cell.source, cell.node, cell.index)
