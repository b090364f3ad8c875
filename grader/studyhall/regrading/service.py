"""Rules of regrades: what is graded again, and what staff see of it; the decision is in :mod:`regrading.decision`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_judge.report import GradeReport, ReportStatus

from studyhall.courses import service as courses
from studyhall.courses.models import LessonRelease
from studyhall.courses.policy import percent
from studyhall.db.session import cohort_of
from studyhall.errors import NotFound
from studyhall.grading.service import ATTEMPT_STATUS
from studyhall.identity.service import users_by_id
from studyhall.regrading import policy
from studyhall.regrading.errors import NothingToRegrade, RegradeUnderWay
from studyhall.regrading.models import RegradeResult, RegradeRun, RegradeStatus
from studyhall.regrading.schemas import RegradeChange, RegradeDetail, RegradeMarks, RegradeOut
from studyhall.submissions.counting import enter_lesson
from studyhall.submissions.models import IN_FLIGHT, Attempt
from studyhall.submissions.schemas import LearnerName, LearnerReport


@dataclass(frozen=True)
class Outcome:
    """One attempt graded again: the judge's report, ready to be kept."""

    attempt: Attempt
    report: GradeReport
    shown: LearnerReport
    sealed: bytes


def _attempts_of(run: RegradeRun) -> tuple[Any, ...]:
    """Return the conditions for the attempts that a run is about: those that were there when it was asked for."""
    return (
        Attempt.offering_id == run.offering_id,
        Attempt.lesson_id == run.lesson_id,
        Attempt.submitted_at <= run.requested_at,
    )


async def request(session: AsyncSession, *, course: str, lesson: str, by: str, now: datetime) -> RegradeRun:
    """Begin to grade all attempts of a lesson again, with the release that learners have now.

    Raises:
        UnknownCourse, UnknownLesson: there is none.
        NothingToRegrade: it has no attempts. RegradeUnderWay: one is undecided.
    """
    offering = await courses.offering_of(session, course)
    release = await courses.lesson_of(session, offering, lesson)
    run = RegradeRun(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        offering_id=offering.id,
        lesson_id=release.lesson_id,
        lesson_release_id=release.id,
        release=offering.release.number,
        status=RegradeStatus.QUEUED.value,
        requested_by=by,
        requested_at=now,
    )
    run.total = await session.scalar(select(func.count()).select_from(Attempt).where(*_attempts_of(run))) or 0
    if not run.total:
        raise NothingToRegrade
    columns = (
        "id", "cohort_id", "offering_id", "lesson_id", "lesson_release_id", "release", "status", "total",
        "requested_by", "requested_at",
    )  # fmt: skip
    made: RegradeRun | None = await session.scalar(
        insert(RegradeRun)
        .values({name: getattr(run, name) for name in columns})
        .on_conflict_do_nothing()
        .returning(RegradeRun)
    )
    if made is None:
        raise RegradeUnderWay
    return made


async def run_by_id(session: AsyncSession, run_id: uuid.UUID, *, lock: bool = False) -> RegradeRun | None:
    """Return a run of this cohort; locked until the transaction ends when asked for."""
    query = select(RegradeRun).where(RegradeRun.id == run_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(query)


async def run_of(
    session: AsyncSession, run_id: uuid.UUID, *, course: str, lesson: str, lock: bool = False
) -> RegradeRun:
    """Return a run of a lesson.

    Raises:
        UnknownCourse: there is none. NotFound: the lesson has no such run.
    """
    offering = await courses.offering_of(session, course)
    run = await run_by_id(session, run_id, lock=lock)
    if run is None or run.offering_id != offering.id:
        raise NotFound
    release = await release_of(session, run)
    if release.lesson.slug != lesson:
        raise NotFound
    return run


async def runs_of(
    session: AsyncSession, *, course: str, lesson: str, page: int, limit: int
) -> tuple[list[RegradeRun], int]:
    """Return a page of a lesson's runs, the newest first, and how many there are.

    Raises:
        UnknownCourse, UnknownLesson: there is none.
    """
    offering = await courses.offering_of(session, course)
    release = await courses.lesson_of(session, offering, lesson)
    where = (RegradeRun.offering_id == offering.id, RegradeRun.lesson_id == release.lesson_id)
    total = await session.scalar(select(func.count()).select_from(RegradeRun).where(*where)) or 0
    rows = await session.scalars(
        select(RegradeRun)
        .where(*where)
        .order_by(RegradeRun.requested_at.desc(), RegradeRun.id)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return list(rows), total


async def release_of(session: AsyncSession, run: RegradeRun) -> LessonRelease:
    """Return the lesson as a run grades it."""
    return (await courses.lesson_releases_by_id(session, {run.lesson_release_id}))[run.lesson_release_id]


# ---------------------------------------------------------------- the work itself


async def next_attempts(
    session: AsyncSession, run: RegradeRun, *, most: int, max_bytes: int
) -> tuple[list[Attempt], bool]:
    """Return the next attempts to grade again, and whether any are still on their way to their first report.

    At least one is returned while there is one; more only as long as they are not larger than ``max_bytes`` together.
    """
    done = select(RegradeResult.attempt_id).where(RegradeResult.run_id == run.id)
    rows = list(
        await session.scalars(
            select(Attempt)
            .where(*_attempts_of(run), Attempt.status.not_in(IN_FLIGHT), Attempt.id.not_in(done))
            .order_by(Attempt.submitted_at, Attempt.id)
            .limit(most)
        )
    )
    if not rows:
        on_their_way = await session.scalar(
            select(Attempt.id).where(*_attempts_of(run), Attempt.status.in_(IN_FLIGHT)).limit(1)
        )
        return [], on_their_way is not None
    taken: list[Attempt] = []
    size = 0
    for row in rows:
        size += row.size
        if taken and size > max_bytes:
            break
        taken.append(row)
    return taken, True


async def keep(session: AsyncSession, run: RegradeRun, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Store what attempts would get; nothing that a learner sees changes."""
    lesson = await release_of(session, run)
    rows = []
    for outcome in outcomes:
        attempt, report = outcome.attempt, outcome.report
        old = (attempt.status, attempt.score, attempt.max_score, attempt.passed)
        status = ATTEMPT_STATUS[report.status].value
        scored = report.status in {ReportStatus.graded, ReportStatus.needs_manual}
        new: policy.Marks = (status, None, None, None)
        if scored:
            passed = policy.passes(report.score, report.max_score, lesson.pass_score)
            new = (status, report.score, report.max_score, passed)
        changed, change = policy.change(old, new)
        rows.append(
            {
                "id": uuid.uuid4(),
                "cohort_id": run.cohort_id,
                "run_id": run.id,
                "attempt_id": attempt.id,
                "status": new[0],
                "score": new[1],
                "max_score": new[2],
                "passed": new[3],
                "old_status": old[0],
                "old_score": old[1],
                "old_max_score": old[2],
                "old_passed": old[3],
                "changed": changed,
                "change": change,
                "for_learner": outcome.shown.model_dump(mode="json"),
                "sealed": outcome.sealed,
                "flagged": bool(report.flags),
                "duration_ms": report.resources.wall_ms,
                "judge_version": report.judge_version,
                "graded_at": now,
            }
        )
    if rows:
        # Rows that point at attempts hold on to these, like a lock.
        await enter_lesson(session, run.offering_id, run.lesson_id, alone=False)
        await session.execute(
            insert(RegradeResult).on_conflict_do_nothing(index_elements=["run_id", "attempt_id"]), rows
        )


# ---------------------------------------------------------------- what staff see


async def describe(session: AsyncSession, runs: Sequence[RegradeRun]) -> list[RegradeOut]:
    """Return runs as the API shows them; a few queries, however many."""
    if not runs:
        return []
    offerings = await courses.offerings_by_id(session, {run.offering_id for run in runs})
    releases = await courses.lesson_releases_by_id(session, {run.lesson_release_id for run in runs})
    was, now = func.coalesce(RegradeResult.old_passed, False), func.coalesce(RegradeResult.passed, False)
    # What changes for nobody is not counted, and neither is what could not be graded again.
    changed = RegradeResult.changed
    counts = {
        row.run_id: row
        for row in await session.execute(
            select(
                RegradeResult.run_id,
                func.count().label("graded"),
                func.count(case((changed, 1))).label("changed"),
                func.count(case((and_(changed, RegradeResult.change > 0), 1))).label("raised"),
                func.count(case((and_(changed, RegradeResult.change < 0), 1))).label("lowered"),
                func.count(case((and_(changed, now, ~was), 1))).label("now_passed"),
                func.count(case((and_(changed, was, ~now), 1))).label("no_longer_passed"),
                func.count(case((RegradeResult.status.not_in(policy.APPLIED), 1))).label("not_gradable"),
            )
            .where(RegradeResult.run_id.in_([run.id for run in runs]))
            .group_by(RegradeResult.run_id)
        )
    }
    names = ("graded", "changed", "raised", "lowered", "now_passed", "no_longer_passed", "not_gradable")
    return [
        RegradeOut(
            id=run.id,
            course=offerings[run.offering_id].course.slug,
            lesson=releases[run.lesson_release_id].lesson.slug,
            lesson_title=releases[run.lesson_release_id].title,
            release=run.release,
            status=run.status,
            total=run.total,
            requested_by=run.requested_by,
            requested_at=run.requested_at,
            ready_at=run.ready_at,
            decided_by=run.decided_by,
            decided_at=run.decided_at,
            **{name: getattr(counts[run.id], name) if run.id in counts else 0 for name in names},
        )
        for run in runs
    ]


async def detail(session: AsyncSession, run: RegradeRun, *, page: int, limit: int) -> RegradeDetail:
    """Return a run with a page of what it changes, the biggest change first."""
    (described,) = await describe(session, [run])
    rows = (
        await session.execute(
            select(RegradeResult, Attempt)
            .join(Attempt, Attempt.id == RegradeResult.attempt_id)
            .where(RegradeResult.run_id == run.id, RegradeResult.changed)
            .order_by(func.abs(RegradeResult.change).desc(), RegradeResult.id)
            .offset((page - 1) * limit)
            .limit(limit)
        )
    ).all()
    people = await users_by_id(session, {attempt.user_id for _, attempt in rows})
    return RegradeDetail(
        **described.model_dump(),
        changes=[
            RegradeChange(
                attempt_id=attempt.id,
                number=attempt.number,
                submitted_at=attempt.submitted_at,
                learner=LearnerName(
                    username=people[attempt.user_id].hub_username,
                    display_name=people[attempt.user_id].display_name,
                ),
                old=_marks(result.old_status, result.old_score, result.old_max_score, result.old_passed),
                new=_marks(result.status, result.score, result.max_score, result.passed),
                change=result.change,
                flagged=result.flagged,
            )
            for result, attempt in rows
        ],
        changes_page=page,
        changes_limit=limit,
    )


def _marks(status: str, score: float | None, max_score: float | None, passed: bool | None) -> RegradeMarks:  # noqa: FBT001 - an attempt's four columns in their order
    return RegradeMarks(
        status=status, score=score, max_score=max_score, percent=percent(score, max_score), passed=passed
    )


async def attempts_by_id(session: AsyncSession, reports: Mapping[uuid.UUID, LearnerReport]) -> list[Attempt]:
    """Return the attempts of some reports as they are now."""
    rows = await session.scalars(select(Attempt).where(Attempt.id.in_(reports)))
    return list(rows)
