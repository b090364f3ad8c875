"""Tables of quizzes, of what each release asks, and of learners' attempts."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from studyhall.db.base import Base, CohortOwned, Identified


class Quiz(Identified, Base):
    """The identity of a quiz over all releases, so that a best result outlives a corrected question."""

    __tablename__ = "quizzes"
    __table_args__ = (UniqueConstraint("course_id", "slug"),)

    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id"), index=True)
    slug: Mapped[str]


class QuizRelease(Identified, Base):
    """A quiz as one release has it; never changed afterwards."""

    __tablename__ = "quiz_releases"
    __table_args__ = (UniqueConstraint("release_id", "quiz_id"),)

    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_releases.id"), index=True)
    quiz_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quizzes.id"), index=True)
    quiz: Mapped[Quiz] = relationship(lazy="joined")
    lesson: Mapped[str]
    """Slug of the lesson that the quiz belongs to."""
    title: Mapped[str]
    pass_score: Mapped[int]
    """Percent of the points that a learner needs to pass."""
    questions: Mapped[list[Any]]
    """What learners may see: ``[{"id", "type", "text", "points", "options": [{"id", "text"}]}]``."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Encrypted ``{question id: {"answer", "accepted", "explanation"}}``."""


class QuizAttempt(Identified, CohortOwned, Base):
    """One try of a learner at a quiz; it is under way as long as ``submitted_at`` is empty."""

    __tablename__ = "quiz_attempts"
    __table_args__ = (
        UniqueConstraint("user_id", "quiz_id", "number"),
        Index(
            "uq_quiz_attempts_in_progress",
            "user_id",
            "quiz_id",
            unique=True,
            postgresql_where=text("submitted_at IS NULL"),
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    quiz_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quizzes.id"), index=True)
    quiz_release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quiz_releases.id"), index=True)
    """The questions that this attempt was begun with; a later release does not change them under the learner."""
    quiz_release: Mapped[QuizRelease] = relationship(lazy="joined")
    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    number: Mapped[int]
    answers: Mapped[dict[str, Any]]
    """Answer by question id: an option's id, or the text."""
    started_at: Mapped[datetime]
    saved_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    score: Mapped[int | None]
    total: Mapped[int | None]
    percent: Mapped[float | None]
    passed: Mapped[bool | None]
    results: Mapped[list[Any] | None]
    """Per question ``{"question_id", "is_correct", "points_earned"}``; holds no key."""
