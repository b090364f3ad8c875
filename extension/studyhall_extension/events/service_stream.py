"""One live stream from the service: a connection of its own that can be cut at any moment."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from ssl import create_default_context

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

from studyhall_extension.errors import ServiceUnavailableError
from studyhall_extension.service_client import API, ServiceClient, ServiceReply, read_retry_after

# More than this unread means that the reader is too slow; it starts afresh with the current state instead.
MAX_UNREAD_BYTES = 16_000_000
MAX_FRAME_BYTES = 8_000_000
MAX_REFUSAL_BYTES = 100_000
# A stream has no length; the connection's own limit on bodies must never end it.
_ENDLESS = 2**62


class StreamRefusedError(Exception):
    """The service answered the request for a stream with something else."""

    def __init__(self, reply: ServiceReply) -> None:
        super().__init__(f"status {reply.status}")
        self.reply = reply


class FrameSplitter:
    """Cuts bytes into whole events, so that other events can be put between them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Whole frames (with the empty line at their end, line feeds only) that `chunk` completed.

        Raises:
            ValueError: a single frame is larger than `MAX_FRAME_BYTES`.
        """
        searched = max(0, len(self._buffer) - 3)
        self._buffer += chunk
        # A carriage return at the very end may belong to a line end that is not complete yet.
        if b"\r" in self._buffer:
            held = self._buffer.endswith(b"\r")
            text = bytes(self._buffer[:-1] if held else self._buffer)
            self._buffer = bytearray(
                text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if held else b"")
            )
            searched = 0
        frames = []
        while (end := self._buffer.find(b"\n\n", searched)) >= 0:
            frames.append(bytes(self._buffer[: end + 2]))
            del self._buffer[: end + 2]
            searched = 0
        if len(self._buffer) > MAX_FRAME_BYTES:
            raise ValueError("an event of the service is too large")
        return frames


class _Receiver(HTTPMessageDelegate):
    """Collects what arrives for the one coroutine that reads it."""

    def __init__(self, stream: IOStream) -> None:
        self.stream = stream
        self.status = 0
        self.headers = HTTPHeaders()
        self.started = asyncio.Event()
        self.arrived = asyncio.Event()
        self.ended = False
        self.chunks: deque[bytes] = deque()
        self.unread = 0

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        if isinstance(start_line, ResponseStartLine) and start_line.code >= 200:
            self.status, self.headers = start_line.code, headers
            self.started.set()

    def data_received(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.unread += len(chunk)
        if self.unread > MAX_UNREAD_BYTES:
            self.stream.close()
        self.arrived.set()

    def finish(self) -> None:
        self.on_connection_close()

    def on_connection_close(self) -> None:
        self.ended = True
        self.started.set()
        self.arrived.set()

    def take(self) -> bytes:
        """All that has arrived since the last time."""
        content = b"".join(self.chunks)
        self.chunks.clear()
        self.unread = 0
        self.arrived.clear()
        return content


async def service_frames(
    service: ServiceClient, *, query: str, request_id: str, silence: float
) -> AsyncGenerator[bytes, None]:
    """Yield the service's events, whole frames at a time; the first thing yielded is `b""` (connected).

    Closing the iterator, or cancelling who iterates, closes the connection at once. It ends when the service
    ends the stream or has been silent for `silence` seconds.

    Raises:
        StreamRefusedError: the service answered with something else than a stream.
        ServiceUnavailableError: it can't be reached.
    """
    address = service.reachable_address()
    headers = service.headers(request_id)
    headers["Accept"] = "text/event-stream"
    headers["Host"] = address.authority
    client = TCPClient()
    try:
        stream = await client.connect(
            address.host,
            address.port,
            ssl_options=create_default_context() if address.secure else None,
            timeout=service.connect_timeout,
        )
    except (OSError, StreamClosedError, TimeoutError) as error:
        raise ServiceUnavailableError from error
    finally:
        client.close()
    receiver = _Receiver(stream)
    connection = HTTP1Connection(
        stream, is_client=True, params=HTTP1ConnectionParameters(no_keep_alive=True, max_body_size=_ENDLESS)
    )
    reading: asyncio.Future[bool] | None = None
    try:
        path = f"{address.path}{API}/events" + (f"?{query}" if query else "")
        connection.write_headers(RequestStartLine("GET", path, ""), headers)
        connection.finish()
        reading = asyncio.ensure_future(connection.read_response(receiver))
        try:
            async with asyncio.timeout(service.request_timeout):
                await receiver.started.wait()
        except TimeoutError as error:
            raise ServiceUnavailableError from error
        if receiver.status != 200 or not receiver.headers.get("Content-Type", "").startswith(
            "text/event-stream"
        ):
            await _refuse(receiver, request_id)
        yield b""
        splitter = FrameSplitter()
        while not (receiver.ended and not receiver.chunks):
            try:
                async with asyncio.timeout(silence):
                    await receiver.arrived.wait()
            except TimeoutError:
                return
            ended = receiver.ended
            for frame in splitter.feed(receiver.take()):
                yield frame
            if ended:
                return
    except (ValueError, StreamClosedError) as error:
        raise ServiceUnavailableError from error
    finally:
        stream.close()
        if reading is not None:
            # Closing the stream ends the reading; what it says about that is of no use to anybody.
            await asyncio.gather(reading, return_exceptions=True)


async def _refuse(receiver: _Receiver, request_id: str) -> None:
    """Read the refusal, which is short, and raise it.

    Raises:
        StreamRefusedError: always, or
        ServiceUnavailableError: when there was no answer at all.
    """
    if not receiver.status:
        raise ServiceUnavailableError
    while not receiver.ended and receiver.unread < MAX_REFUSAL_BYTES:
        receiver.arrived.clear()
        try:
            async with asyncio.timeout(5):
                await receiver.arrived.wait()
        except TimeoutError:
            break
    raise StreamRefusedError(
        ServiceReply(
            receiver.status,
            receiver.take(),
            receiver.headers.get("X-Request-ID", request_id),
            read_retry_after(receiver.headers.get("Retry-After")),
        )
    )
