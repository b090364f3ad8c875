"""Tables of learning platforms: registrations and keys, their courses and people, and grades on their way there."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class LtiPlatform(Identified, CohortOwned, Base):
    """A registration of this cohort at a learning platform. What the hub needs of it stands in the hub's settings."""

    __tablename__ = "lti_platforms"
    __table_args__ = (
        UniqueConstraint("cohort_id", "name"),
        UniqueConstraint("cohort_id", "issuer", "client_id"),
    )

    name: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    token_url: Mapped[str]
    audience: Mapped[str]
    """Whom a request for a token is addressed to; the token address, unless the platform says otherwise."""
    courses: Mapped[list[Any]]
    """Slugs of the courses that an instructor of the platform may connect with one of theirs."""


class LtiKey(Identified, CohortOwned, Base):
    """A key pair of the cohort. The newest one signs; an older one stays published until platforms have the new one."""

    __tablename__ = "lti_keys"

    public: Mapped[dict[str, Any]]
    """The public half as a JWK, with its number (`kid`)."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The private half in PEM, sealed with the content key."""


class LtiContext(Identified, CohortOwned, Base):
    """A course of a platform, and the course here that it is connected with."""

    __tablename__ = "lti_contexts"
    __table_args__ = (UniqueConstraint("platform_id", "deployment", "reference"),)

    platform_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_platforms.id", ondelete="CASCADE"), index=True
    )
    deployment: Mapped[str]
    reference: Mapped[str]
    """The platform's own id of it."""
    title: Mapped[str]
    offering_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    scopes: Mapped[list[Any]]
    """What may be asked of its gradebook, as the newest launch said."""
    lineitems_url: Mapped[str | None]
    memberships_url: Mapped[str | None]
    roster_state: Mapped[str | None]
    """How far its roster is taken over: a :class:`~studyhall.lti.policy.RosterState`; none before the first time."""
    roster_asked_at: Mapped[datetime | None]
    roster_asked_by: Mapped[str | None]
    roster_at: Mapped[datetime | None]
    """When the roster was read last."""
    roster_trouble: Mapped[str | None]
    """Why it could not be, in words."""
    roster_outcome: Mapped[dict[str, Any] | None]
    """What came of it, as :class:`~studyhall.lti.schemas.RosterOutcome`."""


class LtiMembership(Identified, CohortOwned, Base):
    """A person of this cohort in a platform's course."""

    __tablename__ = "lti_memberships"
    __table_args__ = (UniqueConstraint("context_id", "user_id"),)

    context_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_contexts.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    subject: Mapped[str]
    """The person's number at the platform."""
    role: Mapped[str | None]
    """What they are there, as a role in a course here; none for those who are nothing that we know."""


class LtiLink(Identified, CohortOwned, Base):
    """A link in a platform's course, and the lesson that it opens; none opens the course."""

    __tablename__ = "lti_links"
    __table_args__ = (UniqueConstraint("context_id", "reference"),)

    context_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_contexts.id", ondelete="CASCADE"), index=True
    )
    reference: Mapped[str]
    title: Mapped[str]
    lesson_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lessons.id"), index=True)


class LtiColumn(Identified, CohortOwned, Base):
    """The column (line item) of a lesson in the gradebook of a platform's course."""

    __tablename__ = "lti_columns"
    __table_args__ = (UniqueConstraint("context_id", "lesson_id"),)

    context_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_contexts.id", ondelete="CASCADE"), index=True
    )
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    url: Mapped[str]


class LtiPassback(Identified, CohortOwned, Base):
    """That a learner's grade in a lesson is to be at the platform: written with the change of the grade itself.

    One row for each column and learner: what is sent is what the learner may see at the time of sending, so that of
    many changes the platform hears the last one.
    """

    __tablename__ = "lti_passbacks"
    __table_args__ = (
        UniqueConstraint("context_id", "user_id", "lesson_id"),
        Index("ix_lti_passbacks_state", "state", postgresql_where=text("state <> 'sent'")),
    )

    context_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_contexts.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    wanted: Mapped[int] = mapped_column(server_default="1")
    """Counts the changes; what was sent is up to date when :attr:`done` has reached it."""
    done: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str]
    """A :class:`~studyhall.lti.policy.PassbackState`."""
    tries: Mapped[int] = mapped_column(server_default="0")
    trouble: Mapped[str | None]
    """Why the last try did not work, in words."""
    sent_score: Mapped[float | None]
    sent_max_score: Mapped[float | None]
    last_timestamp: Mapped[datetime | None]
    """The moment that the newest score was given; the platform refuses one that is not later."""


class LtiChoice(Identified, CohortOwned, Base):
    """That an instructor is about to choose, after a launch: the course to connect, the lessons to link."""

    __tablename__ = "lti_choices"

    context_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("lti_contexts.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    launch_url: Mapped[str]
    """Where links in the platform lead."""
    deep_linking: Mapped[dict[str, Any] | None]
    """Where lessons are to be sent back to, and what of them; none where only a course is to be connected."""
    until: Mapped[datetime]
    used_at: Mapped[datetime | None]
