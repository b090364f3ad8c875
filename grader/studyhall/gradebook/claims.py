"""One grader at a time: an answer stays with whoever works on it, until they leave it."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.session import cohort_of
from studyhall.gradebook.errors import Claimed
from studyhall.gradebook.models import GradingClaim
from studyhall.gradebook.schemas import ClaimOut
from studyhall.gradebook.service import CLAIMED_FOR
from studyhall.identity.models import User
from studyhall.identity.service import user_by_id
from studyhall.submissions.models import Attempt


async def claim(
    session: AsyncSession, attempt: Attempt, test_id: str, user_id: uuid.UUID, *, now: datetime
) -> ClaimOut:
    """Take an answer, or keep it for longer; of two who try at once one gets it.

    Raises:
        Claimed: somebody else has it.
    """
    statement = insert(GradingClaim).values(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        attempt_id=attempt.id,
        test_id=test_id,
        user_id=user_id,
        until=now + CLAIMED_FOR,
    )
    row = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["attempt_id", "test_id"],
            set_={"user_id": user_id, "until": now + CLAIMED_FOR},
            where=(GradingClaim.user_id == user_id) | (GradingClaim.until <= now),
        )
        .returning(GradingClaim)
        .execution_options(populate_existing=True)
    )
    if row is None:
        (held,) = (await claims_of(session, [attempt.id], viewer=user_id, now=now, test_id=test_id)).values()
        raise Claimed(
            f"{held.by} is grading this answer right now. Take the next one; this one is free when they have left it."
        )
    holder = await user_by_id(session, row.user_id)
    return _described(row, holder.display_name, viewer=user_id)


async def give_back(session: AsyncSession, claim_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Let others have an answer.

    A claim that is not this person's any more, or not there, is left as it is: pages say this whenever they are left,
    also twice, and after the claim has run out and somebody else has taken the answer.
    """
    await session.execute(
        delete(GradingClaim).where(GradingClaim.id == claim_id, GradingClaim.user_id == user_id)
    )


async def claims_of(
    session: AsyncSession,
    attempt_ids: Iterable[uuid.UUID],
    *,
    viewer: uuid.UUID,
    now: datetime,
    test_id: str | None = None,
) -> dict[tuple[uuid.UUID, str], ClaimOut]:
    """Return who holds which answers right now, by attempt and test."""
    query = (
        select(GradingClaim, User.display_name)
        .join(User, User.id == GradingClaim.user_id)
        .where(GradingClaim.attempt_id.in_(set(attempt_ids)), GradingClaim.until > now)
    )
    if test_id is not None:
        query = query.where(GradingClaim.test_id == test_id)
    return {
        (row.attempt_id, row.test_id): _described(row, name, viewer=viewer)
        for row, name in await session.execute(query)
    }


def _described(row: GradingClaim, name: str, *, viewer: uuid.UUID) -> ClaimOut:
    return ClaimOut(
        id=row.id,
        attempt_id=row.attempt_id,
        test_id=row.test_id,
        by=name,
        until=row.until,
        mine=row.user_id == viewer,
    )
