"""From the platform's lessons and grades to what nbgrader's tables hold."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from studyhall_notebooks.cells import (
    grade_id,
    is_grade,
    is_locked,
    is_solution,
    is_task,
    nbgrader_metadata,
    points,
)
from studyhall_notebooks.parsing import read_notebook

from studyhall.courses.models import LessonRelease
from studyhall.gradebook.standing import Worth
from studyhall.identity.models import User

MAX_SOURCE_BYTES = 50_000_000

FORM = 1
"""Counts up when the translation below changes, so that every assignment is written again."""


def naive(moment: datetime | None) -> str | None:
    """Return a moment as nbgrader keeps it: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() if moment else None


def digest_of(lesson: LessonRelease, due_at: datetime | None) -> str:
    """Return what stands for an assignment's rows: as long as it stays the same, so do they."""
    told = json.dumps([FORM, lesson.graded_hash, naive(due_at)])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


_NO_TAGS = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    }
)


def student_of(user: User) -> dict[str, str]:
    """Return a learner as nbgrader's student: the last word of their name is the family's.

    Formgrader writes names into its pages as they are, so none may begin a tag.
    """
    first, _, last = user.display_name.strip().translate(_NO_TAGS).rpartition(" ")
    return {"id": user.hub_username, "first_name": first or last, "last_name": last if first else ""}


def assignment_of(
    lesson: LessonRelease, graded: Mapping[str, str], due_at: datetime | None
) -> dict[str, Any]:
    """Return an assignment with the rows that ``nbgrader generate_assignment`` would make of it.

    Args:
        lesson: the lesson as it is released.
        graded: its graded sources, hidden tests and all, by notebook.
        due_at: when it is due for those without an extension.
    """
    return {
        "name": lesson.lesson.slug,
        "duedate": naive(due_at),
        "notebooks": [_notebook_of(stem, text) for stem, text in graded.items()],
    }


def _notebook_of(stem: str, text: str) -> dict[str, Any]:
    node = read_notebook(text, max_bytes=MAX_SOURCE_BYTES)
    cells = [
        {
            "grade_id": grade_id(cell),
            "grade": is_grade(cell),
            "solution": is_solution(cell),
            "task": is_task(cell),
            "locked": is_locked(cell),
            "points": points(cell),
            "cell_type": cell.cell_type,
            "source": cell.source,
            "checksum": nbgrader_metadata(cell).get("checksum"),
        }
        for cell in node.cells
        if grade_id(cell) is not None
        and (is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell))
    ]
    return {"name": stem, "kernelspec": dict(node.metadata.get("kernelspec", {})), "cells": cells}


def automatic_of(worth: Worth) -> dict[str, dict[str, float | None]]:
    """Return the judge's scores by test; none where a person has to give one."""
    return {
        outcome.test_id: {"score": None if outcome.needs_person else outcome.points}
        for outcome in worth.outcomes
    }


def penalties_of(worth: Worth) -> dict[str, float]:
    """Return late penalties by notebook, as nbgrader takes them off a notebook's score.

    nbgrader has no negative final scores but takes off whatever stands there, so that a penalty above the score would
    count twice in its sums.
    """
    return {
        stem: notebook.penalty
        for stem, notebook in worth.final.notebooks.items()
        if notebook.overridden or notebook.penalty
    }
