"""Tables of regrades: the runs, what each would change, and the reports that were replaced."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class RegradeStatus(StrEnum):
    """Where a regrade is on its way; the last two are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    STUCK = "stuck"
    """Its job became a dead letter; it goes on when staff queue that again."""
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"


AT_WORK = (RegradeStatus.QUEUED.value, RegradeStatus.RUNNING.value, RegradeStatus.STUCK.value)


class RegradeRun(Identified, CohortOwned, Base):
    """All attempts of a lesson graded again with a newer release; who asked for it, and who decided what."""

    __tablename__ = "regrade_runs"
    __table_args__ = (
        Index("ix_regrade_runs_lesson", "offering_id", "lesson_id", "requested_at"),
        Index(
            "uq_regrade_runs_undecided",
            "offering_id",
            "lesson_id",
            unique=True,
            postgresql_where=text("status IN ('queued', 'running', 'ready', 'stuck')"),
        ),
    )

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"))
    lesson_release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lesson_releases.id"))
    release: Mapped[int]
    status: Mapped[str]
    total: Mapped[int]
    """Attempts that were there when it was asked for."""
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class RegradeResult(Identified, CohortOwned, Base):
    """What one attempt would get, beside what it has."""

    __tablename__ = "regrade_results"
    __table_args__ = (UniqueConstraint("run_id", "attempt_id"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("regrade_runs.id", ondelete="CASCADE"))
    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"), index=True)
    status: Mapped[str]
    """An attempt's status; only ``graded`` and ``needs_manual`` are ever applied."""
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    passed: Mapped[bool | None]
    old_status: Mapped[str]
    old_score: Mapped[float | None]
    old_max_score: Mapped[float | None]
    old_passed: Mapped[bool | None]
    changed: Mapped[bool]
    change: Mapped[float]
    """New percent minus old percent."""
    for_learner: Mapped[dict[str, Any] | None]
    """As in ``reports``; moves there when the run is confirmed, and goes when it is discarded."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    flagged: Mapped[bool]
    duration_ms: Mapped[float]
    judge_version: Mapped[str]
    graded_at: Mapped[datetime]


class ReplacedReport(Identified, CohortOwned, Base):
    """A report that a regrade has replaced, and what it had been graded with. The service may only add rows."""

    __tablename__ = "report_history"

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"), index=True)
    lesson_release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lesson_releases.id"))
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("regrade_runs.id"))
    attempt_status: Mapped[str]
    passed: Mapped[bool | None]
    status: Mapped[str]
    score: Mapped[float]
    max_score: Mapped[float]
    for_learner: Mapped[dict[str, Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    flagged: Mapped[bool]
    duration_ms: Mapped[float]
    judge_version: Mapped[str]
    graded_at: Mapped[datetime]
    replaced_at: Mapped[datetime]
    replaced_by: Mapped[str]
