"""The moment from which learners see their grades, and the way back."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses import service as courses
from studyhall.courses.models import Enrolment
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.gradebook.models import Grade
from studyhall.gradebook.policies import Assignment, apply, made_policy, policy_of, say_changed
from studyhall.gradebook.schemas import GradesReleased
from studyhall.permissions import Role
from studyhall.submissions.counting import lock_attempts


async def release_grades(
    session: AsyncSession,
    assignment: Assignment,
    *,
    feedback: bool,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> GradesReleased:
    """Show learners their grades from now on, and say so to each one who has one; again changes nothing for anybody.

    Args:
        session: the cohort's.
        assignment: whose grades.
        feedback: whether feedback is released with them.
        actor: who releases them.
        outbox: takes the events.
        now: the moment.
    """
    offering, lesson_id = assignment.offering, assignment.lesson.lesson_id
    await lock_attempts(session, offering.id, lesson_id, None)
    row = await made_policy(session, assignment)
    is_new = row.grades_released_at is None
    more_feedback = feedback and row.feedback_released_at is None
    if is_new:
        row.grades_released_at = now
    if more_feedback:
        row.feedback_released_at = now
    if is_new or more_feedback:
        row.version += 1
        await session.flush()
        audit.record(
            session,
            actor,
            Action.GRADES_RELEASED if is_new else Action.FEEDBACK_RELEASED,
            about=assignment.slug,
            course=assignment.course,
            at=now,
            after={"grades": True, "feedback": row.feedback_released_at is not None},
        )
        await apply(session, offering, lesson_id, outbox=outbox, now=now)
        await say_changed(session, assignment, outbox=outbox)
    grades = await session.execute(
        select(Grade.user_id, Grade.attempt_id)
        .join(Enrolment, (Enrolment.offering_id == Grade.offering_id) & (Enrolment.user_id == Grade.user_id))
        .where(
            Grade.offering_id == offering.id,
            Grade.lesson_id == lesson_id,
            Grade.attempt_id.is_not(None),
            Enrolment.role == Role.LEARNER.value,
        )
    )
    told = [
        (
            user_id,
            {
                "attempt_id": str(attempt_id),
                "course": assignment.course,
                "lesson": assignment.slug,
                "lesson_id": str(lesson_id),
                "title": assignment.lesson.title,
            },
        )
        for user_id, attempt_id in grades
    ]
    if is_new:
        await outbox.emit_all(session, EventType.GRADES_RELEASED, told)
    return GradesReleased(
        grades_released_at=row.grades_released_at,
        feedback_released_at=row.feedback_released_at,
        learners=await courses.learners_of(session, offering),
        notified=len(told) if is_new else 0,
    )


async def take_grades_back(
    session: AsyncSession, assignment: Assignment, *, actor: Actor, outbox: Outbox, now: datetime
) -> None:
    """Hide grades and feedback from learners again; nobody is told, and what was seen was seen."""
    offering, lesson_id = assignment.offering, assignment.lesson.lesson_id
    await lock_attempts(session, offering.id, lesson_id, None)
    row = await policy_of(session, assignment)
    if row is None or (row.grades_released_at is None and row.feedback_released_at is None):
        return
    row.grades_released_at = row.feedback_released_at = None
    row.version += 1
    await session.flush()
    audit.record(
        session, actor, Action.GRADES_TAKEN_BACK, about=assignment.slug, course=assignment.course, at=now
    )
    await apply(session, offering, lesson_id, outbox=outbox, now=now)
    await say_changed(session, assignment, outbox=outbox)
