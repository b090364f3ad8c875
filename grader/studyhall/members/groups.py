"""The hub's groups and the roles here, kept in step both ways, one person at a time.

What is given or taken here goes to the hub; what is given or taken on the hub's own pages is taken over here and
written down. Only roles in the cohort come from here alone. :mod:`studyhall.members.hub_link` asks and tells the hub.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.courses.service import enrol, offering_of, roles_of
from studyhall.db.session import cohort_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.members import policy
from studyhall.members.models import CohortRoleGrant, HubGroup
from studyhall.members.policy import Step
from studyhall.permissions import CohortRole, Role


async def cohort_roles_of(session: AsyncSession, user_id: uuid.UUID) -> frozenset[CohortRole]:
    """Return a person's roles in the cohort as a whole."""
    rows = await session.scalars(select(CohortRoleGrant.role).where(CohortRoleGrant.user_id == user_id))
    return frozenset(CohortRole(role) for role in rows)


async def groups_of(session: AsyncSession, user: User) -> frozenset[str]:
    """Return the groups at the hub that a person's roles here stand for; somebody removed has none."""
    if user.removed_at is not None:
        return frozenset()
    return policy.groups_of(await cohort_roles_of(session, user.id), await roles_of(session, user.id))


async def at_sign_in(
    session: AsyncSession,
    user: User,
    *,
    at_hub: Collection[str] | None,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> frozenset[str]:
    """Bring both sides in step about somebody who signs in, and return their groups.

    Args:
        session: the cohort's.
        user: who signs in.
        at_hub: their groups at the hub; None when the hub did not know them, from which nothing follows.
        actor: the hub, with where they signed in from.
        outbox: told when a role has changed.
        now: when.
    """
    if at_hub is None:
        await begin_anew(session, user)
    await in_step(session, user, at_hub=at_hub or (), actor=actor, outbox=outbox, now=now)
    return await groups_of(session, user)


async def begin_anew(session: AsyncSession, user: User) -> None:
    """Forget what the hub and the service agreed on about somebody: it does not know them any more, or not yet."""
    await session.execute(delete(HubGroup).where(HubGroup.user_id == user.id))
    await _remember(session, user, told={}, wanted=await groups_of(session, user), there=())


async def in_step(
    session: AsyncSession,
    user: User,
    *,
    at_hub: Collection[str],
    actor: Actor,
    outbox: Outbox,
    now: datetime,
    exist: Collection[str] | None = None,
) -> Step:
    """Take over what was changed at the hub about a person, and return what the hub is to be told.

    Args:
        session: the cohort's.
        user: the person.
        at_hub: their groups at the hub.
        actor: the hub.
        outbox: told when a role has changed.
        now: when.
        exist: groups that there are at the hub; a group that is gone tells nothing. None for all.
    """
    told = {
        row.name: row.confirmed
        for row in await session.scalars(select(HubGroup).where(HubGroup.user_id == user.id))
    }
    evidence = {name: sure and (exist is None or name in exist) for name, sure in told.items()}
    ours = await groups_of(session, user)
    if not ours and not told and not any(map(policy.is_ours, at_hub)):
        return Step()
    courses = set(await session.scalars(select(Course.slug).join(CourseOffering)))
    found = policy.step(
        ours=ours, at_hub=at_hub, told=evidence, courses=courses if user.removed_at is None else ()
    )
    kept = await _take_over(session, user, found, actor=actor, outbox=outbox, now=now)
    wanted, there = await groups_of(session, user), {name for name in at_hub if policy.is_ours(name)}
    await _remember(session, user, told=told, wanted=wanted, there=there)
    return Step(
        add=frozenset(wanted - there),
        remove=frozenset(there - wanted),
        taken_at_hub=found.taken_at_hub - kept,
        given_at_hub=found.given_at_hub,
    )


async def _take_over(
    session: AsyncSession, user: User, found: Step, *, actor: Actor, outbox: Outbox, now: datetime
) -> frozenset[str]:
    """Change roles here as they were changed at the hub; returns what is not taken: the cohort's last owner."""
    kept: set[str] = set()
    changed = False
    for name in sorted(found.taken_at_hub):
        stands_for = policy.role_of_group(name)
        if isinstance(stands_for, tuple):
            await drop_course_role(session, user, stands_for[0], actor=actor, now=now)
        elif stands_for is CohortRole.ORG_OWNER and not await other_owners(session, user.id):
            kept.add(name)
            continue
        elif stands_for is not None:
            held = await cohort_roles_of(session, user.id)
            await set_cohort_roles(session, user, held - {stands_for}, actor=actor, now=now)
        changed = True
    for course, role in policy.strongest(sorted(found.given_at_hub)).items():
        await set_course_role(session, user, course, role, actor=actor, now=now)
        changed = True
    if changed:
        await tell_changed(session, user, outbox)
    return frozenset(kept)


async def _remember(
    session: AsyncSession,
    user: User,
    *,
    told: Mapping[str, bool],
    wanted: Collection[str],
    there: Collection[str],
) -> None:
    """Write down what both sides agree on, and what the hub is about to be told.

    It is written before the hub is told: a crash in between then looks like something to be told again, and never like
    a change that somebody made at the hub.
    """
    rows = {name: name in wanted and name in there for name in {*wanted, *there}}
    gone = told.keys() - rows.keys()
    if gone:
        await session.execute(
            delete(HubGroup).where(HubGroup.user_id == user.id, HubGroup.name.in_(sorted(gone)))
        )
    for name, confirmed in sorted(rows.items()):
        if told.get(name) is confirmed:
            continue
        values = {
            "user_id": user.id,
            "name": name,
            "cohort_id": cohort_of(session),
            "confirmed": confirmed,
        }
        await session.execute(
            insert(HubGroup)
            .values(values)
            .on_conflict_do_update(index_elements=["user_id", "name"], set_={"confirmed": confirmed})
        )


# ---------------------------------------------------------------- roles here


async def other_owners(session: AsyncSession, user_id: uuid.UUID) -> int:
    """Return how many members besides this one own the cohort; they stay so until this transaction ends.

    Who asks, asks before they change owners, and one after the other: two who take each other's role would else wait
    for each other's rows.
    """
    place = literal(f"owners:{cohort_of(session)}")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(place, 0))))
    rows = await session.scalars(
        select(CohortRoleGrant.id)
        .join(User, User.id == CohortRoleGrant.user_id)
        .where(
            CohortRoleGrant.role == CohortRole.ORG_OWNER.value,
            CohortRoleGrant.user_id != user_id,
            User.removed_at.is_(None),
        )
        .with_for_update(of=CohortRoleGrant)
    )
    return len(rows.all())


async def set_cohort_roles(
    session: AsyncSession, user: User, roles: Iterable[CohortRole], *, actor: Actor, now: datetime
) -> bool:
    """Give somebody just these roles in the cohort, written down; says whether that was a change."""
    before, after = await cohort_roles_of(session, user.id), frozenset(roles)
    if before == after:
        return False
    await session.execute(
        delete(CohortRoleGrant).where(
            CohortRoleGrant.user_id == user.id,
            CohortRoleGrant.role.in_([role.value for role in before - after]),
        )
    )
    for role in sorted(after - before):
        row = {
            "id": uuid.uuid4(),
            "cohort_id": cohort_of(session),
            "user_id": user.id,
            "role": role.value,
            "granted_by": actor.username,
            "granted_at": now,
        }
        await session.execute(
            insert(CohortRoleGrant).values(row).on_conflict_do_nothing(index_elements=["user_id", "role"])
        )
    audit.record(
        session, actor, Action.COHORT_ROLES_CHANGED, about=user.hub_username, course=None, at=now,
        before={"roles": sorted(before)}, after={"roles": sorted(after)},
    )  # fmt: skip
    return True


async def set_course_role(
    session: AsyncSession, user: User, course: str, role: Role, *, actor: Actor, now: datetime
) -> bool:
    """Give somebody a part in a course, written down; says whether that was a change.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await offering_of(session, course)
    before = (await roles_of(session, user.id)).get(course)
    if before is role:
        return False
    await enrol(session, offering=offering, user_id=user.id, role=role)
    _record_part(session, user, course, before, role, actor=actor, now=now)
    return True


async def drop_course_role(
    session: AsyncSession, user: User, course: str, *, actor: Actor, now: datetime
) -> bool:
    """Take somebody out of a course, written down; what they did there stays. Says whether that was a change.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await offering_of(session, course)
    before = (await roles_of(session, user.id)).get(course)
    if before is None:
        return False
    await session.execute(
        delete(Enrolment).where(Enrolment.offering_id == offering.id, Enrolment.user_id == user.id)
    )
    _record_part(session, user, course, before, None, actor=actor, now=now)
    return True


def _record_part(
    session: AsyncSession,
    user: User,
    course: str,
    before: Role | None,
    after: Role | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        session, actor, Action.ENROLMENT_CHANGED, about=user.hub_username, course=course, at=now,
        before={"role": before.value} if before else None, after={"role": after.value} if after else None,
    )  # fmt: skip


async def tell_changed(session: AsyncSession, user: User, outbox: Outbox) -> None:
    """Say to whom it may concern that a member's roles are others now."""
    await outbox.emit(
        session,
        EventType.MEMBER_CHANGED,
        user_id=user.id,
        data={
            "username": user.hub_username,
            "removed": user.removed_at is not None,
            "roles": sorted(await cohort_roles_of(session, user.id)),
        },
    )
