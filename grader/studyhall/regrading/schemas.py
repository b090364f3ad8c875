"""What the API says of regrades."""

import uuid
from datetime import datetime

from pydantic import BaseModel, Field

from studyhall.submissions.schemas import LearnerName


class RegradeOut(BaseModel):
    """A regrade and what it would change, or has changed."""

    id: uuid.UUID
    course: str
    lesson: str
    lesson_title: str
    release: int
    status: str
    total: int = Field(description="Attempts that are graded again.")
    graded: int = Field(description="How many of them are done.")
    changed: int
    raised: int
    lowered: int
    now_passed: int
    no_longer_passed: int
    not_gradable: int = Field(
        description="Attempts that could not be graded again; they keep what they have."
    )
    requested_by: str
    requested_at: datetime
    ready_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None


class RegradeMarks(BaseModel):
    """What an attempt has, or would get."""

    status: str
    score: float | None
    max_score: float | None
    percent: float | None
    passed: bool | None


class RegradeChange(BaseModel):
    """One attempt that a regrade changes."""

    attempt_id: uuid.UUID
    number: int
    submitted_at: datetime
    learner: LearnerName
    old: RegradeMarks
    new: RegradeMarks
    change: float = Field(description="New percent minus old percent.")
    flagged: bool


class RegradeDetail(RegradeOut):
    """A regrade with a page of what it changes, the biggest change first."""

    changes: list[RegradeChange]
    changes_page: int
    changes_limit: int
