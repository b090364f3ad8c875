"""Rules of organisations and cohorts."""

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.errors import ConfigurationError
from studyhall.organizations.models import Cohort, Organization


async def cohort_by_slug(session: AsyncSession, slug: str) -> Cohort:
    """Return the cohort that a hub serves.

    Raises:
        ConfigurationError: there is none of that slug.
    """
    if not slug:
        raise ConfigurationError(
            "STUDYHALL_COHORT is not set. Give it the slug of the cohort that this hub serves."
        )
    cohort = await session.scalar(select(Cohort).where(Cohort.slug == slug))
    if cohort is None:
        raise ConfigurationError(
            f"There is no cohort {slug!r} in the database. Check STUDYHALL_COHORT, or make the cohort first."
        )
    return cohort


async def cohort_by_id(session: AsyncSession, cohort_id: uuid.UUID) -> Cohort:
    """Return a cohort that is known to exist."""
    return (await session.scalars(select(Cohort).where(Cohort.id == cohort_id))).one()


async def cohort_ids(session: AsyncSession) -> list[uuid.UUID]:
    """Return all cohorts, for work that looks after every one of them."""
    return list(await session.scalars(select(Cohort.id).order_by(Cohort.id)))


async def ensure_cohort(
    session: AsyncSession, *, organization: str, cohort: str, timezone: str = "UTC"
) -> Cohort:
    """Return the cohort of that slug, made together with its organisation when it does not exist yet."""
    await session.execute(
        insert(Organization)
        .values(id=uuid.uuid4(), slug=organization, name=organization.replace("-", " ").title())
        .on_conflict_do_nothing(index_elements=["slug"])
    )
    owner = (await session.scalars(select(Organization).where(Organization.slug == organization))).one()
    await session.execute(
        insert(Cohort)
        .values(
            id=uuid.uuid4(),
            organization_id=owner.id,
            slug=cohort,
            name=cohort.replace("-", " ").title(),
            timezone=timezone,
        )
        .on_conflict_do_nothing(index_elements=["slug"])
    )
    return await cohort_by_slug(session, cohort)
