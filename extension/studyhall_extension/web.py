"""What every handler here shares: the envelope, the owner's rule, JSON bodies and the request's name."""

import json
import os
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from studyhall_extension.errors import (
    ErrorCode,
    ExtensionError,
    NotTheOwnerError,
    RequestTooLargeError,
    ValidationError,
)
from studyhall_extension.service_client import new_request_id

# The resource name for Jupyter's authorizers; administrators may write rules for it.
RESOURCE = "studyhall"
MAX_BODY_BYTES = 1_000_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

# Sentences for refusals that Jupyter Server makes itself, before our code is reached.
_SERVER_REFUSALS = {
    HTTPStatus.BAD_REQUEST: (ErrorCode.VALIDATION, ValidationError.__doc__),
    HTTPStatus.FORBIDDEN: (
        ErrorCode.FORBIDDEN,
        "You are signed out, or may not do this here. Sign in again in a new tab, then try again in this one.",
    ),
    HTTPStatus.NOT_FOUND: (
        ErrorCode.NOT_FOUND,
        "There is nothing at this address. Reload the page; if it happens again, tell your instructor.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        ErrorCode.METHOD_NOT_ALLOWED,
        "This address does not take that kind of request. Reload the page and try again.",
    ),
}


Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, None]])


def learner_reads(method: Method) -> Method:
    """Login decision of a method that only looks: logged in, and allowed to read `studyhall`."""
    return _decided(method, "read")


def learner_writes(method: Method) -> Method:
    """Login decision of a method that changes something: logged in, and allowed to write `studyhall`."""
    return _decided(method, "write")


def _decided(method: Method, action: str) -> Method:
    # The resource is always named: without it the decorator keeps that of the first handler it meets.
    guard: Callable[[Any], Any] = authorized(action, resource=RESOURCE)
    return cast("Method", authenticated(guard(method)))


def server_owner() -> str:
    """Hub name of the person whose token this server holds; empty outside a hub."""
    return os.environ.get("JUPYTERHUB_USER", "")


class StudyhallHandler(APIHandler):
    """Base of all handlers: only the server's owner may change anything, and every answer is an envelope."""

    auth_resource = RESOURCE

    @property
    def request_id(self) -> str:
        """The request's name: the caller's when it is well formed, else a new one."""
        if not hasattr(self, "_request_id"):
            given = self.request.headers.get("X-Request-ID", "")
            self._request_id = given if _REQUEST_ID.fullmatch(given) else new_request_id()
        return self._request_id

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's APIHandler narrows it too
        """Refuse a visitor's writes: what is sent from here is sent in the name of the server's owner.

        Raises:
            NotTheOwnerError: the visitor is somebody else and wants to change something.
        """
        await super().prepare()
        if self._finished or self.request.method in READING or self.current_user is None:
            return
        self.check_owner()

    def check_owner(self) -> None:
        """Let only the server's owner go on.

        Raises:
            NotTheOwnerError: the visitor is somebody else.
        """
        owner = server_owner()
        if owner and getattr(self.current_user, "username", None) != owner:
            raise NotTheOwnerError

    def json_body(self, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
        """The request's body, which has to be a JSON object (an empty body counts as an empty one).

        Raises:
            ValidationError: it is something else.
            RequestTooLargeError: it has more than `most` bytes.
        """
        body = self.request.body
        if len(body) > most:
            raise RequestTooLargeError
        if not body.strip():
            return {}
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValidationError from error
        if not isinstance(document, dict):
            raise ValidationError
        return document

    def write_data(self, data: Any, status: int = 200) -> None:
        """Finish with an envelope around `data`."""
        self.set_status(status)
        self.finish(json.dumps(self._envelope(data=data, error=None)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Finish with an envelope around an error; never an exception's name, never a traceback."""
        exception = kwargs.get("exc_info", (None, None, None))[1]
        details: list[dict[str, str]] = []
        if isinstance(exception, ExtensionError):
            code, message, details = str(exception.code), exception.message, exception.details
        elif isinstance(exception, HTTPError) and status_code in _SERVER_REFUSALS:
            refusal = _SERVER_REFUSALS[HTTPStatus(status_code)]
            code, message = str(refusal[0]), refusal[1] or ""
        else:
            fallback = ExtensionError()
            code, message = str(fallback.code), fallback.message
        self.finish(
            json.dumps(
                self._envelope(data=None, error={"code": code, "message": message, "details": details})
            )
        )

    def _envelope(self, *, data: Any, error: dict[str, Any] | None) -> dict[str, Any]:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Request-ID", self.request_id)
        return {
            "success": error is None,
            "data": data,
            "meta": {"request_id": self.request_id, "timestamp": datetime.now(UTC).isoformat()},
            "error": error,
        }
