"""The gradebook as a table: a page of learners, all assignments, one cell each, whatever the history behind it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import service as courses
from studyhall.courses.errors import UnknownLesson
from studyhall.courses.models import CourseOffering, Enrolment, LessonProgress, LessonRelease
from studyhall.gradebook.deadlines import Terms, terms_of
from studyhall.gradebook.models import Grade, LatePolicy
from studyhall.gradebook.schemas import (
    Gradebook,
    GradebookAssignment,
    GradebookCell,
    GradebookQuery,
    GradebookRow,
    GradeState,
)
from studyhall.gradebook.standing import counting_rule
from studyhall.grading.models import Report
from studyhall.identity.models import User
from studyhall.permissions import Role
from studyhall.submissions.models import IN_FLIGHT, Attempt, AttemptStatus
from studyhall.submissions.schemas import LearnerName


@dataclass(frozen=True)
class Column:
    """An assignment of the pinned release, in the course's order."""

    unit: str
    lesson: LessonRelease
    terms: Terms

    @property
    def slug(self) -> str:
        """Return the lesson's slug."""
        return self.lesson.lesson.slug

    @property
    def lesson_id(self) -> uuid.UUID:
        """Return the lesson's id."""
        return self.lesson.lesson_id

    @property
    def points(self) -> float:
        """Return the most that an attempt can have."""
        return float(sum(float(test["points"]) for test in self.lesson.tests))


async def columns_of(
    session: AsyncSession, offering: CourseOffering, *, user_ids: set[uuid.UUID] | None = None
) -> list[Column]:
    """Return a course's lessons with graded cells; ``user_ids`` says whose extensions are wanted."""
    lessons = await courses.lessons_of(session, offering)
    found = [
        (unit["title"], lessons[slug])
        for unit in offering.release.outline
        for slug in unit["lessons"]
        if lessons[slug].tests
    ]
    terms = await terms_of(
        session, offering, {lesson.lesson_id: lesson for _, lesson in found}, user_ids=user_ids
    )
    return [Column(unit=unit, lesson=lesson, terms=terms[lesson.lesson_id]) for unit, lesson in found]


def learners_of(offering: CourseOffering) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for an offering's learners among enrolments."""
    return (Enrolment.offering_id == offering.id, Enrolment.role == Role.LEARNER.value)


async def gradebook(
    session: AsyncSession, offering: CourseOffering, query: GradebookQuery
) -> tuple[Gradebook, int]:
    """Return a page of the table, and how many learners match.

    Raises:
        UnknownLesson: the filter or the order names an assignment that the course has not.
    """
    every = await columns_of(session, offering)
    columns = every if query.lesson is None else [_named(every, query.lesson)]
    found, total = await _learners(session, offering, every, columns, query)
    ids = [row.id for row in found]
    grades = await _grades(session, offering, columns, ids)
    work = await _work(session, columns, ids)
    waiting, means = await _class(session, offering, columns)
    total_max = sum(column.points for column in every)
    rows = [
        GradebookRow(
            learner=LearnerName(username=row.hub_username, display_name=row.display_name),
            total=round(row.total, 6),
            total_max=total_max,
            cells={
                column.slug: _cell(
                    column,
                    grades.get((row.id, column.lesson_id)),
                    work.get((row.id, column.lesson_id)),
                    extension=row.id in column.terms.extensions,
                )
                for column in columns
            },
        )
        for row in found
    ]
    return (
        Gradebook(
            assignments=[_described(column, waiting.get(column.lesson_id, 0)) for column in columns],
            rows=rows,
            means={column.slug: means.get(column.lesson_id) for column in columns},
        ),
        total,
    )


def _named(columns: Sequence[Column], slug: str) -> Column:
    for column in columns:
        if column.slug == slug:
            return column
    raise UnknownLesson


def _described(column: Column, waiting: int) -> GradebookAssignment:
    decided, everybody = column.terms.decided, column.terms.deadlines()
    return GradebookAssignment(
        lesson=column.slug,
        title=column.lesson.title,
        unit=column.unit,
        points=column.points,
        due_at=everybody.due_at,
        closes_at=everybody.closes_at,
        counting=counting_rule(column.terms),
        late_policy=LatePolicy(decided.late_policy) if decided else LatePolicy.NONE,
        manual_tests=sum(bool(test.get("manual")) for test in column.lesson.tests),
        needs_grading=waiting,
        grades_released_at=decided.grades_released_at if decided else None,
    )


def _cell(column: Column, grade: Any, work: Any, *, extension: bool) -> GradebookCell:
    return GradebookCell(
        attempt_id=grade.attempt_id if grade else work.latest if work else None,
        score=grade.score if grade else None,
        max_score=grade.max_score if grade else column.points,
        state=_state(grade, work),
        late=grade.late if grade else bool(work and work.late),
        penalty=grade.penalty if grade else 0.0,
        manual=bool(grade and grade.manual),
        extension=extension,
        attempts=work.attempts if work else 0,
    )


def _state(grade: Any, work: Any) -> GradeState:
    if work is None:
        return "missing"
    if work.status in IN_FLIGHT:
        return "queued"
    if grade is None or work.status == AttemptStatus.INTERNAL_ERROR.value:
        return "problem"
    return "needs_grading" if grade.needs_grading else "graded"


# ---------------------------------------------------------------- queries


async def _learners(
    session: AsyncSession,
    offering: CourseOffering,
    every: Sequence[Column],
    columns: Sequence[Column],
    query: GradebookQuery,
) -> tuple[Sequence[Any], int]:
    """Return a page of learners with their totals, and how many match."""
    where: list[ColumnElement[bool]] = list(learners_of(offering))
    if query.search:
        where.append(
            User.hub_username.icontains(query.search, autoescape=True)
            | User.display_name.icontains(query.search, autoescape=True)
        )
    if query.state is not None:
        where.append(_in_state(query.state, offering, [column.lesson_id for column in columns]))
    matching = select(Enrolment.user_id).join(User, User.id == Enrolment.user_id).where(*where)
    total = await session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    sums = totals(offering, [column.lesson_id for column in every]).subquery()
    full = func.coalesce(sums.c.total, 0.0)
    names = (func.lower(User.display_name), User.hub_username)
    statement = (
        select(User.id, User.hub_username, User.display_name, full.label("total"))
        .join(Enrolment, Enrolment.user_id == User.id)
        .outerjoin(sums, sums.c.user_id == User.id)
        .where(*where)
    )
    down = query.order == "desc"
    if query.sort_by == "name":
        statement = statement.order_by(*(name.desc() if down else name.asc() for name in names))
    elif query.sort_by == "total":
        statement = statement.order_by(full.desc() if down else full.asc(), *names)
    else:
        by = _named(every, query.sort_by).lesson_id
        statement = statement.outerjoin(
            Grade,
            (Grade.offering_id == offering.id) & (Grade.lesson_id == by) & (Grade.user_id == User.id),
        ).order_by(Grade.score.desc().nulls_last() if down else Grade.score.asc().nulls_first(), *names)
    rows = await session.execute(statement.offset((query.page - 1) * query.limit).limit(query.limit))
    return rows.all(), total


def totals(offering: CourseOffering, lesson_ids: Sequence[uuid.UUID]) -> Select[uuid.UUID, float]:
    """Return the query for what learners have in all assignments together."""
    return (
        select(Grade.user_id, func.sum(Grade.score).label("total"))
        .where(Grade.offering_id == offering.id, Grade.lesson_id.in_(lesson_ids))
        .group_by(Grade.user_id)
    )


def _in_state(state: str, offering: CourseOffering, lesson_ids: Sequence[uuid.UUID]) -> ColumnElement[bool]:
    mine = (
        Grade.offering_id == offering.id,
        Grade.lesson_id.in_(lesson_ids),
        Grade.user_id == Enrolment.user_id,
    )
    if state == "needs_grading":
        return select(Grade.id).where(*mine, Grade.needs_grading).exists()
    if state == "late":
        return select(Grade.id).where(*mine, Grade.late).exists()
    if state == "flagged":
        return (
            select(Grade.id)
            .join(Report, Report.attempt_id == Grade.attempt_id)
            .where(*mine, Report.flagged)
            .exists()
        )
    submitted = (
        select(func.count())
        .select_from(LessonProgress)
        .where(
            LessonProgress.user_id == Enrolment.user_id,
            LessonProgress.lesson_id.in_(lesson_ids),
            LessonProgress.attempts_used > 0,
        )
        .scalar_subquery()
    )
    return submitted < len(lesson_ids)


async def _grades(
    session: AsyncSession, offering: CourseOffering, columns: Sequence[Column], user_ids: Sequence[uuid.UUID]
) -> Mapping[tuple[uuid.UUID, uuid.UUID], Any]:
    rows = await session.execute(
        select(
            Grade.user_id,
            Grade.lesson_id,
            Grade.attempt_id,
            Grade.score,
            Grade.max_score,
            Grade.penalty,
            Grade.needs_grading,
            Grade.manual,
            Grade.late,
        ).where(
            Grade.offering_id == offering.id,
            Grade.lesson_id.in_([column.lesson_id for column in columns]),
            Grade.user_id.in_(user_ids),
            Grade.attempt_id.is_not(None),
        )
    )
    return {(row.user_id, row.lesson_id): row for row in rows}


async def _work(
    session: AsyncSession, columns: Sequence[Column], user_ids: Sequence[uuid.UUID]
) -> Mapping[tuple[uuid.UUID, uuid.UUID], Any]:
    """Return how often each learner submitted each assignment, and how their newest attempt stands."""
    newest = (
        select(Attempt.id, Attempt.status, Attempt.late)
        .where(Attempt.user_id == LessonProgress.user_id, Attempt.lesson_id == LessonProgress.lesson_id)
        .order_by(Attempt.number.desc())
        .limit(1)
        .lateral("newest")
    )
    rows = await session.execute(
        select(
            LessonProgress.user_id,
            LessonProgress.lesson_id,
            LessonProgress.attempts_used.label("attempts"),
            newest.c.id.label("latest"),
            newest.c.status,
            newest.c.late,
        )
        .join(newest, true())
        .where(
            LessonProgress.user_id.in_(user_ids),
            LessonProgress.lesson_id.in_([column.lesson_id for column in columns]),
            LessonProgress.attempts_used > 0,
        )
    )
    return {(row.user_id, row.lesson_id): row for row in rows}


async def _class(
    session: AsyncSession, offering: CourseOffering, columns: Sequence[Column]
) -> tuple[dict[uuid.UUID, int], dict[uuid.UUID, float]]:
    """Return by assignment how many learners wait for a person, and the mean score of those who have one."""
    rows = await session.execute(
        select(
            Grade.lesson_id,
            func.count().filter(Grade.needs_grading).label("waiting"),
            func.avg(Grade.score).label("mean"),
        )
        .join(Enrolment, (Enrolment.user_id == Grade.user_id) & (Enrolment.offering_id == offering.id))
        .where(
            *learners_of(offering),
            Grade.offering_id == offering.id,
            Grade.lesson_id.in_([column.lesson_id for column in columns]),
            Grade.attempt_id.is_not(None),
        )
        .group_by(Grade.lesson_id)
    )
    waiting, means = {}, {}
    for row in rows:
        waiting[row.lesson_id] = row.waiting
        means[row.lesson_id] = round(float(row.mean), 3)
    return waiting, means
