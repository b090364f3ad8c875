"""Tables of nbgrader's gradebooks; the gradebooks themselves are nbgrader's, each in a schema of its own."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class NbgraderSchema(Identified, CohortOwned, Base):
    """One course offering's gradebook: its schema, and the role that reaches this schema and nothing else."""

    __tablename__ = "nbgrader_schemas"
    __table_args__ = (UniqueConstraint("offering_id"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    schema_name: Mapped[str]
    """Also the name of the role."""
    password: Mapped[bytes] = mapped_column(LargeBinary)
    """The role's, sealed with the content key."""
    nbgrader_version: Mapped[str | None]
    """Version whose tables are in it; none until nbgrader has made them."""
    assignments: Mapped[dict[str, Any]]
    """What of each assignment was written last: ``{slug: digest}``."""
    paused_until: Mapped[datetime | None]
    """Left alone until then, since nbgrader could not be reached several times."""
    learners: Mapped[int] = mapped_column(server_default="0")
    """Learners that were in the course when students were written last."""


class NbgraderProjection(Identified, CohortOwned, Base):
    """What of one learner's grade in one assignment is in nbgrader's gradebook."""

    __tablename__ = "nbgrader_projections"
    __table_args__ = (
        UniqueConstraint("offering_id", "lesson_id", "user_id"),
        Index("ix_nbgrader_projections_wanted", "offering_id", postgresql_where=text("wanted > done")),
    )

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    attempt_id: Mapped[uuid.UUID | None]
    """The attempt that is in the gradebook; an edit that somebody makes there is about this one."""
    written: Mapped[dict[str, Any]]
    """Values of ours that may stand there (:mod:`studyhall.nbgrader_gradebooks.policy`)."""
    wanted: Mapped[int] = mapped_column(server_default="1")
    """Counts up with every change on the platform."""
    done: Mapped[int] = mapped_column(server_default="0")
    """The change that was written last."""
    projected_at: Mapped[datetime | None]


class NbgraderTerminal(Identified, CohortOwned, Base):
    """A login of some hours to one course's gradebook, for one person's terminal."""

    __tablename__ = "nbgrader_terminals"
    __table_args__ = (UniqueConstraint("role_name"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role_name: Mapped[str]
    until: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class ExecutionStatus(StrEnum):
    """How far the execution of a notebook for a grader's terminal has come."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class NotebookExecution(Identified, CohortOwned, Base):
    """A notebook that a grader's ``nbgrader autograde`` has sent to be run in the judge; kept for an hour."""

    __tablename__ = "nbgrader_executions"
    __table_args__ = (Index("ix_nbgrader_executions_created", "cohort_id", "created_at"),)

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str]
    request: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Sealed: it holds hidden tests."""
    result: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Sealed, as the request."""
