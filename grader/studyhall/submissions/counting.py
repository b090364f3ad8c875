"""Which attempts count and which were late: decided by the gradebook, kept with the attempts for whoever shows them."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Numeric, and_, case, cast, false, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import Enrolment, LessonProgress, LessonState
from studyhall.courses.policy import Result
from studyhall.db.session import cohort_of
from studyhall.permissions import Role
from studyhall.submissions.models import Attempt, CountingAttempt
from studyhall.submissions.schemas import FinalGrade

_FINAL = (CountingAttempt.final["score"].as_float(), CountingAttempt.final["max_score"].as_float())


async def counting_attempts(
    session: AsyncSession, user_ids: set[uuid.UUID], lesson_ids: set[uuid.UUID]
) -> dict[uuid.UUID, FinalGrade | None]:
    """Return the attempts that count, each with what its learner may see of the final grade."""
    if not user_ids:
        return {}
    rows = await session.execute(
        select(CountingAttempt.attempt_id, CountingAttempt.final).where(
            CountingAttempt.user_id.in_(user_ids), CountingAttempt.lesson_id.in_(lesson_ids)
        )
    )
    return {
        attempt_id: FinalGrade.model_validate(final) if final is not None else None
        for attempt_id, final in rows
    }


async def released_of(
    session: AsyncSession, user_id: uuid.UUID, lesson_ids: set[uuid.UUID]
) -> dict[uuid.UUID, Result]:
    """Return a learner's released grades by lesson id, of some lessons."""
    if not lesson_ids:
        return {}
    rows = await session.execute(
        select(CountingAttempt.lesson_id, *_FINAL).where(
            CountingAttempt.user_id == user_id,
            CountingAttempt.lesson_id.in_(lesson_ids),
            _FINAL[0].is_not(None),
        )
    )
    return {lesson_id: Result(score, max_score) for lesson_id, score, max_score in rows}


async def passed_by_grade(
    session: AsyncSession, offering_id: uuid.UUID, pass_scores: Mapping[uuid.UUID, float]
) -> dict[uuid.UUID, int]:
    """Count an offering's learners by lesson whose released grade passes it and whose tests did not.

    ``pass_scores`` are percents by lesson id.
    """
    if not pass_scores:
        return {}
    score, max_score = _FINAL
    wanted = case(
        *((CountingAttempt.lesson_id == lesson_id, wanted) for lesson_id, wanted in pass_scores.items())
    )
    rows = await session.execute(
        select(CountingAttempt.lesson_id, func.count())
        .join(
            LessonProgress,
            and_(
                LessonProgress.user_id == CountingAttempt.user_id,
                LessonProgress.lesson_id == CountingAttempt.lesson_id,
            ),
        )
        .join(
            Enrolment,
            and_(
                Enrolment.user_id == CountingAttempt.user_id,
                Enrolment.offering_id == offering_id,
                Enrolment.role == Role.LEARNER.value,
            ),
        )
        .where(
            CountingAttempt.lesson_id.in_(pass_scores),
            _FINAL[0].is_not(None),
            LessonProgress.state != LessonState.PASSED.value,
            # As `courses.policy.percent` rounds.
            func.round(cast(100 * score / func.nullif(max_score, 0), Numeric), 1) >= wanted,
        )
        .group_by(CountingAttempt.lesson_id)
    )
    return {lesson_id: int(count) for lesson_id, count in rows}


async def let_count(
    session: AsyncSession,
    lesson_id: uuid.UUID,
    chosen: Mapping[uuid.UUID, tuple[uuid.UUID, FinalGrade | None]],
) -> None:
    """Write down which attempt of each learner counts in a lesson, and what they may see of its grade."""
    if not chosen:
        return
    rows = [
        {
            "id": uuid.uuid4(),
            "cohort_id": cohort_of(session),
            "user_id": user_id,
            "lesson_id": lesson_id,
            "attempt_id": attempt_id,
            "final": final.model_dump(mode="json") if final is not None else None,
        }
        for user_id, (attempt_id, final) in chosen.items()
    ]
    # With one row, as after each submission, the library keeps the statement ready; with several it builds it anew.
    statement = insert(CountingAttempt).values(rows if len(rows) > 1 else rows[0])
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "lesson_id"],
            set_={"attempt_id": statement.excluded.attempt_id, "final": statement.excluded.final},
        )
    )


async def enter_lesson(
    session: AsyncSession, offering_id: uuid.UUID, lesson_id: uuid.UUID, *, alone: bool
) -> None:
    """Wait until a lesson's attempts may be locked, and keep it so until the transaction ends.

    Args:
        session: the cohort's.
        offering_id: the course.
        lesson_id: the lesson. Who enters several in one transaction does so in the order of these numbers.
        alone: for those who lock attempts of many learners, or lock them more than once; everybody else waits then.
            Those who lock one learner's enter together.
    """
    place = func.hashtextextended(literal(f"attempts:{offering_id}:{lesson_id}"), 0)
    enter = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
    await session.execute(select(enter(place)))


async def lock_attempts(
    session: AsyncSession, offering_id: uuid.UUID, lesson_id: uuid.UUID, user_ids: set[uuid.UUID] | None
) -> set[uuid.UUID]:
    """Lock the attempts of a lesson, of all learners or of some, and return whose they are.

    Whoever changes attempts and grades locks the attempts first, in this order, so that nobody waits in a circle. They
    have the lesson to themselves: what they lock or write next may be an attempt that has come in since, out of order.
    """
    await enter_lesson(session, offering_id, lesson_id, alone=True)
    query = select(Attempt.user_id).where(Attempt.offering_id == offering_id, Attempt.lesson_id == lesson_id)
    if user_ids is not None:
        query = query.where(Attempt.user_id.in_(user_ids))
    return set(await session.scalars(query.order_by(Attempt.id).with_for_update()))


async def mark_late(
    session: AsyncSession,
    offering_id: uuid.UUID,
    lesson_id: uuid.UUID,
    *,
    late_after: datetime | None,
    own: Mapping[uuid.UUID, datetime | None],
    user_ids: set[uuid.UUID] | None = None,
) -> None:
    """Say anew which of a lesson's locked attempts were late, after a due date has moved.

    Args:
        session: the cohort's.
        offering_id: the course.
        lesson_id: the lesson.
        late_after: the last moment in time, for everybody but those in ``own``.
        own: the last moment of those who have one of their own.
        user_ids: only these learners; none means all.
    """
    groups: list[tuple[Any, datetime | None]] = [
        (Attempt.user_id == who, after) for who, after in own.items()
    ]
    groups.append((Attempt.user_id.not_in(own) if own else true(), late_after))
    for whose, after in groups:
        late = Attempt.submitted_at > after if after is not None else false()
        where = [
            Attempt.offering_id == offering_id,
            Attempt.lesson_id == lesson_id,
            whose,
            Attempt.late != late,
        ]
        if user_ids is not None:
            where.append(Attempt.user_id.in_(user_ids))
        await session.execute(update(Attempt).where(*where).values(late=late))
