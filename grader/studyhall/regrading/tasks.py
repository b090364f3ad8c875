"""The job that goes on with a regrade, a handful of attempts at a time."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_judge.client import Judge, JudgeRefused
from studyhall_judge.report import GradeReport, GradeRequest, Release

from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.courses.models import LessonRelease
from studyhall.grading import service as grading
from studyhall.grading.tasks import QUEUE as SUBMISSIONS
from studyhall.jobs.policy import Priority
from studyhall.jobs.queue import JobQueue
from studyhall.regrading import service
from studyhall.regrading.models import AT_WORK, RegradeRun, RegradeStatus
from studyhall.regrading.service import Outcome
from studyhall.submissions import service as submissions
from studyhall.submissions.files import files_of
from studyhall.submissions.models import Attempt

log = structlog.get_logger(__name__)

QUEUE = "regrade"
TASK = "regrading.go_on"

AT_A_TIME = 50
"""Attempts that one job grades; then other regrades have their turn."""
QUICK_MS = 1000.0
"""What an attempt took at most the last time if it may use the slot that is kept for learners."""
LOOK_SECONDS = 0.2
"""How often a regrade at work looks whether a learner's submission is waiting or being graded."""
BYTES_AT_A_TIME = 20_000_000
LEARNERS_FIRST = timedelta(seconds=1)
"""How long a regrade steps aside when submissions wait."""


async def go_on_later(
    queue: JobQueue, session: AsyncSession, run: RegradeRun, *, aside: timedelta | None = None
) -> None:
    """Defer the job that goes on with a run, at once or a little later."""
    await queue.defer(
        session,
        TASK,
        queue=QUEUE,
        priority=Priority.REGRADE,
        lock=f"regrade:{run.id}",
        after=None if aside is None else queue.now() + aside,
        run_id=str(run.id),
    )


class Regrader:
    """Goes on with regrades.

    Of the judge's slots one is left to learners, unless it has no more than that. While no submission of a learner is
    waiting or being graded, attempts that were quick the last time use that slot too: a submission that arrives then
    waits for one of them to end, a second at most, and finds the slot kept again.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._judge = Judge(context.settings.judge_socket)
        self._slots = context.settings.judge_slots
        self._room = asyncio.Condition()
        self._graded_now = 0
        self._learners_wait = True

    @asynccontextmanager
    async def _slot(self, *, quick: bool) -> AsyncIterator[None]:
        """Wait for a slot of the judge that a regrade may use."""

        def free() -> bool:
            everything = quick and not self._learners_wait
            return self._graded_now < (self._slots if everything else max(1, self._slots - 1))

        async with self._room:
            await self._room.wait_for(free)
            self._graded_now += 1
        try:
            yield
        finally:
            async with self._room:
                self._graded_now -= 1
                self._room.notify_all()

    async def _look(self) -> None:
        """Keep in mind whether learners wait, until cancelled."""
        while True:
            async with self._context.database.session(None) as session:
                self._learners_wait = await self._context.queue.is_busy(session, SUBMISSIONS)
            async with self._room:
                self._room.notify_all()
            await asyncio.sleep(LOOK_SECONDS)

    async def go_on(self, cohort_id: uuid.UUID, *, run_id: str) -> None:
        """Grade the next attempts of a run; a second run of the same job finds them done."""
        context, identifier = self._context, uuid.UUID(run_id)
        async with context.database.session(cohort_id) as session:
            run = await service.run_by_id(session, identifier, lock=True)
            if run is None or run.status not in AT_WORK:
                return
            attempts = await self._next(session, run)
            if not attempts:
                return
            texts = await submissions.snapshots_of(session, [attempt.id for attempt in attempts])
            files = await files_of(session, [attempt.id for attempt in attempts])
            quick = await grading.graded_within(session, texts.keys(), milliseconds=QUICK_MS)
            lesson = (await courses.lesson_releases_by_id(session, {run.lesson_release_id}))[
                run.lesson_release_id
            ]
            sent = [text for notebooks in texts.values() for text in notebooks.values()]
            others = await grading.others_claimed(session, lesson, sent)
        self._learners_wait = False  # or the run would have stepped aside
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._look())
            tasks = [
                group.create_task(
                    self._grade(
                        attempt,
                        grading.request_for(
                            attempt, lesson, texts[attempt.id], files.get(attempt.id), others
                        ),
                        lesson,
                        quick=attempt.id in quick,
                    )
                )
                for attempt in attempts
            ]
            await asyncio.wait(tasks)
            looking.cancel()
        async with context.database.session(cohort_id) as session:
            run = await service.run_by_id(session, identifier, lock=True)
            if run is None or run.status not in AT_WORK:
                return  # discarded meanwhile
            await service.keep(session, run, [task.result() for task in tasks], now=context.clock())
            await go_on_later(context.queue, session, run)

    async def _next(self, session: AsyncSession, run: RegradeRun) -> list[Attempt]:
        """Return the attempts to grade now; without any the run is finished, or steps aside for a moment."""
        context = self._context
        run.status = RegradeStatus.RUNNING.value
        if await context.queue.waiting(session, SUBMISSIONS):
            await go_on_later(context.queue, session, run, aside=LEARNERS_FIRST)
            return []
        attempts, more = await service.next_attempts(session, run, most=AT_A_TIME, max_bytes=BYTES_AT_A_TIME)
        if not attempts and more:
            await go_on_later(context.queue, session, run, aside=LEARNERS_FIRST)
        elif not attempts:
            run.status, run.ready_at = RegradeStatus.READY.value, context.clock()
            log.info("regrade_is_ready", run=str(run.id))
        return attempts

    async def _grade(
        self,
        attempt: Attempt,
        request: GradeRequest,
        lesson: LessonRelease,
        *,
        quick: bool,
    ) -> Outcome:
        async with self._slot(quick=quick):
            report = await self._report(attempt.cohort_id, request, lesson)
        sealed = await grading.sealed_beside(report, self._context.cipher)
        return Outcome(attempt=attempt, report=report, shown=grading.for_learner(report), sealed=sealed)

    async def _report(
        self, cohort_id: uuid.UUID, request: GradeRequest, lesson: LessonRelease
    ) -> GradeReport:
        async def release() -> Release:
            async with self._context.database.session(cohort_id) as session:
                return await grading.release_of(session, lesson, self._context.cipher)

        try:
            async for message in self._judge.grade(request, release):
                if isinstance(message, GradeReport):
                    return message
        except JudgeRefused as refused:
            return grading.refusal(request, str(refused))
        raise RuntimeError("The judge ended without a report.")

    async def give_up(self, cohort_id: uuid.UUID, *, run_id: str) -> None:
        """Show staff that the run goes on only when they queue its job again."""
        async with self._context.database.session(cohort_id) as session:
            run = await service.run_by_id(session, uuid.UUID(run_id), lock=True)
            if run is not None and run.status in AT_WORK:
                run.status = RegradeStatus.STUCK.value


def register(context: Context) -> None:
    """Make the regrading task known to the worker."""
    regrader = Regrader(context)
    context.queue.register(
        TASK,
        queue=QUEUE,
        database=context.database,
        function=regrader.go_on,
        on_dead_letter=regrader.give_up,
    )
