"""Rules of the audit log: an entry is written in the transaction of what it is about, and stays as it is."""

import getpass
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.models import AuditEntry
from studyhall.audit.schemas import AuditEntryOut
from studyhall.db.session import cohort_of


class Action(StrEnum):
    """What can be found in the log, in the past tense."""

    GRADE_CHANGED = "grade.changed"
    PENALTY_OVERRIDDEN = "penalty.overridden"
    POLICY_CHANGED = "policy.changed"
    EXTENSION_GRANTED = "extension.granted"
    EXTENSION_TAKEN_BACK = "extension.taken_back"
    RUBRIC_CHANGED = "rubric.changed"
    GRADES_RELEASED = "grades.released"
    GRADES_TAKEN_BACK = "grades.taken_back"
    GRADES_EXPORTED = "grades.exported"
    AUDIT_EXPORTED = "audit.exported"
    COURSE_PUBLISHED = "course.published"
    REGRADE_REQUESTED = "regrade.requested"
    REGRADE_CONFIRMED = "regrade.confirmed"
    REGRADE_DISCARDED = "regrade.discarded"
    ASSIGNMENT_RELEASED = "assignment.released"
    ASSIGNMENT_WITHDRAWN = "assignment.withdrawn"
    FEEDBACK_RELEASED = "feedback.released"
    AUTOGRADED = "submission.autograded"
    IMPORT_DONE = "import.done"
    COURSE_EXPORTED = "course.exported"
    JOB_REQUEUED = "job.requeued"
    ORGANIZATION_MADE = "organization.made"
    ORGANIZATION_CLOSED = "organization.closed"
    ORGANIZATION_REOPENED = "organization.reopened"
    COHORT_MADE = "cohort.made"
    COHORT_CHANGED = "cohort.changed"
    COHORT_CLOSED = "cohort.closed"
    COHORT_REOPENED = "cohort.reopened"
    PERSON_CHANGED = "person.changed"
    ENROLMENT_CHANGED = "enrolment.changed"
    MEMBER_JOINED = "member.joined"
    MEMBER_REMOVED = "member.removed"
    MEMBER_RESTORED = "member.restored"
    COHORT_ROLES_CHANGED = "cohort_roles.changed"
    JOIN_ASKED = "join.asked"
    JOIN_DECIDED = "join.decided"
    ROSTER_APPLIED = "roster.applied"
    LTI_PLATFORM_CHANGED = "lti_platform.changed"
    LTI_KEY_MADE = "lti_key.made"
    LTI_CONNECTED = "lti_course.connected"
    LTI_LINKED = "lti_lessons.linked"
    TOKEN_MADE = "token.made"  # noqa: S105 - the name of an action, not a secret
    TOKEN_ENDED = "token.ended"  # noqa: S105 - as above


class AuditOrigin(StrEnum):
    """The way by which a change came."""

    STAFF_PAGE = "staff page"
    CLI = "cli"
    NBGRADER = "nbgrader"
    SERVICE = "service"
    HUB = "hub"


@dataclass(frozen=True)
class Actor:
    """Who changes something, and how they came."""

    user_id: uuid.UUID | None
    username: str
    origin: AuditOrigin
    request_id: str = ""
    address: str | None = None
    """Internet address that they came from."""
    agent: str | None = None
    """What their program says of itself."""


def operator() -> Actor:
    """Return whoever calls a command on the machine itself, with the account and the machine's name."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name; Python 3.13 raises the latter
        account = f"user {os.getuid()}"
    return Actor(
        user_id=None,
        username="operator",
        origin=AuditOrigin.CLI,
        agent=f"{account} at {socket.gethostname()}",
    )


def record(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    *,
    about: str,
    course: str | None,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry into the session's transaction.

    Args:
        session: the cohort's.
        actor: who did it.
        action: what they did.
        about: what it was done to, in words for people.
        course: slug of the course; none for what concerns the whole cohort.
        at: when.
        before: how it was, as JSON; none when there was nothing.
        after: how it is now, as JSON; none when there is nothing any more.
    """
    session.add(
        AuditEntry(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            at=at,
            actor_user_id=actor.user_id,
            actor=actor.username,
            action=action.value,
            course=course,
            object=about[:500],
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
            request_id=actor.request_id,
            origin=actor.origin.value,
            address=actor.address,
            agent=actor.agent,
        )
    )


async def entries(
    session: AsyncSession,
    course: str,
    *,
    action: str | None = None,
    actor: str | None = None,
    about: str | None = None,
    page: int,
    limit: int,
) -> tuple[list[AuditEntryOut], int]:
    """Return a page of a course's log, the newest first, and how many entries there are.

    Jobs that were queued again belong to no course: they are in each one's log, since whoever teaches one may look
    after them.
    """
    of_no_course = AuditEntry.course.is_(None) & (AuditEntry.action == Action.JOB_REQUEUED.value)
    where: list[ColumnElement[bool]] = [or_(AuditEntry.course == course, of_no_course)]
    if action:
        where.append(AuditEntry.action == action)
    if actor:
        where.append(AuditEntry.actor == actor)
    if about:
        where.append(AuditEntry.object.icontains(about, autoescape=True))
    total = await session.scalar(select(func.count()).select_from(AuditEntry).where(*where)) or 0
    rows = await session.scalars(
        select(AuditEntry)
        .where(*where)
        .order_by(AuditEntry.at.desc(), AuditEntry.created_at.desc(), AuditEntry.id)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return [AuditEntryOut.model_validate(row, from_attributes=True) for row in rows], total
