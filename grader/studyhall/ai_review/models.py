"""Table of reviews."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class ReviewStatus(StrEnum):
    """Where a review is; the last two are ends."""

    PROCESSING = "processing"
    COMPLETE = "complete"
    FAILED = "failed"


class Review(Identified, CohortOwned, Base):
    """One review of one attempt. Asking again makes a new one and marks the old one as superseded."""

    __tablename__ = "ai_reviews"
    __table_args__ = (
        Index(
            "uq_ai_reviews_current",
            "attempt_id",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str]
    provider: Mapped[str]
    """``claude`` or ``offline``."""
    speaker: Mapped[str]
    """Who says it, as the learner reads it."""
    focus_areas: Mapped[list[Any]]
    requested_at: Mapped[datetime]
    generated_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    processing_ms: Mapped[float | None]
    findings: Mapped[dict[str, Any] | None]
    """What the reviewer said (:class:`studyhall.ai.reviewer.Findings`)."""
    message: Mapped[str]
    """Why there is no review, for people; empty otherwise."""
