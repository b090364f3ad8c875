"""What learners see of their courses: the list, and each one's units and lessons with their own progress and dates."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import policy, service
from studyhall.courses.deadlines import DeadlinesOf
from studyhall.courses.models import Course, CourseOffering, LessonProgress, LessonRelease
from studyhall.courses.policy import Result
from studyhall.courses.released import ReleasedOf
from studyhall.courses.schemas import (
    ContinueWith,
    CourseSummary,
    Outline,
    OutlineCourse,
    OutlineLesson,
    OutlineState,
    OutlineUnit,
)
from studyhall.person import Person
from studyhall.settings import ReviewedBy


async def summaries(
    session: AsyncSession,
    person: Person,
    *,
    page: int,
    limit: int,
    rewards_enabled: bool,
    released_of: ReleasedOf,
) -> tuple[list[CourseSummary], int]:
    """Return a page of the person's courses, and how many they have."""
    slugs = sorted(person.roles)
    shown = slugs[(page - 1) * limit : page * limit]
    offerings = (
        await session.scalars(
            select(CourseOffering).join(Course).where(Course.slug.in_(shown)).order_by(Course.slug)
        )
    ).unique()
    found = []
    for offering in offerings:
        lessons = await service.lessons_of(session, offering)
        pass_scores = {row.lesson_id: row.pass_score for row in lessons.values()}
        progress = await service.progress_of(session, person.user_id, set(pass_scores))
        released = await released_of(session, person.user_id, set(progress))
        found.append(
            CourseSummary(
                slug=offering.course.slug,
                title=offering.course.title,
                description=offering.course.description,
                level=offering.course.level,
                role=person.roles[offering.course.slug].value,
                release=offering.release.number,
                lessons_total=len(lessons),
                lessons_passed=sum(
                    policy.is_passed(
                        row.state, released.get(row.lesson_id), pass_score=pass_scores[row.lesson_id]
                    )
                    for row in progress.values()
                ),
                rewards_enabled=rewards_enabled,
            )
        )
    return found, len(slugs)


def _outline_lesson(
    lesson: LessonRelease,
    progress: LessonProgress | None,
    *,
    released: Result | None,
    release: int,
    reason: str | None,
    deadlines: policy.Deadlines,
    reviewer: ReviewedBy | None,
) -> OutlineLesson:
    state = policy.outline_state(progress.state if progress else None, locked=reason is not None)
    score, max_score = None, None
    if progress is not None:
        score, max_score = policy.best_result(progress.best_score, progress.best_max_score, released)
        if policy.is_passed(progress.state, released, pass_score=lesson.pass_score):
            state = OutlineState.PASSED
    fetched = progress.fetched_hash if progress else None
    return OutlineLesson(
        slug=lesson.lesson.slug,
        title=lesson.title,
        minutes=lesson.minutes,
        state=state,
        locked_reason=reason if state is OutlineState.LOCKED else None,
        update_available=fetched is not None and fetched != lesson.content_hash,
        release=release,
        fetched_release=progress.fetched_release if progress else None,
        due_at=deadlines.due_at,
        closes_at=deadlines.closes_at,
        score=score,
        max_score=max_score,
        best_percent=policy.percent(score, max_score),
        pass_score=lesson.pass_score,
        attempts_used=progress.attempts_used if progress else 0,
        attempts_max=lesson.max_attempts,
        notebooks=lesson.notebooks,
        first_notebook=f"{lesson.notebooks[0]}.ipynb",
        quizzes=lesson.quizzes,
        has_tests=bool(lesson.tests),
        ai_review=lesson.ai_review and reviewer is not None,
        ai_reviewer=reviewer if lesson.ai_review else None,
    )


def _takes_submissions(lesson: OutlineLesson, now: datetime) -> bool:
    """Say whether going on with a lesson can still lead anywhere: it is not closed, and there is an attempt left."""
    closed = policy.is_closed(lesson.closes_at, now)
    used_up = lesson.attempts_max is not None and lesson.attempts_used >= lesson.attempts_max
    return not (lesson.has_tests and (closed or used_up))


async def outline(
    session: AsyncSession,
    person: Person,
    course: str,
    *,
    deadlines_of: DeadlinesOf,
    released_of: ReleasedOf,
    reviewer: ReviewedBy | None,
    now: datetime,
) -> Outline:
    """Return a course as the person sees it: units, lessons, how far they have come, and their own deadlines.

    ``reviewer`` is who reviews attempts in this installation, if anybody.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await service.offering_of(session, course)
    lessons = await service.lessons_of(session, offering)
    progress = await service.progress_of(session, person.user_id, {row.lesson_id for row in lessons.values()})
    released = await released_of(session, person.user_id, set(progress))
    deadlines = await deadlines_of(session, person.user_id, offering, lessons.values())
    titles = {slug: row.title for slug, row in lessons.items()}
    bests = {
        slug: policy.percent(
            *policy.best_result(reached.best_score, reached.best_max_score, released.get(row.lesson_id))
        )
        for slug, row in lessons.items()
        if (reached := progress.get(row.lesson_id)) is not None
    }
    units = []
    for unit in offering.release.outline:
        rows = []
        for slug in unit["lessons"]:
            lesson = lessons[slug]
            if slug in offering.withdrawn and lesson.lesson_id not in progress:
                continue
            reason = policy.locked_reason(lesson.prerequisite, titles=titles, best_percents=bests)
            rows.append(
                _outline_lesson(
                    lesson,
                    progress.get(lesson.lesson_id),
                    released=released.get(lesson.lesson_id),
                    release=offering.release.number,
                    reason=reason,
                    deadlines=deadlines[lesson.lesson_id],
                    reviewer=reviewer,
                )
            )
        if rows:
            units.append(OutlineUnit(slug=unit["slug"], title=unit["title"], lessons=rows))
    everything = [lesson for unit in units for lesson in unit.lessons]
    takes = [lesson for lesson in everything if _takes_submissions(lesson, now)]
    underway = (OutlineState.STARTED, OutlineState.SUBMITTED)
    # What is there to be read is never finished, so it is offered until it is opened, and not again.
    begun = (lesson for lesson in takes if lesson.has_tests and lesson.state in underway)
    following = next(begun, None) or next(
        (lesson for lesson in takes if lesson.state is OutlineState.NEW), None
    )
    return Outline(
        course=OutlineCourse(
            slug=offering.course.slug,
            title=offering.course.title,
            description=offering.course.description,
            release=offering.release.number,
        ),
        continue_with=ContinueWith(lesson=following.slug, title=following.title) if following else None,
        units=units,
    )
