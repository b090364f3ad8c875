"""Events that begin in this server, for every open stream of it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A window that reads slower than this loses events of the outbox, and asks for the outbox when it reconnects.
QUEUE_LENGTH = 100


class LocalEvents:
    """Hands each event to every subscriber."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes]] = set()

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[bytes]]:
        """A queue of encoded events, for as long as the block lasts."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_LENGTH)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Tell all subscribers."""
        frame = encode_event(name, data)
        for queue in self._queues:
            if not queue.full():
                queue.put_nowait(frame)


def encode_event(name: str, data: dict[str, Any]) -> bytes:
    """One event as it goes over the wire."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
