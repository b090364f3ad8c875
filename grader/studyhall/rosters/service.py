"""Rules of rosters: what a file would change in a cohort, and changing it, all or nothing.

A person is added or renamed, and their part in a course is added or changed. Nobody leaves a course unless that was
asked for, and then only courses that the file names; what they did there stays, and with it the person.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.identity.service import ensure_users
from studyhall.members.joining import count_members, locked_cohort
from studyhall.organizations.models import Cohort
from studyhall.organizations.policy import LIMITS, has_room
from studyhall.organizations.policy import Plan as CohortPlan
from studyhall.rosters.errors import RosterInvalid
from studyhall.rosters.reading import Entry, Problem, Roster

AT_ONCE = 1000
"""Rows that one statement writes."""


class Change(StrEnum):
    """What happens to a person's part in a course, or to a person."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True)
class Part:
    """What a roster means for a person in one course, or (without a course) for the person."""

    change: Change
    username: str
    course: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass
class Plan:
    """All that a roster means for a cohort."""

    people: list[Part] = field(default_factory=list)
    """Who is new in the cohort, or gets another name or mail address; one for each person of the file."""
    parts: list[Part] = field(default_factory=list)
    """Parts in courses, by course and person."""

    def of(self, change: Change) -> list[Part]:
        """Return people and their parts with this change."""
        return [part for part in (*self.people, *self.parts) if part.change is change]

    @property
    def changes_anything(self) -> bool:
        """Say whether there is anything to do."""
        return any(part.change is not Change.UNCHANGED for part in (*self.people, *self.parts))


async def plan(session: AsyncSession, roster: Roster, *, remove_missing: bool) -> Plan:
    """Return what a roster would change in the session's cohort; it takes the cohort's lock on rosters.

    Args:
        session: the cohort's.
        roster: what the file says.
        remove_missing: whether people who are not in the file leave the courses that it names.

    Raises:
        RosterInvalid: the file has mistakes, or names courses that the cohort does not take.
    """
    place = literal(f"roster:{cohort_of(session)}")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(place, 0))))
    offerings = await _offerings(session)
    unknown = [
        Problem(
            entry.line,
            "course",
            f"The cohort takes no course {entry.course!r}. It takes: {', '.join(sorted(offerings)) or 'none'}.",
        )
        for entry in roster.entries
        if entry.course and entry.course not in offerings
    ]
    if roster.problems or unknown:
        raise RosterInvalid(sorted([*roster.problems, *unknown], key=lambda problem: problem.line))
    found = Plan()
    users = {user.hub_username: user for user in await session.scalars(select(User))}
    for username, wanted in sorted(_wanted(roster.entries).items()):
        found.people.append(_person(username, users.get(username), wanted))
    await _require_room(session, found.people)
    enrolled = await _enrolled(session)
    named = {(entry.course, entry.username): entry for entry in roster.entries if entry.course}
    for (course, username), entry in named.items():
        old, new = enrolled.get((course, username)), entry.role.value
        change = Change.ADDED if old is None else Change.UNCHANGED if old == new else Change.CHANGED
        found.parts.append(Part(change, username, course, _role(old), _role(new)))
    if remove_missing:
        courses = {course for course, _ in named}
        found.parts += [
            Part(Change.REMOVED, username, course, _role(old), None)
            for (course, username), old in enrolled.items()
            if course in courses and (course, username) not in named
        ]
    found.parts.sort(key=lambda part: (part.course or "", part.username))
    return found


async def _require_room(session: AsyncSession, people: Sequence[Part]) -> None:
    """Refuse a roster that adds more people than the cohort's plan allows.

    Raises:
        RosterInvalid: it does.
    """
    new = sum(part.change is Change.ADDED for part in people)
    cohort = await locked_cohort(session)  # nobody else is let in between the count and those who are added
    members = await count_members(session)
    if new and not has_room(CohortPlan(cohort.plan), members, more=new):
        most = LIMITS[CohortPlan(cohort.plan)].members
        sentence = (
            f"The roster adds {new} to {members} members, and the plan {cohort.plan} allows {most}. "
            "Name fewer people, or ask for another plan."
        )
        raise RosterInvalid([Problem(1, "", sentence)])


async def apply(session: AsyncSession, planned: Plan, *, actor: Actor, now: datetime) -> None:
    """Make what was planned in the same transaction, and write it down in the cohort's audit log.

    From the first roster on nobody is a member just because the hub lets them in.
    """
    await session.execute(update(Cohort).where(Cohort.id == cohort_of(session)).values(roster_at=now))
    if not planned.changes_anything:
        return
    users = await ensure_users(session, [part.username for part in planned.people])
    for part in planned.people:
        if part.change is not Change.UNCHANGED and part.after:
            user = users[part.username]
            user.display_name = part.after.get("display_name") or user.display_name
            user.email = part.after.get("email") or user.email
    await session.flush()
    offerings = await _offerings(session)
    cohort_id = cohort_of(session)
    new = [
        {
            "id": uuid.uuid4(),
            "cohort_id": cohort_id,
            "offering_id": offerings[part.course or ""],
            "user_id": users[part.username].id,
            "role": part.after["role"],
        }
        for part in planned.parts
        if part.after is not None and part.change in {Change.ADDED, Change.CHANGED}
    ]
    for start in range(0, len(new), AT_ONCE):
        enrolling = insert(Enrolment).values(new[start : start + AT_ONCE])
        await session.execute(
            enrolling.on_conflict_do_update(
                index_elements=["offering_id", "user_id"], set_={"role": enrolling.excluded.role}
            )
        )
    for course in sorted({part.course for part in planned.parts if part.course}):
        gone = [
            part.username for part in planned.parts if part.change is Change.REMOVED and part.course == course
        ]
        await session.execute(
            delete(Enrolment).where(
                Enrolment.offering_id == offerings[course],
                Enrolment.user_id.in_(select(User.id).where(User.hub_username.in_(gone))),
            )
        )
    _write_down(session, planned, actor, now)


def _write_down(session: AsyncSession, planned: Plan, actor: Actor, now: datetime) -> None:
    """Write one entry for each person and each part that is another one now, and one for the roster itself."""
    changed = [
        sum(part.change is not Change.UNCHANGED for part in parts)
        for parts in (planned.people, planned.parts)
    ]
    audit.record(
        session,
        actor,
        Action.ROSTER_APPLIED,
        about=f"roster with {sum(changed)} changes",
        course=None,
        at=now,
        after={"people": changed[0], "parts_in_courses": changed[1]},
    )
    for part in (*planned.people, *planned.parts):
        if part.change is Change.UNCHANGED:
            continue
        is_person = part.course is None
        audit.record(
            session,
            actor,
            Action.PERSON_CHANGED if is_person else Action.ENROLMENT_CHANGED,
            about=part.username,
            course=part.course,
            at=now,
            before=part.before,
            after=part.after,
        )


def _role(role: str | None) -> dict[str, Any] | None:
    return {"role": role} if role is not None else None


def _wanted(entries: list[Entry]) -> dict[str, dict[str, str]]:
    """Return what is said of each person, over all of their lines; the reader has refused contradictions."""
    people: dict[str, dict[str, str]] = {}
    for entry in entries:
        person = people.setdefault(entry.username, {})
        for column in ("display_name", "email"):
            if value := getattr(entry, column):
                person[column] = value
    return people


def _person(username: str, user: User | None, wanted: dict[str, str]) -> Part:
    if user is None:
        return Part(Change.ADDED, username, None, None, wanted)
    before = {column: getattr(user, column) for column in wanted if getattr(user, column) != wanted[column]}
    if not before:
        return Part(Change.UNCHANGED, username, None, None, None)
    return Part(Change.CHANGED, username, None, before, {column: wanted[column] for column in before})


async def _offerings(session: AsyncSession) -> dict[str, uuid.UUID]:
    rows = await session.execute(select(Course.slug, CourseOffering.id).join_from(CourseOffering, Course))
    return {row.slug: row.id for row in rows}


async def _enrolled(session: AsyncSession) -> dict[tuple[str, str], str]:
    """Return all roles in the cohort by course and person."""
    rows = await session.execute(
        select(Course.slug, User.hub_username, Enrolment.role)
        .join_from(Enrolment, CourseOffering, CourseOffering.id == Enrolment.offering_id)
        .join(Course, Course.id == CourseOffering.course_id)
        .join(User, User.id == Enrolment.user_id)
    )
    return {(course, username): role for course, username, role in rows}
