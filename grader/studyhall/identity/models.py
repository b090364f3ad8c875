"""Table of users."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from studyhall.db.base import Base, CohortOwned, Identified


class User(Identified, CohortOwned, Base):
    """A person of one cohort; the hub is the identity provider, so there is no password here."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("cohort_id", "hub_username"),)

    hub_username: Mapped[str]
    display_name: Mapped[str]
    email: Mapped[str | None]
    """Mail address that an operator's roster gave; nobody has verified it."""
    timezone: Mapped[str | None]
    """IANA name of the learner's own zone; none means the cohort's."""
    next_timezone: Mapped[str | None]
    """A zone that was chosen but counts only from :attr:`next_timezone_from` on."""
    next_timezone_from: Mapped[datetime | None]
    previous_timezone: Mapped[str | None]
    """The zone before :attr:`timezone_since`, for what happened then and is dealt with later."""
    timezone_since: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    """Since when they are no member any more; what they did stays."""
    removed_because: Mapped[str | None]
    """What they read when they sign in nevertheless."""
    sessions_ended_at: Mapped[datetime | None]
    """When the hub has ended their sessions and stopped their server last, after a removal."""
