"""`GET /events`: one stream per Lab window, with the service's events and the outbox's."""

import asyncio
import random
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from tornado.iostream import StreamClosedError

from studyhall_extension.errors import ServiceUnavailableError
from studyhall_extension.events.local_events import LocalEvents, encode_event
from studyhall_extension.events.service_stream import StreamRefusedError, service_frames
from studyhall_extension.relay import passed_query
from studyhall_extension.service_client import ServiceClient
from studyhall_extension.web import StudyhallHandler, learner_reads

# Short enough that the comment before each attempt keeps proxies from cutting an idle stream.
LONGEST_DELAY = 15.0
# Longer than this in silence, and the browser would take its own server for lost.
LONGEST_ASKED_FOR = 30.0


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Seconds of silence that count as a lost connection, and before the first attempt to reconnect."""

    silence: float
    first_delay: float


class OpenStreams:
    """The streams open now, so that the server can end them when it stops."""

    def __init__(self) -> None:
        self._handlers: WeakSet[EventsHandler] = WeakSet()

    def add(self, handler: "EventsHandler") -> None:
        """Note an open stream."""
        self._handlers.add(handler)

    def discard(self, handler: "EventsHandler") -> None:
        """Note that a stream has ended."""
        self._handlers.discard(handler)

    async def close(self) -> None:
        """End all streams and wait until their connections to the service are closed."""
        handlers = list(self._handlers)
        for handler in handlers:
            handler.end()
        await asyncio.gather(*(handler.ended.wait() for handler in handlers))


class EventsHandler(StudyhallHandler):
    """Relays the service's event stream. A stream is no activity: an idle server may still be culled."""

    _track_activity = False

    def initialize(
        self,
        service: ServiceClient,
        local_events: LocalEvents,
        streams: OpenStreams,
        timing: StreamTiming,
        **kwargs: Any,
    ) -> None:
        """Take both sources of events."""
        super().initialize(**kwargs)
        self.service = service
        self.local_events = local_events
        self.streams = streams
        self.timing = timing
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False
        self._writing = asyncio.Lock()

    @learner_reads
    async def get(self) -> None:
        """Stream until the browser goes away or the server stops."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("X-Request-ID", self.request_id)
        self.streams.add(self)
        try:
            with self.local_events.subscribed() as local:
                await self._send(b": studyhall\n\n")
                if self._is_over:
                    return  # The server stops, or the browser has left, while these first bytes were on their way.
                loop = asyncio.get_running_loop()
                self._tasks = [
                    loop.create_task(self._pass_local(local)),
                    loop.create_task(self._pass_service()),
                ]
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        except StreamClosedError:
            pass  # The browser left before the first byte.
        finally:
            self.end()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.streams.discard(self)
            self.ended.set()

    def on_connection_close(self) -> None:
        """The browser is gone: let go of the service at once."""
        super().on_connection_close()
        self.end()

    def end(self) -> None:
        """Stop streaming; the connection to the service is closed by it."""
        self._is_over = True
        for task in self._tasks:
            task.cancel()

    async def _pass_local(self, local: asyncio.Queue[bytes]) -> None:
        while True:
            await self._send(await local.get())

    async def _pass_service(self) -> None:
        failures = 0
        while True:
            problem: dict[str, Any] = {"online": False}
            retry_after = None
            connected = False
            try:
                frames = service_frames(
                    self.service,
                    query=passed_query(self.request.query),
                    request_id=self.request_id,
                    silence=self.timing.silence,
                )
                async with aclosing(frames):
                    async for frame in frames:
                        if not connected:
                            connected, failures = True, 0
                            await self._send(encode_event("connection", {"online": True}))
                        else:
                            await self._send(frame)
            except StreamRefusedError as refusal:
                problem |= _words_of(refusal)
                retry_after = refusal.reply.retry_after
            except ServiceUnavailableError as error:
                problem |= {"code": str(error.code), "message": error.message}
            failures += 1
            await self._send(encode_event("connection", problem))
            # Spread, so that a class does not come back at the same moment; nothing secret depends on it.
            spread = 0.5 + 0.5 * random.random()  # noqa: S311 - no secret
            delay = min(LONGEST_DELAY, self.timing.first_delay * 2 ** min(failures - 1, 10)) * spread
            await asyncio.sleep(max(delay, min(retry_after or 0, LONGEST_ASKED_FOR)))
            # Finds out whether the browser is still there, and keeps proxies awake.
            await self._send(b": trying again\n\n")

    async def _send(self, frame: bytes) -> None:
        async with self._writing:
            self.write(frame)
            await self.flush()


def _words_of(refusal: StreamRefusedError) -> dict[str, Any]:
    error = (refusal.reply.envelope() or {}).get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return {"code": str(error.get("code")), "message": error["message"]}
    unavailable = ServiceUnavailableError()
    return {"code": str(unavailable.code), "message": unavailable.message}
