"""The jobs of nbgrader's gradebooks: making them, and keeping them and the platform's grades the same."""

import asyncio
import sys
import uuid
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from psycopg import sql
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering
from studyhall.db.session import driver_connection
from studyhall.events.models import Event, EventType
from studyhall.jobs.queue import JobQueue
from studyhall.nbgrader_gradebooks import roles, service
from studyhall.nbgrader_gradebooks.errors import GradebookMissing
from studyhall.nbgrader_gradebooks.models import NbgraderProjection, NbgraderSchema
from studyhall.nbgrader_gradebooks.projector_process import Projector
from studyhall.nbgrader_gradebooks.service import Change
from studyhall.organizations.service import cohort_ids

log = structlog.get_logger(__name__)

QUEUE = "nbgrader"
TASK = "nbgrader.synchronize"

LOCK = 0x57DB
"""First key of the advisory lock on a course's gradebook: one job at a time, even if a dead worker's is not dead."""

PAUSE = timedelta(minutes=5)
"""How long a gradebook is left alone after a job was tried for the last time; a new event tries again at once."""


def subscribe(context: Context) -> None:
    """Have grades written whenever they change on the platform."""

    async def follow(session: AsyncSession, event: Event) -> None:
        offering_id = await roles.with_gradebook(session, str(event.data["course"]))
        if offering_id is None:
            return
        if event.user_id is not None:
            await service.want(session, offering_id, uuid.UUID(event.data["lesson_id"]), {event.user_id})
        # A job that waits will see this change, too; should it begin just now and miss it, the watch defers another.
        if not await _with_jobs(session, {offering_id}, "todo"):
            await synchronize_later(context.queue, session, offering_id)

    context.outbox.subscribe(
        "nbgrader",
        frozenset(
            {
                EventType.GRADE_CHANGED,
                EventType.SUBMISSION_GRADED,
                EventType.SUBMISSION_REGRADED,
                EventType.EXTENSION_GRANTED,
                EventType.POLICY_CHANGED,
                EventType.COURSE_PUBLISHED,
            }
        ),
        follow,
    )


async def synchronize_later(queue: JobQueue, session: AsyncSession, offering_id: uuid.UUID) -> None:
    """Defer the job that brings a gradebook and the platform together; one at a time per course."""
    await queue.defer(
        session, TASK, queue=QUEUE, lock=f"nbgrader:{offering_id}", offering_id=str(offering_id)
    )


def projector_for(context: Context) -> Projector:
    """Return the process that speaks with nbgrader, not started yet; whoever asks closes it."""
    return Projector(context.settings.nbgrader_python or sys.executable)


def register(context: Context) -> None:
    """Make the job known to the worker."""
    projector = projector_for(context)
    context.queue.at_close(projector.close)

    async def synchronize(cohort_id: uuid.UUID, *, offering_id: str) -> None:
        await synchronize_now(context, projector, cohort_id, uuid.UUID(offering_id))

    async def pause(cohort_id: uuid.UUID, *, offering_id: str) -> None:
        async with context.database.session(cohort_id) as session:
            gradebook = await roles.gradebook_of(session, uuid.UUID(offering_id), lock=True)
            if gradebook is not None:
                gradebook.paused_until = context.clock() + PAUSE

    context.queue.register(
        TASK, queue=QUEUE, database=context.database, function=synchronize, on_dead_letter=pause
    )


async def make(
    context: Context, projector: Projector, cohort_id: uuid.UUID, course: str
) -> tuple[NbgraderSchema, bool]:
    """Make a course's gradebook, or mend it where it is there already, and have all grades written.

    Returns:
        The gradebook, and whether it is new.

    Raises:
        UnknownCourse: the cohort does not take it.
        GradebookNotAllowed: the database does not let Studyhall make roles.
        ProjectorFailed: nbgrader is not there, or could not make its tables.
    """
    async with context.database.session(cohort_id) as session:
        offering = await courses.offering_of(session, course)
        gradebook = await roles.make_gradebook(session, offering, context.cipher)
        is_new = gradebook.nbgrader_version is None
    made = await projector.ask(
        "make",
        url=roles.platform_address(context.database.url, gradebook, context.cipher),
        course=course,
        schema=gradebook.schema_name,
        app_role=context.database.url.username,
    )
    async with context.database.session(cohort_id) as session:
        found = await roles.gradebook_of(session, offering.id, lock=True)
        if found is None:
            raise GradebookMissing
        found.nbgrader_version = str(made["version"])
        found.assignments = {}
        await service.want_everything(session, offering)
        await synchronize_later(context.queue, session, offering.id)
    return found, is_new


async def synchronize_now(
    context: Context, projector: Projector, cohort_id: uuid.UUID, offering_id: uuid.UUID
) -> None:
    """Bring a gradebook and the platform together, step by step until there is nothing left to do.

    Raises:
        ProjectorFailed: nbgrader could not; what was not done is done the next time.
    """
    async with context.database.session(cohort_id) as guard:
        await guard.execute(select(func.pg_advisory_xact_lock(LOCK, zlib.crc32(offering_id.bytes) - 2**31)))
        while await _step(context, projector, cohort_id, offering_id):
            pass


@dataclass(frozen=True)
class _Place:
    """Where a gradebook is."""

    gradebook: NbgraderSchema
    offering: CourseOffering
    url: str

    @property
    def course(self) -> str:
        return self.offering.course.slug


async def _place(context: Context, session: AsyncSession, offering_id: uuid.UUID) -> _Place | None:
    gradebook = await roles.gradebook_of(session, offering_id)
    offering = (await courses.offerings_by_id(session, {offering_id})).get(offering_id)
    if gradebook is None or offering is None or gradebook.nbgrader_version is None:
        return None
    return _Place(
        gradebook, offering, roles.platform_address(context.database.url, gradebook, context.cipher)
    )


async def _step(context: Context, projector: Projector, cohort_id: uuid.UUID, offering_id: uuid.UUID) -> bool:
    """Exchange once and say whether there may be more."""
    database = context.database
    async with database.session(cohort_id) as session:
        place = await _place(context, session, offering_id)
        has_changed = place is not None and bool(await _with_changes(session, [place.gradebook]))
    if place is None:
        return False
    noted = []
    if has_changed:
        noted = (await projector.ask("changes", url=place.url, course=place.course))["changes"]
    changes = [
        Change(student=one["student"], assignment=one["assignment"], role=one["role"])
        for one in noted
        if one["student"] and one["assignment"]
    ]
    async with database.session(cohort_id) as session:
        step = await service.plan(session, place.gradebook, place.offering, context.cipher, changes)
    if not step.is_empty:
        answered = await projector.ask("synchronize", url=place.url, course=place.course, **step.request)
        async with database.session(cohort_id) as session:
            gradebook = await roles.gradebook_of(session, offering_id, lock=True)
            if gradebook is None:
                return False
            taken = await service.finish(
                session,
                gradebook,
                step,
                answered["submissions"],
                changes=changes,
                outbox=context.outbox,
                now=context.clock(),
            )
        log.info("nbgrader_synchronized", course=place.course, written=len(step.rows), taken_over=taken)
    if noted:
        await projector.ask("forget", url=place.url, course=place.course, changes=noted)
    return bool(noted) or not step.is_empty


async def _with_changes(session: AsyncSession, gradebooks: list[NbgraderSchema]) -> set[uuid.UUID]:
    """Return the offerings in whose gradebooks somebody has changed something; one query, however many."""
    if not gradebooks:
        return set()
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {}.studyhall_changes)").format(
            sql.Literal(str(one.offering_id)), sql.Identifier(one.schema_name)
        )
        for one in gradebooks
    )
    connection = await driver_connection(session)
    cursor = await connection.execute(query)
    return {uuid.UUID(row[0]) for row in await cursor.fetchall()}


async def watch(context: Context, *, every: float) -> None:
    """Run for ever: look for what was typed in nbgrader, and for what an event did not bring. One worker does it."""
    has_looked = False
    while True:
        try:
            if await context.queue.leads():
                # The first time at all of them, so that nbgrader is there when the first grade changes.
                await look(context, at_all=not has_looked)
                has_looked = True
        except (psycopg.OperationalError, ConnectorException, DBAPIError, OSError):
            log.warning("nbgrader_waits_for_database")
        await asyncio.sleep(every)


async def look(context: Context, *, at_all: bool = False) -> set[uuid.UUID]:
    """Defer a job for each gradebook that is behind, or just for each, and return the offerings that had none yet."""
    async with context.database.session(None) as session:
        cohorts = await cohort_ids(session) if await _any_gradebook(session) else []
    deferred = set()
    for cohort_id in cohorts:
        async with context.database.session(cohort_id) as session:
            gradebooks = await roles.gradebooks(session)
            if not gradebooks:
                continue
            await roles.close_expired(session, now=context.clock())
            behind = await _behind(session, gradebooks, now=context.clock(), at_all=at_all)
            for offering_id in behind - await _with_jobs(session, behind, "todo", "doing"):
                await synchronize_later(context.queue, session, offering_id)
                deferred.add(offering_id)
    return deferred


async def _any_gradebook(session: AsyncSession) -> bool:
    """Say whether any course of any cohort has a gradebook; most installations have none."""
    found = await session.scalar(
        text("SELECT EXISTS (SELECT FROM pg_namespace WHERE starts_with(nspname, 'nbgrader_'))")
    )
    return bool(found)


async def _behind(
    session: AsyncSession, gradebooks: list[NbgraderSchema], *, now: datetime, at_all: bool
) -> set[uuid.UUID]:
    gradebooks = [one for one in gradebooks if one.paused_until is None or one.paused_until <= now]
    if not gradebooks or at_all:
        return {one.offering_id for one in gradebooks}
    wanted = await session.scalars(
        select(NbgraderProjection.offering_id)
        .where(NbgraderProjection.wanted > NbgraderProjection.done)
        .distinct()
    )
    learners = await service.numbers_of_learners(session)
    return (
        await _with_changes(session, gradebooks)
        | (set(wanted) & {one.offering_id for one in gradebooks})
        | {one.offering_id for one in gradebooks if learners.get(one.offering_id, 0) != one.learners}
    )


async def _with_jobs(session: AsyncSession, offering_ids: set[uuid.UUID], *statuses: str) -> set[uuid.UUID]:
    """Return the offerings for which there is a job that waits (``todo``) or runs (``doing``)."""
    if not offering_ids:
        return set()
    connection = await driver_connection(session)
    cursor = await connection.execute(
        "SELECT args ->> 'offering_id' FROM procrastinate_jobs "
        "WHERE status::text = ANY(%s) AND queue_name = %s AND task_name = %s",
        (list(statuses), QUEUE, TASK),
    )
    return {uuid.UUID(row[0]) for row in await cursor.fetchall()} & offering_ids
