"""Rules of launches: who comes in, what they are here, what is remembered of their course, and where it leads."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor, AuditOrigin
from studyhall.courses.errors import UnknownCourse, UnknownLesson
from studyhall.courses.models import Course, CourseOffering
from studyhall.courses.service import lesson_of, offering_of, offerings_by_id, roles_of
from studyhall.db.session import cohort_of
from studyhall.errors import Forbidden
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.identity.service import ensure_user, user_named
from studyhall.lti import errors, policy
from studyhall.lti.models import LtiChoice, LtiColumn, LtiContext, LtiLink, LtiMembership, LtiPlatform
from studyhall.lti.schemas import LtiLaunchIn, LtiLaunchOut
from studyhall.members import groups, joining
from studyhall.organizations.policy import Plan, has_room
from studyhall.permissions import Role

CHOICE_LASTS = timedelta(hours=1)
OPENED_LESSON = "studyhall-lesson"
"""The parameter of Lab's address that has a lesson opened: `course/lesson`."""


def hub_actor(username: str, *, request_id: str = "") -> Actor:
    """Return who changes something by a launch: the person, as the hub and their platform say."""
    return Actor(user_id=None, username=username, origin=AuditOrigin.HUB, request_id=request_id)


async def launch(
    session: AsyncSession, said: LtiLaunchIn, *, outbox: Outbox, now: datetime, request_id: str = ""
) -> tuple[LtiLaunchOut, LtiMembership]:
    """Take in a launch that the hub has checked; return where it leads, and the membership that it brought.

    Raises:
        UnknownPlatform, NoCourseThere, NotConnected, NoCourseToConnect, NoRole, StaffOnly, Forbidden: it leads nowhere.
    """
    platform = await _platform(session, said)
    role = policy.role_of(said.roles)
    if role is None:
        raise errors.NoRole
    context = await _context(session, platform, said)
    _check_may(role, context, said)
    actor = hub_actor(said.username, request_id=request_id)
    user = await member(session, said.username, name=said.name, outbox=outbox)
    if context.offering_id is None:
        open_to = await courses_for(session, platform, user)
        if not open_to:
            raise errors.NoCourseToConnect
        if len(open_to) == 1:
            await connect(session, context, open_to[0], actor=actor, now=now)
    membership = await take_in(
        session, context, user, subject=said.subject, role=role, actor=actor, outbox=outbox, now=now
    )
    if context.offering_id is None or said.deep_linking is not None:
        return await _choice(session, context, user, said, now=now), membership
    lesson = await _remember_link(session, context, said)
    if role is Role.LEARNER:
        opened = f"?{urlencode({OPENED_LESSON: lesson})}" if lesson is not None else ""
        return LtiLaunchOut(at="hub", path=f"user-redirect/lab{opened}"), membership
    return LtiLaunchOut(at="service", path=""), membership


async def _platform(session: AsyncSession, said: LtiLaunchIn) -> LtiPlatform:
    platform = await session.scalar(
        select(LtiPlatform).where(LtiPlatform.issuer == said.issuer, LtiPlatform.client_id == said.client_id)
    )
    if platform is None:
        raise errors.UnknownPlatform
    if said.username != policy.name_of(said.issuer, said.subject):
        raise Forbidden("The launch names another person than it is about.")
    return platform


def _check_may(role: Role, context: LtiContext, said: LtiLaunchIn) -> None:
    if context.offering_id is None and role is not Role.INSTRUCTOR:
        raise errors.NotConnected
    if said.deep_linking is not None and role is not Role.INSTRUCTOR:
        raise errors.StaffOnly


async def _context(session: AsyncSession, platform: LtiPlatform, said: LtiLaunchIn) -> LtiContext:
    """Return the platform's course, with what this launch says of it."""
    if said.context is None:
        raise errors.NoCourseThere
    values: dict[str, Any] = {"title": said.context.title or said.context.id}
    if said.grades is not None:
        values["scopes"] = said.grades.scopes
        values["lineitems_url"] = _callable(said.grades.lineitems, platform)
    if said.memberships_url:
        values["memberships_url"] = _callable(said.memberships_url, platform)
    place = {
        "platform_id": platform.id,
        "deployment": said.deployment,
        "reference": said.context.id,
    }
    await session.execute(
        insert(LtiContext)
        .values(id=uuid.uuid4(), cohort_id=cohort_of(session), **place, **({"scopes": []} | values))
        .on_conflict_do_update(index_elements=list(place), set_=values)
    )
    # Grades that are written down for the platform's course meanwhile don't wait for the launch.
    mine = select(LtiContext).filter_by(**place).with_for_update(key_share=True)
    return (await session.scalars(mine)).one()


def _callable(url: str, platform: LtiPlatform) -> str | None:
    return url if url and policy.is_callable(url, token_url=platform.token_url) else None


async def member(session: AsyncSession, username: str, *, name: str, outbox: Outbox) -> User:
    """Return the member of that name, let in when they are new.

    Raises:
        NotLetIn: they were removed, or the cohort is full.
    """
    user = await user_named(session, username)
    if user is None:
        cohort = await joining.locked_cohort(session)
        if not has_room(Plan(cohort.plan), await joining.count_members(session)):
            raise errors.NotLetIn(
                joining.FULL, for_staff="The cohort has as many members as its plan allows."
            )
        user = await ensure_user(session, username=username, outbox=outbox)
    if user.removed_at is not None:
        raise errors.NotLetIn(
            joining.removed_sentence(user.removed_because),
            for_staff="They were removed from the cohort here. Whoever runs it can restore them.",
        )
    if name.strip() and name.isprintable() and user.last_seen_at is None:
        user.display_name = name.strip()[:200]
    return user


async def courses_for(session: AsyncSession, platform: LtiPlatform, user: User) -> list[str]:
    """Return the courses that somebody may connect: those they teach here, and those that the operator has opened."""
    teaches = {
        course for course, role in (await roles_of(session, user.id)).items() if role is Role.INSTRUCTOR
    }
    offered = await session.scalars(
        select(Course.slug).join(CourseOffering, CourseOffering.course_id == Course.id).order_by(Course.slug)
    )
    return [course for course in offered if course in teaches or course in platform.courses]


async def connect(
    session: AsyncSession, context: LtiContext, course: str, *, actor: Actor, now: datetime
) -> None:
    """Connect a platform's course with one here, written down; again the same changes nothing.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await offering_of(session, course)
    if context.offering_id == offering.id:
        return
    context.offering_id = offering.id
    await session.flush()
    audit.record(
        session, actor, Action.LTI_CONNECTED, about=context.title, course=course, at=now,
        after={"course": course, "platform_course": context.reference},
    )  # fmt: skip


async def take_in(
    session: AsyncSession,
    context: LtiContext,
    user: User,
    *,
    subject: str,
    role: Role | None,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> LtiMembership:
    """Remember what somebody is in the platform's course, and make them the same in the course here."""
    known = await session.scalar(
        select(LtiMembership).where(LtiMembership.context_id == context.id, LtiMembership.user_id == user.id)
    )
    before = Role(known.role) if known is not None and known.role is not None else None
    row = {
        "context_id": context.id,
        "user_id": user.id,
        "subject": subject,
        "role": role.value if role is not None else None,
    }
    membership = await session.scalar(
        insert(LtiMembership)
        .values(id=uuid.uuid4(), cohort_id=cohort_of(session), **row)
        .on_conflict_do_update(
            index_elements=["context_id", "user_id"], set_={"subject": row["subject"], "role": row["role"]}
        )
        .returning(LtiMembership)
        .execution_options(populate_existing=True)
    )
    if membership is None:
        raise RuntimeError("A membership that was just written is not there.")
    if context.offering_id is not None:
        offering = (await offerings_by_id(session, {context.offering_id}))[context.offering_id]
        course = offering.course.slug
        here = (await roles_of(session, user.id)).get(course)
        after = policy.next_role(here=here, before=before, there=role)
        if after is not None and after is not here:
            await groups.set_course_role(session, user, course, after, actor=actor, now=now)
            await groups.tell_changed(session, user, outbox)
    return membership


async def _choice(
    session: AsyncSession, context: LtiContext, user: User, said: LtiLaunchIn, *, now: datetime
) -> LtiLaunchOut:
    choice = LtiChoice(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        context_id=context.id,
        user_id=user.id,
        launch_url=said.launch_url,
        deep_linking=said.deep_linking.model_dump() if said.deep_linking is not None else None,
        until=now + CHOICE_LASTS,
        used_at=None,
    )
    session.add(choice)
    return LtiLaunchOut(at="service", path=f"lti/choices/{choice.id}")


async def _remember_link(session: AsyncSession, context: LtiContext, said: LtiLaunchIn) -> str | None:
    """Remember which lesson a link opens, and its column; return `course/lesson`, or None when it opens none."""
    if said.link is None or context.offering_id is None:
        return None
    offering = (await offerings_by_id(session, {context.offering_id}))[context.offering_id]
    course, _, lesson = said.lesson.partition("/")
    lesson_id = None
    if lesson and course == offering.course.slug:
        try:
            lesson_id = (await lesson_of(session, offering, lesson)).lesson_id
        except (UnknownCourse, UnknownLesson):
            lesson_id = None
    values = {"title": said.link.title or said.link.id, "lesson_id": lesson_id}
    await session.execute(
        insert(LtiLink)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            context_id=context.id,
            reference=said.link.id,
            **values,
        )
        .on_conflict_do_update(index_elements=["context_id", "reference"], set_=values)
    )
    opens = f"{course}/{lesson}" if lesson_id is not None else None
    column = said.grades.lineitem if said.grades is not None else ""
    if (
        lesson_id is None
        or not context.lineitems_url
        or not policy.same_origin(column, context.lineitems_url)
    ):
        return opens
    await keep_column(session, context.id, lesson_id, column)
    return opens


async def keep_column(session: AsyncSession, context_id: uuid.UUID, lesson_id: uuid.UUID, url: str) -> None:
    """Remember the column of a lesson in a platform's course."""
    await session.execute(
        insert(LtiColumn)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            context_id=context_id,
            lesson_id=lesson_id,
            url=url,
        )
        .on_conflict_do_update(index_elements=["context_id", "lesson_id"], set_={"url": url})
    )
