"""The one door to the classroom service: requests with the server's own token, nothing of the browser's."""

import json
import os
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import HTTPError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from studyhall_extension.errors import ServiceUnavailableError

API = "/api/v1"
USER_AGENT = "studyhall-extension"
# How many requests may be under way at once. Live streams have connections of their own and are not counted.
CONCURRENT_REQUESTS = 100
# A lesson with its data files is the largest reply; anything above this is a mistake.
MAX_REPLY_BYTES = 100_000_000
# The longest wait that a Retry-After may ask of us, in seconds.
MAX_RETRY_AFTER = 3600.0


def new_request_id() -> str:
    """Name one request, so that it can be followed from the browser to the worker."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class ServiceReply:
    """What the service answered, as it came."""

    status: int
    body: bytes
    request_id: str
    retry_after: float | None = None

    def envelope(self) -> dict[str, Any] | None:
        """The reply as the API's envelope, or None when it is something else (another server's page, say)."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        if isinstance(document, dict) and isinstance(document.get("success"), bool):
            return document
        return None


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where the service listens: the inner address with its prefix, as `STUDYHALL_SERVICE_URL` gives it."""

    url: str

    @classmethod
    def parse(cls, url: str) -> "ServiceAddress":
        """Accept an http or https address without user name, query or fragment.

        Raises:
            ValueError: the address is something else; the message says what is expected.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("expected an address like http://127.0.0.1:8015/services/studyhall")
        return cls(url.rstrip("/"))

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """Host to connect to."""
        return urlsplit(self.url).hostname or ""

    @property
    def authority(self) -> str:
        """Host and port as they were written, for the Host header."""
        return urlsplit(self.url).netloc

    @property
    def port(self) -> int:
        """Port to connect to."""
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @property
    def path(self) -> str:
        """Prefix of every path on the service, without a slash at its end."""
        return urlsplit(self.url).path


class ServiceClient:
    """Asks the service on behalf of the token's owner."""

    def __init__(
        self, address: ServiceAddress | None, *, connect_timeout: float, request_timeout: float
    ) -> None:
        """Take the address (None when this server is in no classroom) and time-outs in seconds."""
        self.address = address
        self.connect_timeout = connect_timeout
        self.request_timeout = request_timeout
        self._client: SimpleAsyncHTTPClient | None = None

    def headers(self, request_id: str) -> HTTPHeaders:
        """The headers of every request. The browser's cookies and anti-forgery token never come along.

        Raises:
            ServiceUnavailableError: this server has no token to show.
        """
        return HTTPHeaders(
            {
                "Accept": "application/json",
                "Authorization": f"token {self.token()}",
                "User-Agent": USER_AGENT,
                "X-Request-ID": request_id,
            }
        )

    def token(self) -> str:
        """The token to show.

        Raises:
            ServiceUnavailableError: this server has none.
        """
        # Read each time: the token is the server's, not ours to keep.
        token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
        if not token:
            raise ServiceUnavailableError(
                "This server isn't logged in to the classroom. Start it from the hub's page, then try again."
            )
        return token

    def reachable_address(self) -> ServiceAddress:
        """The address of the service.

        Raises:
            ServiceUnavailableError: this server was started without one.
        """
        if self.address is None:
            raise ServiceUnavailableError(
                "This server isn't connected to a classroom. Ask your instructor for the classroom's address."
            )
        return self.address

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: bytes | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> ServiceReply:
        """Ask once. `path` begins after `/api/v1`. No redirect is followed, so the token goes nowhere else.

        Raises:
            ServiceUnavailableError: no answer came in time, or none at all.
        """
        address = self.reachable_address()
        request_id = request_id or new_request_id()
        headers = self.headers(request_id)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if body is None and method in ("POST", "PUT", "PATCH"):
            body = b""
        if self._client is None:
            # An own instance: a hub's Jupyter server configures the shared one for its own purposes.
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=CONCURRENT_REQUESTS, max_body_size=MAX_REPLY_BYTES
            )
        request = HTTPRequest(
            f"{address.url}{API}{path}" + (f"?{query}" if query else ""),
            method=method,
            headers=headers,
            body=body,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            connect_timeout=self.connect_timeout,
            request_timeout=self.request_timeout,
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPError, OSError, StreamClosedError) as error:
            raise ServiceUnavailableError from error
        if response.code == 599:  # Tornado's number for "no answer".
            raise ServiceUnavailableError from response.error
        return ServiceReply(
            status=response.code,
            body=response.body,
            request_id=response.headers.get("X-Request-ID", request_id),
            retry_after=read_retry_after(response.headers.get("Retry-After")),
        )

    def close(self) -> None:
        """Give the client's resources back."""
        if self._client is not None:
            self._client.close()
            self._client = None


def read_retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header; None when there is none or it is not a number of seconds."""
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    if seconds is None or not seconds >= 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)
