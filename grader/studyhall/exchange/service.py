"""Rules of the exchange: what `nbgrader` releases, lists, collects and hands back, as lessons and attempts.

A submission through the exchange is an ordinary attempt (:mod:`studyhall.submissions`); nothing here makes one.
"""

import hashlib
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer
from studyhall_notebooks.course import Lesson as LessonSettings
from studyhall_notebooks.course import slugify

from studyhall.courses import lesson_publishing
from studyhall.courses import service as courses
from studyhall.courses.errors import UnknownLesson
from studyhall.courses.lesson_publishing import ReleaseCarrier
from studyhall.courses.models import CourseOffering, LessonFile, LessonRelease
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.errors import Conflict, NotFound
from studyhall.events.outbox import Outbox
from studyhall.exchange import building
from studyhall.exchange.errors import AlreadyReleased
from studyhall.exchange.models import ExchangeAssignment, ExchangeFeedback, ExchangeHiddenSubmission
from studyhall.exchange.schemas import (
    ExchangeAssignmentOut,
    ExchangeFile,
    ExchangeSubmissionOut,
    FeedbackOut,
    ReleasedOut,
    ReleaseIn,
    SubmissionContent,
    SubmittedNotebook,
)
from studyhall.identity.service import user_named, users_by_id
from studyhall.submissions import service as submissions
from studyhall.submissions.files import files_of
from studyhall.submissions.models import Attempt


async def _names(session: AsyncSession, offering: CourseOffering) -> dict[uuid.UUID, str]:
    """Return what nbgrader calls lessons, by lesson, where that is not the slug."""
    rows = await session.execute(
        select(ExchangeAssignment.lesson_id, ExchangeAssignment.name).where(
            ExchangeAssignment.offering_id == offering.id
        )
    )
    return dict(rows.all())


async def lesson_named(session: AsyncSession, offering: CourseOffering, assignment: str) -> LessonRelease:
    """Return a lesson of the pinned release by nbgrader's name for it, or by its slug.

    Raises:
        UnknownLesson: there is none, or it has nothing to grade.
    """
    lessons = await courses.lessons_of(session, offering)
    names = await _names(session, offering)
    for lesson in lessons.values():
        if names.get(lesson.lesson_id, lesson.lesson.slug) == assignment and lesson.tests:
            return lesson
    found = lessons.get(assignment)
    if found is None or not found.tests:
        raise UnknownLesson(
            f"The course has no assignment called {assignment!r}. `nbgrader list` shows them."
        )
    return found


async def released(session: AsyncSession, offering: CourseOffering) -> list[ExchangeAssignmentOut]:
    """Return the assignments that learners may fetch, in the course's order."""
    lessons = await courses.lessons_of(session, offering)
    names = await _names(session, offering)
    ordered = [
        lessons[slug]
        for unit in offering.release.outline
        for slug in unit["lessons"]
        if lessons[slug].tests and slug not in offering.withdrawn
    ]
    files: dict[uuid.UUID, list[ExchangeFile]] = {lesson.id: [] for lesson in ordered}
    rows = await session.execute(
        select(LessonFile.lesson_release_id, LessonFile.path, LessonFile.sha256, LessonFile.is_notebook)
        .where(LessonFile.lesson_release_id.in_(files))
        .order_by(LessonFile.path)
    )
    for lesson_release_id, path, sha256, is_notebook in rows:
        files[lesson_release_id].append(ExchangeFile(path=path, sha256=sha256, is_notebook=is_notebook))
    return [
        ExchangeAssignmentOut(
            course=offering.course.slug,
            assignment=names.get(lesson.lesson_id, lesson.lesson.slug),
            lesson=lesson.lesson.slug,
            title=lesson.title,
            release=offering.release.number,
            due_at=lesson.due_at,
            closes_at=lesson.closes_at,
            notebooks=lesson.notebooks,
            files=files[lesson.id],
        )
        for lesson in ordered
    ]


async def release(
    session: AsyncSession,
    offering: CourseOffering,
    assignment: str,
    body: ReleaseIn,
    *,
    released_by: str,
    cipher: ContentCipher,
    outbox: Outbox,
    carriers: Sequence[ReleaseCarrier],
    now: datetime,
) -> ReleasedOut:
    """Publish an assignment into the course, for all of its learners.

    Raises:
        AlreadyReleased: learners may fetch it already, and nobody asked to replace it.
        CourseInvalid, Invalid, TooLarge: it can't be published; nothing is changed.
        Conflict: another assignment has the same slug.
    """
    lessons = await courses.lessons_of(session, offering)
    names = await _names(session, offering)
    known = next((row for row in lessons.values() if names.get(row.lesson_id) == assignment), None)
    slug = known.lesson.slug if known else slugify(assignment)
    before = lessons.get(slug)
    if before is not None and names.get(before.lesson_id, slug) not in {assignment, slug}:
        raise Conflict(
            f"{assignment!r} and {names[before.lesson_id]!r} have the same short name {slug!r}. Rename one of them."
        )
    if before is not None and slug not in offering.withdrawn and not body.force:
        raise AlreadyReleased
    settings = await lesson_publishing.settings_before(session, offering, slug) or LessonSettings(
        slug=slug, scoring="nbgrader"
    )
    if body.due_at is not None:
        settings = settings.model_copy(update={"due": body.due_at})
    built = building.build(
        settings,
        course=offering.course.slug,
        released=building.unpacked(body.files),
        source=building.unpacked(body.source) if body.source is not None else None,
        options=body.options,
    )
    published = await lesson_publishing.publish_lesson(
        session,
        offering,
        built.lesson,
        lambda number: built.numbered(offering.course.slug, number),
        published_by=released_by,
        cipher=cipher,
        outbox=outbox,
        carriers=carriers,
    )
    stored = await courses.lesson_of(session, offering, slug)
    values = {"name": assignment, "released_at": now, "released_by": released_by}
    await session.execute(
        insert(ExchangeAssignment)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            offering_id=offering.id,
            lesson_id=stored.lesson_id,
            **values,
        )
        .on_conflict_do_update(index_elements=["offering_id", "lesson_id"], set_=values)
    )
    tests = built.lesson.tests
    return ReleasedOut(
        course=offering.course.slug,
        assignment=assignment,
        lesson=slug,
        release=published.release,
        changed=published.changed,
        tests=len(tests),
        hidden_tests=sum(test.hidden for test in tests),
        points=sum(test.points for test in tests),
        notes=list(built.notes),
    )


async def withdraw(session: AsyncSession, offering: CourseOffering, assignment: str) -> None:
    """Take an assignment back: nobody fetches it any more; attempts and grades stay.

    Raises:
        UnknownLesson: there is none of that name that learners may fetch.
    """
    lesson = await lesson_named(session, offering, assignment)
    if lesson.lesson.slug in offering.withdrawn:
        raise UnknownLesson(f"{assignment!r} is not released.")
    await lesson_publishing.withdraw(session, offering, lesson.lesson.slug)


def _hidden() -> Select[uuid.UUID]:
    return select(ExchangeHiddenSubmission.attempt_id)


async def submitted(
    session: AsyncSession,
    offering: CourseOffering,
    *,
    assignment: str | None,
    student: str | None,
    every: bool,
    page: int,
    limit: int,
) -> tuple[list[ExchangeSubmissionOut], int]:
    """Return a page of a course's submissions, newest first, and how many there are.

    Raises:
        UnknownLesson: the course has no such assignment.
    """
    lesson = None if assignment is None else (await lesson_named(session, offering, assignment)).lesson.slug
    user_ids = None
    if student is not None:
        user = await user_named(session, student)
        user_ids = [user.id] if user is not None else []
    latest = (
        select(Attempt.id)
        .ext(distinct_on(Attempt.user_id, Attempt.lesson_id))
        .where(Attempt.offering_id == offering.id, Attempt.id.not_in(_hidden()))
        .order_by(Attempt.user_id, Attempt.lesson_id, Attempt.submitted_at.desc(), Attempt.number.desc())
    )
    attempts, total = await submissions.course_attempts(
        session,
        offering,
        lesson=lesson,
        user_ids=user_ids,
        statuses=[],
        sort_by="submitted_at",
        descending=True,
        page=page,
        limit=limit,
        among=None if every else latest,
        not_among=_hidden(),
    )
    return await described(session, attempts), total


async def described(session: AsyncSession, attempts: Sequence[Attempt]) -> list[ExchangeSubmissionOut]:
    """Return attempts as the exchange lists them; a few queries, however many attempts."""
    if not attempts:
        return []
    releases = await courses.lesson_releases_by_id(session, {row.lesson_release_id for row in attempts})
    people = await users_by_id(session, {row.user_id for row in attempts})
    offerings = await courses.offerings_by_id(session, {row.offering_id for row in attempts})
    names: dict[uuid.UUID, str] = {}
    for offering in offerings.values():
        names |= await _names(session, offering)
    feedback: dict[uuid.UUID, dict[str, str]] = {}
    rows = await session.execute(
        select(ExchangeFeedback.attempt_id, ExchangeFeedback.notebook, ExchangeFeedback.sha256).where(
            ExchangeFeedback.attempt_id.in_([row.id for row in attempts])
        )
    )
    for attempt_id, notebook, sha256 in rows:
        feedback.setdefault(attempt_id, {})[notebook] = sha256
    counting = {row.id for row in await submissions.describe(session, attempts) if row.counts}
    return [
        ExchangeSubmissionOut(
            id=row.id,
            course=offerings[row.offering_id].course.slug,
            assignment=names.get(row.lesson_id, releases[row.lesson_release_id].lesson.slug),
            student=people[row.user_id].hub_username,
            submitted_at=row.submitted_at,
            number=row.number,
            status=row.status,
            late=row.late,
            counts=row.id in counting,
            notebooks=[
                SubmittedNotebook(notebook=stem, feedback_sha256=feedback.get(row.id, {}).get(stem))
                for stem in releases[row.lesson_release_id].notebooks
            ],
        )
        for row in attempts
    ]


async def own(
    session: AsyncSession,
    user_id: uuid.UUID,
    offering: CourseOffering | None,
    *,
    assignment: str | None,
    page: int,
    limit: int,
) -> tuple[list[ExchangeSubmissionOut], int]:
    """Return a page of a learner's submissions, newest first, and how many there are.

    Raises:
        UnknownLesson: the course has no such assignment.
    """
    lesson_id = None
    if offering is not None and assignment is not None:
        lesson_id = (await lesson_named(session, offering, assignment)).lesson_id
    attempts, total = await submissions.attempts_of(
        session,
        user_id,
        lesson_id=lesson_id,
        offering_id=offering.id if offering is not None else None,
        page=page,
        limit=limit,
    )
    return await described(session, attempts), total


async def _attempt_at(session: AsyncSession, offering: CourseOffering, attempt_id: uuid.UUID) -> Attempt:
    attempt = await submissions.attempt_by_id(session, attempt_id)
    if attempt is None or attempt.offering_id != offering.id:
        raise NotFound("There is no such submission in this course.")
    return attempt


async def content(
    session: AsyncSession, offering: CourseOffering, attempt_id: uuid.UUID
) -> SubmissionContent:
    """Return a submission with its notebooks and files.

    Raises:
        NotFound: the course has no such attempt.
    """
    attempt = await _attempt_at(session, offering, attempt_id)
    (shown,) = await described(session, [attempt])
    return SubmissionContent(
        submission=shown,
        notebooks=await submissions.snapshot_of(session, attempt.id),
        files=(await files_of(session, [attempt.id])).get(attempt.id, {}),
    )


async def hide(
    session: AsyncSession, offering: CourseOffering, attempt_id: uuid.UUID, *, hidden_by: str, now: datetime
) -> None:
    """Take a submission off the exchange's lists. The attempt and its grade stay: learners' work is never deleted.

    Raises:
        NotFound: the course has no such attempt.
    """
    attempt = await _attempt_at(session, offering, attempt_id)
    await session.execute(
        insert(ExchangeHiddenSubmission)
        .values(attempt_id=attempt.id, cohort_id=cohort_of(session), hidden_at=now, hidden_by=hidden_by)
        .on_conflict_do_nothing(index_elements=["attempt_id"])
    )


async def give_feedback(
    session: AsyncSession,
    offering: CourseOffering,
    *,
    student: str,
    assignment: str,
    timestamp: datetime,
    notebooks: Mapping[str, str],
    released_by: str,
    now: datetime,
) -> ExchangeSubmissionOut:
    """Keep a submission's feedback, in place of what was there; its learner may fetch it at once.

    Raises:
        UnknownLesson: the course has no such assignment.
        NotFound: the learner has made no submission at that moment.
    """
    lesson = await lesson_named(session, offering, assignment)
    user = await user_named(session, student)
    attempt = None
    if user is not None:
        attempt = await session.scalar(
            select(Attempt).where(
                Attempt.offering_id == offering.id,
                Attempt.lesson_id == lesson.lesson_id,
                Attempt.user_id == user.id,
                Attempt.submitted_at == timestamp,
            )
        )
    if attempt is None:
        raise NotFound(
            f"{student} made no submission of {assignment} at {timestamp:%Y-%m-%d %H:%M:%S.%f} UTC. Collect it "
            "again with `nbgrader collect --update`, grade it, and release its feedback then."
        )
    for notebook, html in notebooks.items():
        page = html.encode("utf-8", "surrogatepass")
        values = {
            "html": zlib.compress(page),
            "sha256": hashlib.sha256(page).hexdigest(),
            "feedback_at": now,
            "released_by": released_by,
        }
        await session.execute(
            insert(ExchangeFeedback)
            .values(attempt_id=attempt.id, notebook=notebook, cohort_id=cohort_of(session), **values)
            .on_conflict_do_update(index_elements=["attempt_id", "notebook"], set_=values)
        )
    (shown,) = await described(session, [attempt])
    return shown


async def feedback_of(session: AsyncSession, user_id: uuid.UUID, attempt_id: uuid.UUID) -> list[FeedbackOut]:
    """Return the feedback that a learner's own attempt has, by notebook.

    Raises:
        NotFound: there is no such attempt, or it is somebody else's.
    """
    attempt = await submissions.own_attempt(session, user_id, attempt_id)
    rows = await session.scalars(
        select(ExchangeFeedback)
        .options(undefer(ExchangeFeedback.html))
        .where(ExchangeFeedback.attempt_id == attempt.id)
        .order_by(ExchangeFeedback.notebook)
    )
    return [
        FeedbackOut(
            notebook=row.notebook,
            html=zlib.decompress(row.html).decode("utf-8", "surrogatepass"),
            sha256=row.sha256,
            feedback_at=row.feedback_at,
        )
        for row in rows
    ]
