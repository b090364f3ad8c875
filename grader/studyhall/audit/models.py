"""Table of the audit log."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class AuditEntry(Identified, CohortOwned, Base):
    """One change that somebody made: who, when, to what, and how it was before and after."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_course_at", "cohort_id", "course", "at"),
        Index("ix_audit_entries_at", "cohort_id", "at"),
    )

    at: Mapped[datetime]
    actor_user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    actor: Mapped[str]
    """Their hub name at that moment."""
    action: Mapped[str]
    course: Mapped[str | None]
    """Slug of the course that it happened in; none for what concerns the whole cohort."""
    object: Mapped[str]
    """What was changed, in words for people: ``values-and-names, lea, values-and-names/explain``."""
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str]
    origin: Mapped[str]
    """The way it came: staff page, cli, nbgrader."""
    address: Mapped[str | None]
    """Internet address that the request came from; none for what was done on the machine itself."""
    agent: Mapped[str | None]
    """What the program at the other end said of itself, or for a command who called it on which machine."""
