"""Endpoints of courses and lessons, for learners and for staff."""

import base64
import binascii
import tempfile
from pathlib import Path, PurePosixPath

from studyhall_notebooks.course import load_course
from studyhall_notebooks.errors import CourseError

from studyhall.audit.requests import actor_of
from studyhall.courses import outlines, publishing, service, staff
from studyhall.courses.deadlines import DeadlinesOf
from studyhall.courses.errors import CourseInvalid
from studyhall.courses.publishing import ReleaseWriter
from studyhall.courses.released import PassedByGrade, ReleasedOf
from studyhall.courses.schemas import (
    CourseSummary,
    Outline,
    Published,
    ReleaseUpload,
    StaffAssignment,
    StaffCourse,
    StartedLesson,
    StartIn,
)
from studyhall.errors import ErrorCode, Invalid, TooLarge
from studyhall.organizations.service import cohort_by_id
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route


async def list_staff_courses(request: Request) -> Page[StaffCourse]:
    """Return the courses that the person grades or teaches."""
    query = request.query_as(PageQuery)
    items, total = await staff.staff_courses(
        request.session, request.person, page=query.page, limit=query.limit
    )
    return Page(items, total, query.page, query.limit)


def routes(deadlines_of: DeadlinesOf, released_of: ReleasedOf, passed_by_grade: PassedByGrade) -> list[Route]:
    """Return the routes of courses.

    A learner's own deadlines and released grades are the gradebook's, handed in by :mod:`studyhall.app`.
    """

    async def list_courses(request: Request) -> Page[CourseSummary]:
        """Return the courses that the person is enrolled in."""
        query = request.query_as(PageQuery)
        cohort = await cohort_by_id(request.session, request.person.cohort_id)
        items, total = await outlines.summaries(
            request.session,
            request.person,
            page=query.page,
            limit=query.limit,
            rewards_enabled=cohort.rewards_enabled,
            released_of=released_of,
        )
        return Page(items, total, query.page, query.limit)

    async def show_outline(request: Request) -> Outline:
        """Return a course with the learner's progress."""
        return await outlines.outline(
            request.session,
            request.person,
            request.path["course"],
            deadlines_of=deadlines_of,
            released_of=released_of,
            reviewer=request.context.settings.reviewed_by,
            now=request.context.clock(),
        )

    async def start_lesson(request: Request) -> StartedLesson:
        """Hand out a lesson's files."""
        return await service.start_lesson(
            request.session,
            request.person,
            course=request.path["course"],
            lesson=request.path["lesson"],
            update=request.body_as(StartIn).update,
            now=request.context.clock(),
            released_of=released_of,
        )

    async def list_assignments(request: Request) -> Page[StaffAssignment]:
        """Return a course's lessons with graded cells."""
        query = request.query_as(PageQuery)
        items, total = await staff.assignments(
            request.session,
            request.path["course"],
            page=query.page,
            limit=query.limit,
            passed_by_grade=passed_by_grade,
        )
        return Page(items, total, query.page, query.limit)

    return [
        Route(
            method="GET",
            path="/courses",
            summary="My courses",
            permission=Permission.COURSES_READ,
            handle=list_courses,
            query=PageQuery,
            response=list[CourseSummary],
            paged=True,
        ),
        Route(
            method="POST",
            path="/courses/{course}/lessons/{lesson}/start",
            summary="Fetch a lesson's files and start it",
            permission=Permission.LESSONS_START,
            handle=start_lesson,
            body=StartIn,
            response=StartedLesson,
            errors=(ErrorCode.NOT_ENROLLED, ErrorCode.UNKNOWN_LESSON, ErrorCode.LESSON_LOCKED),
        ),
        Route(
            method="GET",
            path="/staff/courses",
            summary="Courses that I grade or teach",
            permission=Permission.STAFF_COURSES_READ,
            handle=list_staff_courses,
            query=PageQuery,
            response=list[StaffCourse],
            paged=True,
            tag="staff",
        ),
        Route(
            method="GET",
            path="/staff/courses/{course}/assignments",
            summary="A course's assignments",
            permission=Permission.STAFF_COURSES_READ,
            handle=list_assignments,
            query=PageQuery,
            response=list[StaffAssignment],
            paged=True,
            tag="staff",
            errors=(ErrorCode.UNKNOWN_COURSE,),
        ),
        Route(
            method="GET",
            path="/courses/{course}/outline",
            summary="A course with my progress",
            permission=Permission.COURSES_READ,
            handle=show_outline,
            response=Outline,
            errors=(ErrorCode.NOT_ENROLLED, ErrorCode.UNKNOWN_COURSE),
        ),
    ]


def publish_with(writers: list[ReleaseWriter]) -> Route:
    """Return the publishing route; other capabilities' parts of a release are handed in by :mod:`studyhall.app`."""

    async def publish(request: Request) -> Published:
        """Publish a course folder as a new release of an existing course."""
        upload = request.body_as(ReleaseUpload)
        with tempfile.TemporaryDirectory(prefix="studyhall-release-") as folder:
            root = Path(folder) / "course"
            _unpack(upload, root, max_bytes=request.context.settings.max_release_bytes)
            try:
                bundle = load_course(root)
            except CourseError as error:
                raise CourseInvalid(error.message) from error
        if bundle.course.slug != request.path["course"]:
            raise Invalid(
                f"The folder holds the course {bundle.course.slug!r}, not {request.path['course']!r}. "
                "Check the slug in course.yaml."
            )
        cohort = await cohort_by_id(request.session, request.person.cohort_id)
        _, published = await publishing.publish(
            request.session,
            bundle,
            organization_id=cohort.organization_id,
            published_by=request.person.username,
            cipher=request.context.cipher,
            outbox=request.context.outbox,
            writers=writers,
        )
        publishing.write_down(
            request.session, published, actor=actor_of(request), now=request.context.clock()
        )
        return published

    return Route(
        method="POST",
        path="/staff/courses/{course}/releases",
        summary="Publish a course folder",
        permission=Permission.STAFF_RELEASES_CREATE,
        handle=publish,
        body=ReleaseUpload,
        response=Published,
        status=201,
        errors=(ErrorCode.COURSE_INVALID, ErrorCode.TOO_LARGE),
        max_body=150_000_000,
        tag="staff",
    )


def _unpack(upload: ReleaseUpload, root: Path, *, max_bytes: int) -> None:
    """Write the uploaded files below a folder of their own.

    Raises:
        TooLarge: together they are larger than ``max_bytes``.
        Invalid: a path leaves the folder, or a file is not base64.
    """
    root.mkdir()
    left = max_bytes
    for file in upload.files:
        path = PurePosixPath(file.path)
        if (
            path.is_absolute()
            or ".." in path.parts
            or not path.parts
            or "\x00" in file.path
            or "\\" in file.path
        ):
            raise Invalid(f"{file.path!r} is not a path inside of the course folder.")
        target = root.joinpath(*path.parts)
        try:
            content = base64.b64decode(file.content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Invalid(f"The content of {file.path!r} is not base64.") from error
        left -= len(content)
        if left < 0:
            raise TooLarge(
                f"The course folder holds more than {max_bytes / 1_000_000:g} MB. Make its data files smaller, "
                "or ask the operator to raise STUDYHALL_MAX_RELEASE_BYTES."
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise Invalid(f"{file.path!r} can't be written; another file stands in its way.") from error
