"""Tables of the exchange: what assignments are called there, what is not listed any more, and feedback."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class ExchangeAssignment(Identified, CohortOwned, Base):
    """What nbgrader calls a lesson that was released with its command; its name may hold what a slug may not."""

    __tablename__ = "exchange_assignments"
    __table_args__ = (UniqueConstraint("offering_id", "lesson_id"), UniqueConstraint("offering_id", "name"))

    offering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("course_offerings.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"), index=True)
    name: Mapped[str]
    released_at: Mapped[datetime]
    released_by: Mapped[str]


class ExchangeHiddenSubmission(CohortOwned, Base):
    """An attempt that ``nbgrader list --inbound --remove`` took off the exchange's lists; the attempt itself stays."""

    __tablename__ = "exchange_hidden_submissions"

    attempt_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True
    )
    hidden_at: Mapped[datetime]
    hidden_by: Mapped[str]


class ExchangeFeedback(CohortOwned, Base):
    """The page that ``nbgrader generate_feedback`` made of one notebook of an attempt."""

    __tablename__ = "exchange_feedback"

    attempt_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True
    )
    notebook: Mapped[str] = mapped_column(primary_key=True)
    html: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """zlib-compressed."""
    sha256: Mapped[str]
    """Of the page itself, so that a terminal knows whether it has this one."""
    feedback_at: Mapped[datetime]
    released_by: Mapped[str]
