"""Tables of grade reports."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class Report(Identified, CohortOwned, Base):
    """The judge's report on one attempt: exactly one, whatever died on the way."""

    __tablename__ = "reports"

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"), unique=True)
    status: Mapped[str]
    score: Mapped[float]
    max_score: Mapped[float]
    for_learner: Mapped[dict[str, Any]]
    """What the learner sees; holds nothing of a hidden test but title, status, points and hint."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The whole report with executed notebooks, encrypted: it quotes hidden tests."""
    flagged: Mapped[bool]
    duration_ms: Mapped[float]
    judge_version: Mapped[str]
    graded_at: Mapped[datetime]
