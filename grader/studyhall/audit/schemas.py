"""What the API says of the audit log."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from studyhall.web.envelope import PageQuery


class AuditQuery(PageQuery):
    """Filter of a course's audit log."""

    action: str | None = Field(default=None, max_length=100, description="Only this action.")
    actor: str | None = Field(default=None, max_length=100, description="Only what this person did.")
    object: str | None = Field(default=None, max_length=200, description="Part of what it was done to.")


class AuditEntryOut(BaseModel):
    """One change that somebody made."""

    id: uuid.UUID
    at: datetime
    actor: str
    action: str
    course: str | None
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    origin: str


class CohortAuditEntry(AuditEntryOut):
    """One change that somebody made, and where it came from."""

    address: str | None
    """Internet address that the request came from; none for what was done on the machine itself."""
    agent: str | None
    """What the program at the other end said of itself."""


class _CohortFilter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(default=None, max_length=200, description="Only what this person did.")
    action: str | None = Field(default=None, max_length=100, description="Only this action.")
    course: str | None = Field(default=None, max_length=100, description="Only in this course.")
    object: str | None = Field(default=None, max_length=200, description="Part of what it was done to.")
    since: AwareDatetime | None = Field(default=None, description="Only from this moment on.")
    until: AwareDatetime | None = Field(default=None, description="Only before this moment.")


class CohortAuditQuery(_CohortFilter, PageQuery):
    """Filter of a cohort's audit log."""


class CohortAuditExportQuery(_CohortFilter):
    """Filter of a file of a cohort's audit log."""

    format: Literal["csv"] = Field(default="csv", description="Kind of file.")
