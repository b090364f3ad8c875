"""What each learner has: worked out anew from its sources, in the transaction of whatever changes one of them.

Attempts and reports are the platform's, marks and penalties are people's, and the rules are the assignment's. Nothing
here is added up step by step, so no order of events can make it wrong.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering
from studyhall.db.session import cohort_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.gradebook import policy
from studyhall.gradebook.carrying import carry_over
from studyhall.gradebook.deadlines import Terms, terms_of
from studyhall.gradebook.models import Counting, Grade, ManualGrade, PenaltyOverride
from studyhall.gradebook.policy import Final, Mark, Outcome
from studyhall.grading.models import Report
from studyhall.submissions.counting import let_count
from studyhall.submissions.models import Attempt, CountingAttempt
from studyhall.submissions.schemas import FinalCell, FinalGrade

NEEDS_PERSON = "needs_manual"
"""A test's status in a report when the judge leaves it to people."""


@dataclass(frozen=True)
class Candidate:
    """An attempt as far as grades need it."""

    id: uuid.UUID
    user_id: uuid.UUID
    number: int
    score: float | None
    max_score: float | None
    submitted_at: datetime

    @classmethod
    def of(cls, attempt: Attempt) -> "Candidate":
        """Return what grades need of a whole attempt."""
        return cls(
            id=attempt.id,
            user_id=attempt.user_id,
            number=attempt.number,
            score=attempt.score,
            max_score=attempt.max_score,
            submitted_at=attempt.submitted_at,
        )


@dataclass(frozen=True)
class Worth:
    """An attempt's grade and all that people gave for it."""

    final: Final
    marks: Mapping[str, Mark]
    penalties: Mapping[str, float]
    outcomes: Sequence[Outcome]


def counting_rule(terms: Terms) -> Counting:
    """Return which attempt of an assignment counts."""
    if terms.decided is not None and terms.decided.counting is not None:
        return Counting(terms.decided.counting)
    by_hand = terms.release is not None and any(test.get("manual") for test in terms.release.tests)
    return policy.default_counting(graded_by_hand=by_hand)


def outcomes_of(tests: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Return the tests of a stored report."""
    return [
        Outcome(
            test_id=str(test["id"]),
            notebook=str(test["notebook"]),
            points=float(test["points"]),
            max_points=float(test["max_points"]),
            needs_person=test["status"] == NEEDS_PERSON,
        )
        for test in tests
    ]


async def terms_of_lesson(
    session: AsyncSession,
    offering: CourseOffering,
    lesson_id: uuid.UUID,
    *,
    user_ids: set[uuid.UUID] | None = None,
) -> Terms:
    """Return what holds for one assignment; it may have left the course since."""
    lessons = await courses.lessons_of(session, offering)
    release = next((row for row in lessons.values() if row.lesson_id == lesson_id), None)
    return (await terms_of(session, offering, {lesson_id: release}, user_ids=user_ids))[lesson_id]


async def worth_of(
    session: AsyncSession, terms: Terms, attempts: Sequence[Candidate]
) -> dict[uuid.UUID, Worth]:
    """Return the grades of some graded attempts of one assignment; one query, however many."""
    if not attempts:
        return {}
    given = select(
        func.jsonb_object_agg(
            ManualGrade.test_id,
            func.jsonb_build_array(ManualGrade.manual_score, ManualGrade.extra_credit, ManualGrade.comment),
        )
    ).where(ManualGrade.attempt_id == Report.attempt_id)
    overridden = select(func.jsonb_object_agg(PenaltyOverride.notebook, PenaltyOverride.penalty)).where(
        PenaltyOverride.attempt_id == Report.attempt_id, PenaltyOverride.penalty.is_not(None)
    )
    rows = await session.execute(
        select(
            Report.attempt_id,
            Report.for_learner["tests"],
            given.scalar_subquery(),
            overridden.scalar_subquery(),
        ).where(Report.attempt_id.in_([attempt.id for attempt in attempts]))
    )
    known = {attempt_id: (tests, marks, taken) for attempt_id, tests, marks, taken in rows}
    found = {}
    for attempt in attempts:
        tests, marks, penalties = known.get(attempt.id, (None, None, None))
        outcomes = outcomes_of(tests or [])
        mine = {test_id: Mark(*mark) for test_id, mark in (marks or {}).items()}
        taken = dict(penalties or {})
        final = policy.final_grade(
            outcomes,
            marks=mine,
            penalties=taken,
            submitted_at=attempt.submitted_at,
            late_after=terms.deadlines(attempt.user_id).late_after,
            rule=terms.rule,
        )
        found[attempt.id] = Worth(final=final, marks=mine, penalties=taken, outcomes=outcomes)
    return found


def shown_to_learner(worth: Worth, released_at: datetime) -> FinalGrade:
    """Return what a learner sees of a grade once grades are released."""
    return FinalGrade(
        score=worth.final.score,
        max_score=worth.final.max_score,
        penalty=worth.final.penalty,
        extra_credit=worth.final.extra_credit,
        needs_grading=bool(worth.final.waiting),
        released_at=released_at,
        cells={
            test_id: FinalCell(
                manual_score=mark.manual_score, extra_credit=mark.extra_credit, comment=mark.comment
            )
            for test_id, mark in worth.marks.items()
            if not mark.is_empty
        },
    )


async def lock(
    session: AsyncSession,
    offering_id: uuid.UUID,
    lesson_id: uuid.UUID,
    user_ids: set[uuid.UUID],
    *,
    now: datetime,
) -> list[Grade]:
    """Return the grades of some learners in one assignment, made where there is none yet, locked in one order."""
    if not user_ids:
        return []
    rows = [
        {
            "id": uuid.uuid4(),
            "cohort_id": cohort_of(session),
            "offering_id": offering_id,
            "lesson_id": lesson_id,
            "user_id": user_id,
            "waiting": [],
            "changed_at": now,
        }
        for user_id in sorted(user_ids)
    ]
    # With one row, as after each submission, the library keeps the statement ready.
    statement = insert(Grade).values(rows if len(rows) > 1 else rows[0])
    locked = await session.scalars(
        # An update that changes nothing locks the rows that are there, in the order of the values.
        statement.on_conflict_do_update(
            index_elements=["offering_id", "lesson_id", "user_id"], set_={"changed_at": Grade.changed_at}
        ).returning(Grade),
        execution_options={"populate_existing": True},
    )
    return sorted(locked, key=lambda grade: grade.user_id)


async def refresh(
    session: AsyncSession,
    offering: CourseOffering,
    lesson_id: uuid.UUID,
    user_ids: set[uuid.UUID],
    *,
    outbox: Outbox,
    now: datetime,
    origin: str = "service",
    touched: frozenset[uuid.UUID] = frozenset(),
) -> set[uuid.UUID]:
    """Work out what learners have in an assignment, and say ``grade.changed`` for each one that is different.

    Args:
        session: the cohort's. Attempts that the caller changes must be locked before.
        offering: the course.
        lesson_id: the assignment.
        user_ids: whose grades.
        outbox: takes the events.
        now: the moment of the change.
        origin: what the change came from; nbgrader's projection does not answer its own changes.
        touched: learners whose marks changed, so that it is said even where no number is another one.

    Returns:
        The learners for whom something changed.
    """
    grades = await lock(session, offering.id, lesson_id, user_ids, now=now)
    if not grades:
        return set()
    terms = await terms_of_lesson(session, offering, lesson_id, user_ids=user_ids)
    chosen, shown = await _chosen(session, offering, terms, user_ids)
    for grade in grades:
        attempt = chosen.get(grade.user_id)
        if attempt is not None and grade.attempt_id and grade.attempt_id != attempt.id:
            await carry_over(session, grade.attempt_id, attempt.id)
    worths = await worth_of(session, terms, list(chosen.values()))
    released_at = terms.decided.grades_released_at if terms.decided else None
    counting: dict[uuid.UUID, tuple[uuid.UUID, FinalGrade | None]] = {}
    events = []
    for grade in grades:
        attempt = chosen.get(grade.user_id)
        if attempt is None:
            continue
        worth = worths[attempt.id]
        final = shown_to_learner(worth, released_at) if released_at else None
        is_shown = shown[grade.user_id] == (attempt.id, final.model_dump(mode="json") if final else None)
        if not is_shown:
            counting[grade.user_id] = (attempt.id, final)
        is_other = _write(grade, attempt, worth, now=now)
        if is_other or not is_shown or grade.user_id in touched:
            was_released = shown[grade.user_id][1] is not None
            about = _about(offering, terms, grade, final=final, origin=origin)
            about |= {
                "was_released": was_released,
                "revised": was_released and final is not None and not is_shown,
            }
            events.append((grade.user_id, about))
    await session.flush()
    await let_count(session, lesson_id, counting)
    await outbox.emit_all(session, EventType.GRADE_CHANGED, events)
    return {user_id for user_id, _ in events if user_id is not None}


async def _chosen(
    session: AsyncSession, offering: CourseOffering, terms: Terms, user_ids: set[uuid.UUID]
) -> tuple[dict[uuid.UUID, Candidate], dict[uuid.UUID, tuple[uuid.UUID | None, Any]]]:
    """Return the attempt that counts of each learner who has one, and what is shown as counting until now."""
    rows = await session.execute(
        select(
            Attempt.id,
            Attempt.user_id,
            Attempt.number,
            Attempt.score,
            Attempt.max_score,
            Attempt.submitted_at,
            CountingAttempt.attempt_id,
            CountingAttempt.final,
        )
        .outerjoin(
            CountingAttempt,
            and_(CountingAttempt.user_id == Attempt.user_id, CountingAttempt.lesson_id == Attempt.lesson_id),
        )
        .where(
            Attempt.offering_id == offering.id,
            Attempt.lesson_id == terms.lesson_id,
            Attempt.user_id.in_(user_ids),
            Attempt.score.is_not(None),
        )
    )
    attempts: dict[uuid.UUID, list[Candidate]] = {}
    shown: dict[uuid.UUID, tuple[uuid.UUID | None, Any]] = {}
    for *about, attempt_id, final in rows:
        candidate = Candidate(*about)
        attempts.setdefault(candidate.user_id, []).append(candidate)
        shown[candidate.user_id] = attempt_id, final
    rule = counting_rule(terms)
    found = {user_id: policy.counting_attempt(mine, rule) for user_id, mine in attempts.items()}
    return {user_id: attempt for user_id, attempt in found.items() if attempt is not None}, shown


def _write(grade: Grade, attempt: Candidate, worth: Worth, *, now: datetime) -> bool:
    """Write a grade down and say whether it is another one than before."""
    final = worth.final
    values = {
        "attempt_id": attempt.id,
        "raw_score": final.raw,
        "extra_credit": final.extra_credit,
        "penalty": final.penalty,
        "score": final.score,
        "max_score": final.max_score,
        "waiting": list(final.waiting),
        "needs_grading": bool(final.waiting),
        "manual": bool(worth.penalties) or any(not mark.is_empty for mark in worth.marks.values()),
        "late": final.late,
    }
    if all(getattr(grade, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(grade, name, value)
    grade.changed_at = now
    return True


def _about(
    offering: CourseOffering, terms: Terms, grade: Grade, *, final: FinalGrade | None, origin: str
) -> dict[str, Any]:
    return {
        "attempt_id": str(grade.attempt_id),
        "course": offering.course.slug,
        "lesson": terms.release.lesson.slug if terms.release else None,
        "lesson_id": str(terms.lesson_id),
        "title": terms.release.title if terms.release else None,
        "origin": origin,
        "released": final is not None,
    }
