"""Tables of rewards: the ledger that all totals are derived from, active days, and who shows themselves."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class Reason(StrEnum):
    """What XP is given for."""

    LESSON_SCORE = "lesson_score"
    """More percent in a lesson than ever before."""
    LESSON_COMPLETED = "lesson_completed"
    """A lesson passed for the first time; once only."""
    QUIZ_SCORE = "quiz_score"
    """More percent in a quiz than ever before."""


class LedgerEntry(Identified, CohortOwned, Base):
    """XP that somebody earned. The service may add rows and never change one."""

    __tablename__ = "xp_ledger"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        Index(
            "uq_xp_ledger_once",
            "user_id",
            "reason",
            "object",
            unique=True,
            postgresql_where=text("attempt_id IS NULL"),
        ),
        Index(
            "uq_xp_ledger_gain",
            "user_id",
            "reason",
            "object",
            "attempt_id",
            unique=True,
            postgresql_where=text("attempt_id IS NOT NULL"),
        ),
        Index("ix_xp_ledger_user_day", "user_id", "day"),
        Index(
            "ix_xp_ledger_cohort_occurred",
            "cohort_id",
            "occurred_at",
            postgresql_include=["user_id", "amount"],
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int]
    reason: Mapped[str]
    object: Mapped[str]
    """What it was earned with: ``lesson:<id>`` or ``quiz:<id>``."""
    attempt_id: Mapped[uuid.UUID | None]
    """The attempt that was better than all before it; none for what is given once only."""
    event_id: Mapped[uuid.UUID]
    """The event that told of it."""
    occurred_at: Mapped[datetime]
    """When the learner did it, which may be long before it was graded."""
    day: Mapped[date]
    """The learner's own day of that moment."""


class DailyActivity(Identified, CohortOwned, Base):
    """A day on which somebody learned; streaks are made of these."""

    __tablename__ = "daily_activity"
    __table_args__ = (UniqueConstraint("user_id", "day"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    day: Mapped[date]
    actions: Mapped[int]
    """Graded submissions and finished quizzes of that day."""


class RewardPreferences(CohortOwned, Base):
    """How somebody appears on the leaderboard; without a row: visible, under their own name."""

    __tablename__ = "reward_preferences"
    __table_args__ = (UniqueConstraint("cohort_id", "pseudonym_key"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    leaderboard_visible: Mapped[bool]
    pseudonym: Mapped[str | None]
    pseudonym_key: Mapped[str | None]
    """The pseudonym without letter case and white space, so that nobody copies another one's."""
