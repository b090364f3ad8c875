"""Jobs that were given up on: staff see them and queue them again."""

import uuid

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.clock import Clock
from studyhall.jobs.models import DeadLetter
from studyhall.jobs.queue import JobQueue


async def dead_letters(session: AsyncSession, *, page: int, limit: int) -> tuple[list[DeadLetter], int]:
    """Return a page of jobs that were given up on, the newest first, and how many there are."""
    waiting = DeadLetter.requeued_at.is_(None)
    total = await session.scalar(select(func.count()).select_from(DeadLetter).where(waiting)) or 0
    rows = await session.scalars(
        select(DeadLetter)
        .where(waiting)
        .order_by(DeadLetter.failed_at.desc(), DeadLetter.id)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return list(rows), total


async def requeue(
    session: AsyncSession, queue: JobQueue, letter_id: uuid.UUID, *, by: str, clock: Clock
) -> DeadLetter | None:
    """Queue a dead letter's job again and return it, or None when there is none waiting under this id."""
    letter = await session.scalar(select(DeadLetter).where(DeadLetter.id == letter_id).with_for_update())
    if letter is None or letter.requeued_at is not None:
        return None
    letter.requeued_at = clock()
    letter.requeued_by = by
    await queue.defer(session, letter.task, queue=letter.queue, **letter.arguments)
    return letter
