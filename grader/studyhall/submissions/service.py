"""Rules of submissions: accepted exactly once, in one transaction with the job that grades them."""

import asyncio
import json
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import Insert, Select, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_notebooks.errors import NotebookError, NotJsonError, TooLargeError
from studyhall_notebooks.parsing import parse_notebook

from studyhall.courses import policy as course_policy
from studyhall.courses import service as courses
from studyhall.courses.deadlines import DeadlinesOf
from studyhall.courses.models import CourseOffering, LessonRelease
from studyhall.db.session import cohort_of
from studyhall.db.together import table_of, written
from studyhall.errors import NotFound
from studyhall.events.models import EventType
from studyhall.events.outbox import Happening, Outbox
from studyhall.jobs import policy as queue_policy
from studyhall.jobs.queue import places
from studyhall.organizations.errors import require_open_cohort
from studyhall.submissions.counting import counting_attempts, released_of
from studyhall.submissions.errors import (
    KeyReused,
    NoAttemptsLeft,
    NotebookInvalid,
    NotebookNotJson,
    NotebookTooLarge,
    NothingToGrade,
    TooManyWaiting,
    WrongCourse,
)
from studyhall.submissions.files import check_files, packed
from studyhall.submissions.files import unpacked as files_from
from studyhall.submissions.models import IN_FLIGHT, Attempt, AttemptStatus, Snapshot
from studyhall.submissions.schemas import AttemptOut, KnownTest, LearnerReport

Enqueue = Callable[[AsyncSession, Attempt], Insert]
"""Returns the statement that writes the job that grades an attempt; handed in by :mod:`studyhall.app`."""

_WRITTEN = tuple(
    column.key
    for column in table_of(Attempt).columns
    if column.server_default is None and column.key != "job_id"
)

WAITING_RETRY_SECONDS = 5
"""When to come back after too many attempts were waiting; most are graded well within that."""


def check_notebooks(
    notebooks: Mapping[str, str], *, course: str, lesson: LessonRelease, max_bytes: int
) -> None:
    """Refuse what can't be graded before anything is stored.

    A damaged notebook is accepted if anything is left of it, and among several in any case: the judge reads what it
    can, says so, and never lets one cost the others.

    Raises:
        NotebookTooLarge: one is larger than allowed.
        NotebookNotJson, NotebookInvalid: the lesson's only notebook can't be read at all.
        WrongCourse: one says that it belongs to another course or lesson.
    """
    broken: list[NotebookError] = []
    for stem, text in notebooks.items():
        if len(text.encode("utf-8", "surrogatepass")) > max_bytes:
            raise NotebookTooLarge(
                f"{stem}.ipynb is larger than {max_bytes / 1_000_000:g} MB. Clear its outputs, save it and submit "
                "again; your copy is safe."
            )
        try:
            notebook = parse_notebook(text, max_bytes=max_bytes, salvaging=True).notebook
        except TooLargeError as error:
            raise NotebookTooLarge(error.message) from error
        except NotebookError as error:
            broken.append(error)
            continue
        origin = notebook.metadata.get("studyhall")
        if isinstance(origin, dict):
            named = (origin.get("course"), origin.get("lesson"))
            if any(part is not None for part in named) and named != (course, lesson.lesson.slug):
                raise WrongCourse(
                    f"{stem}.ipynb belongs to {named[1]} in {named[0]}, not to {lesson.title}. "
                    "Open this lesson from the outline and submit its own notebook; nothing was changed."
                )
    if not any(stem in lesson.notebooks for stem in notebooks) and len(notebooks) > 1:
        raise WrongCourse(
            f"None of these notebooks belongs to {lesson.title}; it has {', '.join(lesson.notebooks)}. "
            "Open the lesson from the outline and submit from there; nothing was changed."
        )
    if broken and len(broken) == len(notebooks):
        first = broken[0]
        if isinstance(first, NotJsonError):
            raise NotebookNotJson from first
        raise NotebookInvalid(first.message) from first


async def submit(
    session: AsyncSession,
    user_id: uuid.UUID,
    *,
    key: uuid.UUID,
    course: str,
    lesson: str,
    notebooks: Mapping[str, str],
    max_notebook_bytes: int,
    files: Mapping[str, str] = MappingProxyType({}),
    max_files_bytes: int = 0,
    max_waiting: int,
    zone: ZoneInfo,
    now: datetime,
    outbox: Outbox,
    enqueue: Enqueue,
    deadlines_of: DeadlinesOf,
    closed_because: str | None = None,
) -> tuple[Attempt, bool]:
    """Accept a submission, or return the attempt that this key already made (and whether it is new).

    ``closed_because`` says why the cohort takes no more submissions, where that is so.

    Raises:
        UnknownCourse, UnknownLesson: there is none.
        KeyReused: the key made an attempt at another lesson.
        CohortClosed: the whole cohort takes no more submissions.
        LessonLocked, LessonClosed, NoAttemptsLeft, NothingToGrade: the lesson does not take it.
        TooManyWaiting: ``max_waiting`` attempts of the learner at this lesson wait for their grading already.
        NotebookTooLarge, NotebookNotJson, NotebookInvalid, WrongCourse: the notebooks can't be graded.
        FileInvalid, FilesTooLarge: the files beside them can't be kept.
    """
    offering = await courses.offering_of(session, course)
    found = await courses.lesson_of(session, offering, lesson)
    if found.prerequisite:
        # What a press has done already comes before what is locked now.
        repeated = await _made_with(session, user_id, key, found)
        if repeated is not None:
            return repeated, False
        await courses.require_unlocked(session, user_id, offering, found, released_of=released_of)
    # From here on the learner's submissions of this lesson go one by one: a second press with the same key waits
    # here and then finds the first one's attempt. A refusal below takes the lock's row back.
    progress = await courses.lock_progress(session, user_id, found, now=now)
    repeated = await _made_with(session, user_id, key, found)
    if repeated is not None:
        return repeated, False
    require_open_cohort(closed_because)
    if not found.tests:
        raise NothingToGrade
    deadlines = (await deadlines_of(session, user_id, offering, [found]))[found.lesson_id]
    courses.require_open(deadlines.closes_at, now, zone=zone)
    # Megabytes that are broken on purpose take a second to look through, which others need not wait for.
    await asyncio.to_thread(
        check_notebooks, notebooks, course=course, lesson=found, max_bytes=max_notebook_bytes
    )
    check_files(files, max_bytes=max_files_bytes)
    if found.max_attempts is not None and progress.attempts_used >= found.max_attempts:
        raise NoAttemptsLeft
    courses.count_submission(progress)
    text = json.dumps(dict(notebooks), separators=(",", ":"))
    attempt = Attempt(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        user_id=user_id,
        offering_id=offering.id,
        lesson_id=found.lesson_id,
        lesson_release_id=found.id,
        release=offering.release.number,
        number=progress.attempts_used,
        idempotency_key=key,
        status=AttemptStatus.QUEUED.value,
        late=course_policy.is_late(deadlines.late_after, now),
        submitted_at=now,
        size=len(text),
    )
    await _give_turn(session, attempt, now=now, max_waiting=max_waiting)
    kept = insert(table_of(Snapshot)).values(
        attempt_id=attempt.id,
        cohort_id=attempt.cohort_id,
        notebooks=zlib.compress(text.encode("utf-8", "surrogatepass"), level=3),
        files=packed(files),
    )
    said = {"attempt_id": str(attempt.id), "course": course, "lesson": lesson, "number": attempt.number}
    accepted = Happening(EventType.SUBMISSION_ACCEPTED, user_id, said)
    # The attempt's row knows its job from the beginning, so the job is written by the same statement.
    job = enqueue(session, attempt).cte("job")
    row = {name: getattr(attempt, name) for name in _WRITTEN} | {"job_id": select(job.c.id).scalar_subquery()}
    result = await outbox.emit_together(
        session,
        [accepted],
        beside=[
            *written(session, progress),
            kept,
            insert(table_of(Attempt)).values(row).returning(Attempt.job_id),
        ],
    )
    attempt.job_id = result.scalar_one()
    return attempt, True


async def _give_turn(session: AsyncSession, attempt: Attempt, *, now: datetime, max_waiting: int) -> None:
    """Decide as of when the queue counts an attempt, from what its learner and its course wait for already."""
    queued = Attempt.status == AttemptStatus.QUEUED.value
    courses_last = (
        select(func.max(Attempt.course_turn))
        .where(queued, Attempt.offering_id == attempt.offering_id)
        .scalar_subquery()
    )
    waiting, learners_last, courses_last_turn = (
        await session.execute(
            select(
                func.count().filter(Attempt.lesson_id == attempt.lesson_id),
                func.max(Attempt.turn),
                courses_last,
            ).where(queued, Attempt.user_id == attempt.user_id)
        )
    ).one()
    if waiting >= max_waiting:
        raise TooManyWaiting(retry_after=WAITING_RETRY_SECONDS)
    attempt.turn = queue_policy.turn(now, learners_last=learners_last, courses_last=courses_last_turn)
    if learners_last is None:
        attempt.course_turn = attempt.turn


async def _made_with(
    session: AsyncSession, user_id: uuid.UUID, key: uuid.UUID, lesson: LessonRelease
) -> Attempt | None:
    attempt = await session.scalar(
        select(Attempt).where(Attempt.user_id == user_id, Attempt.idempotency_key == key)
    )
    if attempt is not None and attempt.lesson_id != lesson.lesson_id:
        raise KeyReused
    return attempt


async def snapshot_of(session: AsyncSession, attempt_id: uuid.UUID) -> dict[str, str]:
    """Return what the learner sent, by notebook."""
    kept = (await session.scalars(select(Snapshot.notebooks).where(Snapshot.attempt_id == attempt_id))).one()
    return _unpacked(kept)


async def sent_in(session: AsyncSession, attempt_id: uuid.UUID) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a learner sent: notebooks by stem, and files of their own by path."""
    notebooks, files = (
        await session.execute(
            select(Snapshot.notebooks, Snapshot.files).where(Snapshot.attempt_id == attempt_id)
        )
    ).one()
    return _unpacked(notebooks), files_from(files) if files is not None else {}


def _unpacked(kept: bytes) -> dict[str, str]:
    notebooks: dict[str, str] = json.loads(zlib.decompress(kept).decode("utf-8", "surrogatepass"))
    return notebooks


async def attempt_by_id(
    session: AsyncSession, attempt_id: uuid.UUID, *, lock: bool = False
) -> Attempt | None:
    """Return an attempt of this cohort; locked until the transaction ends when asked for."""
    query = select(Attempt).where(Attempt.id == attempt_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(query)


async def own_attempt(session: AsyncSession, user_id: uuid.UUID, attempt_id: uuid.UUID) -> Attempt:
    """Return an attempt of this learner.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    attempt = await attempt_by_id(session, attempt_id)
    if attempt is None or attempt.user_id != user_id:
        raise NotFound
    return attempt


async def attempts_of(
    session: AsyncSession,
    user_id: uuid.UUID,
    *,
    lesson_id: uuid.UUID | None = None,
    offering_id: uuid.UUID | None = None,
    page: int = 1,
    limit: int = 20,
) -> tuple[list[Attempt], int]:
    """Return a page of a learner's attempts, newest first, and how many there are."""
    where = [Attempt.user_id == user_id]
    if lesson_id is not None:
        where.append(Attempt.lesson_id == lesson_id)
    if offering_id is not None:
        where.append(Attempt.offering_id == offering_id)
    total = await session.scalar(select(func.count()).select_from(Attempt).where(*where)) or 0
    rows = await session.scalars(
        select(Attempt)
        .where(*where)
        .order_by(Attempt.submitted_at.desc(), Attempt.number.desc())
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return list(rows), total


async def in_flight(session: AsyncSession, user_id: uuid.UUID) -> list[Attempt]:
    """Return the learner's attempts that have no report yet, newest first."""
    rows = await session.scalars(
        select(Attempt)
        .where(Attempt.user_id == user_id, Attempt.status.in_(IN_FLIGHT))
        .order_by(Attempt.submitted_at.desc())
        .limit(20)
    )
    return list(rows)


async def course_attempts(
    session: AsyncSession,
    offering: CourseOffering,
    *,
    lesson: str | None,
    user_ids: Sequence[uuid.UUID] | None,
    statuses: Sequence[str],
    sort_by: str,
    descending: bool,
    page: int,
    limit: int,
    among: Select[uuid.UUID] | None = None,
    not_among: Select[uuid.UUID] | None = None,
) -> tuple[list[Attempt], int]:
    """Return a page of a course's attempts for staff, and how many there are.

    ``among`` and ``not_among`` are queries for attempt ids, for what other capabilities know of attempts. No
    ``statuses`` means any.

    Raises:
        UnknownLesson: the course has no such lesson.
    """
    where = [Attempt.offering_id == offering.id]
    if lesson is not None:
        where.append(Attempt.lesson_id == (await courses.lesson_of(session, offering, lesson)).lesson_id)
    if user_ids is not None:
        where.append(Attempt.user_id.in_(user_ids))
    if statuses:
        where.append(Attempt.status.in_(statuses))
    if among is not None:
        where.append(Attempt.id.in_(among))
    if not_among is not None:
        where.append(Attempt.id.not_in(not_among))
    total = await session.scalar(select(func.count()).select_from(Attempt).where(*where)) or 0
    column = {"submitted_at": Attempt.submitted_at, "score": Attempt.score, "number": Attempt.number}[sort_by]
    order = column.desc().nulls_last() if descending else column.asc().nulls_last()
    rows = await session.scalars(
        select(Attempt).where(*where).order_by(order, Attempt.id).offset((page - 1) * limit).limit(limit)
    )
    return list(rows), total


async def best_results(
    session: AsyncSession, lesson_id: uuid.UUID, user_ids: set[uuid.UUID]
) -> dict[uuid.UUID, courses.BestResult]:
    """Return the best result of each learner in a lesson, worked out from all of their attempts."""
    passed = func.bool_or(func.coalesce(Attempt.passed, False)).over(partition_by=Attempt.user_id)
    rows = await session.execute(
        select(Attempt.user_id, Attempt.score, Attempt.max_score, passed)
        .ext(distinct_on(Attempt.user_id))
        .where(Attempt.user_id.in_(user_ids), Attempt.lesson_id == lesson_id, Attempt.score.is_not(None))
        .order_by(
            Attempt.user_id,
            (Attempt.score / func.nullif(Attempt.max_score, 0)).desc().nulls_last(),
            Attempt.number,
        )
    )
    return {
        user_id: courses.BestResult(score=score, max_score=max_score, passed=any_passed)
        for user_id, score, max_score, any_passed in rows
    }


async def snapshots_of(
    session: AsyncSession, attempt_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, str]]:
    """Return what learners sent, by attempt and notebook."""
    rows = await session.execute(
        select(Snapshot.attempt_id, Snapshot.notebooks).where(Snapshot.attempt_id.in_(attempt_ids))
    )
    return {attempt_id: _unpacked(kept) for attempt_id, kept in rows}


async def describe(
    session: AsyncSession,
    attempts: Sequence[Attempt],
    *,
    reports: Mapping[uuid.UUID, LearnerReport] | None = None,
) -> list[AttemptOut]:
    """Return attempts as the API shows them; a few queries, however many attempts."""
    if not attempts:
        return []
    releases = await courses.lesson_releases_by_id(session, {row.lesson_release_id for row in attempts})
    slugs = {each: await courses.slug_of(session, each) for each in {row.offering_id for row in attempts}}
    scored = [row for row in attempts if row.score is not None]
    counting = await counting_attempts(
        session, {row.user_id for row in scored}, {row.lesson_id for row in scored}
    )
    places_of_jobs = await places(session, {row.job_id for row in attempts if _waits(row) and row.job_id})
    described = []
    for row in attempts:
        lesson = releases[row.lesson_release_id]
        described.append(
            AttemptOut(
                id=row.id,
                course=slugs[row.offering_id],
                lesson=lesson.lesson.slug,
                lesson_title=lesson.title,
                number=row.number,
                status=AttemptStatus(row.status),
                # A job that was taken this moment is next.
                position=places_of_jobs.get(row.job_id or 0, 1) if _waits(row) else None,
                late=row.late,
                submitted_at=row.submitted_at,
                graded_at=row.graded_at,
                score=row.score,
                max_score=row.max_score,
                percent=course_policy.percent(row.score, row.max_score),
                passed=row.passed,
                counts=row.id in counting,
                release=row.release,
                tests=[KnownTest.model_validate(test) for test in lesson.tests],
                report=(reports or {}).get(row.id),
                final=counting.get(row.id),
            )
        )
    return described


def _waits(attempt: Attempt) -> bool:
    return attempt.status == AttemptStatus.QUEUED.value


async def learners_of(session: AsyncSession, attempt_ids: set[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return whose attempts they are, by attempt."""
    rows = await session.execute(select(Attempt.id, Attempt.user_id).where(Attempt.id.in_(attempt_ids)))
    return dict(rows.all())
