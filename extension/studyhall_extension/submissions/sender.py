"""Getting snapshots to the service, exactly once each, in the order in which the learner made them."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from logging import Logger
from typing import Any
from weakref import WeakValueDictionary

from studyhall_extension.errors import NotFoundError, ServiceUnavailableError, StillWaitingError
from studyhall_extension.events.local_events import LocalEvents
from studyhall_extension.service_client import ServiceClient, ServiceReply
from studyhall_extension.service_errors import ServiceRefusedError
from studyhall_extension.submissions.outbox import REFUSED, WAITING, Entry, Outbox
from studyhall_extension.submissions.policy import (
    PATIENCE,
    UNREACHABLE,
    UNREADABLE,
    Judgement,
    Verdict,
    delay_before_retry,
    judge,
)
from studyhall_extension.submissions.snapshot import SizeLimits, take_snapshot

REMEMBERED_REPLIES = 100
EVENT = "outbox.updated"
Lesson = tuple[str, str]


@dataclass(slots=True)
class _Pause:
    """Why and until when (event loop's seconds) a lesson's snapshots are not tried again."""

    failures: int = 0
    until: float = 0.0
    # The service itself named the time: then a press of Submit does not shorten it.
    asked_for: bool = False


class Sender:
    """Takes presses of Submit, and works the outbox off in the background."""

    def __init__(
        self,
        outbox: Outbox,
        service: ServiceClient,
        events: LocalEvents,
        limits: SizeLimits,
        log: Logger,
        *,
        first_delay: float,
    ) -> None:
        self.outbox = outbox
        self.service = service
        self.events = events
        self.limits = limits
        self.log = log
        self.first_delay = first_delay
        self._pauses: dict[Lesson, _Pause] = {}
        self._locks: WeakValueDictionary[Lesson, asyncio.Lock] = WeakValueDictionary()
        self._presses: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._replies: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._changed = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._background: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work the outbox off: first what an earlier run left behind. Needs a running event loop."""
        if self._background is None:
            self._background = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop sending. Snapshots stay in the outbox and are sent by the next run."""
        parts = (self._loading, self._background, *self._presses.values())
        tasks = [task for task in parts if task is not None]
        self._background = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(
        self, key: str, course: str, lesson: str, path: str, *, request_id: str
    ) -> dict[str, Any]:
        """One press of Submit: the attempt as the service made it, or the waiting entry.

        A second press with the same key joins the first one: one snapshot, one request, the same answer. The
        work goes on when the browser goes away.

        Raises:
            ServiceRefusedError: the service said no; the snapshot is kept as refused.
            ExtensionError: the notebooks can't be submitted; nothing was kept.
        """
        press = self._presses.get(key)
        if press is None:
            press = asyncio.get_running_loop().create_task(self._press(key, course, lesson, path, request_id))
            self._presses[key] = press
            press.add_done_callback(lambda _: self._presses.pop(key, None))
        return await asyncio.shield(press)

    async def entries(self) -> Sequence[Entry]:
        """What is waiting or was refused, oldest first, with what an earlier run left."""
        await self._loaded()
        return self.outbox.entries()

    async def discard(self, key: str) -> None:
        """Throw a refused snapshot away.

        Raises:
            NotFoundError: there is none of this key.
            StillWaitingError: it has not been answered yet.
        """
        await self._loaded()
        entry = self.outbox.get(key)
        if entry is None:
            raise NotFoundError("This submission isn't in the outbox any more. Reload the page.")
        if entry.state == WAITING:
            raise StillWaitingError
        self.outbox.remove(key)

    async def _press(self, key: str, course: str, lesson: str, path: str, request_id: str) -> dict[str, Any]:
        # What an earlier run left behind comes first: an older attempt is never sent after a newer one.
        await self._loaded()
        entry = self.outbox.get(key)
        if key not in self._replies:
            if entry is None:
                snapshot = await asyncio.to_thread(
                    take_snapshot, self.outbox.root, course, lesson, path, self.limits
                )
                entry = await asyncio.to_thread(self.outbox.add, key, snapshot, datetime.now(UTC))
            if entry.state == WAITING:
                await self._send_lesson(
                    (entry.course, entry.lesson), pressed=True, request_ids={key: request_id}
                )
        if key in self._replies:
            return self._replies[key]
        entry = self.outbox.get(key) or entry
        if entry is None or entry.state == REFUSED:
            raise _refusal(entry)
        return {"state": WAITING, "idempotency_key": key, "message": entry.message}

    async def _loaded(self) -> None:
        """Return when what an earlier run left in the outbox is known; it is read once."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self.outbox.load)
        except OSError:
            self.log.exception("Studyhall: the outbox can't be read")

    async def _run(self) -> None:
        """Send whatever is due, sleep until the next is, for as long as the server lives."""
        await self._loaded()
        while True:
            try:
                await self._work_off()
            except Exception:
                # Whatever happened to one snapshot, the others still have to get through.
                self.log.exception("Studyhall: working the outbox off failed")
                await asyncio.sleep(self.first_delay)

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        self._changed.clear()
        for lesson in self._waiting_lessons():
            if self._pause(lesson).until <= loop.time():
                await self._send_lesson(lesson)
        due = [self._pause(lesson).until for lesson in self._waiting_lessons()]
        timeout = max(0.0, min(due) - loop.time()) if due else None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)

    @property
    def waits(self) -> bool:
        """Whether a submission is still on its way."""
        return bool(self._waiting_lessons())

    def _waiting_lessons(self) -> set[Lesson]:
        return {(entry.course, entry.lesson) for entry in self.outbox.entries() if entry.state == WAITING}

    def _pause(self, lesson: Lesson) -> _Pause:
        return self._pauses.setdefault(lesson, _Pause())

    async def _send_lesson(
        self, lesson: Lesson, *, pressed: bool = False, request_ids: dict[str, str] | None = None
    ) -> None:
        """Send a lesson's snapshots, oldest first: an older one must never become the newer attempt."""
        async with self._locks.setdefault(lesson, asyncio.Lock()):
            loop = asyncio.get_running_loop()
            pause = self._pause(lesson)
            if pause.until > loop.time() and (pause.asked_for or not pressed):
                return
            failed: tuple[Judgement, float | None] | None = None
            for entry in self.outbox.waiting(*lesson):
                if failed is not None and (not failed[0].about_this_one or pause.failures < PATIENCE):
                    self._note(entry, failed[0])
                    continue
                judgement, retry_after = await self._send(
                    entry, (request_ids or {}).get(entry.idempotency_key)
                )
                if judgement.verdict is Verdict.WAITING:
                    failed = (judgement, retry_after)
            if failed is None:
                self._pauses.pop(lesson, None)
            else:
                pause.failures += 1
                # The spread keeps a class from coming back at the same moment; nothing secret depends on it.
                chance = random.random()  # noqa: S311 - no secret
                pause.until = loop.time() + delay_before_retry(
                    self.first_delay, pause.failures, failed[1], chance
                )
                pause.asked_for = failed[1] is not None
            self._changed.set()

    async def _send(self, entry: Entry, request_id: str | None) -> tuple[Judgement, float | None]:
        key = entry.idempotency_key
        try:
            body = await asyncio.to_thread(self.outbox.submission, key)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # Another server of the same learner sent it, or somebody removed or changed it by hand.
            self.log.warning("Studyhall: the submission %s is no longer in the outbox", key)
            self.outbox.forget(key)
            self._publish(replace(entry, state="removed", message=""))
            return Judgement(Verdict.ACCEPTED, ""), None
        except OSError:
            self.log.exception("Studyhall: the submission %s can't be read", key)
            self._note(entry, UNREADABLE)
            return UNREADABLE, None
        try:
            reply = await self.service.fetch(
                "POST", "/submissions", body=body, request_id=request_id, idempotency_key=key
            )
        except ServiceUnavailableError:
            self._note(entry, UNREACHABLE)
            return UNREACHABLE, None
        judgement = judge(reply)
        if judgement.verdict is Verdict.ACCEPTED:
            await self._accepted(entry, reply)
        elif judgement.verdict is Verdict.REFUSED:
            await self._refused(entry, judgement, reply.status)
        else:
            self._note(entry, judgement)
        return judgement, reply.retry_after

    async def _accepted(self, entry: Entry, reply: ServiceReply) -> None:
        attempt = (reply.envelope() or {}).get("data")
        self._replies[entry.idempotency_key] = attempt if isinstance(attempt, dict) else {}
        while len(self._replies) > REMEMBERED_REPLIES:
            self._replies.popitem(last=False)
        try:
            await asyncio.to_thread(self.outbox.remove, entry.idempotency_key)
        except OSError:
            # It is sent again after a restart, and the service answers with the same attempt.
            self.log.exception("Studyhall: a sent submission could not be removed from the outbox")
        self._publish(replace(entry, state="sent", message=""), attempt)

    async def _refused(self, entry: Entry, judgement: Judgement, status: int) -> None:
        try:
            await asyncio.to_thread(
                lambda: self.outbox.refuse(
                    entry.idempotency_key, message=judgement.message, code=judgement.code, status=status
                )
            )
        except (OSError, ValueError, KeyError):
            self.log.exception("Studyhall: a refusal could not be noted in the outbox")
        refused = self.outbox.get(entry.idempotency_key)
        if refused is not None:
            self._publish(refused)

    def _note(self, entry: Entry, judgement: Judgement) -> None:
        known = entry.message
        noted = self.outbox.note(entry.idempotency_key, judgement.message)
        if self._pause((entry.course, entry.lesson)).failures == 0 or noted.message != known:
            self._publish(noted)

    def _publish(self, entry: Entry, attempt: Any = None) -> None:
        self.events.publish(EVENT, {**entry.public(), "attempt": attempt})


def _refusal(entry: Entry | None) -> ServiceRefusedError:
    if entry is None:
        return ServiceRefusedError(409, {})
    return ServiceRefusedError(entry.status or 409, {"code": entry.code, "message": entry.message})
