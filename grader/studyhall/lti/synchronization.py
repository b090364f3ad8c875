"""Rosters of learning platforms as staff of a course see them: what came of the last time, and having it done again."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Actor, AuditOrigin
from studyhall.context import Context
from studyhall.courses.service import offering_of
from studyhall.errors import NotFound
from studyhall.jobs.queue import JobQueue
from studyhall.lti import roster
from studyhall.lti.errors import NoRoster, PlatformBusy, PlatformRefused
from studyhall.lti.models import LtiContext, LtiMembership, LtiPlatform
from studyhall.lti.policy import RosterState
from studyhall.lti.roster import Change
from studyhall.lti.schemas import PlatformCourseOut, RosterOutcome, RosterProblem

log = structlog.get_logger(__name__)

QUEUE = "lti"
TASK = "lti.synchronize"
LONGEST = timedelta(minutes=15)
"""How long one is believed to be under way; a worker that died says nothing."""
MOST_PROBLEMS = 200

OURS = "It did not work because of an error on our side. The people who run this Studyhall find it in the worker's log."


async def places(
    session: AsyncSession, course: str, *, page: int, limit: int, now: datetime
) -> tuple[list[PlatformCourseOut], int]:
    """Return a page of the platforms' courses that are connected with a course, and how many there are.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await offering_of(session, course)
    where = LtiContext.offering_id == offering.id
    total = await session.scalar(select(func.count()).select_from(LtiContext).where(where)) or 0
    rows = await session.scalars(
        select(LtiContext)
        .join(LtiPlatform, LtiPlatform.id == LtiContext.platform_id)
        .where(where)
        .order_by(LtiPlatform.name, LtiContext.title, LtiContext.id)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return [await _shown(session, row, now) for row in rows.all()], total


async def ask(
    session: AsyncSession, course: str, place: uuid.UUID, *, by: str, queue: JobQueue, now: datetime
) -> PlatformCourseOut:
    """Have a roster taken over by a worker; while that is under way already, nothing more happens.

    Raises:
        UnknownCourse: the cohort does not take the course.
        NotFound: no such course of a platform is connected with it.
        NoRoster: the platform shows no roster of it.
    """
    offering = await offering_of(session, course)
    row = await session.scalar(
        select(LtiContext)
        .where(LtiContext.id == place, LtiContext.offering_id == offering.id)
        .with_for_update(key_share=True)
    )
    if row is None:
        raise NotFound("No such course of a learning platform is connected with this one.")
    if row.memberships_url is None:
        raise NoRoster
    if not _is_under_way(row, now):
        row.roster_state = RosterState.WAITING.value
        row.roster_asked_at, row.roster_asked_by = now, by
        await queue.defer(session, TASK, queue=QUEUE, lock=f"lti-roster:{row.id}", context_id=str(row.id))
    return await _shown(session, row, now)


def _is_under_way(row: LtiContext, now: datetime) -> bool:
    return (
        row.roster_state == RosterState.WAITING.value
        and row.roster_asked_at is not None
        and now < row.roster_asked_at + LONGEST
    )


async def _shown(session: AsyncSession, row: LtiContext, now: datetime) -> PlatformCourseOut:
    platform = (await session.scalars(select(LtiPlatform).where(LtiPlatform.id == row.platform_id))).one()
    people = await session.scalar(
        select(func.count())
        .select_from(LtiMembership)
        .where(LtiMembership.context_id == row.id, LtiMembership.role.is_not(None))
    )
    state = RosterState(row.roster_state) if row.roster_state is not None else RosterState.NEVER
    if state is RosterState.WAITING and not _is_under_way(row, now):
        state = RosterState.FAILED
    trouble = row.roster_trouble
    if state is RosterState.FAILED and trouble is None:
        trouble = "No worker has answered. Try again; the people who run this Studyhall see whether one runs."
    return PlatformCourseOut(
        id=row.id,
        platform=platform.name,
        title=row.title,
        people=people or 0,
        shows_roster=row.memberships_url is not None,
        state=state,
        asked_at=row.roster_asked_at,
        asked_by=row.roster_asked_by,
        read_at=row.roster_at,
        trouble=trouble if state is RosterState.FAILED else None,
        outcome=RosterOutcome.model_validate(row.roster_outcome) if row.roster_outcome is not None else None,
    )


class Synchronize:
    """The job that takes a roster over."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, cohort_id: uuid.UUID, *, context_id: str) -> None:
        """Read the roster, do what follows from it, and write down what came of it for staff to see."""
        database, cipher = self._context.database, self._context.cipher
        try:
            async with database.session(cohort_id) as session:
                place = await roster.place_of(session, context_id, cipher)
            url = str(place.context.memberships_url)
            rows = await roster.fetch(place.platform, place.key, cipher, url, clock=self._context.clock)
        except (PlatformRefused, PlatformBusy) as trouble:
            await self._failed(cohort_id, uuid.UUID(context_id), trouble.message)
            return
        async with database.session(cohort_id) as session:
            place = await roster.place_of(session, context_id, cipher)
            now = self._context.clock()
            lines = await roster.compare(session, place, rows)
            asked_by = place.context.roster_asked_by or "service"
            done = await roster.apply(
                session,
                place,
                lines,
                actor=Actor(user_id=None, username=asked_by, origin=AuditOrigin.STAFF_PAGE),
                outbox=self._context.outbox,
                now=now,
            )
            problems = [
                *unreadable(rows),
                *(RosterProblem(name=line.shown, why=why) for line, why in done.left_out),
            ]
            outcome = outcome_of(done.lines, people=len(rows), problems=problems)
            place.context.roster_outcome = outcome.model_dump()
            place.context.roster_state = RosterState.DONE.value
            place.context.roster_at, place.context.roster_trouble = now, None
        log.info("lti_roster_read", people=outcome.people, added=outcome.added, problems=len(problems))

    async def given_up(self, cohort_id: uuid.UUID, *, context_id: str) -> None:
        """Say so where staff look, once the queue has tried for the last time."""
        await self._failed(cohort_id, uuid.UUID(context_id), OURS)

    async def _failed(self, cohort_id: uuid.UUID, context_id: uuid.UUID, trouble: str) -> None:
        async with self._context.database.session(cohort_id) as session:
            row = await session.scalar(
                select(LtiContext).where(LtiContext.id == context_id).with_for_update(key_share=True)
            )
            if row is not None:
                row.roster_state, row.roster_trouble = RosterState.FAILED.value, trouble


def unreadable(rows: Sequence[Mapping[str, Any]]) -> list[RosterProblem]:
    """Return who on a roster can't be told from others."""
    return [
        RosterProblem(
            name=roster.name_in(row) or "?", why="The learning platform gives no number for this person."
        )
        for row in rows
        if not roster.is_subject(row.get("user_id"))
    ]


def outcome_of(
    lines: Sequence[roster.Line], *, people: int, problems: Sequence[RosterProblem]
) -> RosterOutcome:
    """Return what came of a roster, counted."""
    count = {change: sum(line.change is change for line in lines) for change in Change}
    return RosterOutcome(
        people=people,
        added=count[Change.ADDED],
        changed=count[Change.ROLE],
        left=count[Change.GONE],
        problems=list(problems[:MOST_PROBLEMS]),
        more_problems=max(0, len(problems) - MOST_PROBLEMS),
    )


def register(context: Context) -> None:
    """Make the job known to the worker."""
    job = Synchronize(context)
    context.queue.register(
        TASK, queue=QUEUE, database=context.database, function=job, on_dead_letter=job.given_up
    )
