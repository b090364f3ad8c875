"""Rules of courses as learners and staff meet them; publishing is in :mod:`studyhall.courses.publishing`."""

import base64
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from studyhall.courses import policy
from studyhall.courses.errors import LessonClosed, LessonLocked, UnknownCourse, UnknownLesson
from studyhall.courses.models import (
    Course,
    CourseOffering,
    CourseRelease,
    Enrolment,
    Lesson,
    LessonFile,
    LessonProgress,
    LessonRelease,
    LessonState,
)
from studyhall.courses.released import ReleasedOf
from studyhall.courses.schemas import (
    OfferedFile,
    StartedLesson,
)
from studyhall.db.session import cohort_of
from studyhall.db.shelf import Shelf
from studyhall.permissions import Role
from studyhall.person import Person

# Releases are written once and never changed, and an offering stays with its course, whose slug stays too. A release is
# kept without the session that read it; its `graded` and its files are not read with it and have queries of their own.
_releases: Shelf[uuid.UUID, LessonRelease] = Shelf(500)
_lessons: Shelf[tuple[uuid.UUID, str], LessonRelease] = Shelf(500)
_lessons_of_releases: Shelf[uuid.UUID, dict[str, LessonRelease]] = Shelf(50)
_slugs: Shelf[uuid.UUID, str] = Shelf(1000)

PICTURES = (".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp")
"""How the names of files end that are pictures."""


@dataclass(frozen=True)
class BestResult:
    """The best that a learner has reached in a lesson over all attempts, and whether any of them passed."""

    score: float
    max_score: float
    passed: bool


async def roles_of(session: AsyncSession, user_id: uuid.UUID) -> dict[str, Role]:
    """Return a person's role by course slug, in the session's cohort."""
    rows = await session.execute(
        select(Course.slug, Enrolment.role)
        .join(CourseOffering, CourseOffering.course_id == Course.id)
        .join(Enrolment, Enrolment.offering_id == CourseOffering.id)
        .where(Enrolment.user_id == user_id)
    )
    return {slug: Role(role) for slug, role in rows}


async def enrol(session: AsyncSession, *, offering: CourseOffering, user_id: uuid.UUID, role: Role) -> None:
    """Give somebody a role in a course offering; again with another role changes it."""
    await session.execute(
        insert(Enrolment)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            offering_id=offering.id,
            user_id=user_id,
            role=role.value,
        )
        .on_conflict_do_update(index_elements=["offering_id", "user_id"], set_={"role": role.value})
    )


def _kept(session: AsyncSession, row: CourseOffering) -> CourseOffering:
    """Keep a row as long as the session lives, so that :meth:`AsyncSession.get` finds it without a query."""
    session.info.setdefault("kept", []).append(row)
    return row


async def offering_of(session: AsyncSession, course: str) -> CourseOffering:
    """Return the cohort's offering of a course.

    Raises:
        UnknownCourse: the cohort does not take a course of that slug.
    """
    offering = await session.scalar(select(CourseOffering).join(Course).where(Course.slug == course))
    if offering is None:
        raise UnknownCourse
    return _kept(session, offering)


async def offerings_by_id(session: AsyncSession, ids: set[uuid.UUID]) -> dict[uuid.UUID, CourseOffering]:
    """Return offerings of this cohort by id; one that the session knows costs no query."""
    if len(ids) == 1:
        offering = await session.get(CourseOffering, next(iter(ids)))
        return {offering.id: _kept(session, offering)} if offering else {}
    rows = await session.scalars(select(CourseOffering).where(CourseOffering.id.in_(ids)))
    return {offering.id: offering for offering in rows.unique()}


async def slug_of(session: AsyncSession, offering_id: uuid.UUID) -> str:
    """Return the slug of an offering's course, which never changes."""
    slug = _slugs.get(offering_id)
    if slug is None:
        offering = (await offerings_by_id(session, {offering_id}))[offering_id]
        slug = _slugs.keep(offering_id, offering.course.slug)
    return slug


async def lesson_of(session: AsyncSession, offering: CourseOffering, lesson: str) -> LessonRelease:
    """Return a lesson as the offering's pinned release has it.

    Raises:
        UnknownLesson: the release has no lesson of that slug.
    """
    found = _lessons.get((offering.release_id, lesson))
    if found is not None:
        return found
    row = await session.scalar(
        select(LessonRelease)
        .join(Lesson)
        .where(LessonRelease.release_id == offering.release_id, Lesson.slug == lesson)
    )
    if row is None:
        raise UnknownLesson
    return _shelve(session, row)


async def lesson_releases_by_id(session: AsyncSession, ids: set[uuid.UUID]) -> dict[uuid.UUID, LessonRelease]:
    """Return lesson releases by id; one that this process has met before costs no query."""
    known = {each: release for each in ids if (release := _releases.get(each)) is not None}
    missing = ids - known.keys()
    if missing:
        rows = await session.scalars(select(LessonRelease).where(LessonRelease.id.in_(missing)))
        known |= {row.id: _shelve(session, row) for row in rows.unique()}
    return known


def _shelve(session: AsyncSession, release: LessonRelease) -> LessonRelease:
    """Take a lesson release out of its session and keep it for others, since it never changes."""
    session.expunge(release)
    if release.lesson in session:
        session.expunge(release.lesson)
    _lessons.keep((release.release_id, release.lesson.slug), release)
    return _releases.keep(release.id, release)


async def lessons_of(session: AsyncSession, offering: CourseOffering) -> dict[str, LessonRelease]:
    """Return all lessons of the offering's pinned release by slug."""
    kept = _lessons_of_releases.get(offering.release_id)
    if kept is None:
        rows = await session.scalars(
            select(LessonRelease).where(LessonRelease.release_id == offering.release_id)
        )
        shelved = {row.lesson.slug: _shelve(session, row) for row in rows.unique().all()}
        kept = _lessons_of_releases.keep(offering.release_id, shelved)
    return dict(kept)


async def files_of(session: AsyncSession, lesson: LessonRelease) -> Sequence[LessonFile]:
    """Return a lesson's files with their content, in order of their paths."""
    rows = await session.scalars(
        select(LessonFile)
        .options(undefer(LessonFile.content))
        .where(LessonFile.lesson_release_id == lesson.id)
        .order_by(LessonFile.path)
    )
    return rows.all()


async def pictures_of(
    session: AsyncSession, lesson_release_id: uuid.UUID, mentioned_in: str
) -> dict[str, bytes]:
    """Return a lesson's files whose names a notebook mentions and which are pictures, by path."""
    places = await session.execute(
        select(LessonFile.id, LessonFile.path).where(
            LessonFile.lesson_release_id == lesson_release_id, LessonFile.is_notebook.is_(False)
        )
    )
    wanted = {
        row.id
        for row in places
        if row.path.lower().endswith(PICTURES) and row.path.rpartition("/")[2] in mentioned_in
    }
    if not wanted:
        return {}
    rows = await session.execute(select(LessonFile.path, LessonFile.content).where(LessonFile.id.in_(wanted)))
    return {row.path: row.content for row in rows}


async def notebooks_of_other_releases(
    session: AsyncSession, lesson: LessonRelease, numbers: Collection[int]
) -> dict[int, dict[str, str]]:
    """Return what learners got of a lesson in other releases of these numbers: texts by stem by number.

    Releases in which the lesson is the same as in the given one are left out.
    """
    rows = await session.execute(
        select(CourseRelease.number, LessonFile.path, LessonFile.content)
        .join(LessonRelease, LessonRelease.id == LessonFile.lesson_release_id)
        .join(CourseRelease, CourseRelease.id == LessonRelease.release_id)
        .where(
            LessonRelease.lesson_id == lesson.lesson_id,
            LessonRelease.content_hash != lesson.content_hash,
            CourseRelease.number.in_(numbers),
            LessonFile.is_notebook,
        )
    )
    found: dict[int, dict[str, str]] = {}
    for number, path, content in rows:
        found.setdefault(number, {})[path.removesuffix(".ipynb")] = content.decode()
    return found


async def sealed_of(session: AsyncSession, lesson: LessonRelease) -> bytes:
    """Return a lesson's sealed source with its hidden tests, for the judge."""
    return (await session.scalars(select(LessonRelease.graded).where(LessonRelease.id == lesson.id))).one()


async def progress_of(
    session: AsyncSession, user_id: uuid.UUID, lesson_ids: set[uuid.UUID]
) -> dict[uuid.UUID, LessonProgress]:
    """Return a learner's progress by lesson id."""
    rows = await session.scalars(
        select(LessonProgress).where(
            LessonProgress.user_id == user_id, LessonProgress.lesson_id.in_(lesson_ids)
        )
    )
    return {row.lesson_id: row for row in rows}


async def require_unlocked(
    session: AsyncSession,
    user_id: uuid.UUID,
    offering: CourseOffering,
    lesson: LessonRelease,
    *,
    released_of: ReleasedOf,
) -> None:
    """Refuse a lesson whose prerequisite the learner has not reached yet; work begun before stays open.

    A released grade opens it as well as tests do: what a person grades, tests alone might never reach.

    Raises:
        LessonLocked: with the lesson and the score that open it.
    """
    if not lesson.prerequisite:
        return
    lessons = await lessons_of(session, offering)
    before = lessons.get(str(lesson.prerequisite["lesson"]))
    wanted = {lesson.lesson_id} | ({before.lesson_id} if before else set())
    progress = await progress_of(session, user_id, wanted)
    if lesson.lesson_id in progress:
        return
    bests: dict[str, float | None] = {}
    if before is not None and before.lesson_id in progress:
        row = progress[before.lesson_id]
        released = (await released_of(session, user_id, {before.lesson_id})).get(before.lesson_id)
        bests[before.lesson.slug] = policy.percent(
            *policy.best_result(row.best_score, row.best_max_score, released)
        )
    reason = policy.locked_reason(
        lesson.prerequisite, titles={slug: row.title for slug, row in lessons.items()}, best_percents=bests
    )
    if reason is not None:
        raise LessonLocked(f"{lesson.title} is still locked; it opens {reason}.")


def require_open(closes_at: datetime | None, now: datetime, *, zone: ZoneInfo) -> None:
    """Refuse a submission after the lesson's hard close for this learner.

    Raises:
        LessonClosed: with the moment of closing in the learner's zone.
    """
    if policy.is_closed(closes_at, now) and closes_at is not None:
        when = closes_at.astimezone(zone)
        raise LessonClosed(
            f"This lesson closed on {when.day} {when:%B %H:%M}. Your copy is safe; "
            "ask your instructor for an extension."
        )


async def start_lesson(
    session: AsyncSession,
    person: Person,
    *,
    course: str,
    lesson: str,
    update: bool,
    now: datetime,
    released_of: ReleasedOf,
) -> StartedLesson:
    """Hand out a lesson's files and remember that the learner has them.

    Raises:
        UnknownCourse, UnknownLesson: there is none.
        LessonLocked: its prerequisite is not reached.
    """
    offering = await offering_of(session, course)
    found = await lesson_of(session, offering, lesson)
    if lesson in offering.withdrawn and not await progress_of(session, person.user_id, {found.lesson_id}):
        raise UnknownLesson
    await require_unlocked(session, person.user_id, offering, found, released_of=released_of)
    await _advance(
        session,
        person.user_id,
        found,
        LessonState.STARTED,
        now=now,
        fetched=(offering.release.number, found.content_hash),
        fetched_again=update,
    )
    files = []
    for file in await files_of(session, found):
        content, encoding = _as_text(file.content)
        files.append(
            OfferedFile.model_validate(
                {
                    "path": file.path,
                    "encoding": encoding,
                    "content": content,
                    "sha256": file.sha256,
                    "is_notebook": file.is_notebook,
                }
            )
        )
    return StartedLesson(
        course=course,
        lesson=lesson,
        title=found.title,
        release=offering.release.number,
        first_notebook=f"{found.notebooks[0]}.ipynb",
        files=files,
    )


def _as_text(content: bytes) -> tuple[str, str]:
    """Return a file's content for a JSON answer, and how it is written there: text where that is exact."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"
    return (text, "text") if "\x00" not in text else (base64.b64encode(content).decode(), "base64")


async def _advance(
    session: AsyncSession,
    user_id: uuid.UUID,
    lesson: LessonRelease,
    state: LessonState,
    *,
    now: datetime,
    fetched: tuple[int, str] | None = None,
    fetched_again: bool = False,
) -> LessonProgress:
    """Return the learner's progress row, made if needed, locked for update, and not behind the state."""
    locked = (
        select(LessonProgress)
        .where(LessonProgress.user_id == user_id, LessonProgress.lesson_id == lesson.lesson_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row = await session.scalar(locked)
    if row is None:
        await session.execute(
            insert(LessonProgress)
            .values(
                id=uuid.uuid4(),
                cohort_id=cohort_of(session),
                user_id=user_id,
                lesson_id=lesson.lesson_id,
                state=state.value,
                started_at=now,
            )
            .on_conflict_do_nothing(index_elements=["user_id", "lesson_id"])
        )
        row = (await session.scalars(locked)).one()
    row.state = policy.advanced(row.state, state).value
    if fetched is not None and (row.fetched_hash is None or fetched_again):
        row.fetched_release, row.fetched_hash = fetched
    return row


def count_submission(progress: LessonProgress) -> None:
    """Count one more submission of a lesson in its locked row."""
    progress.state = policy.advanced(progress.state, LessonState.SUBMITTED).value
    progress.attempts_used += 1


async def lock_progress(
    session: AsyncSession, user_id: uuid.UUID, lesson: LessonRelease, *, now: datetime
) -> LessonProgress:
    """Take the lock on a learner's progress in a lesson, so that their submissions of it go one by one."""
    return await _advance(session, user_id, lesson, LessonState.STARTED, now=now)


async def record_result(
    session: AsyncSession,
    user_id: uuid.UUID,
    lesson: LessonRelease,
    *,
    score: float,
    max_score: float,
    passed: bool,
    now: datetime,
    locked: LessonProgress | None = None,
) -> bool:
    """Keep the better of the old and the new score; say whether the lesson was passed for the first time.

    ``locked`` is the learner's progress where the caller has locked its row already.
    """
    state = LessonState.PASSED if passed else LessonState.SUBMITTED
    if locked is None:
        row = await _advance(session, user_id, lesson, state, now=now)
    else:
        row = locked
        row.state = policy.advanced(row.state, state).value
    old = policy.percent(row.best_score, row.best_max_score)
    new = policy.percent(score, max_score)
    if old is None or (new is not None and new > old):
        row.best_score, row.best_max_score = score, max_score
    if passed and row.passed_at is None:
        row.passed_at = now
        return True
    return False


async def replace_results(
    session: AsyncSession, lesson_id: uuid.UUID, bests: Mapping[uuid.UUID, BestResult], *, now: datetime
) -> set[uuid.UUID]:
    """Set what learners have reached in a lesson anew, which may be less than before; nothing else does that.

    Returns:
        Who has passed it now and had not before.
    """
    rows = await session.scalars(
        select(LessonProgress)
        .where(LessonProgress.lesson_id == lesson_id, LessonProgress.user_id.in_(bests))
        .order_by(LessonProgress.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    newly = set()
    for row in rows:
        best = bests[row.user_id]
        row.best_score, row.best_max_score = best.score, best.max_score
        row.state = (LessonState.PASSED if best.passed else LessonState.SUBMITTED).value
        if best.passed and row.passed_at is None:
            newly.add(row.user_id)
        row.passed_at = (row.passed_at or now) if best.passed else None
    return newly


def learner_ids() -> Select[uuid.UUID]:
    """Return the query for the ids of all learners of the session's cohort, whichever courses they take."""
    return select(Enrolment.user_id).where(Enrolment.role == Role.LEARNER.value)


async def learners_of(session: AsyncSession, offering: CourseOffering) -> int:
    """Count the learners of an offering."""
    return (
        await session.scalar(
            select(func.count())
            .select_from(Enrolment)
            .where(Enrolment.offering_id == offering.id, Enrolment.role == Role.LEARNER.value)
        )
        or 0
    )
