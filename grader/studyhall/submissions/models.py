"""Tables of attempts and their snapshots."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class AttemptStatus(StrEnum):
    """Where an attempt is on its way; the last four are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    GRADED = "graded"
    NEEDS_MANUAL = "needs_manual"
    REFUSED = "refused"
    INTERNAL_ERROR = "internal_error"


IN_FLIGHT = (AttemptStatus.QUEUED.value, AttemptStatus.RUNNING.value)


class Attempt(Identified, CohortOwned, Base):
    """One submission of a lesson by one learner; holds all notebooks of the lesson."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        UniqueConstraint("user_id", "lesson_id", "number"),
        Index("ix_attempts_lesson_submitted", "cohort_id", "lesson_id", "submitted_at"),
        Index("ix_attempts_user_submitted", "user_id", "submitted_at"),
        # Few rows wait at a time, so these stay small however many attempts there are.
        Index("ix_attempts_waiting_user", "user_id", "turn", postgresql_where=text("status = 'queued'")),
        Index(
            "ix_attempts_waiting_course",
            "offering_id",
            "course_turn",
            postgresql_where=text("status = 'queued'"),
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    lesson_release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lesson_releases.id"), index=True)
    release: Mapped[int]
    number: Mapped[int]
    idempotency_key: Mapped[uuid.UUID]
    status: Mapped[str] = mapped_column(index=True)
    late: Mapped[bool]
    submitted_at: Mapped[datetime]
    graded_at: Mapped[datetime | None]
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    passed: Mapped[bool | None]
    size: Mapped[int]
    """Bytes of all submitted notebooks together."""
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that grades it; says where it stands while it waits."""
    turn: Mapped[datetime | None]
    """The moment as of which the queue counts it as sent (:mod:`studyhall.jobs.policy`)."""
    course_turn: Mapped[datetime | None]
    """Its turn, where it is the first that its learner waits for; a learner's further ones hold up nobody else."""


class CountingAttempt(Identified, CohortOwned, Base):
    """Which of a learner's attempts at a lesson counts, and what the learner may see of its final grade.

    The gradebook decides both and writes them here, where whoever describes attempts finds them. The attempt is named
    without a foreign key: the key's check would lock an attempt late, and attempts are locked first everywhere.
    """

    __tablename__ = "counting_attempts"
    __table_args__ = (UniqueConstraint("user_id", "lesson_id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(index=True)
    final: Mapped[dict[str, Any] | None]
    """A :class:`~studyhall.submissions.schemas.FinalGrade` as JSON; none before grades are released."""


class Snapshot(CohortOwned, Base):
    """What the learner sent, exactly as it came, compressed."""

    __tablename__ = "snapshots"

    attempt_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True
    )
    notebooks: Mapped[bytes] = mapped_column(LargeBinary)
    """zlib-compressed JSON of ``{stem: text}``."""
    files: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The learner's own data files, where there are any: zlib-compressed JSON of ``{path: base64}``."""
