"""The cohort as those see and change it who run it, and the other ones of its organisation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.members import joining
from studyhall.members.models import CohortRoleGrant, JoinRequest
from studyhall.members.policy import JoinState
from studyhall.members.schemas import (
    CohortChange,
    CohortPage,
    CohortRow,
    CohortSummary,
    CourseTitle,
    JoiningChange,
    JoiningOut,
    LimitsOut,
    OrganizationSummary,
    UsageOut,
)
from studyhall.organizations.administration import describe
from studyhall.organizations.models import Cohort, Organization
from studyhall.organizations.policy import LIMITS, Plan
from studyhall.permissions import Role


async def show(session: AsyncSession, *, may: Sequence[str], now: datetime) -> CohortPage:
    """Return the session's cohort with its plan, who is in it, and who may join."""
    cohort = (
        await session.scalars(
            select(Cohort).options(joinedload(Cohort.organization)).where(Cohort.id == cohort_of(session))
        )
    ).one()
    told = describe(cohort, now)
    return CohortPage(
        organization=OrganizationSummary(slug=cohort.organization.slug, name=cohort.organization.name),
        cohort=CohortSummary.model_validate(told, from_attributes=True),
        limits=LimitsOut.model_validate(LIMITS[Plan(cohort.plan)], from_attributes=True),
        usage=await usage(session),
        joining=JoiningOut.model_validate(joining.rules_of(cohort), from_attributes=True),
        told_by_mail=cohort.hub_sends_mail is True,
        courses=await _courses(session),
        may=list(may),
    )


async def _courses(session: AsyncSession) -> list[CourseTitle]:
    rows = await session.execute(
        select(Course.slug.label("course"), Course.title)
        .join_from(CourseOffering, Course, Course.id == CourseOffering.course_id)
        .order_by(Course.title, Course.slug)
    )
    return [CourseTitle.model_validate(row, from_attributes=True) for row in rows]


async def usage(session: AsyncSession) -> UsageOut:
    """Return how many people the session's cohort has, of each kind."""
    waiting = (
        select(func.count()).select_from(JoinRequest).where(JoinRequest.state == JoinState.WAITING.value)
    )
    staff = (
        select(func.count())
        .select_from(User)
        .where(
            User.removed_at.is_(None),
            or_(
                exists().where(CohortRoleGrant.user_id == User.id),
                exists().where(Enrolment.user_id == User.id, Enrolment.role != Role.LEARNER.value),
            ),
        )
    )
    return UsageOut(
        members=await joining.count_members(session),
        waiting=await session.scalar(waiting) or 0,
        staff=await session.scalar(staff) or 0,
    )


async def change(session: AsyncSession, wanted: CohortChange, *, actor: Actor, now: datetime) -> bool:
    """Change the session's cohort, written down; says whether that was a change."""
    cohort = await joining.locked_cohort(session)
    before = _terms(cohort)
    if wanted.name is not None:
        cohort.name = wanted.name
    given = (wanted.joining or JoiningChange()).model_dump(exclude_none=True)
    for name, value in given.items():
        setattr(cohort, name, value)
    after = _terms(cohort)
    changed = {name for name in after if after[name] != before[name]}
    if changed:
        audit.record(
            session, actor, Action.COHORT_CHANGED, about=f"cohort {cohort.slug}", course=None, at=now,
            before={name: before[name] for name in sorted(changed)},
            after={name: after[name] for name in sorted(changed)},
        )  # fmt: skip
    return bool(changed)


def _terms(cohort: Cohort) -> dict[str, Any]:
    return {
        "name": cohort.name,
        "mail_domains": list(cohort.mail_domains),
        "allow_public_join": cohort.allow_public_join,
        "require_approval": cohort.require_approval,
    }


async def cohorts(
    session: AsyncSession, *, page: int, limit: int, now: datetime
) -> tuple[list[CohortRow], int]:
    """Return a page of the cohorts of the session's organisation by slug, and how many there are.

    Of another one than the session's nothing is told but what its organisation has agreed on for it.
    """
    organization = select(Cohort.organization_id).where(Cohort.id == cohort_of(session)).scalar_subquery()
    where = Cohort.organization_id == organization
    total = await session.scalar(select(func.count()).select_from(Cohort).where(where)) or 0
    rows = await session.scalars(
        select(Cohort)
        .join(Organization)
        .options(joinedload(Cohort.organization))
        .where(where)
        .order_by(Cohort.slug)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return [
        CohortRow(
            slug=told.slug,
            name=told.name,
            plan=told.plan,
            state=told.state,
            starts_on=told.starts_on,
            ends_on=told.ends_on,
            current=row.id == cohort_of(session),
        )
        for row, told in ((row, describe(row, now)) for row in rows)
    ], total
