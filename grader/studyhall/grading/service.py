"""Rules of grading: what goes to the judge, what comes back, and exactly one report per attempt."""

import asyncio
import base64
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import PydanticSerializationError
from sqlalchemy import Select, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_judge.report import (
    GradeReport,
    GradeRequest,
    Limits,
    Release,
    ReleaseNotebook,
    ReportStatus,
    Resources,
    TestResult,
)

from studyhall.courses import policy as course_policy
from studyhall.courses import service as courses
from studyhall.courses.models import LessonProgress, LessonRelease
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.db.together import Change, table_of, written
from studyhall.events.models import EventType
from studyhall.events.outbox import Happening, Outbox
from studyhall.grading.models import Report
from studyhall.submissions import service as submissions
from studyhall.submissions.models import IN_FLIGHT, Attempt, AttemptStatus
from studyhall.submissions.schemas import LearnerRepair, LearnerReport, LearnerTest

SEALED_AT_ONCE = 100_000
"""Characters of executed notebooks from which on a report is sealed in a thread; below, handing it over costs more."""

DURATION_STEP_MS = 100.0
"""How exactly learners may know how long a test took that runs beside hidden ones."""


async def begin(session: AsyncSession, attempt_id: uuid.UUID) -> Attempt | None:
    """Mark an attempt as running and return it; None when it has its report already or was never accepted."""
    # A report and its attempt's end are one transaction, so one in flight has none.
    begun: Attempt | None = await session.scalar(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.status.in_(IN_FLIGHT))
        .values(status=AttemptStatus.RUNNING.value)
        .returning(Attempt)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if begun is not None:
        return begun
    attempt = await submissions.attempt_by_id(session, attempt_id, lock=True)
    if attempt is None:
        return None
    if await _is_reported(session, attempt):
        return None
    attempt.status = AttemptStatus.RUNNING.value
    return attempt


async def _is_reported(session: AsyncSession, attempt: Attempt) -> bool:
    """Say whether a locked attempt has its report; one that was given up on has none, though it is at its end."""
    if attempt.status in IN_FLIGHT:
        return False
    return await session.scalar(select(Report.id).where(Report.attempt_id == attempt.id)) is not None


async def give_up(session: AsyncSession, attempt_id: uuid.UUID) -> Attempt | None:
    """Mark an attempt whose job became a dead letter; staff see it and can queue it again.

    Returns:
        The attempt; None when it has a report after all.
    """
    attempt = await begin(session, attempt_id)
    if attempt is not None:
        attempt.status = AttemptStatus.INTERNAL_ERROR.value
    return attempt


def refusal(request: GradeRequest, message: str) -> GradeReport:
    """Return the report of a submission that the judge will not grade, however often it is asked."""
    return GradeReport(
        request_id=request.request_id,
        release_hash=request.release_hash,
        status=ReportStatus.refused,
        score=0,
        max_score=0,
        tests=[],
        repairs=[],
        flags=[],
        resources=Resources(),
        executed_notebooks={},
        message=message,
        judge_version="",
    )


async def lesson_release(session: AsyncSession, attempt: Attempt) -> LessonRelease:
    """Return the lesson as it was released when the attempt was accepted."""
    return (await courses.lesson_releases_by_id(session, {attempt.lesson_release_id}))[
        attempt.lesson_release_id
    ]


RELEASE_CLAIMED = re.compile(r'"studyhall"\s*:\s*\{[^{}]*"release"\s*:\s*(\d{1,9})\b')
"""Where a notebook says which release it comes from; looking for it costs much less than reading the notebook."""

MOST_CLAIMED = 5
"""A learner has the files of one release, rarely of two: more is no honest claim."""


def releases_claimed(notebooks: Iterable[str]) -> set[int]:
    """Return the numbers of the releases that a learner's notebooks say they come from."""
    found = {int(number) for text in notebooks for number in RELEASE_CLAIMED.findall(text)}
    return found if len(found) <= MOST_CLAIMED else set()


async def others_claimed(
    session: AsyncSession, lesson: LessonRelease, notebooks: Iterable[str], *, known: int | None = None
) -> dict[int, dict[str, str]]:
    """Return, by number, the notebooks of other releases that submissions say they come from.

    Args:
        session: a session of the cohort.
        lesson: the lesson as it is graded.
        notebooks: texts that learners sent.
        known: the number of the release that ``lesson`` belongs to, where that is known.
    """
    numbers = {number for text in notebooks for number in releases_claimed([text])} - {known}
    return await courses.notebooks_of_other_releases(session, lesson, numbers) if numbers else {}


def request_for(
    attempt: Attempt,
    lesson: LessonRelease,
    notebooks: Mapping[str, str],
    files: Mapping[str, str] | None = None,
    others: Mapping[int, Mapping[str, str]] | None = None,
) -> GradeRequest:
    """Return what the judge needs to know of an attempt, to grade it with a release of its lesson.

    ``others`` are the learners' notebooks of other releases, by number (:func:`others_claimed`).
    """
    earlier: dict[str, list[str]] = {}
    for number in sorted(releases_claimed(notebooks.values()) & set(others or {})):
        for stem, text in (others or {})[number].items():
            earlier.setdefault(stem, []).append(text)
    return GradeRequest(
        request_id=str(attempt.id),
        release_hash=lesson.graded_hash,
        environment=lesson.environment,
        scoring="nbgrader" if lesson.scoring == "nbgrader" else "default",
        notebooks=dict(notebooks),
        files=dict(files or {}),
        earlier=earlier,
        limits=Limits(),
    )


async def release_of(session: AsyncSession, lesson: LessonRelease, cipher: ContentCipher) -> Release:
    """Return the released source with its hidden tests and data files, opened for the judge."""
    graded: dict[str, str] = cipher.open(await courses.sealed_of(session, lesson))["notebooks"]
    files = await courses.files_of(session, lesson)
    return Release(
        hash=lesson.graded_hash,
        notebooks=[ReleaseNotebook(name=stem, source=text) for stem, text in graded.items()],
        files={file.path: base64.b64encode(file.content).decode() for file in files if not file.is_notebook},
    )


def sealed_report(report: GradeReport, cipher: ContentCipher) -> bytes:
    """Return a report as it is kept: whole, with executed notebooks, encrypted."""
    try:
        text = report.model_dump_json().encode()
    except PydanticSerializationError:  # half a character, which only Python's own writer can express
        return cipher.seal(report.model_dump(mode="json"))
    return cipher.seal_text(text)


async def sealed_beside(report: GradeReport, cipher: ContentCipher) -> bytes:
    """Do the same; a large report in a thread, since the event loop has other things to do."""
    if sum(len(text) for text in report.executed_notebooks.values()) < SEALED_AT_ONCE:
        return sealed_report(report, cipher)
    return await asyncio.to_thread(sealed_report, report, cipher)


def shown_duration(test: TestResult, *, beside_hidden: bool) -> float:
    """Return the milliseconds of a test that its learner may know: none of a hidden one.

    Code that was handed a hidden test's arguments can sleep for as long as they are large, and remember them for a
    visible test. So where there are hidden tests, the visible ones' are in steps.
    """
    if test.hidden:
        return 0.0
    return (
        round(test.duration_ms / DURATION_STEP_MS) * DURATION_STEP_MS if beside_hidden else test.duration_ms
    )


def for_learner(report: GradeReport) -> LearnerReport:
    """Return what the learner sees of a report: of a hidden test its title, status, points and hint, nothing more."""
    beside_hidden = any(test.hidden for test in report.tests)
    return LearnerReport(
        status=report.status.value,
        message=report.message,
        score=report.score,
        max_score=report.max_score,
        tests=[
            LearnerTest(
                id=test.id,
                notebook=test.notebook,
                grade_id=test.grade_id,
                answer_grade_id=test.answer_grade_id,
                title=test.title,
                hidden=test.hidden,
                kind=test.kind,
                points=test.points,
                max_points=test.max_points,
                status=test.status,
                message="" if test.hidden else test.learner_message,
                hint=test.hint,
                duration_ms=shown_duration(test, beside_hidden=beside_hidden),
            )
            for test in report.tests
        ],
        repairs=[
            LearnerRepair(
                code=repair.code, notebook=repair.notebook, grade_id=repair.grade_id, message=repair.message
            )
            for repair in report.repairs
        ],
    )


ATTEMPT_STATUS: Mapping[ReportStatus, AttemptStatus] = {
    ReportStatus.graded: AttemptStatus.GRADED,
    ReportStatus.needs_manual: AttemptStatus.NEEDS_MANUAL,
    ReportStatus.refused: AttemptStatus.REFUSED,
    ReportStatus.internal_error: AttemptStatus.INTERNAL_ERROR,
}


async def finish(
    session: AsyncSession,
    attempt_id: uuid.UUID,
    report: GradeReport,
    *,
    sealed: bytes,
    outbox: Outbox,
    ending: Sequence[Change] = (),
    now: datetime,
) -> tuple[Attempt, LearnerReport] | None:
    """Store the report, the attempt's result, the learner's progress and the events, all in one transaction.

    Args:
        session: the attempt's cohort's.
        attempt_id: what was graded.
        report: the judge's.
        sealed: the report as it is kept.
        outbox: takes the events.
        ending: changes that end the job that graded it.
        now: the moment of grading.

    Returns:
        The attempt and what its learner sees of the report; None when another run of the job has stored one before.
    """
    attempt, progress = await _locked(session, attempt_id)
    if attempt is None or await _is_reported(session, attempt):
        return None
    shown = for_learner(report)
    kept = insert(table_of(Report)).values(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        attempt_id=attempt_id,
        status=report.status.value,
        score=report.score,
        max_score=report.max_score,
        for_learner=shown.model_dump(mode="json"),
        sealed=sealed,
        flagged=bool(report.flags),
        duration_ms=report.resources.wall_ms,
        judge_version=report.judge_version,
        graded_at=now,
    )
    attempt.status = ATTEMPT_STATUS[report.status].value
    attempt.graded_at = now
    happenings: list[Happening] = []
    if report.status in {ReportStatus.graded, ReportStatus.needs_manual}:
        happenings = await _record_result(session, attempt, progress, report, now=now)
    changed = written(session, attempt, *([progress] if progress is not None else []))
    # The unique key on the report's attempt is the last word on "exactly one".
    await outbox.emit_together(session, happenings, beside=[*changed, *ending, kept])
    return attempt, shown


async def _locked(
    session: AsyncSession, attempt_id: uuid.UUID
) -> tuple[Attempt | None, LessonProgress | None]:
    """Return an attempt and its learner's progress in the lesson, both locked until the transaction ends."""
    row = (
        await session.execute(
            select(Attempt, LessonProgress)
            .join(
                LessonProgress,
                and_(
                    LessonProgress.user_id == Attempt.user_id, LessonProgress.lesson_id == Attempt.lesson_id
                ),
            )
            .where(Attempt.id == attempt_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is not None:
        return row[0], row[1]
    return await submissions.attempt_by_id(session, attempt_id, lock=True), None


async def _record_result(
    session: AsyncSession,
    attempt: Attempt,
    progress: LessonProgress | None,
    report: GradeReport,
    *,
    now: datetime,
) -> list[Happening]:
    """Write a score into the attempt and the learner's progress; return what that means to others."""
    lesson = await lesson_release(session, attempt)
    attempt.score, attempt.max_score = report.score, report.max_score
    percent = course_policy.percent(report.score, report.max_score)
    attempt.passed = percent is not None and percent >= lesson.pass_score
    first_pass = await courses.record_result(
        session,
        attempt.user_id,
        lesson,
        score=report.score,
        max_score=report.max_score,
        passed=attempt.passed,
        now=now,
        locked=progress,
    )
    about: dict[str, Any] = {
        "attempt_id": str(attempt.id),
        "course": await courses.slug_of(session, attempt.offering_id),
        "lesson": lesson.lesson.slug,
        "lesson_id": str(lesson.lesson_id),
        "title": lesson.title,
        "submitted_at": attempt.submitted_at.isoformat(),
    }
    graded = {**about, "percent": percent, "passed": attempt.passed, "number": attempt.number}
    happenings = [Happening(EventType.SUBMISSION_GRADED, attempt.user_id, graded)]
    if first_pass:
        happenings.append(Happening(EventType.LESSON_COMPLETED, attempt.user_id, about))
    return happenings


async def learner_reports(
    session: AsyncSession, attempt_ids: set[uuid.UUID]
) -> dict[uuid.UUID, LearnerReport]:
    """Return the learner's view of reports by attempt."""
    rows = await session.execute(
        select(Report.attempt_id, Report.for_learner).where(Report.attempt_id.in_(attempt_ids))
    )
    return {attempt_id: LearnerReport.model_validate(report) for attempt_id, report in rows}


async def graded_within(
    session: AsyncSession, attempt_ids: Collection[uuid.UUID], *, milliseconds: float
) -> set[uuid.UUID]:
    """Return which of the attempts took the judge no longer than that."""
    rows = await session.scalars(
        select(Report.attempt_id).where(
            Report.attempt_id.in_(attempt_ids), Report.duration_ms <= milliseconds
        )
    )
    return set(rows)


def flagged_attempts() -> Select[uuid.UUID]:
    """Return the query for the ids of all attempts with integrity flags."""
    return select(Report.attempt_id).where(Report.flagged)


async def flagged(session: AsyncSession, attempt_ids: set[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the attempts have integrity flags."""
    rows = await session.scalars(flagged_attempts().where(Report.attempt_id.in_(attempt_ids)))
    return set(rows)


async def full_report(
    session: AsyncSession, attempt_id: uuid.UUID, cipher: ContentCipher
) -> GradeReport | None:
    """Return the whole report for staff, or None while there is none."""
    sealed = await session.scalar(select(Report.sealed).where(Report.attempt_id == attempt_id))
    return None if sealed is None else GradeReport.model_validate(cipher.open(sealed))


async def source_texts(session: AsyncSession, attempt: Attempt) -> Mapping[str, str]:
    """Return the learner's notebooks of an attempt by name; for reviewers, which never see hidden tests."""
    return await submissions.snapshot_of(session, attempt.id)
