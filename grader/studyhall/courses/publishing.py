"""Publishing: a folder of source notebooks becomes a release that a cohort's offering is pinned to.

Publishing is idempotent: the same content twice is one release. A release is never changed afterwards, so a learner's
attempt can always be graded again with what it was graded with.
"""

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_notebooks.cells import TestInfo, tests_of
from studyhall_notebooks.course import CourseBundle, LessonBundle
from studyhall_notebooks.course import Lesson as LessonSettings
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.quiz import quiz_ids
from studyhall_notebooks.release import graded_source, learner_version, with_default_delimiters

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.courses import service
from studyhall.courses.errors import CourseInvalid
from studyhall.courses.models import (
    Course,
    CourseOffering,
    CourseRelease,
    Lesson,
    LessonFile,
    LessonRelease,
)
from studyhall.courses.schemas import Published, PublishedLesson
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox

DEFAULT_MINUTES = 20

ReleaseWriter = Callable[[AsyncSession, CourseRelease, CourseBundle, ContentCipher], Awaitable[None]]
"""Called in the publishing transaction with the release, so that another capability stores its part of it.

It is called for a release that exists already too, and must then change nothing: so a capability that is new in this
version gets its part of old releases with the next publication.
"""


@dataclass(frozen=True)
class BuiltLesson:
    """A lesson ready to be stored: what the judge grades with, and what learners fetch (release number still open)."""

    settings: LessonSettings
    graded: dict[str, str]
    files: dict[str, bytes]
    tests: list[TestInfo]
    quizzes: list[str]
    content_hash: str
    graded_hash: str


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def build_lesson(
    bundle: CourseBundle, settings: LessonSettings, files: LessonBundle
) -> tuple[BuiltLesson, dict[str, Any]]:
    """Build a lesson's two versions and return it with its graded notebooks by stem.

    Raises:
        CourseInvalid: a notebook can't be released; the message names it and the way out.
    """
    graded_nodes: dict[str, Any] = {}
    tests: list[TestInfo] = []
    quizzes: list[str] = []
    learner_texts: dict[str, str] = {}
    for stem, data in files.notebooks.items():
        try:
            graded = graded_source(read_notebook(data), bundle.options)
            learner = learner_version(
                graded,
                course=bundle.course.slug,
                lesson=settings.slug,
                release=0,
                notebook=stem,
                options=bundle.options,
            )
        except NotebookError as error:
            raise CourseInvalid(f"{settings.source_folder}/{stem}.ipynb: {error.message}") from error
        graded_nodes[stem] = graded
        learner_texts[stem] = write_notebook(learner)
        tests.extend(tests_of(graded, stem))
        quizzes.extend(name for name in quiz_ids(learner) if name not in quizzes)
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.files.items()}
    graded_texts = {
        # The judge knows one way of marking hidden tests, whatever the course uses.
        stem: write_notebook(with_default_delimiters(node, bundle.options))
        for stem, node in graded_nodes.items()
    }
    return (
        BuiltLesson(
            settings=settings,
            graded=graded_texts,
            files=files.files,
            tests=tests,
            quizzes=quizzes,
            content_hash=digest({"notebooks": learner_texts, "files": hashes}),
            graded_hash=digest({"notebooks": graded_texts, "files": hashes}),
        ),
        graded_nodes,
    )


async def publish(
    session: AsyncSession,
    bundle: CourseBundle,
    *,
    organization_id: uuid.UUID,
    published_by: str,
    cipher: ContentCipher,
    outbox: Outbox,
    writers: Sequence[ReleaseWriter] = (),
) -> tuple[CourseOffering, Published]:
    """Store a course as a new release and pin the session's cohort to it.

    Raises:
        CourseInvalid: a notebook can't be released. Nothing is stored then.
    """
    built: dict[str, BuiltLesson] = {}
    nodes: dict[str, dict[str, Any]] = {}
    for settings in bundle.course.lessons:
        built[settings.slug], nodes[settings.slug] = build_lesson(
            bundle, settings, bundle.lessons[settings.slug]
        )
    content_hash = digest(
        {
            "course": bundle.course.model_dump(mode="json"),
            "lessons": {slug: lesson.graded_hash for slug, lesson in built.items()},
            "quizzes": {name: quiz.model_dump(mode="json") for name, quiz in sorted(bundle.quizzes.items())},
        }
    )
    course = await _course(session, bundle, organization_id)
    previous = await _current_lessons(session, course)
    release = await session.scalar(
        select(CourseRelease).where(
            CourseRelease.course_id == course.id, CourseRelease.content_hash == content_hash
        )
    )
    is_new = release is None
    if release is None:
        outline = [
            {"slug": unit.slug, "title": unit.title, "lessons": [lesson.slug for lesson in unit.lessons]}
            for unit in bundle.course.units
        ]
        release = await new_release(session, course.id, outline, content_hash, published_by)
        for slug, lesson in built.items():
            learners = {
                stem: write_notebook(
                    learner_version(
                        node,
                        course=course.slug,
                        lesson=slug,
                        release=release.number,
                        notebook=stem,
                        options=bundle.options,
                    )
                )
                for stem, node in nodes[slug].items()
            }
            await store_lesson(session, release, lesson, learners, cipher)
    for writer in writers:
        await writer(session, release, bundle, cipher)
    former = await _pinned(session, course)
    offering = await _pin(session, course, release)
    if release.number != former:  # also one that there was: grades go by its dates and tests from now on
        await outbox.emit(
            session,
            EventType.COURSE_PUBLISHED,
            user_id=None,
            data={"course": course.slug, "release": release.number, "by": published_by},
        )
    return offering, Published(
        course=course.slug,
        title=course.title,
        release=release.number,
        former_release=former,
        outcome=_outcome(release.number, former, is_new=is_new),
        changed=is_new,
        lessons=_changes(previous, built),
        quizzes=len(bundle.quizzes),
        warnings=list(bundle.notes),
    )


def write_down(session: AsyncSession, published: Published, *, actor: Actor, now: datetime) -> None:
    """Write a publication into the cohort's audit log, with what became of each lesson."""
    audit.record(
        session,
        actor,
        Action.COURSE_PUBLISHED,
        about=f"release {published.release}",
        course=published.course,
        at=now,
        after={lesson.slug: lesson.change for lesson in published.lessons if lesson.change != "unchanged"},
    )


def _change(
    before: LessonRelease | None, lesson: BuiltLesson
) -> Literal["new", "changed", "settings", "unchanged"]:
    if before is None:
        return "new"
    if before.graded_hash != lesson.graded_hash:
        return "changed"
    same = all(getattr(before, name) == value for name, value in _columns_of(lesson.settings).items())
    return "unchanged" if same else "settings"


def _changes(
    previous: Mapping[str, LessonRelease], built: Mapping[str, BuiltLesson]
) -> list[PublishedLesson]:
    rows = []
    for slug, lesson in built.items():
        rows.append(
            PublishedLesson(
                slug=slug,
                title=lesson.settings.title,
                change=_change(previous.get(slug), lesson),
                tests=len(lesson.tests),
                points=sum(test.points for test in lesson.tests),
            )
        )
    rows.extend(
        PublishedLesson(slug=slug, title=before.title, change="removed", tests=0, points=0)
        for slug, before in previous.items()
        if slug not in built
    )
    return rows


async def _course(session: AsyncSession, bundle: CourseBundle, organization_id: uuid.UUID) -> Course:
    """Return the course's row, locked, so that two publications of it go one after the other."""
    settings = bundle.course
    values = {"title": settings.title, "description": settings.description, "level": settings.level}
    await session.execute(
        insert(Course)
        .values(id=uuid.uuid4(), organization_id=organization_id, slug=settings.slug, **values)
        .on_conflict_do_update(index_elements=["organization_id", "slug"], set_=values)
    )
    return (
        await session.scalars(
            select(Course)
            .where(Course.organization_id == organization_id, Course.slug == settings.slug)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()


async def _current_lessons(session: AsyncSession, course: Course) -> dict[str, LessonRelease]:
    offering = await session.scalar(
        select(CourseOffering).where(
            CourseOffering.course_id == course.id, CourseOffering.cohort_id == cohort_of(session)
        )
    )
    if offering is None:
        return {}
    return await service.lessons_of(session, offering)


async def new_release(
    session: AsyncSession,
    course_id: uuid.UUID,
    outline: Sequence[Mapping[str, Any]],
    content_hash: str,
    published_by: str,
) -> CourseRelease:
    """Store the next release of a course whose row is locked, with nothing in it yet."""
    last = await session.scalar(
        select(func.max(CourseRelease.number)).where(CourseRelease.course_id == course_id)
    )
    release = CourseRelease(
        id=uuid.uuid4(),
        course_id=course_id,
        number=(last or 0) + 1,
        content_hash=content_hash,
        outline=list(outline),
        published_by=published_by,
    )
    session.add(release)
    await session.flush()
    return release


def _columns_of(settings: LessonSettings) -> dict[str, Any]:
    """Return what `course.yaml` says about a lesson, by the names of its release's columns."""
    return {
        "title": settings.title,
        "minutes": settings.minutes or DEFAULT_MINUTES,
        "pass_score": settings.pass_score,
        "prerequisite": settings.after.model_dump() if settings.after else None,
        "environment": settings.environment,
        "scoring": settings.scoring,
        "reveal": settings.reveal,
        "max_attempts": settings.max_attempts,
        "due_at": settings.due,
        "closes_at": settings.closes,
        "ai_review": settings.ai_review,
    }


async def store_lesson(
    session: AsyncSession,
    release: CourseRelease,
    built: BuiltLesson,
    learners: Mapping[str, str],
    cipher: ContentCipher,
) -> LessonRelease:
    """Store a lesson in a new release; ``learners`` are the texts of the learners' notebooks by stem."""
    settings = built.settings
    await session.execute(
        insert(Lesson)
        .values(id=uuid.uuid4(), course_id=release.course_id, slug=settings.slug)
        .on_conflict_do_nothing(index_elements=["course_id", "slug"])
    )
    lesson = (
        await session.scalars(
            select(Lesson).where(Lesson.course_id == release.course_id, Lesson.slug == settings.slug)
        )
    ).one()
    stored = LessonRelease(
        id=uuid.uuid4(),
        release_id=release.id,
        lesson_id=lesson.id,
        **_columns_of(settings),
        tests=[
            test.model_dump(include={"id", "title", "points", "hidden", "manual", "notebook", "grade_id"})
            for test in built.tests
        ],
        notebooks=list(built.graded),
        quizzes=built.quizzes,
        content_hash=built.content_hash,
        graded_hash=built.graded_hash,
        graded=cipher.seal({"notebooks": built.graded}),
    )
    session.add(stored)
    await session.flush()
    contents: dict[str, tuple[bytes, bool]] = {path: (data, False) for path, data in built.files.items()}
    contents |= {f"{stem}.ipynb": (text.encode(), True) for stem, text in learners.items()}
    session.add_all(
        LessonFile(
            id=uuid.uuid4(),
            lesson_release_id=stored.id,
            path=path,
            sha256=hashlib.sha256(data).hexdigest(),
            is_notebook=is_notebook,
            content=data,
        )
        for path, (data, is_notebook) in contents.items()
    )
    return stored


async def _pinned(session: AsyncSession, course: Course) -> int | None:
    """Return the number of the release that the session's cohort has now."""
    pinned: int | None = await session.scalar(
        select(CourseRelease.number)
        .join(CourseOffering, CourseOffering.release_id == CourseRelease.id)
        .where(CourseOffering.course_id == course.id, CourseOffering.cohort_id == cohort_of(session))
    )
    return pinned


def _outcome(
    release: int, former: int | None, *, is_new: bool
) -> Literal["published", "returned", "taken_over", "unchanged"]:
    if is_new:
        return "published"
    if former is None:
        return "taken_over"
    return "unchanged" if release == former else "returned"


async def _pin(session: AsyncSession, course: Course, release: CourseRelease) -> CourseOffering:
    await session.execute(
        insert(CourseOffering)
        .values(id=uuid.uuid4(), cohort_id=cohort_of(session), course_id=course.id, release_id=release.id)
        .on_conflict_do_update(index_elements=["cohort_id", "course_id"], set_={"release_id": release.id})
    )
    return (
        (
            await session.scalars(
                select(CourseOffering)
                .where(CourseOffering.course_id == course.id, CourseOffering.cohort_id == cohort_of(session))
                .execution_options(populate_existing=True)
            )
        )
        .unique()
        .one()
    )
