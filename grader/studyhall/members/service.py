"""Members as those see and change them who run the cohort; what they may change is in the policy."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.errors import UnknownCourse
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.courses.service import roles_of
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.members import groups, joining, policy
from studyhall.members.errors import CohortFull, MemberChanged, RoleRefused, UnknownMember
from studyhall.members.models import CohortRoleGrant
from studyhall.members.schemas import CoursePart, MemberOut, MembersQuery
from studyhall.organizations.policy import Plan, has_room
from studyhall.permissions import CohortRole, Role
from studyhall.person import Person

# ---------------------------------------------------------------- reading


async def members(session: AsyncSession, query: MembersQuery) -> tuple[list[MemberOut], int]:
    """Return a page of the cohort's members and of those who were, and how many there are."""
    where = _where(query)
    total = await session.scalar(select(func.count()).select_from(User).where(*where)) or 0
    rows = await session.scalars(
        select(User)
        .where(*where)
        .order_by(*_order(query))
        .offset((query.page - 1) * query.limit)
        .limit(query.limit)
    )
    return await _described(session, list(rows)), total


async def member(session: AsyncSession, username: str) -> MemberOut:
    """Return one member, or somebody who was one.

    Raises:
        UnknownMember: there is nobody of this name.
    """
    (found,) = await _described(session, [await _user(session, username)])
    return found


def _where(query: MembersQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if query.search:
        columns = (User.hub_username, User.display_name, User.email)
        where.append(or_(*(column.icontains(query.search, autoescape=True) for column in columns)))
    if query.state is not None:
        where.append(User.removed_at.is_(None) == (query.state == "member"))
    if query.role is not None and query.role in set(CohortRole):
        where.append(
            exists().where(CohortRoleGrant.user_id == User.id, CohortRoleGrant.role == query.role.value)
        )
    in_course = [Enrolment.user_id == User.id]
    if query.role is not None and query.role in set(Role):
        in_course.append(Enrolment.role == query.role.value)
    if query.course:
        in_course += [
            Enrolment.offering_id == CourseOffering.id,
            CourseOffering.course_id == Course.id,
            Course.slug == query.course,
        ]
    if len(in_course) > 1:
        where.append(exists().where(*in_course))
    return where


def _order(query: MembersQuery) -> list[ColumnElement[Any]]:
    columns: dict[str, ColumnElement[Any]] = {
        "name": func.lower(User.display_name),
        "username": User.__table__.c.hub_username,
        "joined_at": User.__table__.c.created_at,
        "last_seen_at": User.__table__.c.last_seen_at,
    }
    column = columns[query.sort_by]
    ordered = column.desc() if query.order == "desc" else column.asc()
    return [ordered.nulls_last(), columns["username"]]


async def _described(session: AsyncSession, users: Sequence[User]) -> list[MemberOut]:
    ids = [user.id for user in users]
    held: dict[uuid.UUID, list[CohortRole]] = defaultdict(list)
    granted = await session.execute(
        select(CohortRoleGrant.user_id, CohortRoleGrant.role)
        .where(CohortRoleGrant.user_id.in_(ids))
        .order_by(CohortRoleGrant.role)
    )
    for user_id, role in granted:
        held[user_id].append(CohortRole(role))
    parts: dict[uuid.UUID, list[CoursePart]] = defaultdict(list)
    enrolled = await session.execute(
        select(Enrolment.user_id, Course.slug, Course.title, Enrolment.role)
        .join(CourseOffering, CourseOffering.id == Enrolment.offering_id)
        .join(Course, Course.id == CourseOffering.course_id)
        .where(Enrolment.user_id.in_(ids))
        .order_by(Course.slug)
    )
    for user_id, slug, title, role in enrolled:
        parts[user_id].append(CoursePart(course=slug, title=title, role=Role(role)))
    return [
        MemberOut(
            username=user.hub_username,
            display_name=user.display_name,
            email=user.email,
            state="member" if user.removed_at is None else "removed",
            roles=held[user.id],
            courses=parts[user.id],
            joined_at=user.created_at,
            last_seen_at=user.last_seen_at,
        )
        for user in users
    ]


async def _user(session: AsyncSession, username: str, *, lock: bool = False) -> User:
    if not username.isprintable():  # PostgreSQL can't be asked for every text
        raise UnknownMember
    query = select(User).where(User.hub_username == username)
    if lock:
        # What points at a person, such as an entry of the audit log, does not wait: two owners may change each other.
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    user = await session.scalar(query)
    if user is None:
        raise UnknownMember
    return user


async def _present(session: AsyncSession, username: str) -> User:
    """Return a member whom nobody else changes before this transaction ends.

    Raises:
        UnknownMember: there is none, or they were removed.
    """
    user = await _user(session, username, lock=True)
    if user.removed_at is not None:
        raise UnknownMember(f"{username} was removed from the cohort. Restore them first.")
    return user


# ---------------------------------------------------------------- roles


async def change_roles(
    session: AsyncSession,
    username: str,
    *,
    roles: Collection[CohortRole],
    expected: Collection[CohortRole],
    person: Person,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> MemberOut:
    """Give a member just these roles in the cohort.

    Raises:
        UnknownMember: there is none.
        MemberChanged: they hold others by now than whoever changes them has seen.
        RoleRefused: the person's own roles do not reach so far.
    """
    user = await _present(session, username)
    before = await groups.cohort_roles_of(session, user.id)
    if before != frozenset(expected):
        raise MemberChanged
    refused = policy.roles_refused(
        actor=person.cohort_roles,
        is_self=user.id == person.user_id,
        before=before,
        after=roles,
        other_owners=await groups.other_owners(session, user.id),
    )
    if refused is not None:
        raise RoleRefused(refused)
    if await groups.set_cohort_roles(session, user, roles, actor=actor, now=now):
        await groups.tell_changed(session, user, outbox)
    return await member(session, username)


async def change_course_role(
    session: AsyncSession,
    username: str,
    course: str,
    role: Role | None,
    *,
    person: Person,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> MemberOut:
    """Give a member a part in a course, or take them out of it with None.

    Raises:
        UnknownMember: there is none.
        UnknownCourse: the cohort does not take it.
        RoleRefused: it would raise the person themselves.
    """
    user = await _present(session, username)
    if not course.isprintable():
        raise UnknownCourse
    before = (await roles_of(session, user.id)).get(course)
    refused = policy.course_role_refused(is_self=user.id == person.user_id, before=before, after=role)
    if refused is not None:
        raise RoleRefused(refused)
    if role is None:
        changed = await groups.drop_course_role(session, user, course, actor=actor, now=now)
    else:
        changed = await groups.set_course_role(session, user, course, role, actor=actor, now=now)
    if changed:
        await groups.tell_changed(session, user, outbox)
    return await member(session, username)


# ---------------------------------------------------------------- removing and restoring


async def remove(
    session: AsyncSession,
    username: str,
    *,
    reason: str | None,
    person: Person,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> MemberOut:
    """End somebody's membership: they sign in no more, from the next request on; what they did stays.

    Their roles in the cohort end for good; their parts in courses come back when they are restored.

    Raises:
        UnknownMember: there is none.
        RoleRefused: it is the person themselves, or somebody whose roles they may not take.
    """
    user = await _present(session, username)
    if user.id == person.user_id:
        raise RoleRefused("Nobody removes themselves. Ask another owner or administrator.")
    refused = policy.roles_refused(
        actor=person.cohort_roles,
        is_self=False,
        before=await groups.cohort_roles_of(session, user.id),
        after=(),
        other_owners=await groups.other_owners(session, user.id),
    )
    if refused is not None:
        raise RoleRefused(refused)
    await groups.set_cohort_roles(session, user, (), actor=actor, now=now)
    user.removed_at, user.removed_because = now, reason
    _record(session, user, Action.MEMBER_REMOVED, actor, now, after={"reason": reason})
    await groups.tell_changed(session, user, outbox)
    return await member(session, username)


async def restore(
    session: AsyncSession, username: str, *, actor: Actor, outbox: Outbox, now: datetime
) -> MemberOut:
    """Make somebody a member again, with their parts in courses.

    Raises:
        UnknownMember: nobody of this name was ever there.
        CohortFull: the plan allows no more.
    """
    cohort = await joining.locked_cohort(session)
    user = await _user(session, username, lock=True)
    if user.removed_at is not None:
        if not has_room(Plan(cohort.plan), await joining.count_members(session)):
            raise CohortFull
        before = {"reason": user.removed_because, "removed_at": user.removed_at.isoformat()}
        user.removed_at = user.removed_because = None
        _record(session, user, Action.MEMBER_RESTORED, actor, now, before=before)
        await groups.tell_changed(session, user, outbox)
    return await member(session, username)


def _record(
    session: AsyncSession,
    user: User,
    action: Action,
    actor: Actor,
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    audit.record(
        session, actor, action, about=user.hub_username, course=None, at=now, before=before, after=after
    )
