"""Tables of events and of who has dealt with which."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class EventType(StrEnum):
    """What happened, in the past tense. ``docs/events.md`` says what each one carries."""

    USER_CREATED = "user.created"
    MEMBER_CHANGED = "member.changed"
    COURSE_PUBLISHED = "course.published"
    SUBMISSION_ACCEPTED = "submission.accepted"
    SUBMISSION_GRADED = "submission.graded"
    SUBMISSION_REGRADED = "submission.regraded"
    REGRADE_DECIDED = "regrade.decided"
    GRADE_CHANGED = "grade.changed"
    GRADES_RELEASED = "grades.released"
    POLICY_CHANGED = "policy.changed"
    EXTENSION_GRANTED = "extension.granted"
    LESSON_COMPLETED = "lesson.completed"
    QUIZ_COMPLETED = "quiz.completed"
    AI_REVIEW_COMPLETED = "ai_review.completed"


class Event(Identified, CohortOwned, Base):
    """One thing that happened, written in the transaction in which it happened."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_cohort_occurred", "cohort_id", "occurred_at"),)

    type: Mapped[str]
    occurred_at: Mapped[datetime]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    data: Mapped[dict[str, Any]]


class EventDelivery(CohortOwned, Base):
    """The mark that a subscriber has dealt with an event, written with the effect itself."""

    __tablename__ = "event_deliveries"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)
    subscriber: Mapped[str] = mapped_column(primary_key=True)
    delivered_at: Mapped[datetime]
