"""Large requests: nobody sends one without saying who they are, and all that are under way share a bounded room.

A request's body is in memory before it is known whose token came with it. So somebody who begins many large ones at a
time, from a notebook server or a browser, would take all the memory of the service, and everybody's work with it.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Sequence
from ipaddress import ip_address

from tornado import httputil
from tornado.httpserver import HTTPServer

from studyhall.errors import NotSignedIn, StudyhallError, TooManyRequests
from studyhall.web.client_address import Network, client_address

LARGE = 2_000_000
"""Bytes up to which a request needs no room."""
ROOM = 480_000_000
"""Bytes of all bodies that are being read at a time."""
SHARE = 200_000_000
"""Bytes of one address: two of the largest submissions."""
LONGEST_SECONDS = 120.0
"""How long a body may take to arrive; else whoever sends slowly would keep the room."""


class Room:
    """What is being read just now, by the address that it comes from."""

    def __init__(self, size: int = ROOM, share: int = SHARE) -> None:
        self._size, self._share = size, share
        self._taken: Counter[str] = Counter()

    def enter(self, address: str, length: int) -> bool:
        """Take room for a body; says whether there is any. The machine itself, as which a proxy comes, may take all."""
        share = self._size if _is_here(address) else self._share
        if self._taken[address] + length > share or self._taken.total() + length > self._size:
            return False
        self._taken[address] += length
        return True

    def leave(self, address: str, length: int) -> None:
        """Give the room back."""
        self._taken[address] -= length
        self._taken += Counter()


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class BoundedServer(HTTPServer):
    """Tornado's server, with a room for large requests."""

    def initialize(self, *words: object, trusted: Sequence[Network] = (), **options: object) -> None:
        """Take the networks of our own proxies, and what Tornado's server takes."""
        super().initialize(*words, body_timeout=LONGEST_SECONDS, **options)  # type: ignore[arg-type,misc]  # passed on
        self._trusted = trusted
        self._room = Room()

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Look at each request's headers before its body is read."""
        inner = super().start_request(server_conn, request_conn)
        peer = getattr(getattr(request_conn, "context", None), "address", None)
        host = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        return _Gate(inner, request_conn, self._room, host, self._trusted)


class _Gate(httputil.HTTPMessageDelegate):
    """Lets a request through, or answers it at once; then the rest of its body is not kept."""

    def __init__(
        self,
        inner: httputil.HTTPMessageDelegate,
        connection: httputil.HTTPConnection,
        room: Room,
        peer: str,
        trusted: Sequence[Network],
    ) -> None:
        self._inner: httputil.HTTPMessageDelegate | None = inner
        self._connection, self._room, self._peer, self._trusted = connection, room, peer, trusted
        self._held: tuple[str, int] | None = None

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        length = _length(headers)
        if length > LARGE:
            address = (
                client_address(self._peer, headers.get_list("X-Forwarded-For"), self._trusted) or self._peer
            )
            if "Authorization" not in headers and "Cookie" not in headers:
                self._refuse(NotSignedIn())
            elif not self._room.enter(address, length):
                self._refuse(
                    TooManyRequests("Too much is being sent at once. Try again in a moment.", retry_after=5)
                )
            else:
                self._held = address, length
        return self._inner.headers_received(start_line, headers) if self._inner else None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk) if self._inner else None

    def finish(self) -> None:
        self._leave()
        if self._inner:
            self._inner.finish()

    def on_connection_close(self) -> None:
        self._leave()
        if self._inner:
            self._inner.on_connection_close()

    def _leave(self) -> None:
        if self._held is not None:
            self._room.leave(*self._held)
            self._held = None

    def _refuse(self, error: StudyhallError) -> None:
        self._inner = None
        told: dict[str, object] = {"code": error.code.value, "message": error.message, "details": []}
        body = json.dumps({"success": False, "data": None, "meta": None, "error": told}).encode()
        headers = httputil.HTTPHeaders(
            {
                "Content-Type": "application/json; charset=utf-8",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
        )
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        self._connection.write_headers(httputil.ResponseStartLine("", error.status, ""), headers, body)
        self._connection.finish()


def _length(headers: httputil.HTTPHeaders) -> int:
    """Return how many bytes come, as the headers say it; pieces of which nobody says the sum may be any number."""
    if "Transfer-Encoding" in headers:
        return SHARE
    try:
        return int(headers.get("Content-Length", "0"))
    except ValueError:
        return 0
