"""Tables of organisations and cohorts."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from studyhall.db.base import Base, Identified


class Organization(Identified, Base):
    """A university, company or bootcamp; courses and their releases belong to it."""

    __tablename__ = "organizations"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    closed_at: Mapped[datetime | None]
    """Since when none of its cohorts takes submissions; none while it is open."""


class OrganizationEntry(Identified, Base):
    """One change of an organisation, never altered afterwards; what concerns a cohort is in that cohort's audit log."""

    __tablename__ = "organization_entries"

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    origin: Mapped[str]
    address: Mapped[str | None]
    """Internet address that the change came from; none for what was done on the machine itself."""
    agent: Mapped[str | None]
    """What the program at the other end said of itself, or for a command who called it on which machine."""


class Cohort(Identified, Base):
    """One group of learners with a hub of their own."""

    __tablename__ = "cohorts"
    __table_args__ = (UniqueConstraint("slug"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    organization: Mapped[Organization] = relationship(lazy="raise")
    slug: Mapped[str]
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    rewards_enabled: Mapped[bool] = mapped_column(server_default="true")
    plan: Mapped[str] = mapped_column(server_default="organization")
    """A :class:`~studyhall.organizations.policy.Plan`."""
    starts_at: Mapped[datetime | None]
    """Midnight at the beginning of the first day, in the cohort's zone."""
    ends_at: Mapped[datetime | None]
    """Midnight after the last day, in the cohort's zone; from then on it takes no submissions."""
    closed_at: Mapped[datetime | None]
    """Since when it takes no submissions by an operator's word; none while it is open."""
    mail_domains: Mapped[list[str]] = mapped_column(ARRAY(String), server_default="{}")
    """Domains, in small letters, whose people may join with a verified address."""
    allow_public_join: Mapped[bool] = mapped_column(server_default="false")
    """Whether anybody with a verified address may join."""
    require_approval: Mapped[bool] = mapped_column(server_default="true")
    """Whether somebody decides on each of them."""
    roster_at: Mapped[datetime | None]
    """When a roster was applied last; none while whoever the hub lets in is a member."""
    hub_sends_mail: Mapped[bool | None]
    """Whether its hub has a mail server, as it said last; none before it said anything."""
    waiting_told_at: Mapped[datetime | None]
    """When those who run it were told by mail last that people wait to join."""
