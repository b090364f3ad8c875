"""The gradebook as a file: nbgrader's own columns as CSV, and the same with a wide sheet beside it as XLSX."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import CourseOffering, Enrolment
from studyhall.gradebook.models import Grade
from studyhall.gradebook.table import Column, columns_of, learners_of
from studyhall.identity.models import User
from studyhall.submissions.models import Attempt

COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
"""Exactly those of ``nbgrader export``, in its order."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula."""


@dataclass(frozen=True)
class Export:
    """All grades of a course, a row for each assignment and learner."""

    columns: Sequence[Column]
    learners: Sequence[Any]
    """Hub name and display name of each learner."""
    rows: Sequence[tuple[Any, ...]]
    """Values of :data:`COLUMNS`."""


def defused(value: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(FORMULAS) else value


def names_of(display_name: str) -> tuple[str, str]:
    """Return a first and a last name as far as a display name has both."""
    first, _, last = display_name.rpartition(" ")
    return (first, last) if first else (display_name, "")


def _moment(value: datetime | None) -> str:
    """Return a moment as nbgrader writes it: naive, in UTC."""
    return value.replace(tzinfo=None).isoformat(sep=" ") if value else ""


async def collect(session: AsyncSession, offering: CourseOffering) -> Export:
    """Return all grades of a course; four queries, however many learners."""
    columns = await columns_of(session, offering, user_ids=set())
    learners = (
        await session.execute(
            select(User.id, User.hub_username, User.display_name)
            .join(Enrolment, Enrolment.user_id == User.id)
            .where(*learners_of(offering))
            .order_by(func.lower(User.display_name), User.hub_username)
        )
    ).all()
    grades = {
        (row.user_id, row.lesson_id): row
        for row in await session.execute(
            select(
                Grade.user_id,
                Grade.lesson_id,
                Grade.raw_score,
                Grade.penalty,
                Grade.score,
                Grade.max_score,
                Attempt.submitted_at,
            )
            .join(Attempt, Attempt.id == Grade.attempt_id)
            .where(
                Grade.offering_id == offering.id,
                Grade.lesson_id.in_([column.lesson_id for column in columns]),
            )
        )
    }
    rows = []
    for column in columns:
        due = _moment(column.terms.deadlines().due_at)
        for learner in learners:
            grade = grades.get((learner.id, column.lesson_id))
            first, last = names_of(learner.display_name)
            rows.append(
                (
                    defused(column.slug),
                    due,
                    _moment(grade.submitted_at) if grade else "",
                    defused(learner.hub_username),
                    defused(last),
                    defused(first),
                    "",
                    grade.raw_score if grade else 0.0,
                    grade.penalty if grade else 0.0,
                    grade.score if grade else 0.0,
                    grade.max_score if grade else column.points,
                )
            )
    return Export(columns=columns, learners=learners, rows=rows)


def as_csv(export: Export) -> bytes:
    """Return nbgrader's CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(export.rows)
    return text.getvalue().encode()


def as_xlsx(export: Export) -> bytes:
    """Return a workbook: the sheet `grades` as in the CSV, and `overview` with a line for each learner."""
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        head = book.add_format({"bold": True})
        sheet = book.add_worksheet("grades")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, COLUMNS, head)
        for place, row in enumerate(export.rows, start=1):
            sheet.write_row(place, 0, row)
        wide = book.add_worksheet("overview")
        wide.freeze_panes(1, 2)
        titles = ("student_id", "name", *(defused(column.slug) for column in export.columns), "total", "max")
        wide.write_row(0, 0, titles, head)
        most = sum(column.points for column in export.columns)
        scores = [row[COLUMNS.index("score")] for row in export.rows]
        for place, learner in enumerate(export.learners):
            mine = scores[place :: len(export.learners)]
            wide.write_row(
                place + 1,
                0,
                (defused(learner.hub_username), defused(learner.display_name), *mine, sum(mine), most),
            )
    return content.getvalue()
