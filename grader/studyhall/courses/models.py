"""Tables of courses: what an organisation publishes, what a cohort offers, and each learner's way through it."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from studyhall.db.base import Base, CohortOwned, Identified


class Course(Identified, Base):
    """A course of an organisation; what it holds is in its releases."""

    __tablename__ = "courses"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    slug: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    level: Mapped[str]


class Lesson(Identified, Base):
    """The identity of a lesson over all releases, so that attempts of last year still name it."""

    __tablename__ = "lessons"
    __table_args__ = (UniqueConstraint("course_id", "slug"),)

    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id"), index=True)
    slug: Mapped[str]


class CourseRelease(Identified, Base):
    """One published version of a course; never changed afterwards."""

    __tablename__ = "course_releases"
    __table_args__ = (UniqueConstraint("course_id", "number"), UniqueConstraint("course_id", "content_hash"))

    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id"), index=True)
    number: Mapped[int]
    content_hash: Mapped[str]
    outline: Mapped[list[Any]]
    """Units in order: ``[{"slug", "title", "lessons": [slug, …]}]``."""
    published_by: Mapped[str]


class LessonRelease(Identified, Base):
    """One lesson in one release: what learners fetch, and (encrypted) what the judge grades with."""

    __tablename__ = "lesson_releases"
    __table_args__ = (UniqueConstraint("release_id", "lesson_id"),)

    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_releases.id"), index=True)
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    lesson: Mapped[Lesson] = relationship(lazy="joined")
    title: Mapped[str]
    minutes: Mapped[int]
    pass_score: Mapped[float]
    """Percent of the points that a learner needs to pass."""
    prerequisite: Mapped[dict[str, Any] | None]
    """``{"lesson": slug, "score": percent}`` or nothing."""
    environment: Mapped[str]
    scoring: Mapped[str]
    reveal: Mapped[str]
    max_attempts: Mapped[int | None]
    due_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    ai_review: Mapped[bool]
    tests: Mapped[list[Any]]
    """What learners may know of each test: ``[{"id", "title", "points", "hidden", "manual"}]``."""
    notebooks: Mapped[list[Any]]
    """Stems of the lesson's notebooks in order; the first one opens."""
    quizzes: Mapped[list[Any]]
    content_hash: Mapped[str]
    """Hash of all that a learner fetches; equal hashes mean that there is nothing to update."""
    graded_hash: Mapped[str]
    """Hash of what the judge grades with; the judge keeps it under this name."""
    graded: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Sealed ``{"notebooks": {stem: text}}`` with hidden tests in it; :func:`courses.service.sealed_of` reads it."""


class LessonFile(Identified, Base):
    """A file of a lesson as learners fetch it: a notebook's learner version, or a data file."""

    __tablename__ = "lesson_files"
    __table_args__ = (UniqueConstraint("lesson_release_id", "path"),)

    lesson_release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lesson_releases.id"), index=True)
    path: Mapped[str]
    sha256: Mapped[str]
    is_notebook: Mapped[bool]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class CourseOffering(Identified, CohortOwned, Base):
    """A course as one cohort takes it: a pinned release."""

    __tablename__ = "course_offerings"
    __table_args__ = (UniqueConstraint("cohort_id", "course_id"),)

    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id"), index=True)
    course: Mapped[Course] = relationship(lazy="joined")
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_releases.id"), index=True)
    release: Mapped[CourseRelease] = relationship(lazy="joined")
    withdrawn: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """Slugs of lessons that staff took back: nobody begins them, and those who have them keep them."""


class Enrolment(Identified, CohortOwned, Base):
    """A person's part in a course offering."""

    __tablename__ = "enrolments"
    __table_args__ = (UniqueConstraint("offering_id", "user_id"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]


class LessonState(StrEnum):
    """How far a learner has come in a lesson; only a confirmed regrade takes it back."""

    NEW = "new"
    STARTED = "started"
    SUBMITTED = "submitted"
    PASSED = "passed"


class LessonProgress(Identified, CohortOwned, Base):
    """A learner's state in one lesson."""

    __tablename__ = "lesson_progress"
    __table_args__ = (UniqueConstraint("user_id", "lesson_id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    state: Mapped[str]
    fetched_release: Mapped[int | None]
    fetched_hash: Mapped[str | None]
    best_score: Mapped[float | None]
    best_max_score: Mapped[float | None]
    attempts_used: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime | None]
    passed_at: Mapped[datetime | None]
