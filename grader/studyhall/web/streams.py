"""Live updates as server-sent events: one stream per window carries every topic that the person may see."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from tornado.iostream import StreamClosedError

from studyhall.errors import Forbidden, StudyhallError, Unavailable
from studyhall.events.live import updates_in
from studyhall.permissions import scopes_grant
from studyhall.person import Person
from studyhall.web import metrics
from studyhall.web.handlers import ApiHandler, person_error
from studyhall.web.routes import Request

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0


class EventStreamHandler(ApiHandler):
    """``GET /api/v1/events``: the current state first, then each update, a comment every 15 s."""

    _stream: "asyncio.Task[None] | None" = None

    async def get(self, **path: str) -> None:
        """Stream until the client goes away."""
        try:
            person = await self._listener()
        except Exception as error:  # noqa: BLE001 - answered in the envelope like every other route
            self._refuse(person_error(error))
            return
        context = self.context
        try:
            async with context.live.listen(context.cohort_id, person.user_id) as pubsub:
                # Subscribed first, then the state: what happens in between arrives twice rather than never.
                state = await self._state(person, path)
                self.set_header("Content-Type", "text/event-stream; charset=utf-8")
                self.set_header("X-Accel-Buffering", "no")
                self._stream = asyncio.create_task(self._pump(pubsub, state))
                metrics.STREAMS.inc()
                try:
                    await self._stream
                finally:
                    metrics.STREAMS.dec()
        except asyncio.CancelledError:
            log.debug("event_stream_closed")
        except RedisError as error:
            unavailable = Unavailable(
                "Live updates are not available right now; results still arrive, a little later.",
                retry_after=5,
            )
            unavailable.__cause__ = error
            self._end(unavailable)
        except Exception as error:  # noqa: BLE001 - answered in the envelope like every other route
            self._end(person_error(error))

    def on_connection_close(self) -> None:
        """End the stream as soon as the client has gone."""
        if self._stream is not None:
            self._stream.cancel()

    def _end(self, error: StudyhallError) -> None:
        if not self._headers_written:
            self._refuse(error)
        elif not self._finished:
            self.finish()

    async def _listener(self) -> Person:
        route = self.routes["GET"]
        self._parse_query(route)
        model = await self.hub_user()
        scopes = frozenset(str(scope) for scope in model.get("scopes", ()))
        if not scopes_grant(route.permission, scopes):
            raise Forbidden
        async with self.context.database.session(self.context.cohort_id) as session:
            return await self.sign_in(session, model, scopes)

    async def _state(self, person: Person, path: Mapping[str, str]) -> Any:
        route = self.routes["GET"]
        async with self.context.database.session(self.context.cohort_id) as session:
            return await route.handle(
                Request(
                    context=self.context,
                    signed_in=person,
                    session=session,
                    path=path,
                    query=self._parse_query(route),
                    body=None,
                    headers=self.request.headers,
                    request_id=self.request_id,
                )
            )

    async def _pump(self, pubsub: PubSub, state: Any) -> None:
        try:
            self._write("state", state)
            await self.flush()
            while True:
                try:
                    message = await pubsub.get_message(timeout=HEARTBEAT_SECONDS)
                except (RedisError, OSError):
                    return  # the client connects again and starts from the state
                if message is None:
                    self.write(": still here\n\n")
                    await self.flush()
                    continue
                for name, data in updates_in(message["data"]):
                    self._write(name, data)
                await self.flush()
        except StreamClosedError:
            return

    def _write(self, name: str, data: Any) -> None:
        text = json.dumps(data, separators=(",", ":"), default=str)
        self.write(f"event: {name}\ndata: {text}\n\n")
