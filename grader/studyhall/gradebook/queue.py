"""The grading queue: answers to one question after another, whoever wrote them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import CourseOffering, Enrolment
from studyhall.db.encryption import ContentCipher
from studyhall.gradebook import answers, claims, rubrics, service
from studyhall.gradebook.models import Grade, GradingClaim, ManualGrade
from studyhall.gradebook.policies import Assignment, show_policy
from studyhall.gradebook.schemas import QueueItem, QueueQuery, QueueQuestion
from studyhall.gradebook.standing import Worth
from studyhall.gradebook.table import Column, columns_of, learners_of
from studyhall.identity.models import User
from studyhall.identity.service import users_by_id
from studyhall.submissions.models import Attempt
from studyhall.submissions.schemas import LearnerName


def _among_learners(offering: CourseOffering) -> tuple[ColumnElement[bool], ...]:
    return (
        *learners_of(offering),
        Enrolment.user_id == Grade.user_id,
        Grade.offering_id == offering.id,
        Grade.attempt_id.is_not(None),
    )


async def questions(session: AsyncSession, offering: CourseOffering, *, now: datetime) -> list[QueueQuestion]:
    """Return every question of a course that people grade, in the course's order, with how far they are."""
    columns = await columns_of(session, offering, user_ids=set())
    test = func.jsonb_array_elements_text(Grade.waiting).table_valued("value").lateral("test")
    waiting = await _counted(
        session,
        select(Grade.lesson_id, test.c.value, func.count())
        .join(test, true())
        .where(*_among_learners(offering), Grade.needs_grading)
        .group_by(Grade.lesson_id, test.c.value),
    )
    graded = await _counted(
        session,
        select(Grade.lesson_id, ManualGrade.test_id, func.count())
        .join(ManualGrade, ManualGrade.attempt_id == Grade.attempt_id)
        .where(*_among_learners(offering), ManualGrade.manual_score.is_not(None))
        .group_by(Grade.lesson_id, ManualGrade.test_id),
    )
    claimed = await _counted(
        session,
        select(Grade.lesson_id, GradingClaim.test_id, func.count())
        .join(GradingClaim, GradingClaim.attempt_id == Grade.attempt_id)
        .where(*_among_learners(offering), GradingClaim.until > now)
        .group_by(Grade.lesson_id, GradingClaim.test_id),
    )
    found = []
    for column in columns:
        for test_id, title, points in _questions_of(column, waiting):
            place = (column.lesson_id, test_id)
            found.append(
                QueueQuestion(
                    lesson=column.slug,
                    title=column.lesson.title,
                    test_id=test_id,
                    question=title,
                    max_points=points,
                    waiting=waiting.get(place, 0),
                    graded=graded.get(place, 0),
                    claimed=claimed.get(place, 0),
                )
            )
    return found


def _questions_of(
    column: Column, waiting: Mapping[tuple[uuid.UUID, str], int]
) -> list[tuple[str, str, float]]:
    """Return the tests that people grade, and those that wait for one although their release has left the course."""
    known = {
        str(test["id"]): (str(test["title"]), float(test["points"]), bool(test.get("manual")))
        for test in column.lesson.tests
    }
    found = [
        (test_id, title, points)
        for test_id, (title, points, manual) in known.items()
        if manual or (column.lesson_id, test_id) in waiting
    ]
    found.extend(
        (test_id, test_id.rpartition("/")[2], 0.0)
        for lesson_id, test_id in sorted(waiting, key=str)
        if lesson_id == column.lesson_id and test_id not in known
    )
    return found


async def _counted(session: AsyncSession, query: Any) -> dict[tuple[uuid.UUID, str], int]:
    return {(lesson_id, test_id): count for lesson_id, test_id, count in await session.execute(query)}


async def items(
    session: AsyncSession,
    assignment: Assignment,
    query: QueueQuery,
    *,
    viewer: uuid.UUID,
    cipher: ContentCipher,
    now: datetime,
) -> tuple[list[QueueItem], int]:
    """Return a page of the answers to one question, in an order that says nothing of names, and how many there are."""
    waits = Grade.waiting.contains([query.test_id])
    ranked = (
        select(
            Grade.attempt_id,
            waits.label("waits"),
            func.row_number().over(order_by=func.md5(cast(Grade.attempt_id, String))).label("place"),
        )
        .join(Enrolment, Enrolment.user_id == Grade.user_id)
        .where(*_among_learners(assignment.offering), Grade.lesson_id == assignment.lesson.lesson_id)
        .subquery()
    )
    wanted: ColumnElement[bool] = ranked.c.waits
    if query.include_graded:
        graded = (
            select(ManualGrade.id)
            .where(
                ManualGrade.attempt_id == ranked.c.attempt_id,
                ManualGrade.test_id == query.test_id,
                ManualGrade.manual_score.is_not(None),
            )
            .exists()
        )
        wanted = or_(wanted, graded)
    total = await session.scalar(select(func.count()).select_from(ranked).where(wanted)) or 0
    rows = (
        await session.execute(
            select(ranked.c.attempt_id, ranked.c.place)
            .where(wanted)
            .order_by(ranked.c.place)
            .offset((query.page - 1) * query.limit)
            .limit(query.limit)
        )
    ).all()
    found = {
        attempt.id: attempt
        for attempt in await session.scalars(
            select(Attempt).where(Attempt.id.in_([row.attempt_id for row in rows]))
        )
    }
    page = [(found[row.attempt_id], int(row.place)) for row in rows]
    hidden = query.anonymous or (await show_policy(session, assignment)).anonymous
    described = await _described(
        session, page, query.test_id, hidden=hidden, viewer=viewer, cipher=cipher, now=now
    )
    return described, total


async def _described(
    session: AsyncSession,
    page: Sequence[tuple[Attempt, int]],
    test_id: str,
    *,
    hidden: bool,
    viewer: uuid.UUID,
    cipher: ContentCipher,
    now: datetime,
) -> list[QueueItem]:
    attempts = [attempt for attempt, _ in page]
    ids = [attempt.id for attempt in attempts]
    stem, _, grade_id = test_id.rpartition("/")
    pages = await answers.pages_of(session, attempts)
    wanted = {one: {(stem, grade_id)} for one in ids}
    await answers.complete(session, pages, wanted, cipher)
    await answers.draw(pages, wanted)
    worths = await service.final_grades(session, attempts)
    marks = {row.attempt_id: row for row in await service.marks_of(session, ids) if row.test_id == test_id}
    rubric = await rubrics.marks_by_grade(session, [row.id for row in marks.values()])
    held = await claims.claims_of(session, ids, viewer=viewer, now=now, test_id=test_id)
    people: Mapping[uuid.UUID, User] = (
        {} if hidden else await users_by_id(session, {attempt.user_id for attempt in attempts})
    )
    found = []
    for attempt, place in page:
        row, worth = marks.get(attempt.id), worths[attempt.id]
        learner = people.get(attempt.user_id)
        auto, auto_max, most = _automatic(worth, test_id)
        found.append(
            QueueItem(
                attempt_id=attempt.id,
                label=f"Answer {place}",
                learner=LearnerName(username=learner.hub_username, display_name=learner.display_name)
                if learner
                else None,
                submitted_at=attempt.submitted_at,
                late=worth.final.late,
                answer=pages[attempt.id].answer(stem, grade_id),
                auto_score=auto,
                auto_max=auto_max,
                max_points=most,
                manual_score=row.manual_score if row else None,
                extra_credit=row.extra_credit if row else None,
                comment=row.comment if row else None,
                rubric_marks=rubric.get(row.id, []) if row else [],
                needs_grading=test_id in worth.final.waiting,
                carried_from=row.carried_from if row else None,
                graded_by=row.graded_by if row else None,
                claim=held.get((attempt.id, test_id)),
                version=row.version if row else 0,
            )
        )
    return found


def _automatic(worth: Worth, test_id: str) -> tuple[float, float, float]:
    """Return points and highest points of the tests that a machine graded, and the highest of the one asked about."""
    by_machine = [outcome for outcome in worth.outcomes if not outcome.needs_person]
    most = next((outcome.max_points for outcome in worth.outcomes if outcome.test_id == test_id), 0.0)
    return (
        sum(outcome.points for outcome in by_machine),
        sum(outcome.max_points for outcome in by_machine),
        most,
    )
