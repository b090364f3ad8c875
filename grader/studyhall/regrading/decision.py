"""The decision on a regrade: applied as a whole, or not at all."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, LessonRelease
from studyhall.courses.policy import percent
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.grading.models import Report
from studyhall.regrading import policy
from studyhall.regrading.errors import RegradeNotReady
from studyhall.regrading.models import AT_WORK, RegradeResult, RegradeRun, RegradeStatus, ReplacedReport
from studyhall.regrading.service import release_of
from studyhall.submissions import service as submissions
from studyhall.submissions.counting import enter_lesson
from studyhall.submissions.models import Attempt
from studyhall.submissions.schemas import LearnerReport

KEPT = ("status", "score", "max_score", "for_learner", "sealed", "flagged", "duration_ms", "judge_version")
"""Columns that a result, a report and a replaced report have in common."""


async def confirm(
    session: AsyncSession, run: RegradeRun, *, by: str, outbox: Outbox, now: datetime
) -> dict[uuid.UUID, LearnerReport]:
    """Give every attempt of a locked run its new report and score, and every learner what follows from that.

    Old reports go to the history. An attempt that has changed since it was graded again keeps what it has.

    Returns:
        The new reports of the attempts that changed for their learners.

    Raises:
        RegradeNotReady: it is not finished, or decided on already.
    """
    if run.status != RegradeStatus.READY.value:
        raise RegradeNotReady
    lesson = await release_of(session, run)
    await enter_lesson(session, run.offering_id, run.lesson_id, alone=True)
    await session.execute(
        select(Attempt.id)
        .where(Attempt.id.in_(select(RegradeResult.attempt_id).where(RegradeResult.run_id == run.id)))
        .order_by(Attempt.id)
        .with_for_update()
    )
    applied = await _applied(session, run)
    await _replace_reports(session, applied, run=run, by=by, now=now)
    await session.execute(
        update(Attempt)
        .where(RegradeResult.attempt_id == Attempt.id, RegradeResult.id.in_(applied))
        .values(
            status=RegradeResult.status,
            score=RegradeResult.score,
            max_score=RegradeResult.max_score,
            passed=RegradeResult.passed,
            graded_at=now,
            lesson_release_id=run.lesson_release_id,
        )
        .execution_options(synchronize_session=False)
    )
    changed = (
        await session.execute(
            select(RegradeResult, Attempt)
            .join(Attempt, Attempt.id == RegradeResult.attempt_id)
            .where(RegradeResult.id.in_(applied), RegradeResult.changed)
            .order_by(Attempt.number)
            .execution_options(populate_existing=True)
        )
    ).all()
    reports = {attempt.id: LearnerReport.model_validate(result.for_learner) for result, attempt in changed}
    bests = await submissions.best_results(session, run.lesson_id, {row.user_id for _, row in changed})
    newly_passed = await courses.replace_results(session, run.lesson_id, bests, now=now)
    offering = (await courses.offerings_by_id(session, {run.offering_id}))[run.offering_id]
    await _tell(session, run, changed, newly_passed, offering=offering, lesson=lesson, outbox=outbox)
    await _decide(session, run, RegradeStatus.CONFIRMED, by=by, outbox=outbox, now=now)
    return reports


async def _applied(session: AsyncSession, run: RegradeRun) -> list[uuid.UUID]:
    rows = await session.scalars(
        select(RegradeResult.id)
        .join(Attempt, Attempt.id == RegradeResult.attempt_id)
        .where(
            RegradeResult.run_id == run.id,
            RegradeResult.status.in_(policy.APPLIED),
            Attempt.status == RegradeResult.old_status,
            Attempt.score.is_not_distinct_from(RegradeResult.old_score),
        )
    )
    return list(rows)


async def _replace_reports(
    session: AsyncSession, applied: Sequence[uuid.UUID], *, run: RegradeRun, by: str, now: datetime
) -> None:
    """Put the old reports into the history and the new ones into their place, without a row leaving the database."""
    await session.execute(
        insert(ReplacedReport).from_select(
            [
                *("id", "cohort_id", "attempt_id", "lesson_release_id", "run_id", "attempt_status", "passed"),
                *KEPT,
                *("graded_at", "replaced_at", "replaced_by"),
            ],
            select(
                func.gen_random_uuid(),
                Report.cohort_id,
                Report.attempt_id,
                Attempt.lesson_release_id,
                literal(run.id),
                Attempt.status,
                Attempt.passed,
                *(getattr(Report, name) for name in KEPT),
                Report.graded_at,
                literal(now),
                literal(by),
            )
            .join(Attempt, Attempt.id == Report.attempt_id)
            .join(RegradeResult, RegradeResult.attempt_id == Attempt.id)
            .where(RegradeResult.id.in_(applied)),
        )
    )
    replacing = insert(Report).from_select(
        ["id", "cohort_id", "attempt_id", *KEPT, "graded_at"],
        select(
            func.gen_random_uuid(),
            RegradeResult.cohort_id,
            RegradeResult.attempt_id,
            *(getattr(RegradeResult, name) for name in KEPT),
            literal(now),
        ).where(RegradeResult.id.in_(applied)),
    )
    await session.execute(
        replacing.on_conflict_do_update(
            index_elements=["attempt_id"],
            set_={name: getattr(replacing.excluded, name) for name in (*KEPT, "graded_at")},
        )
    )


async def _tell(
    session: AsyncSession,
    run: RegradeRun,
    changed: Sequence[Any],
    newly_passed: set[uuid.UUID],
    *,
    offering: CourseOffering,
    lesson: LessonRelease,
    outbox: Outbox,
) -> None:
    def about(attempt: Attempt) -> dict[str, Any]:
        return {
            "attempt_id": str(attempt.id),
            "course": offering.course.slug,
            "lesson": lesson.lesson.slug,
            "lesson_id": str(lesson.lesson_id),
            "title": lesson.title,
            "submitted_at": attempt.submitted_at.isoformat(),
        }

    await outbox.emit_all(
        session,
        EventType.SUBMISSION_REGRADED,
        [
            (
                attempt.user_id,
                {
                    **about(attempt),
                    "regrade_id": str(run.id),
                    "result_id": str(result.id),
                    "percent": percent(result.score, result.max_score),
                    "old_percent": percent(result.old_score, result.old_max_score),
                    "passed": result.passed,
                    "number": attempt.number,
                },
            )
            for result, attempt in changed
        ],
    )
    first_passing = {
        attempt.user_id: attempt
        for result, attempt in reversed(changed)
        if result.passed and attempt.user_id in newly_passed
    }
    await outbox.emit_all(
        session,
        EventType.LESSON_COMPLETED,
        [(user_id, about(attempt)) for user_id, attempt in first_passing.items()],
    )


async def discard(session: AsyncSession, run: RegradeRun, *, by: str, outbox: Outbox, now: datetime) -> None:
    """Forget what a locked run would change, finished or not.

    Raises:
        RegradeNotReady: somebody has decided already.
    """
    if run.status not in {*AT_WORK, RegradeStatus.READY.value}:
        raise RegradeNotReady
    await _decide(session, run, RegradeStatus.DISCARDED, by=by, outbox=outbox, now=now)


async def _decide(
    session: AsyncSession,
    run: RegradeRun,
    decision: RegradeStatus,
    *,
    by: str,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Write down who decided what and when. The numbers stay with the run, the reports do not."""
    run.status, run.decided_by, run.decided_at = decision.value, by, now
    await session.execute(
        update(RegradeResult)
        .where(RegradeResult.run_id == run.id)
        .values(for_learner=None, sealed=None)
        .execution_options(synchronize_session=False)
    )
    await outbox.emit_all(
        session,
        EventType.REGRADE_DECIDED,
        [(None, {"regrade_id": str(run.id), "decision": decision.value, "by": by})],
    )
