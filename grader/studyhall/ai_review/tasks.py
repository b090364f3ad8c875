"""The job that makes a review."""

import time
import uuid

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.ai.choice import reviewer_of
from studyhall.ai.errors import ReviewerBusy, ReviewerError
from studyhall.ai_review import service
from studyhall.ai_review.errors import AiUnavailable
from studyhall.ai_review.models import Review
from studyhall.ai_review.service import Enqueue
from studyhall.context import Context
from studyhall.events.live import Live
from studyhall.jobs.policy import Priority
from studyhall.jobs.queue import JobQueue

log = structlog.get_logger(__name__)

QUEUE = "ai-review"
TASK = "ai_review.review"


def enqueue_with(queue: JobQueue, *, lanes: int) -> Enqueue:
    """Return the function that defers the making of a review.

    Args:
        queue: the installation's jobs.
        lanes: how many reviews are made side by side over all workers. A call to Claude takes long, and a worker whose
            every hand waits for Claude would grade nobody.
    """

    async def enqueue(session: AsyncSession, review: Review) -> None:
        await queue.defer(
            session,
            TASK,
            queue=QUEUE,
            priority=Priority.DEFAULT,  # after grading, which somebody looks at right now
            lock=f"ai-review:{review.user_id.int % lanes}",
            review_id=str(review.id),
        )

    return enqueue


def tell(live: Live, session: AsyncSession, review: Review) -> None:
    """Tell the learner's windows where a review is."""
    live.publish_after_commit(
        session,
        review.user_id,
        "ai_review.updated",
        {
            "submission_id": str(review.attempt_id),
            "review_id": str(review.id),
            "status": review.status,
        },
    )


def register(context: Context) -> None:
    """Make the reviewing task known to the worker."""
    database = context.database
    reviewer = reviewer_of(context.settings)

    async def failed(cohort_id: uuid.UUID, review_id: uuid.UUID, message: str) -> None:
        async with database.session(cohort_id) as session:
            review = await service.fail(session, review_id, message, now=context.clock())
            if review is not None:
                tell(context.live, session, review)

    async def make(cohort_id: uuid.UUID, *, review_id: str) -> None:
        """Have an attempt reviewed and store what was said; a second run of the same job changes nothing."""
        identifier = uuid.UUID(review_id)
        async with database.session(cohort_id) as session:
            found = await service.under_way(session, identifier)
            if found is None:
                return
            material = await service.material_for(session, *found)
        if reviewer is None:
            await failed(cohort_id, identifier, AiUnavailable().message)
            return
        started = time.monotonic()
        try:
            findings = await reviewer.review(material)
        except ReviewerBusy:
            raise  # the queue tries again, and tells the learner when it gives up
        except ReviewerError as error:
            log.warning("review_failed", review=review_id, exc_info=error)
            await failed(cohort_id, identifier, error.message)
            return
        took_ms = 1000 * (time.monotonic() - started)
        async with database.session(cohort_id) as session:
            review = await service.complete(
                session,
                identifier,
                findings,
                reviewer=reviewer,
                took_ms=took_ms,
                outbox=context.outbox,
                now=context.clock(),
            )
            if review is not None:
                tell(context.live, session, review)
        log.info("reviewed", review=review_id, provider=reviewer.name, ms=took_ms)

    async def give_up(cohort_id: uuid.UUID, *, review_id: str) -> None:
        """Tell the learner that there is no review this time."""
        await failed(cohort_id, uuid.UUID(review_id), ReviewerBusy().message)

    context.queue.register(TASK, queue=QUEUE, database=database, function=make, on_dead_letter=give_up)
