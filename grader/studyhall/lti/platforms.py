"""An operator's work on learning platforms: registrations, keys, and which of their courses is connected with what."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.service import offering_of, slug_of
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.lti import keys, policy
from studyhall.lti.errors import PlatformRefused
from studyhall.lti.models import LtiContext, LtiMembership, LtiPassback, LtiPlatform
from studyhall.lti.service import connect


class PlatformSettingsWrong(PlatformRefused):
    """This registration cannot be used."""


@dataclass(frozen=True)
class PlatformRow:
    """A registration, and how it is used."""

    name: str
    issuer: str
    client_id: str
    token_url: str
    courses: list[str]
    contexts: int
    waiting: int
    failed: int


@dataclass(frozen=True)
class ContextRow:
    """A course of a platform."""

    id: uuid.UUID
    platform: str
    title: str
    reference: str
    course: str | None
    people: int


async def platforms(session: AsyncSession) -> list[PlatformRow]:
    """Return the cohort's registrations by name."""
    found = []
    for row in await session.scalars(select(LtiPlatform).order_by(LtiPlatform.name)):
        contexts = select(LtiContext.id).where(LtiContext.platform_id == row.id)
        states = dict(
            (
                await session.execute(
                    select(LtiPassback.state, func.count())
                    .where(LtiPassback.context_id.in_(contexts))
                    .group_by(LtiPassback.state)
                )
            )
            .tuples()
            .all()
        )
        found.append(
            PlatformRow(
                name=row.name,
                issuer=row.issuer,
                client_id=row.client_id,
                token_url=row.token_url,
                courses=[str(course) for course in row.courses],
                contexts=await session.scalar(select(func.count()).select_from(contexts.subquery())) or 0,
                waiting=states.get(policy.PassbackState.WAITING.value, 0),
                failed=states.get(policy.PassbackState.FAILED.value, 0),
            )
        )
    return found


async def platform_named(session: AsyncSession, name: str) -> LtiPlatform:
    """Return a registration.

    Raises:
        PlatformSettingsWrong: there is none of this name.
    """
    row = await session.scalar(select(LtiPlatform).where(LtiPlatform.name == name))
    if row is None:
        raise PlatformSettingsWrong(
            f"There is no platform {name} in this cohort. See them with: studyhall lti platform list"
        )
    return row


async def add(
    session: AsyncSession,
    name: str,
    *,
    issuer: str,
    client_id: str,
    token_url: str,
    audience: str,
    courses: list[str],
    cipher: ContentCipher,
    actor: Actor,
    now: datetime,
) -> bool:
    """Register a platform, or change the registration of that name; says whether that was a change.

    Raises:
        PlatformSettingsWrong: its addresses are none, or another registration is the same.
        UnknownCourse: the cohort does not take a course.
    """
    parts = urlsplit(token_url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise PlatformSettingsWrong("The address for tokens needs to begin with https://.")
    for course in courses:
        await offering_of(session, course)
    await keys.ensure(session, cipher)
    same = await session.scalar(
        select(LtiPlatform).where(
            LtiPlatform.issuer == issuer, LtiPlatform.client_id == client_id, LtiPlatform.name != name
        )
    )
    if same is not None:
        raise PlatformSettingsWrong(f"This issuer and client id are registered as {same.name} already.")
    row = await session.scalar(select(LtiPlatform).where(LtiPlatform.name == name))
    wanted = {
        "issuer": issuer,
        "client_id": client_id,
        "token_url": token_url,
        "audience": audience or token_url,
        "courses": sorted(set(courses)),
    }
    before = {field: getattr(row, field) for field in wanted} if row is not None else None
    if before == wanted:
        return False
    if row is None:
        session.add(LtiPlatform(id=uuid.uuid4(), cohort_id=cohort_of(session), name=name, **wanted))
    else:
        for field, value in wanted.items():
            setattr(row, field, value)
    await session.flush()
    audit.record(
        session,
        actor,
        Action.LTI_PLATFORM_CHANGED,
        about=name,
        course=None,
        at=now,
        before=before,
        after=wanted,
    )
    return True


async def remove(session: AsyncSession, name: str, *, actor: Actor, now: datetime) -> None:
    """Remove a registration with all that is known of its courses; people and their work stay.

    Raises:
        PlatformSettingsWrong: there is none of this name.
    """
    row = await platform_named(session, name)
    before = {"issuer": row.issuer, "client_id": row.client_id}
    await session.execute(delete(LtiPlatform).where(LtiPlatform.id == row.id))
    audit.record(
        session,
        actor,
        Action.LTI_PLATFORM_CHANGED,
        about=name,
        course=None,
        at=now,
        before=before,
        after=None,
    )


async def rotate(session: AsyncSession, cipher: ContentCipher, *, actor: Actor, now: datetime) -> str:
    """Make a new key and return its number; the one before stays published until the next one is made."""
    key = await keys.make(session, cipher)
    number = str(key.public["kid"])
    audit.record(session, actor, Action.LTI_KEY_MADE, about=number, course=None, at=now)
    return number


async def contexts(session: AsyncSession) -> list[ContextRow]:
    """Return the platforms' courses that somebody has come from."""
    rows = await session.execute(
        select(LtiContext, LtiPlatform.name)
        .join(LtiPlatform, LtiPlatform.id == LtiContext.platform_id)
        .order_by(LtiPlatform.name, LtiContext.title, LtiContext.id)
    )
    found = []
    for row, name in rows.all():
        people = await session.scalar(
            select(func.count()).select_from(LtiMembership).where(LtiMembership.context_id == row.id)
        )
        course = await slug_of(session, row.offering_id) if row.offering_id is not None else None
        found.append(ContextRow(row.id, name, row.title, row.reference, course, people or 0))
    return found


async def connect_context(
    session: AsyncSession, reference: str, course: str, *, actor: Actor, now: datetime
) -> ContextRow:
    """Connect a platform's course, named by its id there or here, with a course.

    Raises:
        PlatformSettingsWrong: there is none, or several have that id.
        UnknownCourse: the cohort does not take the course.
    """
    found = [row for row in await contexts(session) if reference in (row.reference, str(row.id))]
    if len(found) != 1:
        raise PlatformSettingsWrong(
            f"There is no course {reference} of a platform. It is known once its instructor has opened an activity "
            "there: studyhall lti course list"
            if not found
            else f"Several platforms have a course {reference}. Name it by its id here: studyhall lti course list"
        )
    row = (await session.scalars(select(LtiContext).where(LtiContext.id == found[0].id))).one()
    await connect(session, row, course, actor=actor, now=now)
    return next(each for each in await contexts(session) if each.id == row.id)
