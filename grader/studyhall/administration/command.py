"""What `studyhall org` and `studyhall cohort` do, with a worker's settings: each command is one transaction."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import cohort_log
from studyhall.audit.cohort_log import LogFilter
from studyhall.audit.schemas import CohortAuditEntry
from studyhall.audit.service import operator
from studyhall.clock import Clock, utc_now
from studyhall.db.session import Database, cohort_of
from studyhall.errors import ConfigurationError
from studyhall.organizations import administration
from studyhall.organizations.errors import Reason, Refused
from studyhall.organizations.log import entries_beside
from studyhall.organizations.schemas import CohortOut, CohortTerms, OrganizationOut
from studyhall.rosters import service as rosters
from studyhall.rosters.reading import read_roster
from studyhall.settings import Settings

OPERATOR: Final = operator()

Result = TypeVar("Result")


def _run(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Do something with the database.

    Raises:
        Refused: by what was to be done, or since the database can't be used.
    """

    async def connected() -> Result:
        database = Database(settings.database_url.get_secret_value(), pool_size=1)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(connected())
    except ConfigurationError as error:
        raise Refused(Reason.NOT_CONFIGURED, str(error)) from error
    except OperationalError as error:
        raise Refused(
            Reason.DATABASE_UNREACHABLE,
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running.",
        ) from error
    except ProgrammingError as error:
        raise Refused(
            Reason.DATABASE_OUTDATED,
            "The database is not as this version needs it. Run `studyhall db upgrade` first.",
        ) from error
    except IntegrityError as error:
        raise Refused(
            Reason.CHANGED_MEANWHILE,
            "Somebody else made the same at the same moment. Nothing was changed; run the command again.",
        ) from error


def organizations(settings: Settings) -> list[OrganizationOut]:
    """Return all organisations."""

    async def work(database: Database) -> list[OrganizationOut]:
        async with database.session(None) as session:
            return await administration.organizations(session)

    return _run(settings, work)


def make_organization(
    settings: Settings, slug: str, *, name: str | None, clock: Clock = utc_now
) -> tuple[OrganizationOut, bool]:
    """Make an organisation, unless it is there."""

    async def work(database: Database) -> tuple[OrganizationOut, bool]:
        async with database.session(None) as session:
            return await administration.make_organization(
                session, slug, name=name, actor=OPERATOR, now=clock()
            )

    return _run(settings, work)


def close_organization(
    settings: Settings, slug: str, *, closed: bool, clock: Clock = utc_now
) -> tuple[OrganizationOut, bool]:
    """Close an organisation, or open it again."""

    async def work(database: Database) -> tuple[OrganizationOut, bool]:
        async with database.session(None) as session:
            return await administration.close_organization(
                session, slug, closed=closed, actor=OPERATOR, now=clock()
            )

    return _run(settings, work)


def cohorts(settings: Settings, *, organization: str | None, clock: Clock = utc_now) -> list[CohortOut]:
    """Return all cohorts, or those of one organisation."""

    async def work(database: Database) -> list[CohortOut]:
        async with database.session(None) as session:
            return await administration.cohorts(session, organization=organization, now=clock())

    return _run(settings, work)


def make_cohort(
    settings: Settings, slug: str, *, organization: str, terms: CohortTerms, clock: Clock = utc_now
) -> tuple[CohortOut, bool]:
    """Make a cohort, unless it is there."""

    async def work(database: Database) -> tuple[CohortOut, bool]:
        async with database.session(None) as session:
            there = await administration.find_cohort_id(session, slug)
        async with database.session(there or uuid.uuid4()) as session:
            return await administration.make_cohort(
                session, slug, organization=organization, terms=terms, actor=OPERATOR, now=clock()
            )

    return _run(settings, work)


def change_cohort(
    settings: Settings,
    slug: str,
    *,
    terms: CohortTerms,
    drop: frozenset[str],
    clock: Clock = utc_now,
) -> tuple[CohortOut, bool]:
    """Change a cohort's name, zone, plan or days."""

    async def change(session: AsyncSession) -> tuple[CohortOut, bool]:
        return await administration.change_cohort(
            session, terms=terms, drop=drop, actor=OPERATOR, now=clock()
        )

    return in_cohort(settings, slug, change)


def close_cohort(
    settings: Settings, slug: str, *, closed: bool, clock: Clock = utc_now
) -> tuple[CohortOut, bool]:
    """Close a cohort, or open it again."""

    async def close(session: AsyncSession) -> tuple[CohortOut, bool]:
        return await administration.close_cohort(session, closed=closed, actor=OPERATOR, now=clock())

    return in_cohort(settings, slug, close)


def in_cohort(settings: Settings, slug: str, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    """Do something in one transaction of a cohort.

    Raises:
        Refused: there is no such cohort, or the database can't be used, or by what was to be done.
    """

    async def connected(database: Database) -> Result:
        async with database.session(None) as session:
            cohort_id = await administration.cohort_id_of(session, slug)
        async with database.session(cohort_id) as session:
            return await work(session)

    return _run(settings, connected)


def apply_roster(
    settings: Settings, cohort: str, file: Path, *, remove_missing: bool, apply: bool, clock: Clock = utc_now
) -> rosters.Plan:
    """Return what a roster changes in a cohort, and change it where that is asked for.

    Raises:
        Refused: the file can't be read or has mistakes, or there is no such cohort; nothing was changed.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Refused(
            Reason.UNREADABLE_FILE, f"{file} can't be read: {error.strerror}. Name another file."
        ) from error
    roster = read_roster(content)

    async def work(session: AsyncSession) -> rosters.Plan:
        planned = await rosters.plan(session, roster, remove_missing=remove_missing)
        if apply:
            await rosters.apply(session, planned, actor=OPERATOR, now=clock())
        return planned

    return in_cohort(settings, cohort, work)


def audit_log(
    settings: Settings, cohort: str, wanted: LogFilter, *, limit: int
) -> tuple[list[CohortAuditEntry], int]:
    """Return the newest entries of a cohort's log and its organisation's, and how many fit.

    Raises:
        Refused: there is no such cohort, or the database can't be used.
    """

    async def work(session: AsyncSession) -> tuple[list[CohortAuditEntry], int]:
        beside = entries_beside(cohort_of(session))
        return await cohort_log.entries(session, wanted, beside=beside, page=1, limit=limit)

    return in_cohort(settings, cohort, work)
