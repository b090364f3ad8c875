"""Tables of members: parts in the cohort as a whole, requests to join, and what the hub was last seen to know."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class CohortRoleGrant(Identified, CohortOwned, Base):
    """That a person holds a :class:`~studyhall.permissions.CohortRole`."""

    __tablename__ = "cohort_roles"
    __table_args__ = (UniqueConstraint("user_id", "role"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]
    granted_by: Mapped[str]
    """Hub name of whoever gave it; ``operator`` for the command line."""
    granted_at: Mapped[datetime]


class JoinRequest(Identified, CohortOwned, Base):
    """Somebody who signed in and is no member: they wait, or were decided upon. One row for each name at the hub."""

    __tablename__ = "join_requests"
    __table_args__ = (
        UniqueConstraint("cohort_id", "username"),
        Index("ix_join_requests_cohort_id_state_asked_at", "cohort_id", "state", "asked_at"),
    )

    username: Mapped[str]
    display_name: Mapped[str]
    email: Mapped[str]
    """As a provider or a confirmed message verified it; never one that only was typed."""
    origin: Mapped[str]
    """The way of signing in: local, github, google, lti, file."""
    asked_at: Mapped[datetime]
    state: Mapped[str]
    """A :class:`~studyhall.members.policy.JoinState`."""
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """What whoever decided wants the person to read."""
    told_of: Mapped[datetime | None]
    """The :attr:`decided_at` of the newest decision that the person was told of by mail."""


class HubGroup(CohortOwned, Base):
    """That the hub was told to put a person into a group of ours, or was seen to have them in it.

    Between this, the hub and our own roles it can be told who changed something: what was confirmed here and is not at
    the hub any more was taken away there.
    """

    __tablename__ = "hub_groups"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    confirmed: Mapped[bool]
    """Whether both sides were seen to agree. Until then nothing follows from the hub's not having it."""
