"""The job queue: procrastinate on our PostgreSQL.

A job is deferred on the session's own connection, so it exists if and only if what it is about exists. What the
library leaves to its users is here: retries with back-off, dead letters, and jobs of workers that died.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.jobs import Job
from sqlalchemy import (
    BigInteger,
    DateTime,
    Delete,
    Integer,
    String,
    column,
    delete,
    table,
    text,
)
from sqlalchemy import Insert as AnyInsert
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.clock import Clock
from studyhall.db.session import Database, after_commit, cohort_of, driver_connection
from studyhall.jobs.library import BackOff, Manager, pool, without_transactions
from studyhall.jobs.models import DeadLetter
from studyhall.jobs.policy import Priority

log = structlog.get_logger(__name__)

WORKER_LOCKS = 0x57D9
"""First key of the advisory locks that workers hold as long as they live; the second key is the worker's number."""

LEADER_LOCK = 0x57DA
"""First key of the advisory lock that one of all workers holds to speak for the queue."""

TaskFunction = Callable[..., Awaitable[None]]

_JOBS = table(
    "procrastinate_jobs",
    column("id", BigInteger),
    column("queue_name", String),
    column("task_name", String),
    column("priority", Integer),
    column("lock", String),
    column("args", JSONB),
    column("scheduled_at", DateTime(timezone=True)),
    column("worker_id", BigInteger),
)
"""The library's table, for jobs that begin or end in the same statement as what they are about."""

FEW = 10
ROWS_AT_ONCE = 1000
"""Jobs in one statement, where there are many; each takes five of the 65,535 values that one may have."""

_running: ContextVar[Job | None] = ContextVar("running_job", default=None)
"""The job that the present task works on."""


@dataclass(frozen=True)
class Lane:
    """Jobs that a worker runs beside those of its other lanes, so that the one kind never takes the other's room."""

    queues: tuple[str, ...]
    concurrency: int


@dataclass(frozen=True)
class WaitingJob:
    """A job that no worker has taken yet, and its place in its queue, counted from 1."""

    id: int
    cohort_id: uuid.UUID
    arguments: Mapping[str, Any]
    place: int


class JobQueue:
    """Defers jobs within a session's transaction, and runs them in a worker."""

    def __init__(self, url: URL, *, attempts: int, clock: Clock) -> None:
        # SQLAlchemy writes spaces as "+", which libpq does not read; a real plus sign is %2B here.
        conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False).replace("+", "%20")
        self._conninfo = conninfo
        self._attempts = attempts
        self._clock = clock
        self._queue_of: dict[str, str] = {}
        self._on_dead_letter: dict[str, TaskFunction] = {}
        self._alive_as: set[int] = set()
        self._alive: psycopg.AsyncConnection[Any] | None = None
        self._alive_lock = asyncio.Lock()
        self._at_close: list[Callable[[], Awaitable[None]]] = []
        connector = procrastinate.PsycopgConnector(
            conninfo=conninfo,
            min_size=1,
            max_size=12,
            configure=without_transactions,
            pool_factory=pool,
        )
        self.app = procrastinate.App(connector=connector)
        self._manager = Manager(connector)
        self.app.job_manager = self._manager

    @property
    def queues(self) -> frozenset[str]:
        """The queues that tasks are registered for."""
        return frozenset(self._queue_of.values())

    def now(self) -> datetime:
        """Return the present, by the clock that jobs are scheduled with."""
        return self._clock()

    def register(
        self,
        name: str,
        *,
        queue: str,
        database: Database,
        function: TaskFunction,
        on_dead_letter: TaskFunction | None = None,
    ) -> None:
        """Make a task known to the worker. Its first argument is always the cohort that it works for.

        Args:
            name: stays the same over releases, since waiting jobs carry it.
            queue: where its jobs wait.
            database: where dead letters are written.
            function: what a job does; it may run twice, and must then change nothing.
            on_dead_letter: called with the job's arguments once it was tried for the last time.
        """
        if name in self._queue_of:
            raise ValueError(f"Task {name} is registered twice.")
        self._queue_of[name] = queue
        if on_dead_letter is not None:
            self._on_dead_letter[name] = on_dead_letter

        async def run(context: procrastinate.JobContext, /, *, cohort_id: str, **arguments: Any) -> None:
            job = context.job
            await self._say_alive(job.worker_id)
            structlog.contextvars.bind_contextvars(job=job.id, task=name)
            token = _running.set(job)
            try:
                await function(uuid.UUID(cohort_id), **arguments)
            except Exception as error:
                if (job.attempts or 0) + 1 >= self._attempts:
                    await self._bury(database, job, f"{type(error).__name__}: {error}")
                raise
            finally:
                _running.reset(token)
                structlog.contextvars.unbind_contextvars("job", "task")

        self.app.task(name=name, queue=queue, pass_context=True, retry=BackOff(self._attempts))(run)

    async def defer(
        self,
        session: AsyncSession,
        name: str,
        *,
        queue: str,
        priority: int = Priority.DEFAULT,
        lock: str | None = None,
        after: datetime | None = None,
        **arguments: Any,
    ) -> int:
        """Write a job into the session's transaction and return its number.

        Args:
            session: its cohort becomes the job's first argument.
            name: the task's name.
            queue: the queue that the task was registered for.
            priority: see :mod:`studyhall.jobs.policy`.
            lock: jobs with equal locks run one after the other, in the order in which they were deferred.
            after: not before this moment.
            arguments: JSON values for the task.
        """
        await session.flush()
        connection = await driver_connection(session)
        return await self.app.configure_task(
            name,
            allow_unknown=True,
            queue=queue,
            priority=int(priority),
            lock=lock,
            schedule_at=after,
            connection=connection,
        ).defer_async(cohort_id=str(cohort_of(session)), **arguments)

    def job(
        self,
        session: AsyncSession,
        name: str,
        *,
        queue: str,
        priority: int = Priority.DEFAULT,
        lock: str | None = None,
        **arguments: Any,
    ) -> AnyInsert:
        """Return the statement that writes a job, for :func:`~studyhall.db.together.together`.

        It returns the job's number; see :meth:`defer` for its arguments.
        """
        (statement,) = self.jobs(session, name, [(lock, arguments)], queue=queue, priority=priority)
        return statement

    def jobs(
        self,
        session: AsyncSession,
        name: str,
        jobs: Iterable[tuple[str | None, Mapping[str, Any]]],
        *,
        queue: str,
        priority: int = Priority.DEFAULT,
    ) -> list[AnyInsert]:
        """Return the statements that write jobs of one task, each with its lock and arguments; see :meth:`job`."""
        cohort_id = str(cohort_of(session))
        rows = [
            {
                "queue_name": queue,
                "task_name": name,
                "priority": int(priority),
                "lock": lock,
                "args": {"cohort_id": cohort_id, **arguments},
            }
            for lock, arguments in jobs
        ]
        # A statement with one row is kept ready by the library; one with several is built anew each time, so only many
        # are worth it.
        together = 1 if len(rows) < FEW else ROWS_AT_ONCE
        return [
            insert(_JOBS)
            .values(rows[first] if together == 1 else rows[first : first + together])
            .returning(_JOBS.c.id)
            for first in range(0, len(rows), together)
        ]

    def end(self, session: AsyncSession) -> list[Delete]:
        """Return the statement that ends the running job together with what it did, or none outside of a job.

        To be made in the job's last transaction. Whether the job then ended is known when that has been committed: a
        job that was taken from this worker meanwhile is not ended, and a transaction that fails ends nothing.
        """
        job = _running.get()
        if job is None or job.id is None or job.worker_id is None:
            return []
        job_id = job.id

        async def remember() -> None:
            self._manager.gone.add(job_id)

        after_commit(session, remember)
        mine = (_JOBS.c.id == job.id, _JOBS.c.worker_id == job.worker_id, text("status = 'doing'"))
        return [delete(_JOBS).where(*mine)]

    async def run(self, lanes: Iterable[Lane], *, heartbeat: float, patience: float) -> None:
        """Work in several lanes at once until cancelled; then let running jobs end, for three seconds at most.

        Args:
            lanes: what runs beside what.
            heartbeat: seconds between two signs of life.
            patience: seconds of silence after which a worker counts as dead.
        """
        # Before the first job is taken, or others would take it away from a worker that is slow to say so.
        self._manager.registered = self._say_alive
        workers = [
            asyncio.create_task(
                self.app.run_worker_async(
                    queues=list(lane.queues),
                    concurrency=lane.concurrency,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=heartbeat,
                    stalled_worker_timeout=patience,
                    shutdown_graceful_timeout=3.0,
                    # What a job did is in the tables it wrote; kept rows would make every look at the queue slower.
                    delete_jobs="successful",
                )
            )
            for lane in lanes
        ]
        try:
            # A lane ends by itself only when it has lost the database; the others end with it and all start again.
            ended, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
            for worker in ended:
                worker.result()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _say_alive(self, worker_id: int | None) -> None:
        """Hold an advisory lock under the worker's number; PostgreSQL lets go of it the moment the worker dies."""
        if worker_id is None:
            return
        async with self._alive_lock:
            if worker_id in self._alive_as and self._alive is not None and not self._alive.closed:
                return
            connection = await self._living_connection()
            await connection.execute("SELECT pg_advisory_lock(%s, %s)", (WORKER_LOCKS, worker_id))
            self._alive_as.add(worker_id)

    async def _living_connection(self) -> psycopg.AsyncConnection[Any]:
        """Return the connection that holds this worker's locks; after a break it takes all of them again."""
        if self._alive is None or self._alive.closed:
            self._alive = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
            for worker_id in self._alive_as:
                await self._alive.execute("SELECT pg_advisory_lock(%s, %s)", (WORKER_LOCKS, worker_id))
        return self._alive

    async def leads(self) -> bool:
        """Say whether this worker is the one of all that speaks for the queue; another one is when it dies.

        Raises:
            psycopg.OperationalError: the database can't be reached.
        """
        async with self._alive_lock:
            connection = await self._living_connection()
            # The one who holds it already holds it once more, which changes nothing.
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, 0)", (LEADER_LOCK,))
            row = await cursor.fetchone()
            return bool(row and row[0])

    async def recover(self, database: Database, *, every: float, patience: float) -> None:
        """Run for ever: put jobs of dead workers back into the queue.

        A worker is dead when nobody holds its lock (two looks in a row, since after a break of its connection a worker
        takes its lock again a moment later), or when it has not sent a heartbeat for ``patience`` seconds. A job that
        killed its worker too often goes to the dead letters instead.
        """
        seen: set[int] = set()
        while True:
            try:
                silent = await self._jobs_without_worker()
                stalled = {
                    job.id
                    for job in await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=patience)
                }
                for job_id, job in silent.items():
                    if job_id in seen or job_id in stalled:
                        await self._recover_job(database, job)
                seen = set(silent)
            except (psycopg.OperationalError, procrastinate.exceptions.ConnectorException, DBAPIError):
                log.warning("recovery_waits_for_database")
            await asyncio.sleep(every)

    async def _recover_job(self, database: Database, job: Job) -> None:
        if job.id is None:
            return
        if (job.attempts or 0) + 1 >= self._attempts:
            await self._bury(database, job, "The worker died each time that it ran this job.")
            await self.app.job_manager.finish_job_by_id_async(
                job.id, status=procrastinate.jobs.Status.FAILED, delete_job=False
            )
            return
        log.info("job_of_dead_worker_runs_again", job=job.id, task=job.task_name)
        await self.app.job_manager.retry_job_by_id_async(job.id, retry_at=self._clock())

    async def _jobs_without_worker(self) -> dict[int, Job]:
        rows = await self.app.connector.execute_query_all_async(
            """
            SELECT id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts,
                   worker_id
              FROM procrastinate_jobs job
             WHERE status = 'doing'
               AND NOT EXISTS (
                   SELECT FROM pg_locks held
                    WHERE held.locktype = 'advisory' AND held.granted
                      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND held.classid = %(locks)s AND held.objid = job.worker_id)
            """,
            locks=WORKER_LOCKS,
        )
        jobs = [Job.from_row(row) for row in rows]
        return {job.id: job for job in jobs if job.id is not None}

    async def _bury(self, database: Database, job: Job, reason: str) -> None:
        arguments = dict(job.task_kwargs)
        cohort_id = uuid.UUID(str(arguments.pop("cohort_id")))
        log.error("job_is_a_dead_letter", job=job.id, task=job.task_name, reason=reason)
        async with database.session(cohort_id) as session:
            await session.execute(
                insert(DeadLetter)
                .values(
                    id=uuid.uuid4(),
                    cohort_id=cohort_id,
                    job_id=job.id,
                    queue=job.queue,
                    task=job.task_name,
                    arguments=arguments,
                    reason=reason[:2000],
                    failed_at=self._clock(),
                )
                .on_conflict_do_update(
                    index_elements=["job_id"],
                    set_={"failed_at": self._clock(), "reason": reason[:2000], "requeued_at": None},
                )
            )
        told = self._on_dead_letter.get(job.task_name)
        if told is not None:
            await told(cohort_id, **arguments)

    async def waiting(self, session: AsyncSession, queue: str) -> int:
        """Count the jobs of a queue that no worker has taken yet."""
        connection = await driver_connection(session)
        cursor = await connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s", (queue,)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def is_busy(self, session: AsyncSession, queue: str) -> bool:
        """Say whether any job of a queue is waiting or being worked on."""
        connection = await driver_connection(session)
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND queue_name = %s)",
            (queue,),
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def waiting_jobs(self, queue: str, *, limit: int) -> list[WaitingJob]:
        """Return the jobs of a queue that no worker has taken yet, in the order in which they will be taken."""
        rows = await self.app.connector.execute_query_all_async(
            """
            SELECT id, args, row_number() OVER (ORDER BY priority DESC, id) AS place
              FROM procrastinate_jobs
             WHERE status = 'todo' AND queue_name = %(queue)s
             ORDER BY priority DESC, id
             LIMIT %(limit)s
            """,
            queue=queue,
            limit=limit,
        )
        return [
            WaitingJob(
                id=row["id"],
                cohort_id=uuid.UUID(row["args"]["cohort_id"]),
                arguments=row["args"],
                place=row["place"],
            )
            for row in rows
        ]

    def at_close(self, action: Callable[[], Awaitable[None]]) -> None:
        """Have something done when the queue is closed: what a task keeps open from one job to the next is let go."""
        self._at_close.append(action)

    async def close(self) -> None:
        """Let go of the worker's locks, and of what tasks have kept open."""
        for action in self._at_close:
            await action()
        if self._alive is not None:
            await self._alive.close()
            self._alive = None
            self._alive_as.clear()


async def places(session: AsyncSession, job_ids: Collection[int]) -> dict[int, int]:
    """Return the places of waiting jobs in their queue, counted from 1; jobs that were taken are left out."""
    if not job_ids:
        return {}
    connection = await driver_connection(session)
    cursor = await connection.execute(
        """
        SELECT mine.id, count(ahead.id) + 1
          FROM procrastinate_jobs mine
          LEFT JOIN procrastinate_jobs ahead
            ON ahead.status = 'todo' AND ahead.queue_name = mine.queue_name
           AND ahead.priority >= mine.priority
           AND (ahead.priority > mine.priority OR ahead.id < mine.id)
         WHERE mine.id = ANY(%s) AND mine.status = 'todo'
         GROUP BY mine.id
        """,
        (list(job_ids),),
    )
    return {int(job_id): int(place) for job_id, place in await cursor.fetchall()}
