"""Opening a lesson: ask the service for it, store it, say which notebook to open."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from studyhall_extension.courses.lesson_files import StoredLesson, read_release, store_lesson
from studyhall_extension.errors import ValidationError
from studyhall_extension.service_client import ServiceClient
from studyhall_extension.service_errors import accepted_data
from studyhall_extension.web import StudyhallHandler, learner_writes


class Lessons:
    """Fetches lessons into the learner's folder, one at a time per lesson."""

    def __init__(self, service: ServiceClient, root: Path) -> None:
        self.service = service
        self.root = root
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def open(self, course: str, lesson: str, *, update: bool, request_id: str) -> StoredLesson:
        """Fetch and store a lesson; also notes in the service that the learner started it.

        Raises:
            ServiceUnavailableError: no answer.
            ServiceRefusedError: the service says no (locked, not enrolled, …), in its own words.
            ExtensionError: the lesson or the disk can't be used; nothing of the learner's was changed.
        """
        lock = self._locks.setdefault((course, lesson), asyncio.Lock())
        # Asked for under the lock, too: of two answers the later one is stored last, or an update would be undone.
        async with lock:
            reply = await self.service.fetch(
                "POST",
                f"/courses/{course}/lessons/{lesson}/start",
                body=json.dumps({"update": update}).encode(),
                request_id=request_id,
            )
            data = accepted_data(reply)
            return await asyncio.to_thread(
                lambda: store_lesson(self.root, course, lesson, read_release(data), update=update)
            )


class OpenLessonHandler(StudyhallHandler):
    """`POST /courses/{course}/lessons/{lesson}/open`."""

    def initialize(self, lessons: Lessons, **kwargs: Any) -> None:
        """Take the store of lessons."""
        super().initialize(**kwargs)
        self.lessons = lessons

    @learner_writes
    async def post(self, course: str, lesson: str) -> None:
        """Fetch the lesson into the learner's folder and name the notebook to open."""
        update = self.json_body().get("update", False)
        if not isinstance(update, bool):
            raise ValidationError(details=[("update", "Say true or false.")])
        stored = await self.lessons.open(course, lesson, update=update, request_id=self.request_id)
        self.write_data(asdict(stored))
