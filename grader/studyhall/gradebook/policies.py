"""What staff decide for an assignment: which attempt counts, what lateness costs, other dates. Grades follow."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, LessonRelease
from studyhall.db.session import cohort_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.gradebook import standing
from studyhall.gradebook.errors import ChangedMeanwhile
from studyhall.gradebook.models import AssignmentPolicy
from studyhall.gradebook.schemas import PolicyOut
from studyhall.submissions.counting import lock_attempts, mark_late

DECIDED = (
    "counting",
    "late_policy",
    "late_percent_per_day",
    "late_max_percent",
    "grace_minutes",
    "due_at",
    "closes_at",
    "anonymous",
)
"""Columns that staff set directly."""


@dataclass(frozen=True)
class Assignment:
    """An assignment of an offering: a lesson of its pinned release."""

    offering: CourseOffering
    lesson: LessonRelease

    @property
    def course(self) -> str:
        """Return the course's slug."""
        return self.offering.course.slug

    @property
    def slug(self) -> str:
        """Return the lesson's slug."""
        return self.lesson.lesson.slug


async def assignment_of(session: AsyncSession, course: str, lesson: str) -> Assignment:
    """Return an assignment by the slugs of course and lesson.

    Raises:
        UnknownCourse, UnknownLesson: there is none.
    """
    offering = await courses.offering_of(session, course)
    return Assignment(offering=offering, lesson=await courses.lesson_of(session, offering, lesson))


async def apply(
    session: AsyncSession,
    offering: CourseOffering,
    lesson_id: uuid.UUID,
    *,
    outbox: Outbox,
    now: datetime,
    user_ids: set[uuid.UUID] | None = None,
) -> set[uuid.UUID]:
    """Have an assignment's attempts and grades follow its terms as they are now; return for whom something changed.

    Attempts are locked before anything is read, and before grades, as everywhere.
    """
    learners = await lock_attempts(session, offering.id, lesson_id, user_ids)
    terms = await standing.terms_of_lesson(session, offering, lesson_id, user_ids=learners)
    await mark_late(
        session,
        offering.id,
        lesson_id,
        late_after=terms.deadlines().late_after,
        own={user_id: terms.deadlines(user_id).late_after for user_id in terms.extensions},
        user_ids=user_ids,
    )
    return await standing.refresh(session, offering, lesson_id, learners, outbox=outbox, now=now)


async def show_policy(session: AsyncSession, assignment: Assignment) -> PolicyOut:
    """Return what holds for an assignment, decided or by default."""
    terms = await standing.terms_of_lesson(
        session, assignment.offering, assignment.lesson.lesson_id, user_ids=set()
    )
    decided, everybody = terms.decided, terms.deadlines()
    return PolicyOut(
        **_decided(decided),
        effective_counting=standing.counting_rule(terms),
        effective_due_at=everybody.due_at,
        effective_closes_at=everybody.closes_at,
        published_due_at=assignment.lesson.due_at,
        published_closes_at=assignment.lesson.closes_at,
        grades_released_at=decided.grades_released_at if decided else None,
        feedback_released_at=decided.feedback_released_at if decided else None,
        version=decided.version if decided else 0,
    )


async def change_policy(
    session: AsyncSession,
    assignment: Assignment,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Change some of an assignment's rules; every grade that depends on them follows at once.

    Args:
        session: the cohort's.
        assignment: which.
        changes: columns of :data:`DECIDED` with their new values.
        expected_version: the version that the person has seen; none takes any.
        actor: who changes it.
        outbox: takes the events.
        now: the moment.

    Raises:
        ChangedMeanwhile: it has another version.
    """
    offering, lesson_id = assignment.offering, assignment.lesson.lesson_id
    # Before the policy itself, so that a submission which is being graded now is graded by one rule or by the other.
    await lock_attempts(session, offering.id, lesson_id, None)
    existing = await policy_of(session, assignment)
    if expected_version is not None and expected_version != (existing.version if existing else 0):
        raise ChangedMeanwhile
    before = _decided(existing)
    new = {name: changes.get(name, before[name]) for name in DECIDED}
    if new == before:
        return
    row = existing or await made_policy(session, assignment)
    for name, value in new.items():
        setattr(row, name, value)
    row.version = row.version + 1 if existing else 1
    await session.flush()
    audit.record(
        session,
        actor,
        Action.POLICY_CHANGED,
        about=assignment.slug,
        course=assignment.course,
        at=now,
        before=_plain(before, new),
        after=_plain(new, before),
    )
    await apply(session, offering, lesson_id, outbox=outbox, now=now)
    await say_changed(session, assignment, outbox=outbox)


async def say_changed(session: AsyncSession, assignment: Assignment, *, outbox: Outbox) -> None:
    """Say that an assignment's terms are others now.

    A submission that arrived while they changed was not locked and may have been graded by the former ones: the
    gradebook listens to its own event and looks once more, after the commit.
    """
    await outbox.emit(
        session,
        EventType.POLICY_CHANGED,
        user_id=None,
        data={
            "course": assignment.course,
            "lesson": assignment.slug,
            "lesson_id": str(assignment.lesson.lesson_id),
        },
    )


def _decided(row: AssignmentPolicy | None) -> dict[str, Any]:
    if row is not None:
        return {name: getattr(row, name) for name in DECIDED}
    return {
        "counting": None,
        "late_policy": "none",
        "late_percent_per_day": 10.0,
        "late_max_percent": 100.0,
        "grace_minutes": 0,
        "due_at": None,
        "closes_at": None,
        "anonymous": False,
    }


def _plain(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return as JSON what differs."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value != others[name]
    }


async def policy_of(session: AsyncSession, assignment: Assignment) -> AssignmentPolicy | None:
    """Return an assignment's own row, locked; none while everything is at its default."""
    return await session.scalar(
        select(AssignmentPolicy)
        .where(
            AssignmentPolicy.offering_id == assignment.offering.id,
            AssignmentPolicy.lesson_id == assignment.lesson.lesson_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def made_policy(session: AsyncSession, assignment: Assignment) -> AssignmentPolicy:
    """Return an assignment's own row, locked; two at once make one."""
    await session.execute(
        insert(AssignmentPolicy)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            offering_id=assignment.offering.id,
            lesson_id=assignment.lesson.lesson_id,
        )
        .on_conflict_do_nothing(index_elements=["offering_id", "lesson_id"])
    )
    row = await policy_of(session, assignment)
    if row is None:
        raise RuntimeError("A policy that was made a moment ago is gone.")
    return row
