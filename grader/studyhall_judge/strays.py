"""Answers that stand somewhere else than in their cell, which still holds what the learner got.

A learner writes all answers at the end, or each beside its cell. In a notebook that is run from its top the test would
come too early, or the untouched cell would undo the answer; whoever reads it finds the answer at once.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable

from studyhall_notebooks.cells import CellRole

from studyhall_judge.likeness import compiles, without
from studyhall_judge.matching import Matching
from studyhall_judge.pasted import readable
from studyhall_judge.releases import ReleasedCell, names_read, top_level_names
from studyhall_judge.submitted_cells import SubmittedCell

_DEFINITION = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")


def find_strays(matching: Matching) -> None:
    """Take answers of which the cell is untouched, or gone, from own cells, earlier answers and changed tests.

    Only a cell that defines all that the task is about counts, and none that runs in time where it is.
    """
    open_tasks = [(cell, wanted) for cell in matching.anchors if (wanted := _wanted(matching, cell))]
    homes: dict[int, ReleasedCell] = {}
    for released, wanted in open_tasks:
        stub = matching.found.get(str(released.grade_id))
        for cell in matching.submitted:
            is_own = cell.free and cell.grade_id is None and not matching.is_plain_released(cell)
            if cell.index in homes and wanted <= cell.names:
                _follow(matching, released, stub, cell)
                break
            if (
                is_own
                and wanted <= cell.names
                and _is_an_answer(matching, cell)
                and not _in_time(matching, stub, cell)
            ):
                homes[cell.index] = released
                _move(matching, released, stub, cell)
                break
        else:
            host = _earlier_answer(matching, released, stub, wanted)
            if host is not None:
                _follow(matching, released, stub, host)
            else:
                _take_from_test(matching, released, stub, wanted)


def _earlier_answer(
    matching: Matching, released: ReleasedCell, stub: SubmittedCell | None, wanted: set[str]
) -> SubmittedCell | None:
    """Return the answer to an earlier task that has this one with it, which the untouched cell would undo."""
    asked = wanted & set(_DEFINITION.findall(released.shown))
    for cell in matching.submitted[: 0 if stub is None else stub.index]:
        task = cell.match
        if (
            task is not None
            and task.role is CellRole.answer
            and cell.is_code
            and wanted <= cell.names
            and asked <= set(_DEFINITION.findall(cell.source))
            and wanted.isdisjoint({*task.names, *top_level_names(task.shown)})
            and compiles(cell.source)
        ):
            return cell
    return None


def _wanted(matching: Matching, released: ReleasedCell) -> set[str]:
    """Return the names that an answer has to define: empty where it is there, or defines nothing that tests name."""
    if released.role is not CellRole.answer or not released.is_code:
        return set()
    cell = matching.found.get(str(released.grade_id))
    if cell is not None and (cell.match is not released or matching.edited(released, cell)):
        return set()
    defined = top_level_names(released.shown)
    wanted = (set(released.names) & _named_in_tests(matching.released.cells)) | defined
    if not released.names:
        wanted = _asked_next(matching, released)
    # What the learner got may be a right answer as it is.
    is_open = cell is None or not cell.plain or "NotImplementedError" in cell.source or not wanted <= defined
    return wanted if is_open else set()


def _named_in_tests(cells: Iterable[ReleasedCell]) -> set[str]:
    tests = [one.shown for one in cells if one.role is CellRole.test]
    return {word for source in tests for word in _WORD.findall(source)}


def _asked_next(matching: Matching, released: ReleasedCell) -> set[str]:
    """Return which names the tests below an answer, up to the next one, ask for that no other cell has.

    As the learner sees the tests: what was moved would tell which names the hidden ones have.
    """
    cells = matching.released.cells
    below = cells[cells.index(released) + 1 :]
    until = next((place for place, one in enumerate(below) if one.is_learners), len(below))
    free: set[str] = set()
    for test in (one for one in below[:until] if one.role is CellRole.test):
        free |= names_read(test.shown)
    return free - set().union(*(one.names for one in cells)) - set(vars(builtins))


def _is_an_answer(matching: Matching, cell: SubmittedCell) -> bool:
    """Whether a cell is Python; a note may hold it as a block of code, where the lesson itself does not show it."""
    if cell.is_code:
        return compiles(cell.source)
    text = readable(cell.source)[0]
    shown = any(text.strip() in one.shown for one in matching.released.cells if not one.is_code)
    return compiles(text) and not shown


def _in_time(matching: Matching, stub: SubmittedCell | None, cell: SubmittedCell) -> bool:
    """Whether a cell of the learner's own comes after the untouched one and before the next cell of the lesson."""
    if stub is None or not cell.is_code or cell.index < stub.index:
        return False
    between = matching.submitted[stub.index + 1 : cell.index]
    return all(one.match is None or one.match.role is not CellRole.test for one in between)


def _move(
    matching: Matching, released: ReleasedCell, stub: SubmittedCell | None, cell: SubmittedCell
) -> None:
    _leave(stub, released)
    matching.take(released, cell)
    cell.moved = True
    matching.remarks.repair(
        "moved_answer",
        released,
        "Its own cell held no answer, and your answer stood in another cell. It was taken from there.",
    )


def _leave(stub: SubmittedCell | None, released: ReleasedCell) -> None:
    """Leave an untouched cell out; what stands below it keeps its place."""
    if stub is not None:
        stub.match, stub.dropped, stub.place_of = None, True, released.grade_id


def _follow(
    matching: Matching, released: ReleasedCell, stub: SubmittedCell | None, cell: SubmittedCell
) -> None:
    """Have an answer that stands in one cell with another run there, and the untouched cell not at all."""
    _leave(stub, released)
    matching.found[str(released.grade_id)] = cell
    matching.texts[str(released.grade_id)] = ""
    matching.remarks.repair(
        "moved_answer", released, "Your answer stood in one cell with another one. It ran together with that."
    )


def _take_from_test(
    matching: Matching, released: ReleasedCell, stub: SubmittedCell | None, wanted: set[str]
) -> None:
    for host in list(matching.found.values()):
        test = host.match
        if test is None or test.is_learners or not test.is_code or not wanted <= host.names:
            continue
        rest = without(host.source, test.shown)
        if wanted <= top_level_names(rest) and compiles(rest):
            _leave(stub, released)
            matching.take_merged(released, host, rest)
            return
