"""Publishing one lesson into an offering: a new release that differs from the pinned one in that lesson alone.

nbgrader releases assignments one by one; a release here is a whole course and never changes. So all other lessons are
taken over as they are, with what learners fetch and what the judge grades with.
"""

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer
from studyhall_notebooks.course import Lesson as LessonSettings
from studyhall_notebooks.parsing import read_notebook, write_notebook

from studyhall.courses import service
from studyhall.courses.models import Course, CourseOffering, CourseRelease, Lesson, LessonFile, LessonRelease
from studyhall.courses.publishing import BuiltLesson, digest, new_release, store_lesson
from studyhall.db.encryption import ContentCipher
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox

UNIT = {"slug": "assignments", "title": "Assignments"}
"""Where a lesson is put that the course's outline does not know."""

ReleaseCarrier = Callable[[AsyncSession, CourseRelease, CourseRelease], Awaitable[None]]
"""Called with the old release and the new one, so that another capability takes its part of it over."""


@dataclass(frozen=True)
class PublishedOne:
    """What publishing one lesson did: the release that the offering is pinned to now, and whether it is a new one."""

    release: int
    changed: bool


async def settings_before(
    session: AsyncSession, offering: CourseOffering, slug: str
) -> LessonSettings | None:
    """Return a lesson's settings as the newest release that has it says them; None when there never was one."""
    row = await session.scalar(
        select(LessonRelease)
        .join(Lesson)
        .join(CourseRelease, CourseRelease.id == LessonRelease.release_id)
        .where(CourseRelease.course_id == offering.course_id, Lesson.slug == slug)
        .order_by(CourseRelease.number.desc())
        .limit(1)
    )
    if row is None:
        return None
    return LessonSettings.model_validate(
        {
            "slug": slug,
            "title": row.title,
            "minutes": row.minutes,
            "pass_score": int(row.pass_score),
            "after": row.prerequisite,
            "max_attempts": row.max_attempts,
            "environment": row.environment,
            "scoring": row.scoring,
            "reveal": row.reveal,
            "due": row.due_at,
            "closes": row.closes_at,
            "ai_review": row.ai_review,
        }
    )


async def publish_lesson(
    session: AsyncSession,
    offering: CourseOffering,
    built: BuiltLesson,
    learners: Callable[[int], Mapping[str, str]],
    *,
    published_by: str,
    cipher: ContentCipher,
    outbox: Outbox,
    carriers: Sequence[ReleaseCarrier],
) -> PublishedOne:
    """Pin the offering to a release with this lesson in it, and offer it to learners.

    ``learners`` gives the learners' notebooks by stem for the number of a release.
    """
    await _lock(session, offering)
    slug = built.settings.slug
    lessons = await service.lessons_of(session, offering)
    before = lessons.get(slug)
    offering.withdrawn = [name for name in offering.withdrawn if name != slug]
    if (
        before is not None
        and (before.graded_hash, before.content_hash) == (built.graded_hash, built.content_hash)
        and before.due_at == built.settings.due
    ):
        return PublishedOne(offering.release.number, changed=False)
    known = set(before.quizzes) if before else set()
    built = replace(built, quizzes=[name for name in built.quizzes if name in known])
    old = offering.release
    content_hash = digest(
        {
            "after": old.content_hash,
            "lesson": slug,
            "graded": built.graded_hash,
            "learners": built.content_hash,
            "due": built.settings.due.isoformat() if built.settings.due else None,
        }
    )
    release = await session.scalar(
        select(CourseRelease).where(
            CourseRelease.course_id == offering.course_id, CourseRelease.content_hash == content_hash
        )
    )
    if release is None:
        release = await new_release(
            session, offering.course_id, _outline_with(old.outline, slug), content_hash, published_by
        )
        for name, lesson in lessons.items():
            if name != slug:
                await _take_over(session, lesson, release)
        await store_lesson(session, release, built, learners(release.number), cipher)
        for carry in carriers:
            await carry(session, old, release)
    offering.release_id = release.id
    await session.flush()
    await session.refresh(offering, ["release"])
    await outbox.emit(
        session,
        EventType.COURSE_PUBLISHED,
        user_id=None,
        data={"course": offering.course.slug, "release": release.number, "by": published_by},
    )
    return PublishedOne(release.number, changed=True)


async def withdraw(session: AsyncSession, offering: CourseOffering, slug: str) -> None:
    """Take a lesson back: nobody begins it any more, and whoever has begun it keeps it."""
    await _lock(session, offering)
    if slug not in offering.withdrawn:
        offering.withdrawn = [*offering.withdrawn, slug]
        await session.flush()


async def _lock(session: AsyncSession, offering: CourseOffering) -> None:
    """Take the course's lock, so that publications go one after the other, and read the offering anew."""
    await session.scalars(select(Course.id).where(Course.id == offering.course_id).with_for_update())
    await session.refresh(offering)


def _outline_with(outline: Sequence[Mapping[str, object]], slug: str) -> list[dict[str, object]]:
    units = json.loads(json.dumps(list(outline)))
    if any(slug in unit["lessons"] for unit in units):
        return list(units)
    for unit in units:
        if unit["slug"] == UNIT["slug"]:
            unit["lessons"].append(slug)
            return list(units)
    return [*units, {**UNIT, "lessons": [slug]}]


async def _take_over(session: AsyncSession, lesson: LessonRelease, release: CourseRelease) -> None:
    """Store a lesson of the release before in a new one; only the notebooks' own release number changes."""
    columns = [
        column
        for column in LessonRelease.__table__.columns
        if column.name not in {"id", "release_id", "created_at"}
    ]
    identifier = uuid.uuid4()
    table = LessonRelease.__table__
    await session.execute(
        insert(LessonRelease).from_select(
            ["id", "release_id", *(column.name for column in columns)],
            select(literal(identifier), literal(release.id), *columns).where(table.c.id == lesson.id),
        )
    )
    files = LessonFile.__table__
    await session.execute(
        insert(LessonFile).from_select(
            ["id", "lesson_release_id", "path", "sha256", "is_notebook", "content"],
            select(
                func.gen_random_uuid(),
                literal(identifier),
                files.c.path,
                files.c.sha256,
                files.c.is_notebook,
                files.c.content,
            ).where(files.c.lesson_release_id == lesson.id),
        )
    )
    notebooks = await session.scalars(
        select(LessonFile)
        .options(undefer(LessonFile.content))
        .where(LessonFile.lesson_release_id == identifier, LessonFile.is_notebook)
    )
    for file in notebooks:
        text = renumbered(file.content.decode(), release.number)
        file.content = text.encode()
        file.sha256 = hashlib.sha256(file.content).hexdigest()


def renumbered(text: str, release: int) -> str:
    """Return a learner's notebook as another release has it."""
    notebook = read_notebook(text)
    if isinstance(notebook.metadata.get("studyhall"), dict):
        notebook.metadata["studyhall"]["release"] = release
    return write_notebook(notebook)
