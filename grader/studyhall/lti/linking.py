"""Choosing after a launch: which course is connected, and which lessons the platform gets links and columns for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses.models import LessonRelease
from studyhall.courses.service import lessons_of, offerings_by_id
from studyhall.db.encryption import ContentCipher
from studyhall.events.outbox import Outbox
from studyhall.identity.service import user_by_id
from studyhall.lti import errors, keys, policy
from studyhall.lti.models import LtiChoice, LtiContext, LtiMembership, LtiPlatform
from studyhall.lti.service import connect, courses_for, take_in
from studyhall.permissions import Role

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
LINK = "ltiResourceLink"
RESPONSE_LASTS = timedelta(minutes=5)


@dataclass(frozen=True)
class Offered:
    """A lesson that can be linked."""

    slug: str
    title: str
    points: float


@dataclass(frozen=True)
class Choosing:
    """What an instructor may choose."""

    choice: LtiChoice
    context: LtiContext
    platform: LtiPlatform
    membership: LtiMembership
    courses: list[str]
    """Courses that may be connected; empty once one is."""
    course: str | None
    lessons: list[Offered]


@dataclass(frozen=True)
class Response:
    """What the browser brings back to the platform."""

    url: str
    token: str


async def choosing(
    session: AsyncSession, choice_id: uuid.UUID, user_id: uuid.UUID, *, now: datetime
) -> Choosing:
    """Return what somebody may choose, whose launch began it, while they are an instructor there.

    Raises:
        UnknownChoice: it is another's, too old, or was used.
    """
    choice = await session.scalar(select(LtiChoice).where(LtiChoice.id == choice_id).with_for_update())
    if choice is None or choice.user_id != user_id or choice.used_at is not None or choice.until <= now:
        raise errors.UnknownChoice
    context = (await session.scalars(select(LtiContext).where(LtiContext.id == choice.context_id))).one()
    membership = await session.scalar(
        select(LtiMembership).where(LtiMembership.context_id == context.id, LtiMembership.user_id == user_id)
    )
    if membership is None or membership.role != Role.INSTRUCTOR.value:
        raise errors.UnknownChoice
    platform = (await session.scalars(select(LtiPlatform).where(LtiPlatform.id == context.platform_id))).one()
    if context.offering_id is None:
        courses = await courses_for(session, platform, await user_by_id(session, user_id))
        return Choosing(choice, context, platform, membership, courses, None, [])
    offering = (await offerings_by_id(session, {context.offering_id}))[context.offering_id]
    lessons = await lessons_of(session, offering)
    order = [slug for unit in offering.release.outline for slug in unit["lessons"] if slug in lessons]
    offered = [Offered(slug, lessons[slug].title, points_of(lessons[slug])) for slug in order]
    return Choosing(choice, context, platform, membership, [], offering.course.slug, offered)


def points_of(lesson: LessonRelease) -> float:
    """Return the most points that a lesson gives."""
    return float(sum(test["points"] for test in lesson.tests))


async def connect_chosen(
    session: AsyncSession, found: Choosing, course: str, *, actor: Actor, outbox: Outbox, now: datetime
) -> None:
    """Connect the platform's course with the one that was chosen, and make the chooser its instructor.

    Raises:
        UnknownChoice: this course was not offered.
    """
    if course not in found.courses:
        raise errors.UnknownChoice
    await connect(session, found.context, course, actor=actor, now=now)
    user = await user_by_id(session, found.choice.user_id)
    subject = found.membership.subject
    await take_in(
        session,
        found.context,
        user,
        subject=subject,
        role=Role.INSTRUCTOR,
        actor=actor,
        outbox=outbox,
        now=now,
    )
    found.choice.used_at = now


async def link_chosen(
    session: AsyncSession,
    found: Choosing,
    slugs: Sequence[str],
    *,
    cipher: ContentCipher,
    actor: Actor,
    now: datetime,
) -> Response:
    """Use the choice up and return the signed links, with a column each, for the platform.

    Raises:
        UnknownChoice: a lesson was not offered, or more than the platform takes.
    """
    asked = found.choice.deep_linking
    chosen = [lesson for lesson in found.lessons if lesson.slug in slugs]
    if asked is None or found.course is None or len(chosen) != len(set(slugs)) or not chosen:
        raise errors.UnknownChoice
    if not asked["multiple"] and len(chosen) > 1:
        raise errors.UnknownChoice
    offering = (await offerings_by_id(session, {found.context.offering_id or uuid.UUID(int=0)})).popitem()[1]
    lessons = await lessons_of(session, offering)
    items = [
        item_for(
            lesson,
            course=found.course,
            url=found.choice.launch_url,
            resource_id=str(lessons[lesson.slug].lesson_id),
            with_column=bool(asked["lineitem"]),
        )
        for lesson in chosen
    ]
    claims: dict[str, Any] = {
        "iss": found.platform.client_id,
        "aud": found.platform.issuer,
        "nonce": str(found.choice.id),
        CLAIM + "message_type": "LtiDeepLinkingResponse",
        CLAIM + "version": "1.3.0",
        CLAIM + "deployment_id": found.context.deployment,
        DEEP_LINKING + "content_items": items,
    }
    if asked["data"]:
        claims[DEEP_LINKING + "data"] = asked["data"]
    found.choice.used_at = now
    audit.record(
        session, actor, Action.LTI_LINKED, about=found.context.title, course=found.course, at=now,
        after={"lessons": [lesson.slug for lesson in chosen]},
    )  # fmt: skip
    key = await keys.ensure(session, cipher)
    return Response(
        url=str(asked["return_url"]), token=keys.signed(key, cipher, claims, now=now, lasts=RESPONSE_LASTS)
    )


def item_for(
    lesson: Offered, *, course: str, url: str, resource_id: str, with_column: bool
) -> dict[str, Any]:
    """Return a link as the platform takes it; a lesson without points gets no column."""
    item: dict[str, Any] = {
        "type": LINK,
        "title": lesson.title,
        "url": url,
        "custom": {"studyhall_lesson": f"{course}/{lesson.slug}"},
        "window": {"targetName": "_blank"},
    }
    if with_column and lesson.points > 0:
        item["lineItem"] = {
            "label": lesson.title,
            "scoreMaximum": lesson.points,
            "resourceId": resource_id,
            "tag": "studyhall",
        }
    return item


def may_return_to(url: str, *, token_url: str) -> bool:
    """Say whether lessons may be sent to an address: the browser brings them, so any encrypted one will do."""
    try:
        scheme, _ = policy.origin_of(url)
    except ValueError:
        return False
    return scheme == "https" or policy.same_origin(url, token_url)
