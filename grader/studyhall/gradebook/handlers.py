"""Endpoints of the gradebook, for staff: the table, policies, extensions, release and export."""

from zoneinfo import ZoneInfo

from studyhall.audit import service as audit
from studyhall.audit.requests import actor_of
from studyhall.audit.service import Action
from studyhall.courses import service as courses
from studyhall.errors import ErrorCode
from studyhall.gradebook import exporting, extensions, policies, releasing, table
from studyhall.gradebook.grading_handlers import ROUTES as GRADING_ROUTES
from studyhall.gradebook.policies import Assignment
from studyhall.gradebook.queue_handlers import ROUTES as QUEUE_ROUTES
from studyhall.gradebook.schemas import (
    ExportQuery,
    ExtensionIn,
    ExtensionOut,
    Gradebook,
    GradebookQuery,
    GradesReleased,
    PolicyChange,
    PolicyOut,
    ReleaseGradesIn,
)
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageOf, PageQuery
from studyhall.web.routes import Download, Kind, Request, Route

COURSE = "/staff/courses/{course}"
ASSIGNMENT = COURSE + "/assignments/{lesson}"


async def _assignment(request: Request) -> Assignment:
    return await policies.assignment_of(request.session, request.path["course"], request.path["lesson"])


async def show_gradebook(request: Request) -> PageOf[Gradebook]:
    """Return a page of a course's learners with all assignments."""
    query = request.query_as(GradebookQuery)
    offering = await courses.offering_of(request.session, request.path["course"])
    found, total = await table.gradebook(request.session, offering, query)
    return PageOf(found, total, query.page, query.limit)


async def export(request: Request) -> Download:
    """Return a course's grades as a file, and write down that somebody took them."""
    kind = request.query_as(ExportQuery).format
    course = request.path["course"]
    offering = await courses.offering_of(request.session, course)
    found = await exporting.collect(request.session, offering)
    audit.record(
        request.session,
        actor_of(request),
        Action.GRADES_EXPORTED,
        about=f"{course}, {kind}",
        course=course,
        at=request.context.clock(),
    )
    if kind == "csv":
        return Download("grades.csv", "text/csv; charset=utf-8", exporting.as_csv(found))
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Download("grades.xlsx", media, exporting.as_xlsx(found))


async def show_policy(request: Request) -> PolicyOut:
    """Return what holds for an assignment."""
    return await policies.show_policy(request.session, await _assignment(request))


async def change_policy(request: Request) -> PolicyOut:
    """Change what holds for an assignment; grades follow at once."""
    change = request.body_as(PolicyChange)
    assignment = await _assignment(request)
    await policies.change_policy(
        request.session,
        assignment,
        change.model_dump(include=change.model_fields_set - {"expected_version"}),
        expected_version=change.expected_version,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )
    return await policies.show_policy(request.session, assignment)


async def list_extensions(request: Request) -> Page[ExtensionOut]:
    """Return who has more time for an assignment."""
    query = request.query_as(PageQuery)
    rows, total = await extensions.extensions(
        request.session, await _assignment(request), page=query.page, limit=query.limit
    )
    return Page(rows, total, query.page, query.limit)


async def grant_extension(request: Request) -> ExtensionOut:
    """Give a learner more time for an assignment."""
    return await extensions.grant_extension(
        request.session,
        await _assignment(request),
        request.path["username"],
        request.body_as(ExtensionIn),
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
        zone=ZoneInfo(request.person.timezone),
    )


async def take_extension_back(request: Request) -> None:
    """Let everybody's due date hold for a learner again."""
    await extensions.take_extension_back(
        request.session,
        await _assignment(request),
        request.path["username"],
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def release_grades(request: Request) -> GradesReleased:
    """Show learners their grades, and tell them."""
    return await releasing.release_grades(
        request.session,
        await _assignment(request),
        feedback=request.body_as(ReleaseGradesIn).feedback,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def take_grades_back(request: Request) -> None:
    """Hide grades from learners again."""
    await releasing.take_grades_back(
        request.session,
        await _assignment(request),
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


ROUTES = [
    Route(
        method="GET",
        path=COURSE + "/gradebook",
        summary="A course's gradebook",
        permission=Permission.STAFF_GRADES_READ,
        handle=show_gradebook,
        query=GradebookQuery,
        response=Gradebook,
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="GET",
        path=COURSE + "/gradebook/export",
        summary="A course's grades as a file",
        permission=Permission.STAFF_GRADES_EXPORT,
        handle=export,
        query=ExportQuery,
        kind=Kind.FILE,
        tag="staff",
    ),
    Route(
        method="GET",
        path=ASSIGNMENT + "/policy",
        summary="What holds for an assignment",
        permission=Permission.STAFF_GRADES_READ,
        handle=show_policy,
        response=PolicyOut,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="PATCH",
        path=ASSIGNMENT + "/policy",
        summary="Change what holds for an assignment",
        permission=Permission.STAFF_POLICIES_WRITE,
        handle=change_policy,
        body=PolicyChange,
        response=PolicyOut,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON, ErrorCode.CHANGED_MEANWHILE),
    ),
    Route(
        method="GET",
        path=ASSIGNMENT + "/extensions",
        summary="Who has more time for an assignment",
        permission=Permission.STAFF_GRADES_READ,
        handle=list_extensions,
        query=PageQuery,
        response=list[ExtensionOut],
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="PUT",
        path=ASSIGNMENT + "/extensions/{username}",
        summary="Give a learner more time",
        permission=Permission.STAFF_POLICIES_WRITE,
        handle=grant_extension,
        body=ExtensionIn,
        response=ExtensionOut,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON, ErrorCode.UNKNOWN_LEARNER, ErrorCode.NO_MORE_TIME),
    ),
    Route(
        method="DELETE",
        path=ASSIGNMENT + "/extensions/{username}",
        summary="Take a learner's extra time back",
        permission=Permission.STAFF_POLICIES_WRITE,
        handle=take_extension_back,
        status=204,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON, ErrorCode.UNKNOWN_LEARNER),
    ),
    Route(
        method="POST",
        path=ASSIGNMENT + "/release-grades",
        summary="Show learners their grades",
        permission=Permission.STAFF_GRADES_RELEASE,
        handle=release_grades,
        body=ReleaseGradesIn,
        response=GradesReleased,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="DELETE",
        path=ASSIGNMENT + "/release-grades",
        summary="Hide grades from learners again",
        permission=Permission.STAFF_GRADES_RELEASE,
        handle=take_grades_back,
        status=204,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    *GRADING_ROUTES,
    *QUEUE_ROUTES,
]
