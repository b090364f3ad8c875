"""What becomes of cells that are there twice, and of answers that lie in more than one cell."""

from __future__ import annotations

from studyhall_notebooks.cells import CellRole

from studyhall_judge.likeness import compiles
from studyhall_judge.matching import Matching
from studyhall_judge.releases import ReleasedCell, top_level_names
from studyhall_judge.submitted_cells import SubmittedCell

MOST_HALVES = 50
"""Pieces of one answer that are joined. An answer split at each line has fewer."""

LONGEST_JOINED = 50_000
"""Characters of an answer that is put together: each piece is compiled with all that came before it."""

MOST_BETWEEN = 20
"""Empty cells and notes that may lie between two halves."""


def settle_copies(matching: Matching) -> None:
    """Join halves to their answers and leave out copies of the lesson's cells; the rest are the learner's own."""
    _Copies(matching).settle()


class _Copies:
    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self._remarks = matching.remarks
        self._last: dict[str, SubmittedCell] = {}
        self._halves: dict[str, int] = {}
        self._author_texts = {
            cell.plain: cell
            for cell in reversed(matching.anchors)
            if cell.role in (CellRole.test, CellRole.read_only) and cell.is_code and cell.plain
        }

    def settle(self) -> None:
        for cell in self._matching.submitted:
            if not cell.free:
                continue
            original = self._matching.found.get(str(cell.grade_id)) if cell.grade_id else None
            if original is not None and original.match is not None:
                self._settle_copy(original.match, original, cell)
            elif cell.grade_id is None:
                self._drop_unlabelled_copy(cell)
        if not self._matching.as_nbgrader:
            self._join_unlabelled_pieces()

    def _settle_copy(self, released: ReleasedCell, original: SubmittedCell, copy: SubmittedCell) -> None:
        if not released.is_learners:
            copy.dropped = True
            self._remarks.repair("copied_cell", released, "This cell was there twice. The original was used.")
            if released.role is CellRole.test:
                self._remarks.flag("copied_test", released, "A test cell was there more than once.")
        elif not self._matching.as_nbgrader and not self._matching.edited(released, copy):
            copy.dropped = True
            self._remarks.repair(
                "copied_cell", released, "This cell was there twice. The one that you worked on was used."
            )
        elif self._is_second_half(released, original, copy):
            self._join(released, copy)
        else:
            self._remarks.repair(
                "copied_cell",
                released,
                "Your answer was there twice. The first one counts as the answer; the other ran as a cell of yours.",
            )

    def _is_second_half(self, released: ReleasedCell, original: SubmittedCell, copy: SubmittedCell) -> bool:
        identifier = str(released.grade_id)
        last = self._last.get(identifier, original)
        if self._matching.as_nbgrader or copy.index < last.index or not self._has_room(identifier, copy):
            return False
        if copy.source.strip() == original.source.strip():
            return False
        between = self._between(last, copy)
        if between is None:
            return False
        if not released.is_code:
            return not between
        first, second = self._matching.texts[identifier], copy.source
        broken = not compiles(first) or not compiles(second)
        if between:
            return broken and compiles(f"{first}\n{second}")
        return broken or not top_level_names(first) & copy.names

    def _between(self, first: SubmittedCell, second: SubmittedCell) -> list[SubmittedCell] | None:
        """Return the empty cells and notes between two halves; None when anything else lies there."""
        cells = self._matching.submitted[first.index + 1 : second.index]
        if len(cells) > MOST_BETWEEN + MOST_HALVES:
            return None
        there = [cell for cell in cells if not cell.dropped]
        passable = all(cell.free and (not cell.is_code or not cell.plain) for cell in there)
        return there if passable and len(there) <= MOST_BETWEEN else None

    def _has_room(self, identifier: str, piece: SubmittedCell) -> bool:
        length = len(self._matching.texts[identifier]) + len(piece.source)
        return self._halves.get(identifier, 1) < MOST_HALVES and length <= LONGEST_JOINED

    def _join(self, released: ReleasedCell, piece: SubmittedCell) -> None:
        identifier = str(released.grade_id)
        self._matching.texts[identifier] += f"\n{piece.source}"
        self._last[identifier] = piece
        self._halves[identifier] = self._halves.get(identifier, 1) + 1
        piece.dropped = True
        self._remarks.repair(
            "split_cell", released, "Your answer had been split into two cells. They were joined."
        )

    def _drop_unlabelled_copy(self, cell: SubmittedCell) -> None:
        """A copy of a test or locked cell that lost its label is not the learner's own cell."""
        released = self._author_texts.get(cell.plain)
        if released is not None and released.grade_id in self._matching.found:
            cell.dropped = True
            self._remarks.repair("copied_cell", released, "This cell was there twice. The original was used.")

    # Pieces without a label

    def _join_unlabelled_pieces(self) -> None:
        for released in self._matching.anchors:
            cell = self._matching.found.get(str(released.grade_id))
            if cell is None or cell.match is not released or not released.is_learners:
                continue
            if released.is_code and released.role is CellRole.answer:
                self._join_second_half(released, cell)
            elif released.role is CellRole.manual and not self._matching.edited(released, cell):
                self._join_answer_below(released, cell)

    def _join_second_half(self, released: ReleasedCell, cell: SubmittedCell) -> None:
        """What makes an answer complete that was not is its other half."""
        identifier = str(released.grade_id)
        pieces: list[SubmittedCell] = []
        text = self._matching.texts[identifier]
        broken = None
        for following in self._following(self._last.get(identifier, cell)):
            if not following.is_code or not following.plain:
                continue
            if following.grade_id is not None or self._matching.is_plain_released(following):
                return
            if not self._has_room(identifier, following) or len(pieces) >= MOST_HALVES:
                return
            broken = not compiles(text) if broken is None else broken
            if not broken and (pieces or compiles(following.source)):
                return
            pieces.append(following)
            text += f"\n{following.source}"
            if len(text) > LONGEST_JOINED:
                return
            if compiles(text):
                break
        else:
            return
        for piece in pieces:
            self._join(released, piece)

    def _join_answer_below(self, released: ReleasedCell, cell: SubmittedCell) -> None:
        """What was written below an empty answer may be the answer: a person decides."""
        for following in self._following(cell):
            if following.is_code != released.is_code or not following.plain:
                continue
            if self._matching.is_plain_released(following) or not self._has_room(
                str(released.grade_id), following
            ):
                return
            self._join(released, following)

    def _following(self, cell: SubmittedCell) -> list[SubmittedCell]:
        """Return the learner's own cells between a cell and the lesson's next one."""
        following: list[SubmittedCell] = []
        for one in self._matching.submitted[cell.index + 1 : cell.index + 1 + MOST_HALVES + MOST_BETWEEN]:
            if one.match is not None:
                break
            if not one.dropped:
                following.append(one)
        return following
