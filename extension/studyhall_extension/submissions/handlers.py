"""Submitting a lesson, and the outbox of submissions that are not through yet."""

import uuid
from typing import Any

from studyhall_extension.errors import ValidationError
from studyhall_extension.submissions.sender import Sender
from studyhall_extension.web import StudyhallHandler, learner_reads, learner_writes

MAX_PATH_LENGTH = 2000


class SubmitLessonHandler(StudyhallHandler):
    """`POST /courses/{course}/lessons/{lesson}/submissions`."""

    def initialize(self, sender: Sender, **kwargs: Any) -> None:
        """Take the sender."""
        super().initialize(**kwargs)
        self.sender = sender

    @learner_writes
    async def post(self, course: str, lesson: str) -> None:
        """Keep a snapshot of the lesson's notebooks and send it; always 202 when the snapshot is safe."""
        body = self.json_body()
        key, path = body.get("idempotency_key"), body.get("path")
        try:
            # One spelling, so that the same key is the same file and the same entry.
            key = str(uuid.UUID(key)) if isinstance(key, str) else ""
        except ValueError:
            key = ""
        details = []
        if not key:
            details.append(("idempotency_key", "Send a UUID made for this press of Submit."))
        if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_LENGTH:
            details.append(("path", "Send the path of the opened notebook."))
        if details:
            raise ValidationError(details=details)
        reply = await self.sender.submit(key, course, lesson, str(path), request_id=self.request_id)
        self.write_data(reply, 202)


class OutboxHandler(StudyhallHandler):
    """`GET /outbox`."""

    def initialize(self, sender: Sender, **kwargs: Any) -> None:
        """Take the sender."""
        super().initialize(**kwargs)
        self.sender = sender

    @learner_reads
    async def get(self) -> None:
        """List the snapshots that are waiting or were refused, oldest first."""
        self.write_data([entry.public() for entry in await self.sender.entries()])


class OutboxEntryHandler(StudyhallHandler):
    """`DELETE /outbox/{key}`."""

    def initialize(self, sender: Sender, **kwargs: Any) -> None:
        """Take the sender."""
        super().initialize(**kwargs)
        self.sender = sender

    @learner_writes
    async def delete(self, key: str) -> None:
        """Throw a refused snapshot away."""
        await self.sender.discard(str(uuid.UUID(key)))
        self.set_status(204)
        self.finish()
