"""More time for one learner in one assignment; lateness and penalty follow at once."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.models import Course, CourseOffering, Enrolment, Lesson
from studyhall.db.session import cohort_of
from studyhall.errors import ErrorDetail
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.gradebook import policy, standing
from studyhall.gradebook.errors import NoMoreTime, UnknownLearner
from studyhall.gradebook.models import Extension
from studyhall.gradebook.policies import Assignment, apply, say_changed
from studyhall.gradebook.schemas import ExtensionIn, ExtensionOut
from studyhall.identity.models import User
from studyhall.identity.service import users_by_id
from studyhall.permissions import Role
from studyhall.submissions.counting import lock_attempts
from studyhall.submissions.schemas import LearnerName


async def extensions(
    session: AsyncSession, assignment: Assignment, *, page: int, limit: int
) -> tuple[list[ExtensionOut], int]:
    """Return a page of an assignment's extensions by learner, and how many there are."""
    where = (
        Extension.offering_id == assignment.offering.id,
        Extension.lesson_id == assignment.lesson.lesson_id,
    )
    total = await session.scalar(select(func.count()).select_from(Extension).where(*where)) or 0
    rows = list(
        await session.scalars(
            select(Extension)
            .join(User, User.id == Extension.user_id)
            .where(*where)
            .order_by(User.hub_username)
            .offset((page - 1) * limit)
            .limit(limit)
        )
    )
    people = await users_by_id(session, {row.user_id for row in rows})
    return [_described(row, people[row.user_id]) for row in rows], total


def _described(row: Extension, learner: User) -> ExtensionOut:
    return ExtensionOut(
        learner=LearnerName(username=learner.hub_username, display_name=learner.display_name),
        due_at=row.due_at,
        closes_at=row.closes_at,
        reason=row.reason,
        granted_by=row.granted_by,
        granted_at=row.granted_at,
    )


async def learner_of(session: AsyncSession, offering: CourseOffering, username: str) -> User:
    """Return a learner of a course by hub name.

    Raises:
        UnknownLearner: nobody of that name learns there.
    """
    user = await session.scalar(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(
            Enrolment.offering_id == offering.id,
            Enrolment.role == Role.LEARNER.value,
            User.hub_username == username,
        )
    )
    if user is None:
        raise UnknownLearner
    return user


async def _locked_place(
    session: AsyncSession, assignment: Assignment, username: str
) -> tuple[User, dict[str, uuid.UUID]]:
    """Return a learner and the keys of their extension, with their attempts locked. Raises `UnknownLearner`."""
    learner = await learner_of(session, assignment.offering, username)
    place = {
        "offering_id": assignment.offering.id,
        "lesson_id": assignment.lesson.lesson_id,
        "user_id": learner.id,
    }
    await lock_attempts(session, assignment.offering.id, assignment.lesson.lesson_id, {learner.id})
    return learner, place


async def grant_extension(
    session: AsyncSession,
    assignment: Assignment,
    username: str,
    given: ExtensionIn,
    *,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
    zone: tzinfo = UTC,
) -> ExtensionOut:
    """Give a learner more time, in place of what they were given before; lateness and penalty follow at once.

    Raises:
        UnknownLearner: nobody of that name learns in this course.
        NoMoreTime: everybody has more than that; with the moments in the given zone.
    """
    learner, place = await _locked_place(session, assignment, username)
    await _require_more_time(session, assignment, given, zone)
    old = await _extension(session, place)
    before = _as_json(old)
    values = {
        **given.model_dump(),
        "granted_by": actor.username,
        "granted_at": now,
    }
    await session.execute(
        insert(Extension)
        .values(id=uuid.uuid4(), cohort_id=cohort_of(session), **place, **values)
        .on_conflict_do_update(index_elements=list(place), set_=values)
    )
    row = await _extension(session, place)
    if row is None:
        raise RuntimeError("An extension that was granted a moment ago is gone.")
    audit.record(
        session,
        actor,
        Action.EXTENSION_GRANTED,
        about=f"{username}: {assignment.slug}",
        course=assignment.course,
        at=now,
        before=before,
        after=_as_json(row),
    )
    await outbox.emit(
        session,
        EventType.EXTENSION_GRANTED,
        user_id=learner.id,
        data={
            "course": assignment.course,
            "lesson": assignment.slug,
            "lesson_id": str(assignment.lesson.lesson_id),
            "title": assignment.lesson.title,
            "due_at": given.due_at.isoformat(),
        },
    )
    await apply(
        session,
        assignment.offering,
        assignment.lesson.lesson_id,
        outbox=outbox,
        now=now,
        user_ids={learner.id},
    )
    await say_changed(session, assignment, outbox=outbox)
    return _described(row, learner)


async def _require_more_time(
    session: AsyncSession, assignment: Assignment, given: ExtensionIn, zone: tzinfo
) -> None:
    terms = await standing.terms_of_lesson(
        session, assignment.offering, assignment.lesson.lesson_id, user_ids=set()
    )
    everybody = terms.deadlines()
    if not policy.is_less_time(everybody, given.due_at, given.closes_at):
        return
    ends = everybody.due_at or everybody.closes_at
    field = "due_at"
    if ends is None:
        message = (
            "This assignment has no due date, so nobody is late and there is nothing to extend. "
            "Give it one first, under “Due date and late policy”."
        )
    elif given.due_at < ends:
        message = (
            f"Everybody has until {_words(ends, zone)}, so this would be less time, not more. Choose a later "
            "moment; an earlier due date for everybody is set under “Due date and late policy”."
        )
    else:
        field, closes = "closes_at", max(given.due_at, everybody.closes_at or given.due_at)
        message = f"Choose a closing time of {_words(closes, zone)} or later, or none: an earlier one takes time away."
    raise NoMoreTime(message, details=[ErrorDetail(field=field, message=message)])


def _words(moment: datetime, zone: tzinfo) -> str:
    when = moment.astimezone(zone)
    return f"{when.day} {when:%B %Y %H:%M} ({zone})"


async def extended(session: AsyncSession, course: str) -> set[tuple[str, str]]:
    """Return who has an extension in a course: hub names, each with an assignment's slug. A course may not be there."""
    rows = await session.execute(
        select(User.hub_username, Lesson.slug)
        .select_from(Extension)
        .join(User, User.id == Extension.user_id)
        .join(Lesson, Lesson.id == Extension.lesson_id)
        .join(CourseOffering, CourseOffering.id == Extension.offering_id)
        .join(Course, Course.id == CourseOffering.course_id)
        .where(Course.slug == course)
    )
    return {(username, lesson) for username, lesson in rows}


async def adopt_extension(
    session: AsyncSession,
    assignment: Assignment,
    username: str,
    due_at: datetime,
    *,
    reason: str,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> bool:
    """Give a learner the time that they were given elsewhere; who has an extension here keeps it, and nobody is told.

    Returns:
        Whether it is new.

    Raises:
        UnknownLearner: nobody of that name learns in this course.
    """
    learner, place = await _locked_place(session, assignment, username)
    made = await session.scalar(
        insert(Extension)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            **place,
            due_at=due_at,
            closes_at=None,
            reason=reason,
            granted_by=actor.username,
            granted_at=now,
        )
        .on_conflict_do_nothing(index_elements=list(place))
        .returning(Extension.id)
    )
    if made is None:
        return False
    audit.record(
        session,
        actor,
        Action.EXTENSION_GRANTED,
        about=f"{username}: {assignment.slug}",
        course=assignment.course,
        at=now,
        after=_as_json(await _extension(session, place)),
    )
    await apply(
        session,
        assignment.offering,
        assignment.lesson.lesson_id,
        outbox=outbox,
        now=now,
        user_ids={learner.id},
    )
    return True


async def take_extension_back(
    session: AsyncSession,
    assignment: Assignment,
    username: str,
    *,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Let everybody's due date hold for a learner again.

    Raises:
        UnknownLearner: nobody of that name learns in this course, or they have no extension.
    """
    learner, place = await _locked_place(session, assignment, username)
    row = await _extension(session, place)
    if row is None:
        raise UnknownLearner("This learner has no extension here. Load the list again.")
    audit.record(
        session,
        actor,
        Action.EXTENSION_TAKEN_BACK,
        about=f"{username}: {assignment.slug}",
        course=assignment.course,
        at=now,
        before=_as_json(row),
    )
    await session.execute(delete(Extension).where(Extension.id == row.id))
    await apply(
        session,
        assignment.offering,
        assignment.lesson.lesson_id,
        outbox=outbox,
        now=now,
        user_ids={learner.id},
    )
    await say_changed(session, assignment, outbox=outbox)


async def _extension(session: AsyncSession, place: Mapping[str, uuid.UUID]) -> Extension | None:
    return await session.scalar(
        select(Extension).filter_by(**place).execution_options(populate_existing=True)
    )


def _as_json(row: Extension | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "due_at": row.due_at.isoformat(),
        "closes_at": row.closes_at.isoformat() if row.closes_at else None,
        "reason": row.reason,
    }
