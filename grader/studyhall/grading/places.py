"""Telling learners that they have moved up in the queue."""

import asyncio
import uuid

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError

from studyhall.context import Context
from studyhall.grading.tasks import QUEUE
from studyhall.submissions import service as submissions

log = structlog.get_logger(__name__)

MOST_TOLD = 1000
"""Places further behind are read when the learner asks; whoever is there waits longer than they look."""


async def announce_places(context: Context, *, every: float) -> None:
    """Run for ever: tell each learner whose submission has another place in the queue than before.

    One worker of all does it, a few queries a second however many wait.
    """
    told: dict[uuid.UUID, int] = {}
    while True:
        try:
            told = await announce(context, told) if await context.queue.leads() else {}
        except (psycopg.OperationalError, ConnectorException, DBAPIError, OSError):
            log.warning("places_wait_for_database")
        await asyncio.sleep(every)


async def announce(context: Context, told: dict[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """Tell of every place that differs from what was told before, and return all places as they are now."""
    waiting = await context.queue.waiting_jobs(QUEUE, limit=MOST_TOLD)
    places: dict[uuid.UUID, int] = {}
    moved: dict[uuid.UUID, set[uuid.UUID]] = {}
    for job in waiting:
        attempt_id = uuid.UUID(job.arguments["attempt_id"])
        places[attempt_id] = job.place
        if told.get(attempt_id) != job.place:
            moved.setdefault(job.cohort_id, set()).add(attempt_id)
    for cohort_id, attempt_ids in moved.items():
        async with context.database.session(cohort_id) as session:
            learners = await submissions.learners_of(session, attempt_ids)
        for attempt_id, user_id in learners.items():
            await context.live.publish(
                cohort_id,
                user_id,
                "submission.position",
                {"attempt_id": str(attempt_id), "position": places[attempt_id]},
            )
    return places
