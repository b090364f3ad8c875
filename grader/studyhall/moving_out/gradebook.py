"""``gradebook.db``: written through nbgrader's own ``Gradebook`` in a process of its own, and read back from it."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from studyhall.db.encryption import ContentCipher
from studyhall.gradebook.standing import Worth
from studyhall.identity.models import User
from studyhall.moving_out.reading import Assignment, student_name
from studyhall.nbgrader_gradebooks import policy, translation
from studyhall.nbgrader_gradebooks.projector_process import Projector
from studyhall.submissions.models import Attempt

STUDENTS_AT_ONCE = 200


@dataclass(frozen=True)
class Cells:
    """What the gradebook has of one notebook: names of cells with points, and of those with comments."""

    graded: frozenset[str]
    commented: frozenset[str]


NO_CELLS = Cells(frozenset(), frozenset())


@dataclass(frozen=True)
class Score:
    """What nbgrader says that a submission is worth."""

    raw: float
    penalty: float
    max_score: float

    @property
    def final(self) -> float:
        """Return the score as ``nbgrader export`` writes it."""
        return max(self.raw - self.penalty, 0.0)


def assignment_spec(assignment: Assignment, graded: Mapping[str, str]) -> dict[str, Any]:
    """Return an assignment as the projector takes it."""
    due_at = assignment.terms.deadlines().due_at
    return {**translation.assignment_of(assignment.lesson, graded, due_at), "name": assignment.name}


def cells_of(spec: Mapping[str, Any]) -> dict[str, Cells]:
    """Return an assignment's cells by notebook."""
    return {
        str(notebook["name"]): Cells(
            graded=frozenset(cell["grade_id"] for cell in notebook["cells"] if cell["grade"] or cell["task"]),
            commented=frozenset(
                cell["grade_id"] for cell in notebook["cells"] if cell["solution"] or cell["task"]
            ),
        )
        for notebook in spec["notebooks"]
    }


def submission_spec(assignment: Assignment, student: str, attempt: Attempt, worth: Worth) -> dict[str, Any]:
    """Return a grade as the projector takes it; the gradebook is new, so that nothing in it is anybody else's."""
    target = policy.given(worth.marks, translation.penalties_of(worth))
    extension, due_at = assignment.terms.extensions.get(attempt.user_id), assignment.terms.deadlines().due_at
    return {
        "student": student,
        "assignment": assignment.name,
        "attempt": str(attempt.id),
        "timestamp": translation.naive(attempt.submitted_at),
        "extension_seconds": max(0.0, (extension.due_at - due_at).total_seconds())
        if extension and due_at
        else None,
        "automatic": translation.automatic_of(worth),
        "marks": target.marks,
        "penalties": target.penalties,
        "accepted": {},
        "accepted_penalties": {},
    }


class GradebookFile:
    """A gradebook that is being built in a file of its own."""

    def __init__(self, projector: Projector, file: Path, course: str) -> None:
        self._projector = projector
        self._file = file
        self._course = course
        self._url = URL.create("sqlite", database=str(file.absolute())).render_as_string()
        self._written = hashlib.sha256()
        for left in (file, file.with_name(f"{file.name}-journal")):
            left.unlink(missing_ok=True)

    @property
    def digest(self) -> str:
        """Return what stands for everything that was written."""
        return self._written.hexdigest()

    async def _ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return await self._projector.ask(operation, url=self._url, course=self._course, **request)

    async def _write(self, **request: Any) -> None:
        self._written.update(json.dumps(request, sort_keys=True).encode())
        await self._ask("synchronize", **request)

    async def write_students(self, people: Sequence[User]) -> None:
        """Write learners with their names."""
        for place in range(0, len(people) or 1, STUDENTS_AT_ONCE):
            part = people[place : place + STUDENTS_AT_ONCE]
            told = [{**translation.student_of(user), "id": student_name(user.hub_username)} for user in part]
            await self._write(students=told)

    async def write_assignment(self, spec: Mapping[str, Any]) -> None:
        """Write an assignment with its cells."""
        await self._write(assignments=[spec])

    async def write_submissions(self, specs: Sequence[Mapping[str, Any]]) -> list[Score]:
        """Write grades, and return what nbgrader makes of them."""
        if not specs:
            return []
        await self._write(submissions=specs)
        asked = [[spec["assignment"], spec["student"]] for spec in specs]
        found = (await self._ask("scores", submissions=asked))["scores"]
        return [Score(raw=one["score"], penalty=one["penalty"], max_score=one["max_score"]) for one in found]

    def finished(self) -> Path:
        """Return the file with nothing but nbgrader's own tables in it."""
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("DROP TABLE IF EXISTS studyhall_shown")
            connection.execute("VACUUM")
        return self._file


def lost_marks(worth: Worth, cells: Mapping[str, Cells]) -> list[str]:
    """Return which cells' marks nbgrader has no place for."""
    lost = []
    for test_id, mark in sorted(worth.marks.items()):
        notebook, _, name = test_id.rpartition("/")
        known = cells.get(notebook, NO_CELLS)
        has_points = mark.manual_score is not None or mark.extra_credit is not None
        if (mark.comment and name not in known.commented) or (has_points and name not in known.graded):
            lost.append(test_id)
    return lost


def graded_texts(cipher: ContentCipher, sealed: bytes) -> dict[str, str]:
    """Open a lesson's graded source: its notebooks with hidden tests, by stem."""
    texts: dict[str, str] = cipher.open(sealed)["notebooks"]
    return texts
