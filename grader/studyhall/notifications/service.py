"""Rules of notifications: one row for each thing that somebody should know, until they have read it."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.session import cohort_of
from studyhall.errors import NotFound
from studyhall.events.models import Event, EventType
from studyhall.identity.service import user_by_id, zone_of
from studyhall.notifications.models import Notification
from studyhall.notifications.schemas import Link, NotificationOut
from studyhall.organizations.service import cohort_by_id
from studyhall.submissions.counting import counting_attempts

LISTENS_TO = frozenset({EventType.GRADES_RELEASED, EventType.GRADE_CHANGED, EventType.EXTENSION_GRANTED})
ABOUT_GRADES = (EventType.GRADES_RELEASED.value, EventType.GRADE_CHANGED.value)
"""Kinds of notifications of which somebody has at most one unread for each assignment."""


def concerns(event: Event) -> bool:
    """Say whether somebody is to be notified of an event.

    Of a changed grade only where they could see it before and it looks another way now. What a submission of their own
    brings they see in its result.
    """
    if event.type != EventType.GRADE_CHANGED.value:
        return True
    data = event.data
    return bool(data.get("revised")) and data["lesson"] is not None and data["origin"] != "submission"


async def notify(session: AsyncSession, event: Event, user_id: uuid.UUID) -> NotificationOut | None:
    """Write down for somebody what an event means to them.

    What is said of the grade in an assignment takes the place of what was said before and not read yet.

    Returns:
        The notification, new or renewed; none where its event has been overtaken.

    Raises:
        ValueError: nobody is notified of events of this type.
    """
    link = {name: event.data[name] for name in ("course", "lesson", "attempt_id") if event.data.get(name)}
    unread = None
    if event.type in ABOUT_GRADES:
        if not await _is_released(session, event, user_id):
            return None
        unread = await _unread_about_grade(session, user_id, str(event.data["course"]), link["lesson"])
    title, body = await _words(session, event, user_id)
    if unread is not None:
        if unread.kind == event.type:
            unread.title, unread.body = title, body
        # A grade that nobody has looked at yet is still a new one, whatever happened to it since.
        unread.link, unread.noticed_at = link, event.occurred_at
        return describe(unread)
    row = Notification(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        user_id=user_id,
        kind=event.type,
        title=title,
        body=body,
        link=link,
        noticed_at=event.occurred_at,
        read_at=None,
    )
    session.add(row)
    await session.flush()
    return describe(row)


async def _is_released(session: AsyncSession, event: Event, user_id: uuid.UUID) -> bool:
    """Say whether a grade can be seen still: the event is told a moment later, and grades may be taken back."""
    counting = await counting_attempts(session, {user_id}, {uuid.UUID(event.data["lesson_id"])})
    return any(final is not None for final in counting.values())


async def _unread_about_grade(
    session: AsyncSession, user_id: uuid.UUID, course: str, lesson: str
) -> Notification | None:
    """Return the unread notification of an assignment's grade, locked; two events at once make one."""
    place = literal(f"notifications:{user_id}")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(place, 0))))
    return await session.scalar(
        select(Notification)
        .where(Notification.user_id == user_id, *_about_grade(course, lesson))
        .order_by(Notification.noticed_at.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _about_grade(course: str, lesson: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Notification.read_at.is_(None),
        Notification.kind.in_(ABOUT_GRADES),
        Notification.link.contains({"course": course, "lesson": lesson}),
    )


async def forget_grades(session: AsyncSession, events: Sequence[Event]) -> None:
    """Take away what nobody has read of grades that these events say were taken back."""
    gone: dict[tuple[str, str], set[uuid.UUID]] = {}
    for event in events:
        data = event.data
        if event.user_id and data["was_released"] and not data["released"] and data["lesson"]:
            gone.setdefault((data["course"], data["lesson"]), set()).add(event.user_id)
    for (course, lesson), learners in gone.items():
        await session.execute(
            delete(Notification).where(Notification.user_id.in_(learners), *_about_grade(course, lesson))
        )


async def _words(session: AsyncSession, event: Event, user_id: uuid.UUID) -> tuple[str, str]:
    """Return title and text, with times in the learner's own zone."""
    lesson = str(event.data["title"])
    if event.type == EventType.GRADES_RELEASED.value:
        return f"Your grade for {lesson} is there", "Open the lesson's results to see points and comments."
    if event.type == EventType.GRADE_CHANGED.value:
        return f"Your grade for {lesson} has changed", "Open the lesson's results to see points and comments."
    if event.type == EventType.EXTENSION_GRANTED.value:
        user = await user_by_id(session, user_id)
        cohort = await cohort_by_id(session, event.cohort_id)
        zone: ZoneInfo = zone_of(user, cohort.timezone)
        due = datetime.fromisoformat(str(event.data["due_at"])).astimezone(zone)
        return f"You have more time for {lesson}", f"It is due on {due.day} {due:%B %H:%M} now."
    raise ValueError(f"Nobody is notified of {event.type}.")


def describe(row: Notification) -> NotificationOut:
    """Return a notification as the API shows it."""
    return NotificationOut(
        id=row.id,
        kind=row.kind,
        title=row.title,
        body=row.body,
        link=Link.model_validate(row.link),
        created_at=row.noticed_at,
        read_at=row.read_at,
    )


async def own(
    session: AsyncSession, user_id: uuid.UUID, *, unread: bool, page: int, limit: int
) -> tuple[list[NotificationOut], int]:
    """Return a page of somebody's notifications, the newest first, and how many there are."""
    where = [Notification.user_id == user_id]
    if unread:
        where.append(Notification.read_at.is_(None))
    total = await session.scalar(select(func.count()).select_from(Notification).where(*where)) or 0
    rows = await session.scalars(
        select(Notification)
        .where(*where)
        .order_by(Notification.noticed_at.desc(), Notification.id)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return [describe(row) for row in rows], total


async def read(
    session: AsyncSession, user_id: uuid.UUID, notification_id: uuid.UUID, *, now: datetime
) -> NotificationOut:
    """Mark a notification as read; again changes nothing.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = await session.scalar(
        select(Notification).where(Notification.id == notification_id, Notification.user_id == user_id)
    )
    if row is None:
        raise NotFound
    if row.read_at is None:
        row.read_at = now
    return describe(row)


async def read_all(session: AsyncSession, user_id: uuid.UUID, *, now: datetime) -> int:
    """Mark all of somebody's notifications as read; return how many were not."""
    rows = await session.scalars(
        update(Notification)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
        .values(read_at=now)
        .returning(Notification.id)
    )
    return len(rows.all())
