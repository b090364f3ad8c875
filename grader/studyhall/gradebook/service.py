"""Rules of grades: what people give by hand, and the one final number that follows. Other capabilities come in here."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, Enrolment, LessonRelease
from studyhall.db.session import cohort_of
from studyhall.events.outbox import Outbox
from studyhall.gradebook import standing
from studyhall.gradebook.carrying import mark_of
from studyhall.gradebook.errors import ChangedMeanwhile, Claimed, NotGradedYet, UnknownCell
from studyhall.gradebook.models import (
    Grade,
    GradingClaim,
    ManualGrade,
    Origin,
    PenaltyOverride,
    RubricItem,
    RubricMark,
)
from studyhall.gradebook.policy import Mark
from studyhall.gradebook.standing import Candidate, Worth
from studyhall.identity.service import user_by_id
from studyhall.permissions import Role
from studyhall.submissions.counting import enter_lesson
from studyhall.submissions.models import Attempt

CLAIMED_FOR = timedelta(seconds=90)
"""How long an answer stays with whoever is grading it once nothing is heard of them: an open page renews every 30 s."""


async def counting_attempts(
    session: AsyncSession, offering: CourseOffering, lesson_id: uuid.UUID
) -> list[Attempt]:
    """Return the attempts that count in an assignment, one for each learner who has one, in order of learners' ids."""
    rows = await session.scalars(
        select(Attempt)
        .join(Grade, Grade.attempt_id == Attempt.id)
        .join(Enrolment, (Enrolment.offering_id == Grade.offering_id) & (Enrolment.user_id == Grade.user_id))
        .where(
            Grade.offering_id == offering.id,
            Grade.lesson_id == lesson_id,
            Enrolment.role == Role.LEARNER.value,
        )
        .order_by(Attempt.user_id)
    )
    return list(rows)


async def counting_attempt(
    session: AsyncSession, offering: CourseOffering, lesson_id: uuid.UUID, user_id: uuid.UUID
) -> Attempt | None:
    """Return a learner's attempt that counts in an assignment; none while none has a score."""
    return await session.scalar(
        select(Attempt)
        .join(Grade, Grade.attempt_id == Attempt.id)
        .where(Grade.offering_id == offering.id, Grade.lesson_id == lesson_id, Grade.user_id == user_id)
    )


async def final_grade(session: AsyncSession, attempt: Attempt) -> Worth:
    """Return an attempt's grade with everything that it is made of, whether it counts or not.

    Raises:
        NotGradedYet: it has no score.
    """
    return (await final_grades(session, [attempt]))[attempt.id]


async def final_grades(session: AsyncSession, attempts: Sequence[Attempt]) -> dict[uuid.UUID, Worth]:
    """Return the grades of some attempts at one assignment.

    Raises:
        NotGradedYet: one has no score.
    """
    if not attempts:
        return {}
    if any(attempt.score is None for attempt in attempts):
        raise NotGradedYet
    offering = (await courses.offerings_by_id(session, {attempts[0].offering_id}))[attempts[0].offering_id]
    terms = await standing.terms_of_lesson(
        session, offering, attempts[0].lesson_id, user_ids={attempt.user_id for attempt in attempts}
    )
    return await standing.worth_of(session, terms, [Candidate.of(attempt) for attempt in attempts])


async def marks_of(session: AsyncSession, attempt_ids: Iterable[uuid.UUID]) -> list[ManualGrade]:
    """Return what people gave for some attempts, in order of attempts and tests."""
    rows = await session.scalars(
        select(ManualGrade)
        .where(ManualGrade.attempt_id.in_(set(attempt_ids)))
        .order_by(ManualGrade.attempt_id, ManualGrade.test_id)
    )
    return list(rows)


async def record_manual(
    session: AsyncSession,
    attempt: Attempt,
    test_id: str,
    mark: Mark,
    *,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
    origin: Origin = Origin.STAFF,
    rubric_items: Iterable[uuid.UUID] | None = None,
    expected_version: int | None = None,
) -> ManualGrade | None:
    """Set what a person gives for one cell of an attempt; the grade follows in the same transaction.

    What changes nothing is not written, so that two sides which mirror each other come to rest.

    Args:
        session: the cohort's.
        attempt: the attempt, whether it counts or not.
        test_id: ``<notebook>/<grade_id>`` of a test, or of a cell without points that only gets a comment.
        mark: all three values; none takes one back.
        actor: who gives it.
        outbox: takes the event.
        now: the moment.
        origin: where it was given. What comes from nbgrader is not held up by somebody's claim.
        rubric_items: the rubric items that apply; none leaves them as they are.
        expected_version: the version that the person has seen, 0 where there was nothing; none takes any.

    Returns:
        The row as it is now; none where there is nothing and was nothing.

    Raises:
        ChangedMeanwhile: it has another version.
        Claimed: somebody else is grading this answer.
        UnknownCell: a rubric item belongs to another question.
    """
    await _lock(session, attempt, now=now)
    row = await session.scalar(
        select(ManualGrade)
        .where(ManualGrade.attempt_id == attempt.id, ManualGrade.test_id == test_id)
        .execution_options(populate_existing=True)
    )
    if expected_version is not None and expected_version != (row.version if row else 0):
        raise ChangedMeanwhile
    if origin is Origin.STAFF:
        await _respect_claim(session, attempt, test_id, actor, now=now)
    mark = Mark(mark.manual_score, mark.extra_credit, mark.comment or None)
    before = mark_of(row) if row else Mark()
    old_items = await _rubric_of(session, row)
    new_items = old_items if rubric_items is None else set(rubric_items)
    if mark == before and new_items == old_items:
        return row
    if row is None:
        row = ManualGrade(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            attempt_id=attempt.id,
            test_id=test_id,
            carried_from=None,
            version=0,
        )
        session.add(row)
    row.manual_score, row.extra_credit, row.comment = mark.manual_score, mark.extra_credit, mark.comment
    row.origin, row.graded_by, row.graded_at = origin.value, actor.username, now
    row.carried_from = None
    row.version += 1
    await session.flush()
    await _apply_rubric(session, attempt, row, old_items, new_items)
    offering, lesson = await place_of(session, attempt)
    learner = await user_by_id(session, attempt.user_id)
    audit.record(
        session,
        actor,
        Action.GRADE_CHANGED,
        about=f"{learner.hub_username}: {lesson.lesson.slug}, attempt {attempt.number}, {test_id}",
        course=offering.course.slug,
        at=now,
        before={**asdict(before), "rubric": sorted(map(str, old_items))},
        after={**asdict(mark), "rubric": sorted(map(str, new_items))},
    )
    await _follow(session, offering, attempt, outbox=outbox, now=now, origin=origin)
    return row


async def record_penalty(
    session: AsyncSession,
    attempt: Attempt,
    notebook: str,
    penalty: float | None,
    *,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
    origin: Origin = Origin.STAFF,
    expected_version: int | None = None,
) -> PenaltyOverride | None:
    """Set a notebook's late penalty in place of the rule's, or let the rule hold again.

    Args:
        session: the cohort's.
        attempt: the attempt.
        notebook: its stem.
        penalty: points, or none for the rule's.
        actor: who sets it.
        outbox: takes the event.
        now: the moment.
        origin: where it was set.
        expected_version: the version that the person has seen, 0 where there was none; none takes any.

    Returns:
        The row as it is now; none where there is nothing and was nothing.

    Raises:
        ChangedMeanwhile: it has another version.
    """
    await _lock(session, attempt, now=now)
    row = await session.scalar(
        select(PenaltyOverride)
        .where(PenaltyOverride.attempt_id == attempt.id, PenaltyOverride.notebook == notebook)
        .execution_options(populate_existing=True)
    )
    if expected_version is not None and expected_version != (row.version if row else 0):
        raise ChangedMeanwhile
    before = row.penalty if row else None
    if penalty == before:
        return row
    if row is None:
        row = PenaltyOverride(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            attempt_id=attempt.id,
            notebook=notebook,
            version=0,
        )
        session.add(row)
    row.penalty, row.origin, row.set_by, row.set_at = penalty, origin.value, actor.username, now
    row.version += 1
    await session.flush()
    offering, lesson = await place_of(session, attempt)
    learner = await user_by_id(session, attempt.user_id)
    audit.record(
        session,
        actor,
        Action.PENALTY_OVERRIDDEN,
        about=f"{learner.hub_username}: {lesson.lesson.slug}, attempt {attempt.number}, {notebook}",
        course=offering.course.slug,
        at=now,
        before={"penalty": before},
        after={"penalty": penalty},
    )
    await _follow(session, offering, attempt, outbox=outbox, now=now, origin=origin)
    return row


async def place_of(session: AsyncSession, attempt: Attempt) -> tuple[CourseOffering, LessonRelease]:
    """Return the course of an attempt, and its lesson as it was graded."""
    offering = (await courses.offerings_by_id(session, {attempt.offering_id}))[attempt.offering_id]
    lesson = (await courses.lesson_releases_by_id(session, {attempt.lesson_release_id}))[
        attempt.lesson_release_id
    ]
    return offering, lesson


async def keep_attempts(
    session: AsyncSession, offering_id: uuid.UUID, lesson_id: uuid.UUID, user_id: uuid.UUID
) -> None:
    """Keep a learner's attempts at an assignment as they are until the transaction ends.

    Attempts come before grades and before the learner's progress, as everywhere, so it is done once: an attempt that
    has come in since may be in the hands of somebody who waits for the grade that this transaction holds.
    """
    kept: set[tuple[uuid.UUID, uuid.UUID]] = session.info.setdefault("kept_attempts", set())
    if (lesson_id, user_id) in kept:
        return
    await enter_lesson(session, offering_id, lesson_id, alone=False)
    await session.execute(
        select(Attempt.id)
        .where(Attempt.user_id == user_id, Attempt.lesson_id == lesson_id)
        .order_by(Attempt.id)
        .with_for_update(read=True, key_share=True)
    )
    kept.add((lesson_id, user_id))


async def _lock(session: AsyncSession, attempt: Attempt, *, now: datetime) -> None:
    """Keep a learner's attempts as they are and take their grade, in the order in which everybody does it."""
    await keep_attempts(session, attempt.offering_id, attempt.lesson_id, attempt.user_id)
    await standing.lock(session, attempt.offering_id, attempt.lesson_id, {attempt.user_id}, now=now)


async def _follow(
    session: AsyncSession,
    offering: CourseOffering,
    attempt: Attempt,
    *,
    outbox: Outbox,
    now: datetime,
    origin: Origin,
) -> None:
    """Work out the learner's grade after a change of one attempt; it is theirs to hear only where that one counts."""
    counts = await session.scalar(
        select(Grade.id).where(Grade.attempt_id == attempt.id, Grade.user_id == attempt.user_id)
    )
    await standing.refresh(
        session,
        offering,
        attempt.lesson_id,
        {attempt.user_id},
        outbox=outbox,
        now=now,
        origin=origin.value,
        touched=frozenset({attempt.user_id}) if counts else frozenset(),
    )


async def _respect_claim(
    session: AsyncSession, attempt: Attempt, test_id: str, actor: Actor, *, now: datetime
) -> None:
    """Refuse while somebody else has an answer in hand; one's own claim is renewed by the work.

    Raises:
        Claimed: somebody else has it.
    """
    claim = await session.scalar(
        select(GradingClaim)
        .where(GradingClaim.attempt_id == attempt.id, GradingClaim.test_id == test_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if claim is None or claim.until <= now:
        return
    if claim.user_id != actor.user_id:
        holder = await user_by_id(session, claim.user_id)
        raise Claimed(
            f"{holder.display_name} is grading this answer right now. "
            "Take the next one; this one is free when they have left it."
        )
    claim.until = now + CLAIMED_FOR


async def _rubric_of(session: AsyncSession, row: ManualGrade | None) -> set[uuid.UUID]:
    if row is None:
        return set()
    return set(
        await session.scalars(select(RubricMark.rubric_item_id).where(RubricMark.manual_grade_id == row.id))
    )


async def _apply_rubric(
    session: AsyncSession,
    attempt: Attempt,
    row: ManualGrade,
    old: set[uuid.UUID],
    new: set[uuid.UUID],
) -> None:
    """Let just these rubric items apply to an answer.

    Raises:
        UnknownCell: one that is new belongs to another question, or was deleted.
    """
    added = new - old
    if added:
        known = set(
            await session.scalars(
                select(RubricItem.id).where(
                    RubricItem.id.in_(added),
                    RubricItem.offering_id == attempt.offering_id,
                    RubricItem.lesson_id == attempt.lesson_id,
                    RubricItem.test_id == row.test_id,
                    RubricItem.deleted_at.is_(None),
                )
            )
        )
        if known != added:
            raise UnknownCell(
                "A rubric item belongs to another question or was deleted. Load the rubric again."
            )
        values: list[dict[str, Any]] = [
            {"manual_grade_id": row.id, "rubric_item_id": item, "cohort_id": row.cohort_id} for item in added
        ]
        await session.execute(insert(RubricMark), values)
    if old - new:
        await session.execute(
            delete(RubricMark).where(
                RubricMark.manual_grade_id == row.id, RubricMark.rubric_item_id.in_(old - new)
            )
        )
