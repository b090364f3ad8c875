"""Deadlines as they hold for one learner: what the author published, what staff decided, and extensions."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import CourseOffering, Lesson, LessonRelease
from studyhall.courses.policy import Deadlines
from studyhall.gradebook import policy
from studyhall.gradebook.models import AssignmentPolicy, Extension, LatePolicy


@dataclass(frozen=True)
class Terms:
    """What holds for one assignment: the author's dates, what staff decided, and who has more time."""

    lesson_id: uuid.UUID
    release: LessonRelease | None
    """The lesson in the offering's pinned release; none when a newer release has left it out."""
    decided: AssignmentPolicy | None
    extensions: Mapping[uuid.UUID, Extension]
    """By learner; only of those who were asked about."""

    @property
    def rule(self) -> policy.LateRule:
        """Return what lateness costs."""
        if self.decided is None:
            return policy.LateRule()
        return policy.LateRule(
            policy=LatePolicy(self.decided.late_policy),
            percent_per_day=self.decided.late_percent_per_day,
            max_percent=self.decided.late_max_percent,
            grace=timedelta(minutes=self.decided.grace_minutes),
        )

    def deadlines(self, user_id: uuid.UUID | None = None) -> Deadlines:
        """Return the deadlines of a learner, or those of everybody without an extension."""
        extension = self.extensions.get(user_id) if user_id is not None else None
        return policy.deadlines(
            rule=self.rule,
            released=(self.release.due_at, self.release.closes_at) if self.release else (None, None),
            decided=(self.decided.due_at, self.decided.closes_at) if self.decided else (None, None),
            extension=(extension.due_at, extension.closes_at) if extension else None,
        )


async def terms_of(
    session: AsyncSession,
    offering: CourseOffering,
    lessons: Mapping[uuid.UUID, LessonRelease | None],
    *,
    user_ids: set[uuid.UUID] | None = None,
) -> dict[uuid.UUID, Terms]:
    """Return what holds for assignments of a course, by lesson id; one query, however many.

    Args:
        session: the cohort's.
        offering: the course.
        lessons: the assignments by lesson id, as the pinned release has them.
        user_ids: whose extensions are wanted; none means everybody's.
    """
    about = [Extension.lesson_id == Lesson.id, Extension.offering_id == offering.id]
    if user_ids is not None:
        about.append(Extension.user_id.in_(user_ids))
    rows = await session.execute(
        select(Lesson.id, AssignmentPolicy, Extension)
        .outerjoin(
            AssignmentPolicy,
            and_(AssignmentPolicy.lesson_id == Lesson.id, AssignmentPolicy.offering_id == offering.id),
        )
        .outerjoin(Extension, and_(*about))
        .where(Lesson.id.in_(lessons))
    )
    decided: dict[uuid.UUID, AssignmentPolicy] = {}
    extensions: dict[uuid.UUID, dict[uuid.UUID, Extension]] = {}
    for lesson_id, row, extension in rows:
        if row is not None:
            decided[lesson_id] = row
        if extension is not None:
            extensions.setdefault(lesson_id, {})[extension.user_id] = extension
    return {
        lesson_id: Terms(
            lesson_id=lesson_id,
            release=release,
            decided=decided.get(lesson_id),
            extensions=extensions.get(lesson_id, {}),
        )
        for lesson_id, release in lessons.items()
    }


async def deadlines_of(
    session: AsyncSession, user_id: uuid.UUID, offering: CourseOffering, lessons: Iterable[LessonRelease]
) -> dict[uuid.UUID, Deadlines]:
    """Return a learner's deadlines by lesson id."""
    terms = await terms_of(session, offering, {row.lesson_id: row for row in lessons}, user_ids={user_id})
    return {lesson_id: one.deadlines(user_id) for lesson_id, one in terms.items()}
