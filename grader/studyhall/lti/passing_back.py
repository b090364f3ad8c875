"""The outbox of grades: rows written with each change of a grade, and sending what the learner may see."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import Course, CourseOffering, Lesson, LessonRelease
from studyhall.db.session import cohort_of
from studyhall.events.models import Event
from studyhall.lti import policy
from studyhall.lti.models import LtiColumn, LtiContext, LtiMembership, LtiPassback, LtiPlatform
from studyhall.lti.policy import PassbackState
from studyhall.permissions import Role
from studyhall.submissions.counting import counting_attempts
from studyhall.submissions.models import CountingAttempt
from studyhall.submissions.schemas import FinalGrade


@dataclass(frozen=True)
class Owed:
    """A row of the outbox whose grade is to be sent, and the column that it goes to."""

    id: uuid.UUID
    context_id: uuid.UUID
    lesson_id: uuid.UUID


async def owe(session: AsyncSession, events: Sequence[Event]) -> list[Owed]:
    """Write down that the grades which these events are about have to reach the platforms; in their transaction.

    Only learners of a platform's course that is connected with the course are in it; for all others it is one
    statement that writes nothing.
    """
    changed = {
        (event.user_id, uuid.UUID(event.data["lesson_id"]), str(event.data["course"]))
        for event in events
        if event.user_id is not None
        and event.data.get("lesson_id")
        and (event.data.get("released") or event.data.get("was_released"))
    }
    owed: list[Owed] = []
    for lesson_id, course in sorted({(lesson, course) for _, lesson, course in changed}, key=str):
        users = {user for user, lesson, _ in changed if lesson == lesson_id}
        owed += await _write(
            session,
            select(
                func.gen_random_uuid(),
                literal(cohort_of(session)),
                LtiMembership.context_id,
                LtiMembership.user_id,
                literal(lesson_id),
                literal(PassbackState.WAITING.value),
            )
            .join(LtiContext, LtiContext.id == LtiMembership.context_id)
            .join(CourseOffering, CourseOffering.id == LtiContext.offering_id)
            .join(Course, Course.id == CourseOffering.course_id)
            .where(
                LtiMembership.user_id.in_(users),
                LtiMembership.role == Role.LEARNER.value,
                Course.slug == course,
                LtiContext.lineitems_url.is_not(None),
            )
            .order_by(LtiMembership.context_id, LtiMembership.user_id),
        )
    return owed


async def owe_all_of(session: AsyncSession, membership_id: uuid.UUID) -> list[Owed]:
    """Write down every grade that a learner can see and that was not written down yet.

    They came from the platform for the first time, or it has a gradebook only now.
    """
    return await _write(
        session,
        select(
            func.gen_random_uuid(),
            literal(cohort_of(session)),
            LtiMembership.context_id,
            LtiMembership.user_id,
            CountingAttempt.lesson_id,
            literal(PassbackState.WAITING.value),
        )
        .join(LtiContext, LtiContext.id == LtiMembership.context_id)
        .join(CourseOffering, CourseOffering.id == LtiContext.offering_id)
        .join(CountingAttempt, CountingAttempt.user_id == LtiMembership.user_id)
        .join(
            Lesson, (Lesson.id == CountingAttempt.lesson_id) & (Lesson.course_id == CourseOffering.course_id)
        )
        .where(
            LtiMembership.id == membership_id,
            LtiMembership.role == Role.LEARNER.value,
            LtiContext.lineitems_url.is_not(None),
            CountingAttempt.final.is_not(None),
            ~select(LtiPassback.id)
            .where(
                LtiPassback.context_id == LtiMembership.context_id,
                LtiPassback.user_id == LtiMembership.user_id,
                LtiPassback.lesson_id == CountingAttempt.lesson_id,
            )
            .exists(),
        )
        .order_by(CountingAttempt.lesson_id),
    )


async def _write(session: AsyncSession, rows: Any) -> list[Owed]:
    written = insert(LtiPassback).from_select(
        ["id", "cohort_id", "context_id", "user_id", "lesson_id", "state"], rows
    )
    found = await session.execute(
        written.on_conflict_do_update(
            index_elements=["context_id", "user_id", "lesson_id"],
            set_={
                "wanted": LtiPassback.wanted + 1,
                "state": PassbackState.WAITING.value,
                "tries": 0,
                "trouble": None,
            },
        ).returning(LtiPassback.id, LtiPassback.context_id, LtiPassback.lesson_id)
    )
    return [Owed(row.id, row.context_id, row.lesson_id) for row in found]


@dataclass(frozen=True)
class Sending:
    """What is known of a row before the platform is called."""

    id: uuid.UUID
    wanted: int
    context_id: uuid.UUID
    lesson_id: uuid.UUID
    platform: LtiPlatform
    scopes: list[str]
    line_items: str | None
    column: str | None
    label: str
    grade: FinalGrade | None
    subject: str
    at: datetime
    was_sent: bool


async def prepare(session: AsyncSession, passback_id: uuid.UUID, *, now: datetime) -> Sending | None:
    """Return what there is to send, and write down the moment that stands in it; None when there is nothing any more.

    The moment is kept before it is sent: whatever becomes of the call, no later one has an earlier moment.
    """
    row = await session.scalar(select(LtiPassback).where(LtiPassback.id == passback_id).with_for_update())
    if row is None or row.done >= row.wanted:
        return None
    context = (await session.scalars(select(LtiContext).where(LtiContext.id == row.context_id))).one()
    membership = await session.scalar(
        select(LtiMembership).where(
            LtiMembership.context_id == row.context_id, LtiMembership.user_id == row.user_id
        )
    )
    if membership is None or membership.role != Role.LEARNER.value:
        # Platforms have no column for staff, and refuse a score of theirs.
        row.done, row.state = row.wanted, PassbackState.SENT.value
        return None
    platform = (await session.scalars(select(LtiPlatform).where(LtiPlatform.id == context.platform_id))).one()
    counting = await counting_attempts(session, {row.user_id}, {row.lesson_id})
    at = policy.later(now, row.last_timestamp)
    row.last_timestamp = at
    return Sending(
        id=row.id,
        wanted=row.wanted,
        context_id=context.id,
        lesson_id=row.lesson_id,
        platform=platform,
        scopes=policy.scopes_wanted([str(scope) for scope in context.scopes]),
        line_items=context.lineitems_url,
        column=await session.scalar(
            select(LtiColumn.url).where(
                LtiColumn.context_id == context.id, LtiColumn.lesson_id == row.lesson_id
            )
        ),
        label=await _label(session, context, row.lesson_id),
        grade=next(iter(counting.values()), None),
        subject=membership.subject,
        at=at,
        was_sent=row.sent_score is not None,
    )


async def _label(session: AsyncSession, context: LtiContext, lesson_id: uuid.UUID) -> str:
    title = await session.scalar(
        select(LessonRelease.title)
        .join(CourseOffering, CourseOffering.release_id == LessonRelease.release_id)
        .where(CourseOffering.id == context.offering_id, LessonRelease.lesson_id == lesson_id)
    )
    return title or str(await session.scalar(select(Lesson.slug).where(Lesson.id == lesson_id)))


async def sent(session: AsyncSession, sending: Sending) -> None:
    """Write down that the platform has it; a change since then stays owed."""
    grade = sending.grade
    await session.execute(
        update(LtiPassback)
        .where(LtiPassback.id == sending.id)
        .values(
            done=sending.wanted,
            state=text(f"CASE WHEN wanted > {int(sending.wanted)} THEN 'waiting' ELSE 'sent' END"),
            tries=0,
            trouble=None,
            sent_score=grade.score if grade is not None else None,
            sent_max_score=grade.max_score if grade is not None else None,
        )
    )


async def failed(session: AsyncSession, passback_id: uuid.UUID, trouble: str, *, for_good: bool) -> int:
    """Write down that a try did not work, and return how many there were."""
    state = PassbackState.FAILED if for_good else PassbackState.WAITING
    tries = await session.scalar(
        update(LtiPassback)
        .where(LtiPassback.id == passback_id)
        .values(tries=LtiPassback.tries + 1, trouble=trouble[:500], state=state.value)
        .returning(LtiPassback.tries)
    )
    return tries or 0
