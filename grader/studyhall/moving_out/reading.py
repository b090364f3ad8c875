"""Reading a course out of the database, a few learners at a time, so that memory stays flat however large it is."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.ai_review.models import Review
from studyhall.courses import service as courses
from studyhall.courses.models import (
    CourseOffering,
    Enrolment,
    Lesson,
    LessonFile,
    LessonRelease,
)
from studyhall.exchange.models import ExchangeAssignment
from studyhall.gradebook.deadlines import Terms, terms_of
from studyhall.gradebook.models import Extension, Grade, ManualGrade, RubricItem
from studyhall.identity.models import User
from studyhall.permissions import Role
from studyhall.quizzes.models import Quiz, QuizAttempt, QuizRelease
from studyhall.submissions.models import Attempt, Snapshot

LONGEST_NAME = 200
"""Bytes of a folder's name that every file system takes."""


@dataclass(frozen=True)
class Assignment:
    """A lesson of the pinned release as nbgrader's assignment."""

    name: str
    """What nbgrader calls it, also its folder."""
    lesson: LessonRelease
    terms: Terms

    @property
    def slug(self) -> str:
        """Return the lesson's slug."""
        return self.lesson.lesson.slug


@dataclass(frozen=True)
class Chosen:
    """A learner's attempt that goes into ``submitted/``: the one that counts, else the newest."""

    attempt: Attempt
    counts: bool


@dataclass(frozen=True)
class Sizes:
    """How much there is."""

    students: int
    submissions: int
    """Learners' work, one for each learner and assignment."""
    graded: int
    """Of those, the ones with an attempt that counts."""
    earlier: int
    """Attempts beyond those."""
    marks: int
    bytes: int
    """About what the folder will take."""


def is_folder_name(name: str) -> bool:
    """Say whether a name can be a folder's everywhere, and nothing else."""
    return (
        bool(name)
        and not name.startswith(".")
        and name.isprintable()
        and not any(character in '/\\%:*?"<>|[]' for character in name)
        and len(name.encode("utf-8", "replace")) <= LONGEST_NAME
    )


def is_file_stem(name: str) -> bool:
    """Say whether a notebook's name stays in its folder: learners send what they like."""
    return (
        bool(name)
        and not name.startswith(".")
        and name.isprintable()
        and not any(character in "/\\" for character in name)
        and len(name.encode()) <= LONGEST_NAME
    )


def student_name(hub_username: str) -> str:
    """Return what a learner is called in nbgrader: their hub name, but where no folder can be called that."""
    return (
        hub_username if is_folder_name(hub_username) else quote(hub_username, safe="@ ").replace(".", "%2E")
    )


def staff_of(offering: CourseOffering) -> Select[uuid.UUID]:
    """Return the query for a course's staff, whose own trials do not leave."""
    return select(Enrolment.user_id).where(
        Enrolment.offering_id == offering.id, Enrolment.role != Role.LEARNER.value
    )


def _attempts(offering: CourseOffering, lesson_ids: Sequence[uuid.UUID]) -> tuple[ColumnElement[bool], ...]:
    return (
        Attempt.offering_id == offering.id,
        Attempt.lesson_id.in_(lesson_ids),
        Attempt.user_id.not_in(staff_of(offering)),
    )


async def assignments_of(session: AsyncSession, offering: CourseOffering) -> list[Assignment]:
    """Return a course's lessons in their order, under the names that nbgrader gave them where it released them."""
    lessons = await courses.lessons_of(session, offering)
    rows = await session.execute(
        select(ExchangeAssignment.lesson_id, ExchangeAssignment.name).where(
            ExchangeAssignment.offering_id == offering.id
        )
    )
    told = dict(rows.all())
    wanted = {slug: told.get(lesson.lesson_id, slug) for slug, lesson in lessons.items()}
    taken = list(wanted.values())
    names = {
        slug: name if is_folder_name(name) and "+" not in name and taken.count(name) == 1 else slug
        for slug, name in wanted.items()
    }
    terms = await terms_of(session, offering, {lesson.lesson_id: lesson for lesson in lessons.values()})
    return [
        Assignment(name=names[slug], lesson=lessons[slug], terms=terms[lessons[slug].lesson_id])
        for unit in offering.release.outline
        for slug in unit["lessons"]
    ]


async def people_of(session: AsyncSession, offering: CourseOffering) -> list[User]:
    """Return a course's learners, and those who have left it with work in it."""
    learners = select(Enrolment.user_id).where(
        Enrolment.offering_id == offering.id, Enrolment.role == Role.LEARNER.value
    )
    at_work = select(Attempt.user_id).where(Attempt.offering_id == offering.id)
    rows = await session.scalars(
        select(User)
        .where(or_(User.id.in_(learners), and_(User.id.in_(at_work), User.id.not_in(staff_of(offering)))))
        .order_by(User.hub_username)
    )
    return list(rows)


async def sizes_of(
    session: AsyncSession,
    offering: CourseOffering,
    assignments: Sequence[Assignment],
    *,
    all_attempts: bool,
) -> Sizes:
    """Return how much a course is."""
    lesson_ids = [one.lesson.lesson_id for one in assignments]
    where = _attempts(offering, lesson_ids)
    pairs = select(Attempt.user_id, Attempt.lesson_id).where(*where).distinct().subquery()
    submissions = await session.scalar(select(func.count()).select_from(pairs)) or 0
    attempts, every_byte = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(Attempt.size), 0)).select_from(Attempt).where(*where)
        )
    ).one()
    counts = (Attempt.id == Grade.attempt_id, Grade.offering_id == offering.id, *where)
    graded, counting_bytes = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(Attempt.size), 0))
            .select_from(Attempt)
            .join(Grade, and_(*counts))
        )
    ).one()
    own_files = await session.scalar(
        select(func.coalesce(func.sum(func.length(Snapshot.files)), 0))
        .join(Attempt, Attempt.id == Snapshot.attempt_id)
        .where(*where)
    )
    marks = await session.scalar(
        select(func.count())
        .select_from(ManualGrade)
        .join(Grade, Grade.attempt_id == ManualGrade.attempt_id)
        .where(Grade.offering_id == offering.id, Grade.lesson_id.in_(lesson_ids))
    )
    released = await session.scalar(
        select(func.coalesce(func.sum(func.length(LessonFile.content)), 0)).where(
            LessonFile.lesson_release_id.in_([one.lesson.id for one in assignments])
        )
    )
    # Each counting attempt twice, since its outputs come once more with it; releases twice, as source and as release.
    size = 2 * int(counting_bytes) + 2 * int(released or 0) + int(own_files or 0)
    if all_attempts:
        size += int(every_byte)
    return Sizes(
        students=len(await people_of(session, offering)),
        submissions=submissions,
        graded=graded,
        earlier=attempts - submissions,
        marks=marks or 0,
        bytes=size,
    )


async def chosen_of(
    session: AsyncSession,
    offering: CourseOffering,
    lesson_id: uuid.UUID,
    *,
    after: uuid.UUID | None,
    limit: int,
) -> list[Chosen]:
    """Return the next learners' work in one assignment, in the order of their ids."""
    where = [*_attempts(offering, [lesson_id])]
    if after is not None:
        where.append(Attempt.user_id > after)
    users = list(
        await session.scalars(
            select(Attempt.user_id).where(*where).distinct().order_by(Attempt.user_id).limit(limit)
        )
    )
    counting = {
        attempt.user_id: attempt
        for attempt in await session.scalars(
            select(Attempt)
            .join(Grade, Grade.attempt_id == Attempt.id)
            .where(Grade.offering_id == offering.id, Grade.lesson_id == lesson_id, Grade.user_id.in_(users))
        )
    }
    latest = {
        attempt.user_id: attempt
        for attempt in await session.scalars(
            select(Attempt)
            .ext(distinct_on(Attempt.user_id))
            .where(
                Attempt.offering_id == offering.id,
                Attempt.lesson_id == lesson_id,
                Attempt.user_id.in_([user for user in users if user not in counting]),
            )
            .order_by(Attempt.user_id, Attempt.number.desc())
        )
    }
    return [
        Chosen(counting[user], counts=True) if user in counting else Chosen(latest[user], counts=False)
        for user in users
    ]


async def others_of(session: AsyncSession, attempt: Attempt) -> list[Attempt]:
    """Return a learner's other attempts at the same lesson, the oldest first."""
    rows = await session.scalars(
        select(Attempt)
        .where(
            Attempt.user_id == attempt.user_id,
            Attempt.lesson_id == attempt.lesson_id,
            Attempt.offering_id == attempt.offering_id,
            Attempt.id != attempt.id,
        )
        .order_by(Attempt.number)
    )
    return list(rows)


async def quizzes_of(session: AsyncSession, offering: CourseOffering) -> list[QuizRelease]:
    """Return the quizzes of a course's pinned release."""
    rows = await session.scalars(select(QuizRelease).where(QuizRelease.release_id == offering.release_id))
    return sorted(rows.unique(), key=lambda row: row.quiz.slug)


async def left_behind(
    session: AsyncSession, offering: CourseOffering, assignments: Sequence[Assignment]
) -> list[str]:
    """Say what a course has that nbgrader has no place for."""
    lesson_ids = [one.lesson.lesson_id for one in assignments]

    async def count(query: Select[Any]) -> int:
        return int(await session.scalar(query) or 0)

    mine = Attempt.offering_id == offering.id
    tries = await count(
        select(func.count())
        .select_from(QuizAttempt)
        .join(Quiz, Quiz.id == QuizAttempt.quiz_id)
        .where(Quiz.course_id == offering.course_id)
    )
    reviews = await count(
        select(func.count()).select_from(Review).join(Attempt, Attempt.id == Review.attempt_id).where(mine)
    )
    rubrics = await count(
        select(func.count())
        .select_from(RubricItem)
        .where(RubricItem.offering_id == offering.id, RubricItem.deleted_at.is_(None))
    )
    idle = await count(
        select(func.count())
        .select_from(Extension)
        .where(
            Extension.offering_id == offering.id,
            Extension.lesson_id.in_(lesson_ids),
            ~select(Grade.id)
            .where(
                Grade.offering_id == offering.id,
                Grade.lesson_id == Extension.lesson_id,
                Grade.user_id == Extension.user_id,
                Grade.attempt_id.is_not(None),
            )
            .exists(),
        )
    )
    staff = await count(
        select(func.count()).select_from(Attempt).where(mine, Attempt.user_id.in_(staff_of(offering)))
    )
    gone = await session.execute(
        select(Lesson.slug, func.count())
        .join(Attempt, Attempt.lesson_id == Lesson.id)
        .where(mine, Lesson.id.not_in(lesson_ids), Attempt.user_id.not_in(staff_of(offering)))
        .group_by(Lesson.slug)
        .order_by(Lesson.slug)
    )
    said = {
        "Solutions: what was published here holds stubs in their places. Copy the authors' own `source/` over this one "
        "to have them; its notebooks must have the same names and grade ids.": 1,
        "E-mail addresses: the hub keeps them, not Studyhall. `nbgrader db student import` reads them from a CSV.": 1,
        f"Quizzes: {tries} tries at them. The quizzes are in `quizzes/`, which nbgrader does not read.": tries,
        "XP, levels, streaks and notifications.": 1,
        f"Reviews: {reviews} reviews of attempts.": reviews,
        f"Rubrics: {rubrics} rubric items. What they gave is in the manual scores; their titles are not.": rubrics,
        f"Extensions: {idle} of learners without a graded submission. nbgrader keeps them with submissions only.": idle,
        f"Staff's own trials: {staff} attempts of people who teach or grade this course.": staff,
        "Late policies: penalties are in the gradebook as numbers. `nbgrader autograde` works them out anew, with "
        "whatever late plug-in nbgrader_config.py names then, and takes them away where it names none.": 1,
    }
    notes = [words for words, number in said.items() if number]
    notes += [
        f"{slug}: the course does not have this lesson any more, so {number} attempts at it stay behind."
        for slug, number in gone
    ]
    return notes
