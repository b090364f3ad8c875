"""Live updates through Redis or Valkey: fast, and free to be lost; whoever missed one asks for the state."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.session import after_commit, cohort_of

log = structlog.get_logger(__name__)


def channel(cohort_id: uuid.UUID, user_id: uuid.UUID) -> str:
    """Return the name of one person's channel."""
    return f"studyhall:{cohort_id}:user:{user_id}:events"


Update = tuple[str, dict[str, Any]]
"""An update's name and what it says."""

CONFIRMED_SECONDS = 30.0
"""How long Redis may take to confirm that somebody is subscribed."""

GATHER_SECONDS = 0.03
"""How long an update may wait for more; too short to be seen."""


class Live:
    """Publishes to, and listens on, one channel per person."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def publish(
        self, cohort_id: uuid.UUID, user_id: uuid.UUID, name: str, payload: dict[str, Any]
    ) -> None:
        """Send an update now. A broken connection is logged and forgotten: nothing depends on it."""
        await self.publish_all(cohort_id, user_id, [(name, payload)])

    async def publish_all(self, cohort_id: uuid.UUID, user_id: uuid.UUID, updates: Sequence[Update]) -> None:
        """Send updates now, in their order and as one message; see :meth:`publish`."""
        said = [{"event": name, "data": payload} for name, payload in updates]
        message = json.dumps(said if len(said) > 1 else said[0], separators=(",", ":"), default=str)
        try:
            await self._redis.publish(channel(cohort_id, user_id), message)
        except (RedisError, OSError):
            log.warning("live_update_lost", updates=[name for name, _ in updates])

    def publish_after_commit(
        self, session: AsyncSession, user_id: uuid.UUID, name: str, payload: dict[str, Any]
    ) -> None:
        """Send an update once the session's transaction has been committed."""
        cohort_id = cohort_of(session)

        async def send() -> None:
            await self.publish(cohort_id, user_id, name, payload)

        after_commit(session, send)

    def gather(self, cohort_id: uuid.UUID, user_id: uuid.UUID) -> "Gathered":
        """Return what sends one person's quick updates by handfuls."""
        return Gathered(self, cohort_id, user_id)

    @asynccontextmanager
    async def listen(self, cohort_id: uuid.UUID, user_id: uuid.UUID) -> AsyncIterator[PubSub]:
        """Subscribe to one person's channel for the length of the block; :func:`updates_in` reads its messages.

        When the block begins Redis has confirmed it: whatever is published from then on arrives here.

        Raises:
            redis.exceptions.RedisError: Redis can't be reached.
        """
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(channel(cohort_id, user_id))
            # Sent is not subscribed: what somebody else publishes through another connection may be read before it.
            if await pubsub.get_message(timeout=CONFIRMED_SECONDS) is None:
                raise RedisTimeoutError("A subscription was not confirmed in time.")
            pubsub.ignore_subscribe_messages = True
            yield pubsub
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis ships no types for it


def updates_in(message: str) -> list[Update]:
    """Return the updates of one message: several, or one by itself."""
    said = json.loads(message)
    return [(each["event"], each["data"]) for each in (said if isinstance(said, list) else [said])]


class Gathered:
    """Updates for one person that follow each other quickly, sent as one message each :data:`GATHER_SECONDS`."""

    def __init__(self, live: Live, cohort_id: uuid.UUID, user_id: uuid.UUID) -> None:
        self._live, self._cohort_id, self._user_id = live, cohort_id, user_id
        self._waiting: list[Update] = []
        self._sender: asyncio.Task[None] | None = None
        self._in_order = asyncio.Lock()

    def add(self, name: str, payload: dict[str, Any]) -> None:
        """Send an update with those that come within a moment."""
        self._waiting.append((name, payload))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_soon())

    async def _send_soon(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        self._sender = None
        await self.send()

    async def send(self, *updates: Update) -> None:
        """Send what waits now, and further updates with it."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        async with self._in_order:
            everything = [*self._waiting, *updates]
            self._waiting.clear()
            if everything:
                await self._live.publish_all(self._cohort_id, self._user_id, everything)

    def send_after_commit(self, session: AsyncSession, *updates: Update) -> None:
        """Send what waits, and further updates with it, once the session's transaction has been committed."""

        async def send() -> None:
            await self.send(*updates)

        after_commit(session, send)
