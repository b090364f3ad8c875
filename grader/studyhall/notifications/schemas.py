"""What the API says of notifications."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from studyhall.web.envelope import PageQuery


class NotificationsQuery(PageQuery):
    """Which of one's notifications are wanted."""

    unread: bool = Field(default=False, description="Only those that were not read yet.")
    no_track_activity: str | None = None


class Link(BaseModel):
    """Where a notification leads."""

    course: str | None = None
    lesson: str | None = None
    attempt_id: uuid.UUID | None = None


class NotificationOut(BaseModel):
    """One thing that the learner should know."""

    id: uuid.UUID
    kind: str
    title: str
    body: str
    link: Link
    created_at: datetime
    read_at: datetime | None


class ReadAllIn(BaseModel):
    """Nothing is asked."""

    model_config = ConfigDict(extra="forbid")


class NotificationsRead(BaseModel):
    """How many notifications were read just now."""

    read: int
