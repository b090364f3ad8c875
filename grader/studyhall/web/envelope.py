"""The envelope that every JSON answer is wrapped in, and paging."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from studyhall.errors import ErrorCode, ErrorDetail

Item = TypeVar("Item")


class Meta(BaseModel):
    """About the answer itself."""

    request_id: str
    timestamp: datetime
    page: int | None = None
    limit: int | None = None
    total: int | None = None


class ErrorBody(BaseModel):
    """What went wrong, for programs (`code`) and for people (`message`)."""

    code: ErrorCode
    message: str
    details: list[ErrorDetail] = Field(default_factory=list)


class Envelope(BaseModel):
    """One answer of the API."""

    success: bool
    data: Any = None
    meta: Meta
    error: ErrorBody | None = None


class PageQuery(BaseModel):
    """Paging of lists: 20 rows unless asked otherwise, 100 at most."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(default=1, ge=1, le=1_000_000, description="Page, counted from 1.")
    limit: int = Field(default=20, ge=1, le=100, description="Rows on a page.")


class NoQuery(BaseModel):
    """No query parameters, but the mark that keeps an idle server's clock."""

    model_config = ConfigDict(extra="forbid")

    no_track_activity: str | None = Field(
        default=None,
        description="Set by polling clients; the notebook server then does not count it as activity.",
    )


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list."""

    items: list[Item]
    total: int
    page: int
    limit: int


@dataclass(frozen=True)
class PageOf(Generic[Item]):
    """One page of something that is more than a list of rows, such as a table with its columns."""

    body: Item
    total: int
    page: int
    limit: int
