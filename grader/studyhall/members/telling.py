"""What the hub is told about single people: whose sessions it ends, and to whom it sends a message about joining.

What is to be told is read from the tables each time, and written there when it was told; so nothing is lost by a hub or
a mail server that is away, and it does not matter who has changed something: pages, a command, a launch.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.members.hub_door import HubAway, HubDoor, NoDoor, Outcome
from studyhall.members.models import CohortRoleGrant, JoinRequest
from studyhall.members.policy import JoinState
from studyhall.organizations.models import Cohort
from studyhall.permissions import CohortRole

log = structlog.get_logger(__name__)

ONCE_MORE: Final = timedelta(seconds=30)
"""So long after a removal somebody's sessions are ended a second time: who was signing in at that moment had been told
by the service before that they are a member, and got a session after the first time."""
AT_ONCE: Final = 50
"""How many people are dealt with before the rest of the hub's business has its turn."""
NEWS: Final = timedelta(days=3)
"""A decision older than this is no news; nobody is told of it any more."""
PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
QUIET: Final = timedelta(hours=6)
"""Those who run the cohort get at most one message in so long, however many people come."""
TOLD_ROLES: Final = (CohortRole.ORG_OWNER, CohortRole.ADMIN)


async def end_sessions(context: Context, hub: HubDoor) -> int:
    """End at the hub what removed people have there; returns how many it was ended of.

    Raises:
        HubAway: it can't be told; who is left is told of the next time.
    """
    now = context.clock()
    second = User.removed_at + ONCE_MORE
    async with context.database.session(context.cohort_id) as session:
        rows = await session.execute(
            select(User.id, User.hub_username, User.removed_at)
            .where(
                User.removed_at.is_not(None),
                or_(
                    User.sessions_ended_at.is_(None),
                    User.sessions_ended_at < User.removed_at,
                    (User.sessions_ended_at < second) & (second <= now),
                ),
            )
            .order_by(User.removed_at)
            .limit(AT_ONCE)
        )
        removed = [(user_id, name, at) for user_id, name, at in rows if at is not None]
    ended = 0
    for user_id, username, removed_at in removed:
        if not await hub.end(username):
            continue
        async with context.database.session(context.cohort_id) as session:
            await session.execute(
                update(User)
                .where(User.id == user_id, User.removed_at == removed_at)
                .values(sessions_ended_at=max(now, removed_at))
            )
        ended += 1
        log.info("sessions_ended", username=username)
    return ended


class Letters:
    """Messages to people who wait, and to those who decide."""

    def __init__(self, context: Context, hub: HubDoor) -> None:
        self._context, self._hub = context, hub
        self._pauses: dict[object, tuple[timedelta, datetime]] = {}
        """How long a message that failed waits, and until when. Forgotten with the process, which tries again."""

    async def look(self) -> None:
        """Write down whether the hub has a mail server.

        Raises:
            HubAway: it does not say.
        """
        try:
            sends = await self._hub.sends_mail()
        except NoDoor:
            sends = False
        async with self._context.database.session(self._context.cohort_id) as session:
            await session.execute(
                update(Cohort)
                .where(Cohort.id == self._context.cohort_id, Cohort.hub_sends_mail.is_distinct_from(sends))
                .values(hub_sends_mail=sends)
            )

    async def send(self) -> int:
        """Send what is to be sent, each message once; returns for how many that was tried.

        A message is written down as sent in the transaction around its sending, which no other process of this
        cohort's service enters meanwhile.
        """
        sent = 0
        for _ in range(AT_ONCE):
            async with self._context.database.session(self._context.cohort_id) as session:
                cohort = await session.get_one(Cohort, self._context.cohort_id)
                if cohort.hub_sends_mail is not True or not await _alone(session):
                    return sent
                if not await self._decision(session, cohort) and not await self._waiting(session, cohort):
                    return sent
                sent += 1
        return sent

    async def _decision(self, session: AsyncSession, cohort: Cohort) -> bool:
        """Tell one person that they were approved or declined; False when there is nobody to be told."""
        now = self._context.clock()
        rows = await session.scalars(
            select(JoinRequest)
            .where(
                JoinRequest.state.in_([JoinState.APPROVED.value, JoinState.DECLINED.value]),
                JoinRequest.decided_by.is_not(None),
                JoinRequest.decided_at > now - NEWS,
                or_(JoinRequest.told_of.is_(None), JoinRequest.told_of < JoinRequest.decided_at),
            )
            .order_by(JoinRequest.decided_at)
        )
        row = next((row for row in rows if self._is_due((row.id, row.decided_at), now)), None)
        if row is None:
            return False
        letter = {"to": row.email, "kind": row.state, "cohort": cohort.name, "reason": row.reason}
        if await self._sent((row.id, row.decided_at), letter, now):
            await session.execute(
                update(JoinRequest).where(JoinRequest.id == row.id).values(told_of=row.decided_at)
            )
        return True

    async def _waiting(self, session: AsyncSession, cohort: Cohort) -> bool:
        """Tell those who run the cohort that people wait; False when there is nothing to tell, or too soon."""
        now, told_at = self._context.clock(), cohort.waiting_told_at
        if (told_at is not None and now < told_at + QUIET) or not self._is_due("waiting", now):
            return False
        waiting = (
            select(func.count()).select_from(JoinRequest).where(JoinRequest.state == JoinState.WAITING.value)
        )
        new = waiting if told_at is None else waiting.where(JoinRequest.asked_at > told_at)
        if not await session.scalar(new):
            return False
        people = await session.scalar(waiting)
        outcomes = [
            await self._sent(
                "waiting", {"to": to, "kind": "waiting", "cohort": cohort.name, "people": people}, now
            )
            for to in await _who_decides(session)
        ]
        if not outcomes or any(outcomes):
            await session.execute(update(Cohort).where(Cohort.id == cohort.id).values(waiting_told_at=now))
        return True

    def _is_due(self, what: object, now: datetime) -> bool:
        return what not in self._pauses or self._pauses[what][1] <= now

    async def _sent(self, what: object, letter: Mapping[str, object], now: datetime) -> bool:
        """Send a message; False when it is to be tried again, after a pause that grows."""
        try:
            outcome = await self._hub.send(letter)
        except HubAway as problem:
            pause = min(2 * self._pauses[what][0] if what in self._pauses else PAUSE, LONGEST_PAUSE)
            self._pauses[what] = (pause, now + pause)
            log.warning("letter_waits", kind=letter["kind"], reason=str(problem)[:300])
            return False
        if outcome is Outcome.REFUSED:
            log.warning("letter_refused", kind=letter["kind"])
        if outcome is Outcome.NO_MAIL:
            # It had one a moment ago; that is looked up again soon.
            self._pauses[what] = (PAUSE, now + PAUSE)
            return False
        self._pauses.pop(what, None)
        return True


async def _who_decides(session: AsyncSession) -> list[str]:
    """Return the mail addresses of those who run the session's cohort and may decide."""
    rows = await session.scalars(
        select(User.email)
        .join(CohortRoleGrant, CohortRoleGrant.user_id == User.id)
        .where(
            User.removed_at.is_(None),
            User.email.is_not(None),
            CohortRoleGrant.role.in_([role.value for role in TOLD_ROLES]),
        )
        .distinct()
        .order_by(User.email)
    )
    return [mail for mail in rows if mail]


async def _alone(session: AsyncSession) -> bool:
    """Say whether no other process of this cohort's service sends right now; holds until the transaction ends."""
    digest = hashlib.sha256(b"letters " + cohort_of(session).bytes).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(key))))
