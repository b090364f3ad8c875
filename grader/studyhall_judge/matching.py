"""Finding each released cell in a damaged notebook: by label, by id, by text, by names, by place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import CellRole, grade_id

from studyhall_judge.likeness import SIMILAR, Comparisons, beyond, without
from studyhall_judge.releases import ReleasedCell, ReleasedNotebook
from studyhall_judge.report import Scoring
from studyhall_judge.submitted_cells import Remarks, SubmittedCell


class Matching:
    """Which cell of a submission is which of the release, after `find`.

    ``found`` holds the cells by grade id, ``texts`` the learner's texts by grade id: nothing else of a submission is
    used, and of a test or a locked cell not even that. With the scoring of nbgrader a label is believed whatever
    stands in its cell.
    """

    def __init__(
        self, released: ReleasedNotebook, submitted: Iterable[NotebookNode], scoring: Scoring
    ) -> None:
        self.released = released
        self.as_nbgrader = scoring == "nbgrader"
        self.anchors = [cell for cell in released.cells if cell.is_anchor]
        self.submitted = [
            SubmittedCell(index, node, node.source, grade_id(node)) for index, node in enumerate(submitted)
        ]
        self.found: dict[str, SubmittedCell] = {}
        self.texts: dict[str, str] = {}
        self.remarks = Remarks(released.name)
        self._wanted = {str(cell.grade_id): cell for cell in self.anchors}
        self._plain_released = {cell.plain for cell in released.cells if not cell.is_anchor}
        self._comparisons = Comparisons()

    def find(self) -> None:
        """Match all cells."""
        if self.as_nbgrader:
            for cell in reversed(self.submitted):
                self._take_labelled([cell])
        else:
            self._forget_unknown_labels()
            if self._match_exact_texts(self._alike):
                # Labels have slipped: what is like a test may as well be the answer beside it.
                self._match_exact_texts(lambda _released, _cell: False)
            for cells in self._by_label().values():
                self._take_labelled(cells)
        self._match_by_cell_id()
        self._match_by_text()
        self._match_answers_by_names()
        self._match_between_neighbours()
        if not self.as_nbgrader:
            # Better a person looks at a wrong cell than nobody at an answer whose type was changed.
            self._match_by_cell_id(any_kind=True)
            self._match_between_neighbours(any_kind=True)
            self._exchange_answers()
        self._recover_merged_answers()
        if self._comparisons.exhausted:
            self.remarks.repair(
                "many_cells",
                None,
                "This notebook holds so many texts that not all were compared: cells without their label were only "
                "recognised where they are exactly as in the lesson.",
            )

    def is_plain_released(self, cell: SubmittedCell) -> bool:
        """Whether a cell is one of the lesson's that have no label."""
        return cell.plain in self._plain_released

    def edited(self, released: ReleasedCell, cell: SubmittedCell) -> bool:
        """Whether a cell holds more than the stub that the learner got."""
        return bool(cell.plain) and cell.plain != released.plain

    # Labels

    def _forget_unknown_labels(self) -> None:
        """A label that the lesson does not have says as little as none, or an answer's on a cell of the lesson's."""
        for cell in self.submitted:
            released = self._wanted.get(str(cell.grade_id))
            strayed = (
                released is not None and released.role is CellRole.answer and self.edited(released, cell)
            )
            if released is None or (strayed and self.is_plain_released(cell)):
                cell.grade_id = None

    def _by_label(self) -> dict[str, list[SubmittedCell]]:
        labelled: dict[str, list[SubmittedCell]] = {}
        for cell in self.submitted:
            if cell.grade_id is not None and cell.free:
                labelled.setdefault(cell.grade_id, []).append(cell)
        return labelled

    def _match_exact_texts(self, is_version: Callable[[ReleasedCell, SubmittedCell], bool]) -> bool:
        """Where labels were exchanged or shifted, a test or locked cell is where its own text is, word by word.

        A labelled cell that ``is_version`` of it keeps its label all the same. Returns whether any label was wrong.
        """
        wrong = False
        labelled = self._by_label()
        by_text: dict[str, list[SubmittedCell]] | None = None
        for released in self.anchors:
            mine = labelled.get(str(released.grade_id), [])
            if released.is_learners or not released.plain or released.grade_id in self.found:
                continue
            if any(cell.plain == released.plain for cell in mine):
                continue
            by_text = self._by_text() if by_text is None else by_text
            exact = next((cell for cell in by_text.get(released.plain, []) if cell.free), None)
            if exact is None or any(is_version(released, cell) for cell in mine):
                continue
            other = self._wanted.get(str(exact.grade_id))
            if other is not None and other.plain == exact.plain:
                continue
            wrong = wrong or exact.grade_id is not None or bool(mine)
            self.take(released, exact)
            for cell in mine:
                cell.grade_id = None
            if mine and released.role is CellRole.test:
                self.remarks.flag("changed_test", released, "The label of the test cell was on another cell.")
        return wrong

    def _alike(self, released: ReleasedCell, cell: SubmittedCell) -> bool:
        return self._comparisons.similarity(cell.source, released.shown) >= SIMILAR

    def _by_text(self) -> dict[str, list[SubmittedCell]]:
        by_text: dict[str, list[SubmittedCell]] = {}
        for cell in self.submitted:
            by_text.setdefault(cell.plain, []).append(cell)
        return by_text

    def _take_labelled(self, cells: list[SubmittedCell]) -> None:
        """Take the first of several cells with one label; of answers the first that was worked on."""
        released = self._wanted.get(str(cells[0].grade_id))
        if released is None or str(released.grade_id) in self.found:
            return
        chosen = cells[0]
        if released.is_learners and len(cells) > 1:
            chosen = next((cell for cell in cells if self.edited(released, cell)), chosen)
        self.take(released, chosen)

    # Cells without a label

    def _match_by_cell_id(self, *, any_kind: bool = False) -> None:
        unmatched = self._unmatched()
        by_id = {cell.node.get("id"): cell for cell in self.submitted if cell.free and self._has_no_say(cell)}
        for released in unmatched:
            cell = by_id.get(released.node.get("id"))
            if cell is None or not cell.free:
                continue
            # Another program may have given the id to another cell: the text has to speak for it, too.
            same_kind = cell.is_code == released.is_code
            if any_kind and released.role is CellRole.manual:
                same_kind = not self._is_anothers(cell, released)
            if cell.source == released.shown or (released.is_learners and same_kind):
                self.take(released, cell)

    def _has_no_say(self, cell: SubmittedCell) -> bool:
        """Whether a cell has no label, or one that another cell has, too."""
        return cell.grade_id is None or (not self.as_nbgrader and cell.grade_id in self.found)

    def _is_anothers(self, cell: SubmittedCell, released: ReleasedCell) -> bool:
        """Whether a cell has, word by word, the text of another one of the lesson's."""
        return any(one.plain == cell.plain for one in self.released.cells if one is not released)

    def _match_by_text(self) -> None:
        """Recognise locked, test and untouched cells by what the learner was shown."""
        unmatched = [cell for cell in self._unmatched() if cell.shown.strip()]
        by_text = self._by_text() if unmatched else {}
        for released in unmatched:
            exact = next((cell for cell in by_text.get(released.plain, []) if cell.free), None)
            if exact is not None:
                self.take(released, exact)
            elif not released.is_learners:
                self._match_similar(released)

    def _match_similar(self, released: ReleasedCell) -> None:
        best: tuple[float, SubmittedCell] | None = None
        for cell in self.submitted:
            if not cell.free or cell.grade_id is not None or cell.is_code != released.is_code:
                continue
            if self.is_plain_released(cell):
                continue
            ratio = self._comparisons.similarity(cell.source, released.shown)
            if ratio >= SIMILAR and (best is None or ratio > best[0]):
                best = ratio, cell
        if best is not None:
            self.take(released, best[1])

    def _match_answers_by_names(self) -> None:
        """An answer without its id is the free cell that defines what the stub defines."""
        for released in self._unmatched():
            if released.role is not CellRole.answer or not released.names:
                continue
            best: tuple[float, SubmittedCell] | None = None
            for cell in self.submitted:
                if not cell.free or not cell.source.strip():
                    continue
                shared = len(released.names & cell.names) / len(released.names)
                if shared > 0 and (best is None or shared > best[0]):
                    best = shared, cell
            if best is not None:
                self.take(released, best[1])

    def _match_between_neighbours(self, *, any_kind: bool = False) -> None:
        """An answer that defines no known name is the cell where it should be: between its neighbours."""
        for released in self._unmatched():
            if not released.is_learners:
                continue
            low, high = self._neighbours(released)
            candidates = [
                cell
                for cell in self.submitted[low + 1 : high]
                if cell.free
                and cell.grade_id is None
                and cell.source.strip()
                and not self.is_plain_released(cell)
            ]
            same_kind = [cell for cell in candidates if cell.is_code == released.is_code]
            if any_kind and released.role is CellRole.manual:
                same_kind = candidates
            if same_kind:
                self.take(released, max(same_kind, key=lambda cell: self._likeness(cell, released)))

    def _likeness(self, cell: SubmittedCell, released: ReleasedCell) -> float:
        return self._comparisons.similarity(cell.source, released.shown, at_least=0)

    def _neighbours(self, released: ReleasedCell) -> tuple[int, int]:
        """Return the places, in the submission, of what was found before and after a released cell."""
        place = self.anchors.index(released)
        before = [self.found[str(c.grade_id)].index for c in self.anchors[:place] if c.grade_id in self.found]
        after = [
            self.found[str(c.grade_id)].index for c in self.anchors[place + 1 :] if c.grade_id in self.found
        ]
        return max(before, default=-1), min(after, default=len(self.submitted))

    # Answers in the wrong place

    def _exchange_answers(self) -> None:
        """Two answers of which each stands in the other's cell change places."""
        answers = [
            cell
            for cell in self.anchors
            if cell.role is CellRole.answer and cell.is_code and cell.grade_id in self.found
        ]
        for released in answers:
            if not self._holds_another(released):
                continue
            for other in answers:
                if other is released or not self._is_exchanged(released, other):
                    continue
                mine, theirs = self.found[str(released.grade_id)], self.found[str(other.grade_id)]
                self.take(released, theirs)
                self.take(other, mine)
                for one in (released, other):
                    self.found[str(one.grade_id)].grade_id = one.grade_id
                    self.remarks.repair(
                        "exchanged_cells", one, "Two answers stood in each other's cells. They were put back."
                    )
                break

    def _holds_another(self, released: ReleasedCell) -> bool:
        """Whether none of the names that an answer is to define is even mentioned in it."""
        cell = self.found[str(released.grade_id)]
        words = "|".join(map(re.escape, released.names))
        edited = self.edited(released, cell)
        return bool(words) and edited and re.search(rf"\b(?:{words})\b", cell.source) is None

    def _is_exchanged(self, released: ReleasedCell, other: ReleasedCell) -> bool:
        theirs = self.found[str(other.grade_id)]
        return bool(released.names & theirs.names) and not other.names & theirs.names

    def _recover_merged_answers(self) -> None:
        """An answer that was merged into a locked or test cell is what that cell holds beyond its own text."""
        for released in self._unmatched():
            if not released.is_learners:
                continue
            if released.role is CellRole.answer and released.names:
                self._recover_by_names(released)
            if str(released.grade_id) not in self.found and not self.as_nbgrader and released.is_code:
                self._recover_from_neighbours(released)

    def _recover_by_names(self, released: ReleasedCell) -> None:
        for host in self.found.values():
            match = host.match
            if match is None or match.is_learners or not match.is_code or host.source == match.shown:
                continue
            if released.names & host.names:
                self.take_merged(released, host, without(host.source, match.shown))
                return

    def _recover_from_neighbours(self, released: ReleasedCell) -> None:
        """What defines no known name was merged into the cell just before or after it."""
        place = self.anchors.index(released)
        for neighbour in (*self.anchors[max(place - 1, 0) : place], *self.anchors[place + 1 : place + 2]):
            host = self.found.get(str(neighbour.grade_id))
            if host is None or host.match is not neighbour or neighbour.is_learners or not neighbour.is_code:
                continue
            rest = beyond(host.source, neighbour.shown)
            if rest:
                self.take_merged(released, host, rest)
                return

    def take_merged(self, released: ReleasedCell, host: SubmittedCell, text: str) -> None:
        """Settle that an answer is part of another cell."""
        self.texts[str(released.grade_id)] = text
        self.found[str(released.grade_id)] = host
        self.remarks.repair(
            "merged_cell",
            released,
            "Your answer had been merged into another cell. It was taken from there.",
        )

    def take(self, released: ReleasedCell, cell: SubmittedCell) -> None:
        """Settle that a submitted cell is this one of the release."""
        cell.match = released
        self.found[str(released.grade_id)] = cell
        self.texts[str(released.grade_id)] = cell.source

    def _unmatched(self) -> list[ReleasedCell]:
        return [cell for cell in self.anchors if cell.grade_id not in self.found]
