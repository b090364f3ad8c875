"""Passing grades back: a job for each row of the outbox, one after the other for each column."""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.db.session import Database, at_commit
from studyhall.events.models import Event, EventType
from studyhall.jobs.queue import JobQueue
from studyhall.lti import keys, passing_back, policy
from studyhall.lti.errors import GivenUp, PlatformBusy, PlatformRefused
from studyhall.lti.models import LtiColumn, LtiKey, LtiPlatform
from studyhall.lti.passing_back import Owed, Sending
from studyhall.lti.platform_calls import ColumnGone, PlatformCalls, Registration, Tokens, registration
from studyhall.lti.service import keep_column

QUEUE = "lti"
TASK = "lti.pass_back"
ASSERTION_LASTS = timedelta(minutes=5)


def lock_of(owed: Owed) -> str:
    """Return the lock of a column: jobs of one column follow each other, so that only one makes it."""
    return f"lti:{owed.context_id}:{owed.lesson_id}"


def subscribe(context: Context) -> None:
    """Have changes of grades written down for the platforms, with the grades themselves."""

    async def owe(session: AsyncSession, events: Sequence[Event]) -> None:
        pass_back(context.queue, session, await passing_back.owe(session, events))

    context.outbox.witness(frozenset({EventType.GRADE_CHANGED}), owe)


def pass_back(queue: JobQueue, session: AsyncSession, owed: Sequence[Owed]) -> None:
    """Have jobs written with the commit, for rows of the outbox."""
    if owed:
        jobs = [(lock_of(row), {"passback_id": str(row.id)}) for row in owed]
        at_commit(session, lambda: queue.jobs(session, TASK, jobs, queue=QUEUE))


def registration_of(context: Context, platform: LtiPlatform, key: LtiKey) -> Registration:
    """Return how a platform is asked for tokens."""

    def sign(claims: dict[str, Any], now: datetime) -> str:
        return keys.signed(key, context.cipher, claims, now=now, lasts=ASSERTION_LASTS)

    return registration(
        issuer=platform.issuer,
        client_id=platform.client_id,
        token_url=platform.token_url,
        audience=platform.audience,
        sign=sign,
        clock=context.clock,
    )


class PassBack:
    """The job that sends one grade."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database: Database = context.database
        self._tokens = Tokens()

    async def __call__(self, cohort_id: uuid.UUID, *, passback_id: str) -> None:
        """Send what there is to send.

        Raises:
            GivenUp: the platform refuses it, or was busy too often; the job becomes a dead letter that staff see.
        """
        row_id = uuid.UUID(passback_id)
        async with self._database.session(cohort_id) as session:
            sending = await passing_back.prepare(session, row_id, now=self._context.clock())
            key = await keys.ensure(session, self._context.cipher) if sending is not None else None
        if sending is None or key is None:
            return
        try:
            await self._send(cohort_id, sending, key)
        except PlatformBusy as trouble:
            await self._later(cohort_id, sending, trouble)
        except PlatformRefused as trouble:
            async with self._database.session(cohort_id) as session:
                await passing_back.failed(session, row_id, trouble.message, for_good=True)
            raise GivenUp(trouble.message) from trouble
        else:
            async with self._database.session(cohort_id) as session:
                await passing_back.sent(session, sending)

    async def _send(self, cohort_id: uuid.UUID, sending: Sending, key: LtiKey) -> None:
        score = policy.score_for(
            sending.grade, subject=sending.subject, at=sending.at, was_sent=sending.was_sent
        )
        if score is None:
            return
        if sending.line_items is None or policy.SCORES not in sending.scopes:
            raise PlatformRefused(
                "The learning platform does not let grades in. Allow its tool to send them, and open the activity once."
            )
        async with httpx.AsyncClient() as client:
            calls = PlatformCalls(
                client,
                self._tokens,
                registration_of(self._context, sending.platform, key),
                sending.scopes,
            )
            column = sending.column
            if column is not None:
                try:
                    await calls.score(column, score)
                except ColumnGone:
                    # Somebody has deleted the column, or made another one.
                    async with self._database.session(cohort_id) as session:
                        await session.execute(delete(LtiColumn).where(LtiColumn.url == column))
                else:
                    return
            column = await self._column(calls, sending, sending.line_items)
            async with self._database.session(cohort_id) as session:
                await keep_column(session, sending.context_id, sending.lesson_id, column)
            await calls.score(column, score)

    @staticmethod
    async def _column(calls: PlatformCalls, sending: Sending, line_items: str) -> str:
        resource_id = str(sending.lesson_id)
        if policy.LINE_ITEMS in sending.scopes or policy.LINE_ITEMS_READ in sending.scopes:
            found = await calls.find_column(line_items, resource_id)
            if found is not None:
                return found
        if policy.LINE_ITEMS not in sending.scopes or sending.grade is None:
            raise PlatformRefused(
                "The learning platform has no column for this lesson and does not let Studyhall make one. Add the "
                "lesson there by choosing it in Studyhall, and open it once."
            )
        return await calls.make_column(
            line_items, resource_id, label=sending.label, maximum=sending.grade.max_score
        )

    async def _later(self, cohort_id: uuid.UUID, sending: Sending, trouble: PlatformBusy) -> None:
        async with self._database.session(cohort_id) as session:
            tries = await passing_back.failed(session, sending.id, trouble.message, for_good=False)
            if tries < policy.MOST_TRIES:
                # Not a secret, only a way to keep a class from coming back all at once.
                seconds = policy.pause(tries, asked=trouble.after, chance=random.random())  # noqa: S311 - see above
                await self._context.queue.defer(
                    session,
                    TASK,
                    queue=QUEUE,
                    lock=lock_of(Owed(sending.id, sending.context_id, sending.lesson_id)),
                    after=self._context.queue.now() + timedelta(seconds=seconds),
                    passback_id=str(sending.id),
                )
                return
            await passing_back.failed(session, sending.id, trouble.message, for_good=True)
        raise GivenUp(trouble.message) from trouble


def register(context: Context) -> None:
    """Make the job known to the worker."""
    context.queue.register(TASK, queue=QUEUE, database=context.database, function=PassBack(context))
