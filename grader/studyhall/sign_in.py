"""From the hub's model of somebody to a person of this cohort with their roles, asked anew for each request.

Nothing of it is kept between requests: a role that was taken away is gone with the next one. What the hub says (who a
token belongs to, and its scopes) is kept for 60 seconds at most, by the hub's own library.
"""

from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.identity.service import SEEN_EVERY, remember_user
from studyhall.members.errors import NotAMember
from studyhall.members.joining import removed_sentence, takes_everybody
from studyhall.members.models import CohortRoleGrant
from studyhall.organizations.models import Cohort, Organization
from studyhall.organizations.policy import closed_because
from studyhall.permissions import CohortRole, Role
from studyhall.person import Person
from studyhall.web.handlers import HubUser, SignIn

_ROLES = (
    select(func.jsonb_object_agg(Course.slug, Enrolment.role))
    .join(CourseOffering, CourseOffering.course_id == Course.id)
    .join(Enrolment, Enrolment.offering_id == CourseOffering.id)
    .where(Enrolment.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)

_COHORT_ROLES = (
    select(func.jsonb_agg(CohortRoleGrant.role))
    .where(CohortRoleGrant.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)

# Columns instead of objects, since every request asks this.
_WHO = (
    select(
        User.id,
        User.display_name,
        User.timezone,
        User.next_timezone_from,
        User.last_seen_at,
        User.removed_at,
        User.removed_because,
        Cohort.timezone.label("cohort_timezone"),
        Cohort.closed_at,
        Cohort.ends_at,
        Organization.closed_at.label("organization_closed_at"),
        _ROLES.label("roles"),
        _COHORT_ROLES.label("cohort_roles"),
    )
    .join(Cohort, Cohort.id == User.cohort_id)
    .join(Organization, Organization.id == Cohort.organization_id)
    .where(User.cohort_id == bindparam("cohort_id"), User.hub_username == bindparam("username"))
)


def sign_in_with(context: Context) -> SignIn:
    """Return the function that turns a hub user into a person with roles, with one question to the database."""

    async def sign_in(session: AsyncSession, model: HubUser, scopes: frozenset[str]) -> Person:
        username = str(model["name"])
        asked = {"cohort_id": cohort_of(session), "username": username}
        now = context.clock()
        row = (await session.execute(_WHO, asked)).one_or_none()
        if row is None and not await takes_everybody(session):
            raise NotAMember
        if row is not None and row.removed_at is not None:
            raise NotAMember(removed_sentence(row.removed_because))
        if (
            row is None
            or row.last_seen_at is None
            or now - row.last_seen_at > SEEN_EVERY
            or (row.next_timezone_from is not None and row.next_timezone_from <= now)
        ):
            await remember_user(session, model, outbox=context.outbox, clock=context.clock)
            await session.flush()
            row = (await session.execute(_WHO, asked)).one()
        return Person(
            user_id=row.id,
            cohort_id=context.cohort_id,
            username=username,
            display_name=row.display_name,
            timezone=row.timezone or row.cohort_timezone,
            cohort_timezone=row.cohort_timezone,
            scopes=scopes,
            roles={slug: Role(role) for slug, role in (row.roles or {}).items()},
            cohort_roles=frozenset(CohortRole(role) for role in row.cohort_roles or ()),
            closed_because=closed_because(
                closed_at=row.closed_at,
                organization_closed_at=row.organization_closed_at,
                ends_at=row.ends_at,
                zone=ZoneInfo(row.cohort_timezone),
                now=now,
            ),
        )

    return sign_in
