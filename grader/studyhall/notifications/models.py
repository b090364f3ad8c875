"""Table of notifications."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class Notification(Identified, CohortOwned, Base):
    """One thing that somebody should know."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_user_noticed", "user_id", "noticed_at"),
        Index("ix_notifications_unread", "user_id", postgresql_where=text("read_at IS NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    link: Mapped[dict[str, Any]]
    """Where it leads: ``{"course", "lesson", "attempt_id"}``, each of which may be missing."""
    noticed_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
