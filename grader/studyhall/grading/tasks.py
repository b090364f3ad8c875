"""The job that grades an attempt."""

import time
import uuid

import structlog
from sqlalchemy import Insert
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_judge.client import Judge, JudgeRefused
from studyhall_judge.report import GradeReport, Release

from studyhall.context import Context
from studyhall.grading import service
from studyhall.jobs.policy import priority_of
from studyhall.jobs.queue import JobQueue
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt
from studyhall.submissions.service import Enqueue
from studyhall.web import metrics

log = structlog.get_logger(__name__)

QUEUE = "judge"
TASK = "grading.grade"


def enqueue_with(queue: JobQueue) -> Enqueue:
    """Return the function that submissions defer their grading with."""

    def enqueue(session: AsyncSession, attempt: Attempt) -> Insert:
        return queue.job(
            session,
            TASK,
            queue=QUEUE,
            priority=priority_of(attempt.turn or attempt.submitted_at),
            attempt_id=str(attempt.id),
        )

    return enqueue


def register(context: Context) -> None:  # noqa: C901 - two jobs and their steps, one after the other
    """Make the grading task known to the worker."""
    judge = Judge(context.settings.judge_socket)

    async def grade(cohort_id: uuid.UUID, *, attempt_id: str) -> None:
        """Hand an attempt to the judge and store its report; a second run of the same job changes nothing."""
        database, live = context.database, context.live
        identifier = uuid.UUID(attempt_id)
        async with database.session(cohort_id) as session:
            attempt = await service.begin(session, identifier)
            if attempt is None:
                return
            lesson = await service.lesson_release(session, attempt)
            texts, own_files = await submissions.sent_in(session, attempt.id)
            others = await service.others_claimed(session, lesson, texts.values(), known=attempt.release)
            request = service.request_for(attempt, lesson, texts, own_files, others)
            (described,) = await submissions.describe(session, [attempt])
        updates = live.gather(cohort_id, attempt.user_id)
        updates.add("submission.updated", described.model_dump(mode="json"))

        async def release() -> Release:
            async with database.session(cohort_id) as session:
                return await service.release_of(session, lesson, context.cipher)

        started = time.monotonic()
        report: GradeReport | None = None
        try:
            async for message in judge.grade(request, release):
                if isinstance(message, GradeReport):
                    report = message
                    break
                updates.add(
                    "submission.progress",
                    {
                        "attempt_id": attempt_id,
                        "test_id": message.test_id,
                        "status": message.status.value,
                        "done": message.done,
                        "total": message.total,
                    },
                )
        except JudgeRefused as refused:
            # Trying again with the same submission cannot help, so the refusal is its report.
            report = service.refusal(request, str(refused))
        if report is None:
            raise RuntimeError("The judge ended without a report.")
        metrics.GRADING_SECONDS.observe(time.monotonic() - started)
        sealed = await service.sealed_beside(report, context.cipher)
        async with database.session(cohort_id) as session:
            finished = await service.finish(
                session,
                identifier,
                report,
                sealed=sealed,
                outbox=context.outbox,
                ending=context.queue.end(session),
                now=context.clock(),
            )
            if finished is None:
                log.info("report_was_there_already", attempt=attempt_id)
                return
            attempt, shown = finished
            (described,) = await submissions.describe(session, [attempt], reports={identifier: shown})
            updates.send_after_commit(session, ("submission.updated", described.model_dump(mode="json")))
        metrics.GRADED.labels(status=report.status.value).inc()
        log.info("graded", attempt=attempt_id, score=report.score, ms=report.resources.wall_ms)

    async def give_up(cohort_id: uuid.UUID, *, attempt_id: str) -> None:
        """Tell the learner that staff have to look at their submission."""
        async with context.database.session(cohort_id) as session:
            attempt = await service.give_up(session, uuid.UUID(attempt_id))
            if attempt is not None:
                (described,) = await submissions.describe(session, [attempt])
                context.live.publish_after_commit(
                    session, attempt.user_id, "submission.updated", described.model_dump(mode="json")
                )

    context.queue.register(
        TASK, queue=QUEUE, database=context.database, function=grade, on_dead_letter=give_up
    )
