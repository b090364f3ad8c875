"""The service's own line to its hub: groups there and roles here are brought in step, again and again.

It runs in the service, since only the service knows its hub's token; workers serve many hubs. What is to be told is the
difference between the roles here and what the hub was told (the table ``hub_groups``), so nothing is lost by a hub that
is away or by a service that ends: the difference stays until it has been told.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx
import structlog
from psycopg import OperationalError as DriverOperationalError
from sqlalchemy import func, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Actor, AuditOrigin
from studyhall.context import Context
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.members import groups, policy, telling
from studyhall.members.hub_door import HubAway, HubDoor, NoDoor
from studyhall.members.models import CohortRoleGrant, HubGroup
from studyhall.members.policy import Step
from studyhall.permissions import CohortRole, Role

log = structlog.get_logger(__name__)

LOOK: Final = timedelta(seconds=2)
"""How often it is asked whether the hub has to be told something; one query each."""
FULL_EVERY: Final = timedelta(minutes=3)
"""How often everything is compared with the hub, so that changes made there are taken over."""
SOON: Final = timedelta(seconds=10)
"""When everything is compared again after the hub was told something, or could not be."""
PAGE: Final = 100

THE_HUB: Final = Actor(user_id=None, username="hub", origin=AuditOrigin.HUB)


class HubGroups(HubDoor):
    """The hub with the part of its API that knows groups."""

    async def may_change(self) -> bool:
        """Say whether the hub lets the service put people into groups: the setting ``membership`` of the hub.

        Raises:
            HubAway: it does not say.
        """
        answer = await self._ask("GET", "/user")
        if answer.status_code != httpx.codes.OK:
            raise HubAway(f"{answer.status_code} for the service's own token")
        return any(str(scope).partition("!")[0] == "groups" for scope in answer.json().get("scopes", ()))

    async def knows(self, username: str) -> bool:
        """Say whether somebody has an account at the hub.

        Raises:
            HubAway: it does not say.
        """
        answer = await self._ask("GET", f"/users/{quote(username, safe='')}")
        if answer.status_code not in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
            raise HubAway(f"{answer.status_code} for a person")
        return answer.status_code == httpx.codes.OK

    async def members(self) -> dict[str, set[str]]:
        """Return the names of the people in each group of ours that there is.

        Raises:
            HubAway: it does not say.
        """
        found: dict[str, set[str]] = {}
        offset: int | None = 0
        while offset is not None:
            answer = await self._ask(
                "GET",
                f"/groups?offset={offset}&limit={PAGE}",
                accept="application/jupyterhub-pagination+json",
            )
            if answer.status_code != httpx.codes.OK:
                raise HubAway(f"{answer.status_code} for the list of groups")
            page: dict[str, Any] = answer.json()
            found |= {
                group["name"]: set(group["users"]) for group in page["items"] if policy.is_ours(group["name"])
            }
            following = page["_pagination"]["next"]
            offset = int(following["offset"]) if following else None
        return found

    async def change(self, method: str, group: str, username: str) -> bool:
        """Put somebody into a group (POST) or take them out (DELETE); False when the hub does not know one of both.

        Raises:
            HubAway: it does not do it.
        """
        answer = await self._ask(method, f"/groups/{quote(group, safe='')}/users", {"users": [username]})
        if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
            return False
        if answer.status_code != httpx.codes.OK:
            raise HubAway(f"{answer.status_code} for {method} of the group {group}")
        return True


async def run(context: Context, hub: HubGroups) -> None:
    """Keep the hub and the service in step until cancelled. A slow mail server holds up nobody's removal."""
    letters = telling.Letters(context, hub)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_groups(context, hub))
        tasks.create_task(_again(lambda: telling.end_sessions(context, hub), every=LOOK))
        tasks.create_task(_again(letters.look, every=FULL_EVERY))
        tasks.create_task(_again(letters.send, every=LOOK))


async def _groups(context: Context, hub: HubGroups) -> None:
    due, allowed = context.clock(), True
    while True:
        now = context.clock()
        try:
            if now >= due:
                allowed = await hub.may_change()
            if allowed and (now >= due or await pending(context)):
                told = await keep_in_step(context, hub)
                due = now + (SOON if told else FULL_EVERY)
            elif now >= due:
                due = now + FULL_EVERY
        except (HubAway, OperationalError, DriverOperationalError, OSError) as problem:
            log.warning("hub_groups_wait", reason=str(problem)[:300])
            due = now + SOON
        except Exception:
            log.exception("hub_groups_failed")
            due = now + FULL_EVERY
        await asyncio.sleep(LOOK.total_seconds())


async def _again(do: Callable[[], Awaitable[object]], *, every: timedelta) -> None:
    """Do something again and again; after a failure a little later, where the hub has no door much later."""
    while True:
        pause = every
        try:
            await do()
        except NoDoor:
            pause = FULL_EVERY
        except (HubAway, OperationalError, DriverOperationalError, OSError) as problem:
            log.warning("hub_door_waits", reason=str(problem)[:300])
            pause = SOON
        except Exception:
            log.exception("hub_door_failed")
            pause = FULL_EVERY
        await asyncio.sleep(pause.total_seconds())


async def pending(context: Context) -> bool:
    """Say whether a role here has changed and the hub was not told yet."""
    async with context.database.session(context.cohort_id) as session:
        wanted = await _wanted(session)
        told: dict[str, set[str]] = defaultdict(set)
        rows = await session.execute(
            select(User.hub_username, HubGroup.name).join_from(HubGroup, User, User.id == HubGroup.user_id)
        )
        for username, name in rows:
            told[username].add(name)
        return wanted != told


async def keep_in_step(context: Context, hub: HubGroups) -> int:
    """Compare everything with the hub, take over what was changed there, and tell it what was changed here.

    Returns:
        How many changes the hub was told of.

    Raises:
        HubAway: the hub can't be asked; what it was not told stays to be told.
    """
    steps: dict[str, Step] = {}
    async with context.database.session(context.cohort_id) as session:
        if not await _alone(session):
            return 0
        there = await hub.members()
        at_hub: dict[str, set[str]] = defaultdict(set)
        for group, usernames in there.items():
            for username in usernames:
                at_hub[username].add(group)
        wanted = await _wanted(session)
        remembered = select(HubGroup.user_id)
        people = await session.scalars(
            select(User)
            .where(or_(User.hub_username.in_(wanted.keys() | at_hub.keys()), User.id.in_(remembered)))
            .order_by(User.hub_username)
        )
        for user in people.all():
            seen = at_hub.get(user.hub_username, set())
            if not seen and not await hub.knows(user.hub_username):
                # Nothing follows from what a hub does not say that has never heard of them, such as a new one. They get
                # their groups when they sign in.
                await groups.begin_anew(session, user)
                continue
            step = await groups.in_step(
                session,
                user,
                at_hub=seen,
                exist=there.keys(),
                actor=THE_HUB,
                outbox=context.outbox,
                now=context.clock(),
            )
            if step.taken_at_hub or step.given_at_hub:
                log.info(
                    "roles_changed_at_the_hub",
                    username=user.hub_username,
                    taken=sorted(step.taken_at_hub),
                    given=sorted(step.given_at_hub),
                )
            steps[user.hub_username] = step
    told = 0
    for username, step in steps.items():
        for method, names in (("POST", step.add), ("DELETE", step.remove)):
            for name in sorted(names):
                told += await hub.change(method, name, username)
    return told


async def _alone(session: AsyncSession) -> bool:
    """Say whether no other process of this cohort's service compares right now; holds until the transaction ends."""
    key = int.from_bytes(
        hashlib.sha256(b"hub groups " + cohort_of(session).bytes).digest()[:8], "big", signed=True
    )
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(key))))


async def _wanted(session: AsyncSession) -> dict[str, set[str]]:
    """Return the groups that roles here stand for, by person; people without any are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    granted = await session.execute(
        select(User.hub_username, CohortRoleGrant.role)
        .join_from(CohortRoleGrant, User, User.id == CohortRoleGrant.user_id)
        .where(User.removed_at.is_(None))
    )
    for username, role in granted:
        found[username].update(policy.groups_of([CohortRole(role)], {}))
    enrolled = await session.execute(
        select(User.hub_username, Course.slug, Enrolment.role)
        .join_from(Enrolment, User, User.id == Enrolment.user_id)
        .join(CourseOffering, CourseOffering.id == Enrolment.offering_id)
        .join(Course, Course.id == CourseOffering.course_id)
        .where(User.removed_at.is_(None), Enrolment.role != Role.LEARNER.value)
    )
    for username, course, role in enrolled:
        found[username].update(policy.groups_of([], {course: Role(role)}))
    return found
