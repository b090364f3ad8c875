"""What each cell of a lesson notebook is for, read from nbgrader's cell metadata.

Every function here accepts damaged metadata of any shape: what it says makes no sense counts as not said.
"""

import math
import re
from enum import StrEnum
from typing import Any, Final

from nbformat.notebooknode import NotebookNode
from pydantic import BaseModel, ConfigDict

GRADE_ID: Final = re.compile(r"[a-zA-Z0-9_\-]+")
BEGIN_HIDDEN: Final = "BEGIN HIDDEN TESTS"
END_HIDDEN: Final = "END HIDDEN TESTS"
LONGEST_TITLE: Final = 200
LONGEST_HINT: Final = 2000


class CellRole(StrEnum):
    """What a cell is for."""

    answer = "answer"
    """The learner writes here; tests in other cells judge it (solution, not grade)."""
    test = "test"
    """Autograder tests (grade, not solution)."""
    manual = "manual"
    """The learner writes here and a person gives the points (grade and solution)."""
    task = "task"
    """A manually graded task described in markdown; the answer may be several cells."""
    read_only = "read_only"
    """Locked text or code of the author."""
    quiz = "quiz"
    """Markdown drawn as a quiz card (``metadata.studyhall.quiz``)."""
    plain = "plain"
    """Anything else: the learner's own or ungraded cells."""


class TestInfo(BaseModel):
    """One graded cell of a notebook.

    ``id`` is ``"<notebook stem>/<grade_id>"``, unique in the assignment; ``points`` the most it can give.
    """

    __test__ = False  # the name is the field's word, not a pytest class

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    hint: str = ""
    points: float
    hidden: bool
    manual: bool
    notebook: str
    grade_id: str


def nbgrader_metadata(cell: NotebookNode) -> dict[str, Any]:
    """Return the cell's nbgrader metadata, or an empty dictionary when there is none of use."""
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def studyhall_metadata(cell: NotebookNode) -> dict[str, Any]:
    """Return the cell's (or notebook's) own ``metadata.studyhall``, or an empty dictionary."""
    metadata = cell.get("metadata")
    found = metadata.get("studyhall") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def is_grade(cell: NotebookNode) -> bool:
    """Return whether the cell has points of its own."""
    return nbgrader_metadata(cell).get("grade") is True


def is_solution(cell: NotebookNode) -> bool:
    """Return whether the learner writes in this cell."""
    return nbgrader_metadata(cell).get("solution") is True


def is_task(cell: NotebookNode) -> bool:
    """Return whether the cell describes a manually graded task."""
    return nbgrader_metadata(cell).get("task") is True


def is_locked(cell: NotebookNode) -> bool:
    """Return whether the cell's text is the author's and a learner's change to it is undone."""
    if is_solution(cell):
        return False
    return is_grade(cell) or nbgrader_metadata(cell).get("locked") is True


def grade_id(cell: NotebookNode) -> str | None:
    """Return nbgrader's id of the cell, or None when it has none (or one that cannot be an id)."""
    found = nbgrader_metadata(cell).get("grade_id")
    return found if isinstance(found, str) and GRADE_ID.fullmatch(found) else None


def points(cell: NotebookNode) -> float:
    """Return the most points the cell can give: 0.0 where it is not graded or says nothing sensible."""
    if not (is_grade(cell) or is_task(cell)):
        return 0.0
    found = nbgrader_metadata(cell).get("points")
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found < 0:
        return 0.0
    return float(found)


def quiz_id(cell: NotebookNode) -> str | None:
    """Return the id of the quiz that this cell shows, or None."""
    quiz = studyhall_metadata(cell).get("quiz")
    found = quiz.get("id") if isinstance(quiz, dict) else None
    return found if isinstance(found, str) and found else None


def role_of(cell: NotebookNode) -> CellRole:
    """Return what the cell is for. A cell without a usable grade id is never graded."""
    role = CellRole.plain
    if cell.get("cell_type") == "markdown" and quiz_id(cell) is not None:
        role = CellRole.quiz
    if grade_id(cell) is not None:
        if is_task(cell):
            role = CellRole.task
        elif is_grade(cell):
            role = CellRole.manual if is_solution(cell) else CellRole.test
        elif is_solution(cell):
            role = CellRole.answer
        elif is_locked(cell) and role is not CellRole.quiz:
            role = CellRole.read_only
    return role


def is_hidden_test(source: str) -> bool:
    """Return whether a source text holds a hidden test region."""
    return any(BEGIN_HIDDEN in line for line in source.split("\n"))


def tests_of(notebook: NotebookNode, stem: str) -> list[TestInfo]:
    """Return every graded cell of a notebook in order.

    Args:
        notebook: a source, graded or learner notebook (only the first two know what is hidden by the source
            alone; the learner's version carries it in ``metadata.studyhall.test.hidden``).
        stem: the notebook's file name without ``.ipynb``; it begins every test's id.
    """
    tests: list[TestInfo] = []
    seen: set[str] = set()
    for cell in notebook.cells:
        role = role_of(cell)
        identifier = grade_id(cell)
        if (
            role not in (CellRole.test, CellRole.manual, CellRole.task)
            or identifier is None
            or identifier in seen
        ):
            continue
        seen.add(identifier)
        told = studyhall_metadata(cell).get("test")
        told = told if isinstance(told, dict) else {}
        title, hint = told.get("title"), told.get("hint")
        title = title.strip() if isinstance(title, str) else ""
        hint = hint.strip() if isinstance(hint, str) else ""
        tests.append(
            TestInfo(
                id=f"{stem}/{identifier}",
                title=(title or title_from_grade_id(identifier))[:LONGEST_TITLE],
                hint=hint[:LONGEST_HINT],
                points=points(cell),
                hidden=is_hidden_test(cell.source) or told.get("hidden") is True,
                manual=role is not CellRole.test or cell.cell_type != "code",
                notebook=stem,
                grade_id=identifier,
            )
        )
    return tests


# pytest would take the name for a test wherever it is imported.
tests_of.__test__ = False  # type: ignore[attr-defined] # functions carry any attribute


def title_from_grade_id(identifier: str) -> str:
    """Return readable words for a test that has no title: ``test_mean-of_list`` becomes ``Mean of list``."""
    words = re.sub(r"[_\-]+", " ", identifier).strip()
    shorter = re.sub(r"^(?:auto)?tests?\s+(?=\S)", "", words, flags=re.IGNORECASE)
    words = shorter or words or identifier
    return words[:1].upper() + words[1:]
