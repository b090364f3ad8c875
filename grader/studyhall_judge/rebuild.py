"""Rebuild a notebook from the release and the texts of a submission.

Nothing of a submission is trusted but the text in its answer cells: test cells, points and locked cells come from the
release. The learner's own cells keep their place after the cell that they followed. What was damaged is mended and
said, in words for the learner; what looks like an attempt at the marks is also flagged for staff.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import CellRole, grade_id, nbgrader_metadata
from studyhall_notebooks.checksum import compute_checksum
from studyhall_notebooks.driven import DrivenTest

from studyhall_judge.earlier import EarlierVersions
from studyhall_judge.elsewhere import Elsewhere
from studyhall_judge.halves import settle_copies
from studyhall_judge.leftovers import MARK, without_leftovers
from studyhall_judge.likeness import metadata_differs, points_differ, same_code, with_plain_ends
from studyhall_judge.matching import Matching
from studyhall_judge.pasted import readable
from studyhall_judge.releases import ReleasedCell, ReleasedNotebook, copy_node
from studyhall_judge.report import IntegrityFlag, Repair, Scoring
from studyhall_judge.strays import find_strays
from studyhall_judge.submitted_cells import SubmittedCell


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


NOTHING_EARLIER = EarlierVersions()


def rebuild(
    released: ReleasedNotebook,
    submitted: NotebookNode | None,
    scoring: Scoring,
    earlier: EarlierVersions = NOTHING_EARLIER,
    files: Collection[str] = (),
    own_files: Collection[str] = (),
) -> Rebuilt:
    """Return the notebook to run for what was submitted (None: nothing that can be read).

    ``files`` are the paths of the lesson's data files, ``own_files`` those of the learner's beside them.
    """
    elsewhere = Elsewhere([cell.source for cell in released.cells], files, own_files)
    return _Rebuilding(released, submitted, scoring, earlier, elsewhere).run()


class _Rebuilding:
    def __init__(
        self,
        released: ReleasedNotebook,
        submitted: NotebookNode | None,
        scoring: Scoring,
        earlier: EarlierVersions,
        elsewhere: Elsewhere,
    ) -> None:
        self._earlier = earlier
        self._elsewhere = elsewhere
        self._matching = Matching(released, [] if submitted is None else submitted.cells, scoring)
        self._released = released
        self._scoring = scoring
        self._readable = submitted is not None
        self._anchors = self._matching.anchors
        self._submitted = self._matching.submitted
        self._found = self._matching.found
        self._texts = self._matching.texts
        self._notes = self._lost_code()
        self._repair = self._matching.remarks.repair
        self._flag = self._matching.remarks.flag

    def run(self) -> Rebuilt:
        if self._submitted:
            self._matching.find()
            if self._scoring != "nbgrader":
                find_strays(self._matching)
            settle_copies(self._matching)
            self._say_what_changed()
        elif self._readable:
            self._repair("no_cells", None, "This notebook holds no cells, so its tasks count as open.")
        cells = self._in_submitted_order() if self._scoring == "nbgrader" else self._in_released_order()
        missing = {
            str(cell.grade_id)
            for cell in self._anchors
            if cell.role in (CellRole.test, CellRole.manual, CellRole.task)
            and self._readable
            and self._counts_as_missing(cell)
        }
        remarks = self._matching.remarks
        return Rebuilt(cells, remarks.repairs, remarks.flags, missing)

    def _counts_as_missing(self, released: ReleasedCell) -> bool:
        """Whether a graded cell is gone. To nbgrader, so is a cell without its label."""
        cell = self._found.get(str(released.grade_id))
        return cell is None or (self._scoring == "nbgrader" and cell.grade_id is None)

    # Saying what was mended

    def _say_what_changed(self) -> None:
        for released in self._anchors:
            cell = self._found.get(str(released.grade_id))
            if cell is None and self._earlier.lacks(str(released.grade_id)):
                self._say_new(released)
            elif cell is None:
                self._say_missing(released)
            elif cell.match is released and not cell.moved:
                self._say_differences(released, cell)
        for cell in self._submitted:
            label = grade_id(cell.node)
            unknown = cell.free and label is not None and label not in self._found
            if label is not None and self._earlier.has_text(label, cell.plain):
                continue  # the lesson has dropped it since
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

    def _say_new(self, released: ReleasedCell) -> None:
        """Say what the learner's copy can't have, as it is of another release."""
        if released.role is CellRole.test:
            self._repair(
                "new_test", released, "This test is newer than your copy of the lesson. It was put in."
            )
        elif released.is_learners:
            self._repair(
                "new_answer",
                released,
                "This task is newer than your copy of the lesson. Update the lesson to answer it.",
            )
        elif released.is_code:
            self._repair(
                "new_cell", released, "A cell of the lesson is newer than your copy of it. It was put in."
            )

    def _say_differences(self, released: ReleasedCell, cell: SubmittedCell) -> None:
        if cell.grade_id != released.grade_id:
            self._repair(
                "lost_label", released, "This cell had lost its label and was recognised by its content."
            )
        elif metadata_differs(cell.node, released.node) and not self._earlier.has_settings(
            str(released.grade_id), cell.node
        ):
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
            self._say_other_text(released, cell)

    def _say_other_text(self, released: ReleasedCell, cell: SubmittedCell) -> None:
        if self._earlier.has_text(str(released.grade_id), cell.plain):
            if released.is_code:
                what = "test" if released.role is CellRole.test else "cell"
                self._repair(
                    "renewed",
                    released,
                    f"This {what} of the lesson has changed since you fetched it. The newer one was used.",
                )
        elif released.role is CellRole.test:
            self._repair("changed_test", released, "A test cell had been changed. The original was used.")
            if not same_code(cell.source, released.shown):  # as a formatter or a comment leaves it
                self._flag("changed_test", released, "The text of the test cell had been changed.")
        elif released.is_code:
            self._repair("changed_cell", released, "A locked cell had been changed. The original was used.")

    def _say_reordered(self) -> None:
        found = [(cell, self._found.get(str(cell.grade_id))) for cell in self._anchors]
        places = [
            cell.index for own, cell in found if cell is not None and cell.match is own and not cell.moved
        ]
        if places != sorted(places) and not self._earlier:
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
        return planned if self._readable else self._with_plain_released()

    def _with_plain_released(self) -> list[PlannedCell]:
        planned: list[PlannedCell] = []
        for released in self._released.cells:
            planned += self._planned(released)
        return planned

    def _in_submitted_order(self) -> list[PlannedCell]:
        """As nbgrader runs it: the submission's own order, nothing put back (``missing`` says what is not there)."""
        if not self._readable:
            return self._with_plain_released()
        planned: list[PlannedCell] = []
        for cell in self._submitted:
            if cell.dropped:
                continue
            planned += self._planned(cell.match) if cell.match is not None else [self._own(cell)]
        return planned

    def _own_cells_by_anchor(self) -> dict[str | None, list[PlannedCell]]:
        own: dict[str | None, list[PlannedCell]] = {}
        anchor: str | None = None
        for cell in self._submitted:
            if cell.place_of is not None:
                anchor = cell.place_of
            elif cell.moved:
                continue
            elif cell.match is not None:
                anchor = cell.match.grade_id
            elif not cell.dropped:
                own.setdefault(anchor, []).append(self._own(cell))
        return own

    def _planned(self, released: ReleasedCell) -> list[PlannedCell]:
        cell = self._found.get(str(released.grade_id)) if released.is_anchor else None
        index = None if cell is None else cell.index
        kind = _KINDS.get(released.role, CellKind.author)
        source = released.source
        if released.is_learners:
            text = self._texts.get(str(released.grade_id))
            if text is None and released.role is CellRole.answer and self._readable:
                return []  # a stub in place of a deleted answer could undo what the learner wrote elsewhere
            source = released.shown if text is None else text
            if released.role is CellRole.answer and released.is_code and self._scoring != "nbgrader":
                source = self._answer(released, source)
        if not released.is_code and kind is not CellKind.manual:
            kind = CellKind.text
        return [PlannedCell(kind, source, released.node, index, released, released.driven)]

    def _answer(self, released: ReleasedCell, source: str) -> str:
        """Return an answer's text as it can run, and say what was mended in it."""
        source, told = readable(with_plain_ends(source))
        if told:
            self._repair("pasted_text", released, told)
        if MARK in source and not self._speaks_of_mark:
            source, told = without_leftovers(source, released.shown)
            if told:
                self._repair("leftover", released, told)
        return self._at_home(released, source, answer=True)

    def _at_home(self, released: ReleasedCell | None, source: str, *, answer: bool) -> str:
        source, told = self._elsewhere.at_home(source, answer=answer)
        for what in told:
            self._repair("elsewhere", released, what)
        return source

    @cached_property
    def _speaks_of_mark(self) -> bool:
        """Whether the lesson itself is about what stands in for an answer: then it may be meant."""
        return any(MARK in cell.source for cell in self._released.cells if not cell.is_learners)

    def _lost_code(self) -> dict[str, ReleasedCell]:
        """Return, by text, the lesson's code cells without a label of which the submission has none that runs."""
        if self._scoring == "nbgrader" or all(cell.is_code for cell in self._submitted):
            return {}
        there = {cell.plain for cell in self._submitted if cell.is_code}
        plain = [cell for cell in self._released.cells if cell.role is CellRole.plain and cell.is_code]
        return {cell.plain: cell for cell in plain if cell.plain and cell.plain not in there}

    def _own(self, cell: SubmittedCell) -> PlannedCell:
        """Plan a learner's own cell; one of the lesson's that was turned into a note runs as it did there."""
        node = cell.node
        if not cell.is_code and cell.plain in self._notes:
            node = self._notes[cell.plain].node
            self._repair(
                "retyped_cell",
                None,
                "A code cell of the lesson had been turned into another type. It was turned back.",
            )
            node = copy_node(node)
            node.source = cell.source
        if node.cell_type != "code":
            return PlannedCell(CellKind.text, cell.source, node, cell.index)
        source = cell.source
        if self._scoring != "nbgrader":
            source = self._at_home(None, with_plain_ends(source), answer=False)
        return PlannedCell(CellKind.learner, source, node, cell.index)


_KINDS = {
    CellRole.answer: CellKind.learner,
    CellRole.test: CellKind.test,
    CellRole.manual: CellKind.manual,
    CellRole.task: CellKind.text,
    CellRole.quiz: CellKind.text,
}


def is_untouched(cell: PlannedCell) -> bool:
    """Whether a hand-graded cell still has the text that it was released with."""
    assert cell.released is not None  # noqa: S101 - hand-graded cells come from the release
    if cell.source.strip() == cell.released.shown.strip():
        return True
    mine = copy_node(cell.released.node)
    mine.source = cell.source
    return bool(compute_checksum(mine) == cell.released.node.metadata.get("nbgrader", {}).get("checksum"))
