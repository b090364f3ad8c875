"""The order of a cohort's learners by XP, kept by each process for a few seconds where it is dear to work out.

A small cohort's board is worked out for every request. A large one's is read once in :data:`KEPT_SECONDS` at most,
however many ask, and while it is read anew everybody else gets the one before.
"""

import sys
import time
import uuid
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import service as courses
from studyhall.db.session import after_commit, cohort_of
from studyhall.db.shelf import Shelf
from studyhall.rewards.models import LedgerEntry, RewardPreferences

KEPT_SECONDS = 5.0
SMALL = 1000
"""Ledger rows that a board may be made of to be worked out for every request."""
_ID = 16
"""Bytes of a learner's id."""


@dataclass(frozen=True)
class Place:
    """One learner's place; those with equal XP share the rank."""

    user_id: uuid.UUID
    xp: int
    rank: int


class Board:
    """The places of a cohort's learners in one window, best first.

    Kept as PostgreSQL sends it, as two strings of bytes: ten thousand objects would hold up every other request while
    they are made.
    """

    def __init__(self, learners: bytes = b"", turned: bytes = b"", rows: int = 0) -> None:
        """Take learners' ids and their XP with its sign turned, in their order, and from how many ledger rows."""
        self.read_at = time.monotonic()
        self.is_small = rows <= SMALL
        self._learners = [learners[start : start + _ID] for start in range(0, len(learners), _ID)]
        # Ascending, for the search.
        self._turned = array("q", turned)
        if sys.byteorder == "little":
            self._turned.byteswap()
        self._index = {learner: number for number, learner in enumerate(self._learners)}

    def rank_of(self, xp: int) -> int:
        """Return the rank of somebody with that much XP."""
        return bisect_left(self._turned, -xp) + 1

    def first(self, limit: int) -> list[Place]:
        """Return the best places."""
        return [self._place(number) for number in range(min(limit, len(self._learners)))]

    def place_of(self, user_id: uuid.UUID) -> Place | None:
        """Return a learner's place, or None for somebody who is not on the board."""
        number = self._index.get(user_id.bytes)
        return None if number is None else self._place(number)

    def _place(self, number: int) -> Place:
        xp = -self._turned[number]
        return Place(uuid.UUID(bytes=self._learners[number]), xp, self.rank_of(xp))


_boards: Shelf[tuple[uuid.UUID, datetime | None], Board] = Shelf(100)
_being_read: set[tuple[uuid.UUID, datetime | None]] = set()


async def current(session: AsyncSession, since: datetime | None) -> Board:
    """Return the board of the session's cohort for all XP since a moment, or ever."""
    key = (cohort_of(session), since)
    known = _boards.get(key)
    if known is not None and not known.is_small:
        fresh = time.monotonic() - known.read_at < KEPT_SECONDS
        if fresh or key in _being_read:
            return known
    _being_read.add(key)
    try:
        return _boards.keep(key, await _read(session, since))
    finally:
        _being_read.discard(key)


def forget_after_commit(session: AsyncSession) -> None:
    """Have this process read the cohort's boards anew once the session's change of who is shown is committed.

    Other processes show the change when theirs is too old.
    """
    cohort_id = cohort_of(session)

    async def forget_cohort() -> None:
        forget(cohort_id)

    after_commit(session, forget_cohort)


def forget(cohort_id: uuid.UUID | None = None) -> None:
    """Have this process read a cohort's boards anew, or everybody's."""
    _boards.drop(lambda key: cohort_id in (None, key[0]))


async def _read(session: AsyncSession, since: datetime | None) -> Board:
    xp = func.sum(LedgerEntry.amount)
    totals = (
        select(
            LedgerEntry.user_id,
            xp.label("xp"),
            func.count().label("rows"),
            func.max(LedgerEntry.occurred_at).label("last"),
        )
        .outerjoin(RewardPreferences, RewardPreferences.user_id == LedgerEntry.user_id)
        .where(
            LedgerEntry.cohort_id == cohort_of(session),
            LedgerEntry.user_id.in_(courses.learner_ids()),
            or_(RewardPreferences.user_id.is_(None), RewardPreferences.leaderboard_visible),
        )
        .group_by(LedgerEntry.user_id)
    )
    if since is not None:
        totals = totals.where(LedgerEntry.occurred_at >= since)
    each = totals.subquery()
    # Among equals, who got there first is shown first.
    order = (each.c.xp.desc(), each.c.last, each.c.user_id)
    learners, turned, rows = (
        await session.execute(
            select(
                _together(func.uuid_send(each.c.user_id), order),
                _together(func.int8send(-each.c.xp), order),
                func.sum(each.c.rows),
            )
        )
    ).one()
    return Board() if learners is None else Board(learners, turned, int(rows))


def _together(value: ColumnElement[Any], order: tuple[Any, ...]) -> ColumnElement[Any]:
    """Return the bytes of all rows' values, one after the other in an order."""
    return func.string_agg(value, aggregate_order_by(literal(b"", LargeBinary), *order), type_=LargeBinary)
