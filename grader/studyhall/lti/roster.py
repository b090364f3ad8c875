"""A platform's roster (NRPS): what it would change here, and changing it; the same roster twice changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeGuard

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Actor
from studyhall.clock import Clock
from studyhall.db.encryption import ContentCipher
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.lti import keys, policy
from studyhall.lti.errors import NotLetIn, PlatformRefused
from studyhall.lti.models import LtiContext, LtiKey, LtiMembership, LtiPlatform
from studyhall.lti.platform_calls import PlatformCalls, Tokens, registration
from studyhall.lti.service import member, take_in
from studyhall.members.joining import locked_cohort
from studyhall.permissions import Role

ASSERTION_LASTS = timedelta(minutes=5)


class Change(StrEnum):
    """What becomes of a person on the roster."""

    ADDED = "added"
    ROLE = "other role"
    SAME = "as before"
    GONE = "left there"
    NOTHING = "no role there"


@dataclass(frozen=True)
class Line:
    """One person of the roster."""

    username: str
    subject: str
    name: str
    role: Role | None
    change: Change

    @property
    def shown(self) -> str:
        """What the person is called where staff look."""
        return self.name or self.username


@dataclass(frozen=True)
class Applied:
    """What was done of a roster, and what was not."""

    lines: list[Line]
    left_out: list[tuple[Line, str]]
    """People who could not be taken over, each with the reason in words."""


@dataclass(frozen=True)
class Place:
    """A connected course of a platform, and what is needed to ask for its roster."""

    context: LtiContext
    platform: LtiPlatform
    key: LtiKey


async def place_of(session: AsyncSession, reference: str, cipher: ContentCipher) -> Place:
    """Return a platform's course by its id there or here.

    Raises:
        PlatformRefused: there is none, it is connected with nothing, or the platform shows no roster.
    """
    rows = [
        row for row in await session.scalars(select(LtiContext)) if reference in {row.reference, str(row.id)}
    ]
    if len(rows) != 1:
        raise PlatformRefused(f"There is no one course {reference}. See them with: studyhall lti course list")
    (context,) = rows
    if context.offering_id is None:
        raise PlatformRefused(f"{context.title} is not connected with a course here yet.")
    if context.memberships_url is None:
        raise PlatformRefused(
            f"The learning platform shows no roster of {context.title}. Allow its tool to see names and roles, and "
            "open the activity once."
        )
    platform = (await session.scalars(select(LtiPlatform).where(LtiPlatform.id == context.platform_id))).one()
    return Place(context, platform, await keys.ensure(session, cipher))


async def fetch(
    platform: LtiPlatform, key: LtiKey, cipher: ContentCipher, url: str, *, clock: Clock
) -> list[dict[str, Any]]:
    """Return everybody on a roster.

    Raises:
        PlatformRefused, PlatformBusy: it can't be read whole.
    """
    async with httpx.AsyncClient() as client:
        return await calls_for(client, platform, key, cipher, [policy.ROSTER], clock=clock).members(url)


def calls_for(
    client: httpx.AsyncClient,
    platform: LtiPlatform,
    key: LtiKey,
    cipher: ContentCipher,
    scopes: Sequence[str],
    *,
    clock: Clock,
) -> PlatformCalls:
    """Return the services of a platform, to be used once."""

    def sign(claims: dict[str, Any], now: datetime) -> str:
        return keys.signed(key, cipher, claims, now=now, lasts=ASSERTION_LASTS)

    known = registration(
        issuer=platform.issuer,
        client_id=platform.client_id,
        token_url=platform.token_url,
        audience=platform.audience,
        sign=sign,
        clock=clock,
    )
    return PlatformCalls(client, Tokens(), known, scopes)


async def compare(session: AsyncSession, place: Place, rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return what a roster would change, by name; nothing is changed."""
    known = {
        row.subject: row
        for row in await session.scalars(
            select(LtiMembership).where(LtiMembership.context_id == place.context.id)
        )
    }
    lines: dict[str, Line] = {}
    for row in rows:
        subject = row.get("user_id")
        if not is_subject(subject):
            continue
        roles = row.get("roles")
        active = row.get("status", "Active") == "Active"
        role = (
            policy.role_of([word for word in roles if isinstance(word, str)])
            if isinstance(roles, list)
            else None
        )
        before = known.get(subject)
        lines[subject] = Line(
            username=policy.name_of(place.platform.issuer, subject),
            subject=subject,
            name=name_in(row),
            role=role if active else None,
            change=_change(role if active else None, before),
        )
    people = {
        user.id: user.hub_username
        for user in await session.scalars(
            select(User).where(User.id.in_([row.user_id for row in known.values()]))
        )
    }
    for subject, membership in known.items():
        if subject not in lines and membership.role is not None:
            lines[subject] = Line(people[membership.user_id], subject, "", None, Change.GONE)
    return sorted(lines.values(), key=lambda line: (line.name.casefold(), line.username))


def is_subject(value: object) -> TypeGuard[str]:
    """Say whether this can be a person's number at a platform."""
    return isinstance(value, str) and 0 < len(value) <= 255 and "\0" not in value


def name_in(row: Mapping[str, Any]) -> str:
    """Return what a platform calls a person, in one line; empty where it says nothing that can be shown."""
    name = row.get("name")
    return name.strip()[:200] if isinstance(name, str) and name.isprintable() else ""


def _change(role: Role | None, before: LtiMembership | None) -> Change:
    if before is None:
        return Change.NOTHING if role is None else Change.ADDED
    if role is None:
        return Change.NOTHING if before.role is None else Change.GONE
    return Change.SAME if before.role == role.value else Change.ROLE


async def apply(
    session: AsyncSession, place: Place, lines: Sequence[Line], *, actor: Actor, outbox: Outbox, now: datetime
) -> Applied:
    """Do what lines say. Somebody who can't be taken over, since they were removed here, hinders nobody else.

    Who has left there gets no grades there any more. Nobody loses their place here by it: what they did stays, and
    taking them out is for staff.
    """
    # First of all the platform's course, as in a launch, and the cohort, as with every roster: somebody who is launched
    # meanwhile would else wait for this roster, and this roster for them.
    await session.execute(
        select(LtiContext.id).where(LtiContext.id == place.context.id).with_for_update(key_share=True)
    )
    await locked_cohort(session)
    done = Applied([], [])
    for line in lines:
        if line.change in {Change.SAME, Change.NOTHING}:
            continue
        try:
            # It refuses before it writes anything.
            user = await member(session, line.username, name=line.name, outbox=outbox)
        except NotLetIn as refused:
            done.left_out.append((line, refused.for_staff))
            continue
        await take_in(
            session,
            place.context,
            user,
            subject=line.subject,
            role=line.role,
            actor=actor,
            outbox=outbox,
            now=now,
        )
        done.lines.append(line)
    return done
