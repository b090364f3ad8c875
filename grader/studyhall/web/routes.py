"""Routes as data: the table that the server, the OpenAPI document and the permission tests are made from."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.errors import ErrorCode, NotFound
from studyhall.permissions import Permission
from studyhall.person import Person
from studyhall.web.envelope import NoQuery

if TYPE_CHECKING:
    from studyhall.context import Context

Model = TypeVar("Model", bound=BaseModel)


class Kind(StrEnum):
    """What a route answers with."""

    JSON = "json"
    STREAM = "stream"
    HTML = "html"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that a handler may know of one request."""

    context: "Context"
    signed_in: Person | None
    """Who asks; nobody where the hub itself does."""
    session: AsyncSession
    path: Mapping[str, str]
    query: BaseModel
    body: BaseModel | None
    headers: Mapping[str, str]
    request_id: str
    address: str | None = None
    """Internet address that it comes from, as far as the proxies in front of the service are known."""
    agent: str | None = None
    """What the program at the other end says of itself."""

    @property
    def person(self) -> Person:
        """Return who asks.

        Raises:
            RuntimeError: the hub itself does, so there is no person; the route's permission says so.
        """
        if self.signed_in is None:
            raise RuntimeError("The hub asks here, and no person.")
        return self.signed_in

    def query_as(self, model: type[Model]) -> Model:
        """Return the query parameters as the model that the route declares."""
        if not isinstance(self.query, model):
            raise TypeError(f"The route declares {type(self.query).__name__}, not {model.__name__}.")
        return self.query

    def body_as(self, model: type[Model]) -> Model:
        """Return the body as the model that the route declares."""
        if not isinstance(self.body, model):
            raise TypeError(f"The route declares {type(self.body).__name__}, not {model.__name__}.")
        return self.body

    def uuid(self, name: str) -> uuid.UUID:
        """Return a path parameter that is a UUID.

        Raises:
            NotFound: it is none, so there can't be anything at the address.
        """
        try:
            return uuid.UUID(self.path[name])
        except ValueError as error:
            raise NotFound from error


@dataclass(frozen=True)
class Download:
    """What a route of the kind ``FILE`` answers with."""

    name: str
    """Plain ASCII; what the file is called where it is saved."""
    media_type: str
    content: bytes


Handle = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One endpoint: method and path, who may call it, what goes in and what comes out."""

    method: str
    path: str
    """Below ``/api/v1``, with parameters in braces: ``/courses/{course}/outline``."""
    summary: str
    permission: Permission
    handle: Handle
    response: Any = None
    """Type of ``data``; a list type together with ``paged``."""
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    status: int = 200
    errors: tuple[ErrorCode, ...] = ()
    """Codes beside the usual ones (sign-in, permission, validation, not found)."""
    paged: bool = False
    kind: Kind = Kind.JSON
    headers: tuple[str, ...] = ()
    """Request headers that the handler reads."""
    max_body: int = 1_000_000
    """Largest body in bytes."""
    tag: str = "learner"
