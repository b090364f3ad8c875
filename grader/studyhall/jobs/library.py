"""The queue library's parts as we use them: fewer ways to the server, and retries with back-off."""

from collections.abc import Awaitable, Callable
from typing import Any

import procrastinate
import psycopg
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg_pool import AsyncConnectionPool

from studyhall.db.session import was_closed


async def without_transactions(connection: psycopg.AsyncConnection[Any]) -> None:
    """The library runs single statements; a transaction around each would be two more ways to the server and back."""
    await connection.set_autocommit(True)


async def _refuse_if_closed(connection: psycopg.AsyncConnection[Any]) -> None:
    if was_closed(connection):
        await connection.close()  # or the pool would offer it again
        raise psycopg.OperationalError("The server has closed this connection.")


def pool(**options: Any) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    """Return the library's pool, but for its question to the server each time that a connection is used."""
    return AsyncConnectionPool(**options | {"check": _refuse_if_closed})


class Manager(procrastinate.manager.JobManager):
    """The library's own, but for workers that are known before they take a job, and jobs that are out already."""

    def __init__(self, connector: procrastinate.PsycopgConnector) -> None:
        super().__init__(connector)
        self.gone: set[int] = set()
        self.registered: Callable[[int], Awaitable[None]] | None = None
        """Is told each worker's number before that takes its first job."""

    async def register_worker(self) -> int:
        """Give a worker its number."""
        worker_id = await super().register_worker()
        if self.registered is not None:
            await self.registered(worker_id)
        return worker_id

    async def finish_job(self, job: Job, status: procrastinate.jobs.Status, delete_job: bool) -> None:  # noqa: FBT001 - the library's own signature
        """Take a job out of the queue, unless it is out already."""
        if job.id in self.gone:
            self.gone.discard(job.id)
            return
        await super().finish_job(job=job, status=status, delete_job=delete_job)


class BackOff(BaseRetryStrategy):
    """Try a job a fixed number of times, waiting 1, 2, 4, … seconds (at most five minutes) in between."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to try again, or None when this was the last time."""
        del exception
        if job.attempts + 1 >= self.attempts:
            return None
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, 300)})
