"""Running a worker: ``studyhall worker``."""

import asyncio
import signal

import structlog
from prometheus_client import start_http_server
from sqlalchemy.exc import OperationalError

from studyhall import collector
from studyhall.app import open_context, register_tasks
from studyhall.context import Context
from studyhall.errors import ConfigurationError
from studyhall.grading import tasks as grading_tasks
from studyhall.grading.places import announce_places
from studyhall.jobs.queue import Lane
from studyhall.logs import configure_logs
from studyhall.lti import tasks as lti_tasks
from studyhall.nbgrader_gradebooks import executions as nbgrader_executions
from studyhall.nbgrader_gradebooks import tasks as nbgrader_tasks
from studyhall.regrading import tasks as regrade_tasks
from studyhall.settings import Settings

log = structlog.get_logger(__name__)

RECOVERY_SECONDS = 0.4
"""How often a worker looks for jobs of workers that died. Two looks make sure, so jobs run again within a second."""

NBGRADER_SECONDS = 1.0
"""How often nbgrader's gradebooks are asked whether somebody has typed something there."""

PLACES_SECONDS = 1.0
"""How often those who wait are told that they have moved up."""


def lanes(context: Context) -> list[Lane]:
    """Return what a worker runs side by side.

    Every kind of job is taken by its priority, but for two exceptions: one place is kept for learners' submissions, so
    that nothing slow ever takes all of them; and regrading, nbgrader's gradebooks, notebooks that graders' terminals
    send and grades that learning platforms take have lanes of their own, so that they take no other job's.
    """
    own = [
        Lane((regrade_tasks.QUEUE,), concurrency=1),
        Lane((nbgrader_tasks.QUEUE,), concurrency=1),
        Lane((lti_tasks.QUEUE,), concurrency=1),
        # A class that a grader's terminal sends leaves learners a slot of the judge.
        Lane((nbgrader_executions.QUEUE,), concurrency=max(1, context.settings.judge_slots - 1)),
    ]
    kept_for_grading = Lane((grading_tasks.QUEUE,), concurrency=1)
    everything_else = Lane(
        tuple(sorted(context.queue.queues - {lane.queues[0] for lane in own})),
        concurrency=max(1, context.settings.worker_concurrency - 1),
    )
    return [kept_for_grading, everything_else, *own]


async def work(settings: Settings) -> None:
    """Work on jobs of every cohort until SIGTERM or SIGINT, then finish the running ones.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    configure_logs(settings)
    try:
        async with open_context(settings, needs_cohort=False) as context:
            register_tasks(context)
            if settings.worker_metrics_port:
                start_http_server(settings.worker_metrics_port, addr="127.0.0.1")
            async with context.queue.app.open_async():
                recovery = asyncio.create_task(
                    context.queue.recover(
                        context.database, every=RECOVERY_SECONDS, patience=settings.worker_stalled_seconds
                    )
                )
                places = asyncio.create_task(announce_places(context, every=PLACES_SECONDS))
                gradebooks = asyncio.create_task(nbgrader_tasks.watch(context, every=NBGRADER_SECONDS))
                worker = asyncio.create_task(
                    context.queue.run(
                        lanes(context),
                        heartbeat=settings.worker_heartbeat_seconds,
                        patience=settings.worker_stalled_seconds,
                    )
                )
                loop = asyncio.get_running_loop()
                for signum in (signal.SIGTERM, signal.SIGINT):
                    loop.add_signal_handler(signum, worker.cancel)
                log.info("worker_started", concurrency=settings.worker_concurrency)
                collector.settle()
                parts = (worker, recovery, places, gradebooks)
                done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for task in parts:
                    task.cancel()
                await asyncio.gather(*parts, return_exceptions=True)
                for task in done:
                    if not task.cancelled() and task.exception() is not None:
                        raise ConfigurationError(
                            f"The worker ended: {task.exception()}. Its jobs are safe and run when it starts again."
                        ) from task.exception()
                log.info("worker_stops")
    except OperationalError as error:
        raise ConfigurationError(
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running."
        ) from error
