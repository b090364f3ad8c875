"""What operators do with organisations and cohorts: made, changed, closed and opened again; nothing is ever deleted.

Each change is written down in its own transaction: an organisation's in its own log, a cohort's in the cohort's audit
log. The same command again changes nothing and writes nothing down.
"""

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.db.session import cohort_of
from studyhall.organizations import policy
from studyhall.organizations.errors import Reason, Refused
from studyhall.organizations.models import Cohort, Organization, OrganizationEntry
from studyhall.organizations.schemas import CohortOut, CohortTerms, OrganizationOut

DEFAULT_TIMEZONE = "UTC"


# ---------------------------------------------------------------- organisations


async def organizations(session: AsyncSession) -> list[OrganizationOut]:
    """Return all organisations by slug."""
    cohorts = (
        select(func.count())
        .where(Cohort.organization_id == Organization.id)
        .correlate(Organization)
        .scalar_subquery()
    )
    rows = await session.execute(select(Organization, cohorts).order_by(Organization.slug))
    return [_organization_out(row, count) for row, count in rows]


async def make_organization(
    session: AsyncSession, slug: str, *, name: str | None, actor: Actor, now: datetime
) -> tuple[OrganizationOut, bool]:
    """Return the organisation of that slug, and whether it was made now.

    Raises:
        Refused: the slug or the name can't be one, or it is there under another name.
    """
    _require_slug(slug)
    _require_name(name)
    wanted = name or _readable(slug)
    there = await _find_organization(session, slug)
    if there is not None:
        if name is not None and there.name != name:
            raise Refused(
                Reason.EXISTS_ALREADY,
                f"There is an organisation {slug} already; its name is {there.name!r}. Nothing was changed.",
            )
        return await _described(session, there), False
    made = Organization(id=uuid.uuid4(), slug=slug, name=wanted, closed_at=None)
    session.add(made)
    await session.flush()
    _write_down(session, made, Action.ORGANIZATION_MADE, actor, now, before=None, after={"name": wanted})
    return await _described(session, made), True


async def close_organization(
    session: AsyncSession, slug: str, *, closed: bool, actor: Actor, now: datetime
) -> tuple[OrganizationOut, bool]:
    """Close an organisation with all its cohorts, or open it again; says whether that was a change.

    Its cohorts keep their own state: one that was closed by itself stays closed when the organisation opens again.

    Raises:
        Refused: there is none.
    """
    row = await _organization(session, slug, lock=True)
    if (row.closed_at is not None) == closed:
        return await _described(session, row), False
    before = {"closed_at": _text(row.closed_at)}
    row.closed_at = now if closed else None
    _write_down(
        session,
        row,
        Action.ORGANIZATION_CLOSED if closed else Action.ORGANIZATION_REOPENED,
        actor,
        now,
        before=before,
        after={"closed_at": _text(row.closed_at)},
    )
    return await _described(session, row), True


async def _find_organization(session: AsyncSession, slug: str, *, lock: bool = False) -> Organization | None:
    query = select(Organization).where(Organization.slug == slug)
    return await session.scalar(query.with_for_update(key_share=True) if lock else query)


async def _organization(session: AsyncSession, slug: str, *, lock: bool = False) -> Organization:
    row = await _find_organization(session, slug, lock=lock)
    if row is None:
        known = list(await session.scalars(select(Organization.slug).order_by(Organization.slug).limit(20)))
        raise Refused(
            Reason.UNKNOWN_ORGANIZATION,
            f"There is no organisation {slug!r}. There are: {', '.join(known) or 'none yet'}. "
            "Make one with `studyhall org new`.",
        )
    return row


def _write_down(
    session: AsyncSession,
    row: Organization,
    action: Action,
    actor: Actor,
    now: datetime,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    session.add(
        OrganizationEntry(
            id=uuid.uuid4(),
            organization_id=row.id,
            at=now,
            actor=actor.username,
            action=action.value,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
            origin=actor.origin.value,
            address=actor.address,
            agent=actor.agent,
        )
    )


async def _described(session: AsyncSession, row: Organization) -> OrganizationOut:
    count = await session.scalar(
        select(func.count()).select_from(Cohort).where(Cohort.organization_id == row.id)
    )
    return _organization_out(row, count or 0)


def _organization_out(row: Organization, cohorts: int) -> OrganizationOut:
    return OrganizationOut(slug=row.slug, name=row.name, cohorts=cohorts, closed_at=row.closed_at)


# ---------------------------------------------------------------- cohorts


async def cohorts(session: AsyncSession, *, organization: str | None, now: datetime) -> list[CohortOut]:
    """Return all cohorts, or those of one organisation, by organisation and slug.

    Raises:
        Refused: there is no such organisation.
    """
    query = (
        select(Cohort)
        .join(Organization)
        .options(joinedload(Cohort.organization))
        .order_by(Organization.slug, Cohort.slug)
    )
    if organization is not None:
        query = query.where(Organization.id == (await _organization(session, organization)).id)
    return [describe(row, now) for row in await session.scalars(query)]


async def cohort_id_of(session: AsyncSession, slug: str) -> uuid.UUID:
    """Return a cohort's id, for a session of its own.

    Raises:
        Refused: there is none of that slug.
    """
    found = await find_cohort_id(session, slug)
    if found is None:
        known = list(await session.scalars(select(Cohort.slug).order_by(Cohort.slug).limit(20)))
        raise Refused(
            Reason.UNKNOWN_COHORT,
            f"There is no cohort {slug!r}. There are: {', '.join(known) or 'none yet'}. "
            "Make one with `studyhall cohort new`.",
        )
    return found


async def find_cohort_id(session: AsyncSession, slug: str) -> uuid.UUID | None:
    """Return a cohort's id; None when there is none of that slug."""
    return await session.scalar(select(Cohort.id).where(Cohort.slug == slug))


async def make_cohort(
    session: AsyncSession,
    slug: str,
    *,
    organization: str,
    terms: CohortTerms,
    actor: Actor,
    now: datetime,
) -> tuple[CohortOut, bool]:
    """Return the cohort of that slug, and whether it was made now.

    The session's cohort is the one that is there, or else the id that the new one gets: so the first entry of its audit
    log is written in the same transaction.

    Raises:
        Refused: a value can't be one, the organisation is unknown or closed, or the cohort is there and other than
            asked for.
    """
    _require_slug(slug)
    owner = await _organization(session, organization)
    there = await _cohort(session)
    if there is not None:
        asked = _values(terms, there)
        differs = sorted(name for name, value in asked.items() if getattr(there, name) != value)
        if there.organization_id != owner.id:
            differs.insert(0, "organization")
        if differs:
            raise Refused(
                Reason.EXISTS_ALREADY,
                f"There is a cohort {slug} already, and it has another {' and another '.join(map(_field, differs))}. "
                "Nothing was changed. Change it with `studyhall cohort change`, or choose another slug.",
            )
        return describe(there, now), False
    if owner.closed_at is not None:
        raise Refused(
            Reason.ORGANIZATION_CLOSED,
            f"The organisation {organization} is closed. Open it with `studyhall org reopen {organization}` first.",
        )
    made = Cohort(
        id=cohort_of(session),
        organization_id=owner.id,
        organization=owner,
        slug=slug,
        name=_readable(slug),
        timezone=DEFAULT_TIMEZONE,
        rewards_enabled=True,
        plan=policy.Plan.ORGANIZATION.value,
        starts_at=None,
        ends_at=None,
        closed_at=None,
    )
    for name, value in _values(terms, made).items():
        setattr(made, name, value)
    session.add(made)
    await session.flush()
    _record(session, made, Action.COHORT_MADE, actor, now, before=None, after=_terms_of(made))
    return describe(made, now), True


async def change_cohort(
    session: AsyncSession, *, terms: CohortTerms, drop: frozenset[str], actor: Actor, now: datetime
) -> tuple[CohortOut, bool]:
    """Change what is given of the session's cohort, and say whether that was a change.

    Another time zone moves the beginning and the end, so that the days stay the same.

    Args:
        session: the cohort's.
        terms: what is to be another thing.
        drop: ``starts_on`` and ``ends_on``, where there shall be none any more.
        actor: who does it.
        now: when.

    Raises:
        Refused: a value can't be one.
    """
    row = await _own(session)
    before = _terms_of(row)
    zone = ZoneInfo(row.timezone)
    kept = {
        "starts_on": policy.first_day(row.starts_at, zone),
        "ends_on": policy.last_day(row.ends_at, zone),
    }
    given = terms.model_dump(exclude_none=True)
    row.starts_at = None if "starts_on" in drop else row.starts_at
    row.ends_at = None if "ends_on" in drop else row.ends_at
    whole = CohortTerms.model_validate({**kept, **given} | dict.fromkeys(drop))
    for name, value in _values(whole, row).items():
        setattr(row, name, value)
    after = _terms_of(row)
    if before == after:
        return describe(row, now), False
    _record(session, row, Action.COHORT_CHANGED, actor, now, before=before, after=after)
    return describe(row, now), True


async def close_cohort(
    session: AsyncSession, *, closed: bool, actor: Actor, now: datetime
) -> tuple[CohortOut, bool]:
    """Close the session's cohort or open it again, and say whether that was a change. Its data stays as it is."""
    row = await _own(session)
    if (row.closed_at is not None) == closed:
        return describe(row, now), False
    before = {"closed_at": _text(row.closed_at)}
    row.closed_at = now if closed else None
    _record(
        session,
        row,
        Action.COHORT_CLOSED if closed else Action.COHORT_REOPENED,
        actor,
        now,
        before=before,
        after={"closed_at": _text(row.closed_at)},
    )
    return describe(row, now), True


async def _cohort(session: AsyncSession) -> Cohort | None:
    return await session.scalar(
        select(Cohort)
        .options(joinedload(Cohort.organization))
        .where(Cohort.id == cohort_of(session))
        .with_for_update(of=Cohort, key_share=True)
    )


async def _own(session: AsyncSession) -> Cohort:
    row = await _cohort(session)
    if row is None:
        raise Refused(
            Reason.CHANGED_MEANWHILE,
            "The cohort went away in the meantime. Look with `studyhall cohort list`.",
        )
    return row


def describe(row: Cohort, now: datetime) -> CohortOut:
    """Return a cohort, read together with its organisation, as commands show it."""
    zone = ZoneInfo(row.timezone)
    return CohortOut(
        slug=row.slug,
        name=row.name,
        organization=row.organization.slug,
        timezone=row.timezone,
        plan=policy.Plan(row.plan),
        starts_on=policy.first_day(row.starts_at, zone),
        ends_on=policy.last_day(row.ends_at, zone),
        state=policy.state_of(
            closed_at=row.closed_at,
            organization_closed_at=row.organization.closed_at,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            now=now,
        ),
        closed_at=row.closed_at or row.organization.closed_at,
    )


def _values(terms: CohortTerms, row: Cohort) -> dict[str, Any]:
    """Return the columns that are asked for, checked against each other and the rest of the row."""
    _require_name(terms.name)
    timezone = terms.timezone or row.timezone
    zone = policy.zone_named(timezone)
    if zone is None:
        raise Refused(
            Reason.UNKNOWN_TIMEZONE,
            f"{timezone!r} is not a time zone. Give an IANA name, such as Europe/Berlin.",
        )
    values: dict[str, Any] = {}
    if terms.name is not None:
        values["name"] = terms.name
    if terms.timezone is not None:
        values["timezone"] = terms.timezone
    if terms.plan is not None:
        values["plan"] = terms.plan.value
    try:
        if terms.starts_on is not None:
            values["starts_at"] = policy.day_begins(terms.starts_on, zone)
        if terms.ends_on is not None:
            values["ends_at"] = policy.day_begins(terms.ends_on + timedelta(days=1), zone)
        starts_at = values.get("starts_at", row.starts_at)
        ends_at = values.get("ends_at", row.ends_at)
        wrong = starts_at is not None and ends_at is not None and starts_at >= ends_at
    except OverflowError as error:
        raise Refused(Reason.INVALID_DATES, "That day is too far away.") from error
    if wrong:
        raise Refused(
            Reason.INVALID_DATES,
            f"The last day, {policy.last_day(ends_at, zone)}, is before the first one, "
            f"{policy.first_day(starts_at, zone)}. Change one of them.",
        )
    return values


def _terms_of(row: Cohort) -> dict[str, Any]:
    zone = ZoneInfo(row.timezone)
    return {
        "name": row.name,
        "timezone": row.timezone,
        "plan": row.plan,
        "starts_on": _text(policy.first_day(row.starts_at, zone)),
        "ends_on": _text(policy.last_day(row.ends_at, zone)),
    }


def _record(
    session: AsyncSession,
    row: Cohort,
    action: Action,
    actor: Actor,
    now: datetime,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    audit.record(
        session, actor, action, about=f"cohort {row.slug}", course=None, at=now, before=before, after=after
    )


# ---------------------------------------------------------------- names


def _require_slug(slug: str) -> None:
    if not policy.is_slug(slug):
        raise Refused(
            Reason.INVALID_SLUG,
            f"{slug!r} can't be a slug: small letters a-z, digits and hyphens in between, "
            f"{policy.LONGEST_SLUG} characters at most.",
        )


def _require_name(name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > policy.LONGEST_NAME or not name.isprintable()):
        raise Refused(
            Reason.INVALID_NAME,
            f"A name is one line of at most {policy.LONGEST_NAME} characters, and not empty.",
        )


def _readable(slug: str) -> str:
    return slug.replace("-", " ").title()


def _field(column: str) -> str:
    return {"starts_at": "first day", "ends_at": "last day", "timezone": "time zone"}.get(
        column, "organisation" if column == "organization" else column
    )


def _text(value: datetime | date | None) -> str | None:
    return value.isoformat() if value is not None else None
