"""Tables of the gradebook.

Rows that name the attempt which counts do so without a foreign key: its check would lock an attempt after the grade,
and everything else here locks attempts first. Attempts are never deleted.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class Counting(StrEnum):
    """Which of several attempts counts."""

    BEST = "best"
    """The highest automatic score, the earliest among equals."""
    LAST = "last"
    """The newest one that was graded."""


class LatePolicy(StrEnum):
    """What becomes of submissions after the due date."""

    NONE = "none"
    PERCENT_PER_DAY = "percent_per_day"
    HARD_CLOSE = "hard_close"


class Origin(StrEnum):
    """Where a grade was given."""

    STAFF = "staff"
    NBGRADER = "nbgrader"


class AssignmentPolicy(Identified, CohortOwned, Base):
    """What staff have decided for one assignment of an offering; without a row everything is at its default."""

    __tablename__ = "assignment_policies"
    __table_args__ = (UniqueConstraint("offering_id", "lesson_id"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    counting: Mapped[str | None]
    """None: the last attempt where a cell is graded by hand, else the best."""
    late_policy: Mapped[str] = mapped_column(server_default="none")
    late_percent_per_day: Mapped[float] = mapped_column(server_default="10")
    late_max_percent: Mapped[float] = mapped_column(server_default="100")
    grace_minutes: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime | None]
    """In place of the release's."""
    closes_at: Mapped[datetime | None]
    """In place of the release's."""
    grades_released_at: Mapped[datetime | None]
    feedback_released_at: Mapped[datetime | None]
    anonymous: Mapped[bool] = mapped_column(server_default="false")
    """Whether the grading queue hides names."""
    version: Mapped[int] = mapped_column(server_default="1")


class Extension(Identified, CohortOwned, Base):
    """More time for one learner in one assignment."""

    __tablename__ = "extensions"
    __table_args__ = (UniqueConstraint("offering_id", "lesson_id", "user_id"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    due_at: Mapped[datetime]
    closes_at: Mapped[datetime | None]
    reason: Mapped[str]
    granted_by: Mapped[str]
    granted_at: Mapped[datetime]


class ManualGrade(Identified, CohortOwned, Base):
    """What a person gave for one cell of one attempt. It stays when the attempt is graded again."""

    __tablename__ = "manual_grades"
    __table_args__ = (UniqueConstraint("attempt_id", "test_id"),)

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"))
    test_id: Mapped[str]
    """``<notebook>/<grade_id>``; a comment may stand on a cell without points too."""
    manual_score: Mapped[float | None]
    extra_credit: Mapped[float | None]
    comment: Mapped[str | None]
    origin: Mapped[str]
    graded_by: Mapped[str]
    graded_at: Mapped[datetime]
    carried_from: Mapped[uuid.UUID | None]
    """The attempt that it was given for, where the learner submitted the same answer again."""
    version: Mapped[int] = mapped_column(server_default="1")


class PenaltyOverride(Identified, CohortOwned, Base):
    """A late penalty that staff set for one notebook of one attempt."""

    __tablename__ = "penalty_overrides"
    __table_args__ = (UniqueConstraint("attempt_id", "notebook"),)

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"))
    notebook: Mapped[str]
    penalty: Mapped[float | None]
    """None: taken back, so that the rule holds again."""
    origin: Mapped[str]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default="1")


class RubricItem(Identified, CohortOwned, Base):
    """A reason for points that graders share: a title and what it adds or takes."""

    __tablename__ = "rubric_items"
    __table_args__ = (Index("ix_rubric_items_place", "offering_id", "lesson_id", "test_id", "position"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    test_id: Mapped[str]
    position: Mapped[int]
    title: Mapped[str]
    points: Mapped[float]
    version: Mapped[int] = mapped_column(server_default="1")
    deleted_at: Mapped[datetime | None]


class RubricMark(CohortOwned, Base):
    """A rubric item that applies to an answer."""

    __tablename__ = "rubric_marks"

    manual_grade_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("manual_grades.id", ondelete="CASCADE"), primary_key=True
    )
    rubric_item_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("rubric_items.id"), primary_key=True, index=True
    )


class GradingClaim(Identified, CohortOwned, Base):
    """Somebody is grading this answer right now."""

    __tablename__ = "grading_claims"
    __table_args__ = (UniqueConstraint("attempt_id", "test_id"),)

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"))
    test_id: Mapped[str]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    until: Mapped[datetime]


class Grade(Identified, CohortOwned, Base):
    """What a learner has in one assignment, all things together: a row per learner however many attempts.

    Worked out anew, in the transaction of whatever changes it, by :mod:`studyhall.gradebook.standing`.
    """

    __tablename__ = "grades"
    __table_args__ = (
        UniqueConstraint("offering_id", "lesson_id", "user_id"),
        Index(
            "ix_grades_needs_grading",
            "offering_id",
            "lesson_id",
            postgresql_where=text("needs_grading"),
        ),
    )

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    """The attempt that counts; none while no attempt has a score."""
    raw_score: Mapped[float] = mapped_column(server_default="0")
    """Sum of all tests: by hand where that is set, else automatic, and extra credit."""
    extra_credit: Mapped[float] = mapped_column(server_default="0")
    penalty: Mapped[float] = mapped_column(server_default="0")
    score: Mapped[float] = mapped_column(server_default="0")
    """What counts: raw score less penalty, never below nothing."""
    max_score: Mapped[float] = mapped_column(server_default="0")
    waiting: Mapped[list[Any]]
    """Ids of the tests that wait for a person."""
    needs_grading: Mapped[bool] = mapped_column(server_default="false")
    manual: Mapped[bool] = mapped_column(server_default="false")
    """Whether a person gave anything for it."""
    late: Mapped[bool] = mapped_column(server_default="false")
    changed_at: Mapped[datetime]
