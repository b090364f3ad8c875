"""What staff read of their courses and assignments."""

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses import service
from studyhall.courses.models import Course, CourseOffering, Enrolment, LessonProgress, LessonState
from studyhall.courses.released import PassedByGrade
from studyhall.courses.schemas import StaffAssignment, StaffCourse
from studyhall.permissions import Permission, Role
from studyhall.person import Person


async def staff_courses(
    session: AsyncSession, person: Person, *, page: int, limit: int
) -> tuple[list[StaffCourse], int]:
    """Return a page of the courses that the person grades or teaches, and how many there are."""
    slugs = person.courses_with(Permission.STAFF_COURSES_READ)
    shown = slugs[(page - 1) * limit : page * limit]
    offerings = (
        await session.scalars(
            select(CourseOffering).join(Course).where(Course.slug.in_(shown)).order_by(Course.slug)
        )
    ).unique()
    rows = [
        StaffCourse(
            slug=offering.course.slug,
            title=offering.course.title,
            role=person.roles[offering.course.slug].value,
            release=offering.release.number,
            learners=await service.learners_of(session, offering),
            lessons=sum(len(unit["lessons"]) for unit in offering.release.outline),
        )
        for offering in offerings
    ]
    return rows, len(slugs)


async def assignments(
    session: AsyncSession, course: str, *, page: int, limit: int, passed_by_grade: PassedByGrade
) -> tuple[list[StaffAssignment], int]:
    """Return a page of a course's lessons with graded cells, in the course's order.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await service.offering_of(session, course)
    lessons = await service.lessons_of(session, offering)
    ordered = [
        (unit["title"], lessons[slug])
        for unit in offering.release.outline
        for slug in unit["lessons"]
        if lessons[slug].tests
    ]
    shown = ordered[(page - 1) * limit : page * limit]
    learners = await service.learners_of(session, offering)
    submitted = LessonProgress.state.in_([LessonState.SUBMITTED.value, LessonState.PASSED.value])
    counts = {
        row.lesson_id: row
        for row in await session.execute(
            select(
                LessonProgress.lesson_id,
                func.count().label("started"),
                func.count(case((submitted, 1))).label("submitted"),
                func.count(case((LessonProgress.state == LessonState.PASSED.value, 1))).label("passed"),
                func.avg(
                    100 * LessonProgress.best_score / func.nullif(LessonProgress.best_max_score, 0)
                ).label("mean"),
            )
            .join(
                Enrolment,
                (Enrolment.user_id == LessonProgress.user_id)
                & (Enrolment.offering_id == offering.id)
                & (Enrolment.role == Role.LEARNER.value),
            )
            .where(LessonProgress.lesson_id.in_([lesson.lesson_id for _, lesson in shown]))
            .group_by(LessonProgress.lesson_id)
        )
    }
    by_grade = await passed_by_grade(
        session, offering.id, {lesson.lesson_id: lesson.pass_score for _, lesson in shown}
    )
    rows = []
    for unit, lesson in shown:
        count = counts.get(lesson.lesson_id)
        rows.append(
            StaffAssignment(
                lesson=lesson.lesson.slug,
                title=lesson.title,
                unit=unit,
                points=sum(float(test["points"]) for test in lesson.tests),
                due_at=lesson.due_at,
                closes_at=lesson.closes_at,
                learners=learners,
                started=count.started if count else 0,
                submitted=count.submitted if count else 0,
                passed=(count.passed if count else 0) + by_grade.get(lesson.lesson_id, 0),
                mean_percent=round(float(count.mean), 1) if count and count.mean is not None else None,
            )
        )
    return rows, len(ordered)
