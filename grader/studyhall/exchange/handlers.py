"""Endpoints of the exchange, for learners and for staff."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from studyhall.audit.requests import actor_of
from studyhall.audit.service import Action, AuditOrigin, record
from studyhall.courses import service as courses
from studyhall.courses.lesson_publishing import ReleaseCarrier
from studyhall.errors import ErrorCode
from studyhall.exchange import service
from studyhall.exchange.schemas import (
    AssignmentsQuery,
    CollectQuery,
    ExchangeAssignmentOut,
    ExchangeSubmissionOut,
    FeedbackIn,
    FeedbackOut,
    ReleasedOut,
    ReleaseIn,
    SubmissionContent,
    SubmittedQuery,
)
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route

STAFF = "/staff/courses/{course}/exchange"


def _record(request: Request, action: Action, about: str, **after: Any) -> None:
    record(
        request.session,
        replace(actor_of(request), origin=AuditOrigin.NBGRADER),
        action,
        about=about,
        course=request.path["course"],
        at=request.context.clock(),
        after=after or None,
    )


async def list_assignments(request: Request) -> Page[ExchangeAssignmentOut]:
    """Return the assignments of one of my courses, or of all of them."""
    query = request.query_as(AssignmentsQuery)
    slugs = request.person.courses_with(Permission.EXCHANGE_READ)
    if query.course is not None:
        request.person.require(Permission.EXCHANGE_READ, query.course)
        slugs = [query.course]
    rows = [
        row
        for slug in slugs
        for row in await service.released(request.session, await courses.offering_of(request.session, slug))
    ]
    start = (query.page - 1) * query.limit
    return Page(rows[start : start + query.limit], len(rows), query.page, query.limit)


async def list_own(request: Request) -> Page[ExchangeSubmissionOut]:
    """Return my submissions."""
    query = request.query_as(SubmittedQuery)
    offering = None
    if query.course is not None:
        request.person.require(Permission.EXCHANGE_READ, query.course)
        offering = await courses.offering_of(request.session, query.course)
    rows, total = await service.own(
        request.session,
        request.person.user_id,
        offering,
        assignment=query.assignment,
        page=query.page,
        limit=query.limit,
    )
    return Page(rows, total, query.page, query.limit)


async def show_feedback(request: Request) -> list[FeedbackOut]:
    """Return the feedback of one of my submissions."""
    return await service.feedback_of(request.session, request.person.user_id, request.uuid("submission"))


async def list_for_staff(request: Request) -> Page[ExchangeAssignmentOut]:
    """Return a course's released assignments."""
    query = request.query_as(PageQuery)
    offering = await courses.offering_of(request.session, request.path["course"])
    rows = await service.released(request.session, offering)
    start = (query.page - 1) * query.limit
    return Page(rows[start : start + query.limit], len(rows), query.page, query.limit)


async def take_back(request: Request) -> None:
    """Take a released assignment back."""
    offering = await courses.offering_of(request.session, request.path["course"])
    await service.withdraw(request.session, offering, request.path["assignment"])
    _record(request, Action.ASSIGNMENT_WITHDRAWN, request.path["assignment"])


async def list_submitted(request: Request) -> Page[ExchangeSubmissionOut]:
    """Return a course's submissions."""
    query = request.query_as(CollectQuery)
    rows, total = await service.submitted(
        request.session,
        await courses.offering_of(request.session, request.path["course"]),
        assignment=query.assignment,
        student=query.student,
        every=query.every,
        page=query.page,
        limit=query.limit,
    )
    return Page(rows, total, query.page, query.limit)


async def show_content(request: Request) -> SubmissionContent:
    """Return a submission with its notebooks and files."""
    offering = await courses.offering_of(request.session, request.path["course"])
    return await service.content(request.session, offering, request.uuid("attempt"))


async def hide_submission(request: Request) -> None:
    """Take a submission off the exchange's lists."""
    offering = await courses.offering_of(request.session, request.path["course"])
    await service.hide(
        request.session,
        offering,
        request.uuid("attempt"),
        hidden_by=request.person.username,
        now=request.context.clock(),
    )


async def give_feedback(request: Request) -> ExchangeSubmissionOut:
    """Hand a submission's feedback back to its learner."""
    body = request.body_as(FeedbackIn)
    shown = await service.give_feedback(
        request.session,
        await courses.offering_of(request.session, request.path["course"]),
        student=body.student,
        assignment=body.assignment,
        timestamp=body.timestamp,
        notebooks=body.notebooks,
        released_by=request.person.username,
        now=request.context.clock(),
    )
    _record(
        request,
        Action.FEEDBACK_RELEASED,
        f"{body.assignment} of {body.student}, attempt {shown.number}",
        notebooks=sorted(body.notebooks),
    )
    return shown


def release_with(carriers: Sequence[ReleaseCarrier]) -> Route:
    """Return the route that releases; other capabilities' parts of a release are handed in by the app."""

    async def release(request: Request) -> ReleasedOut:
        """Release an assignment."""
        done = await service.release(
            request.session,
            await courses.offering_of(request.session, request.path["course"]),
            request.path["assignment"],
            request.body_as(ReleaseIn),
            released_by=request.person.username,
            cipher=request.context.cipher,
            outbox=request.context.outbox,
            carriers=carriers,
            now=request.context.clock(),
        )
        _record(
            request,
            Action.ASSIGNMENT_RELEASED,
            done.assignment,
            release=done.release,
            tests=done.tests,
            points=done.points,
        )
        return done

    return Route(
        method="PUT",
        path=STAFF + "/assignments/{assignment}",
        summary="Release one assignment of a course",
        permission=Permission.STAFF_RELEASES_CREATE,
        handle=release,
        body=ReleaseIn,
        response=ReleasedOut,
        errors=(
            ErrorCode.ALREADY_RELEASED,
            ErrorCode.CONFLICT,
            ErrorCode.COURSE_INVALID,
            ErrorCode.TOO_LARGE,
        ),
        max_body=150_000_000,
        tag="staff",
    )


ROUTES = [
    Route(
        method="GET",
        path="/exchange/assignments",
        summary="Assignments that I may fetch with nbgrader",
        permission=Permission.EXCHANGE_READ,
        handle=list_assignments,
        query=AssignmentsQuery,
        response=list[ExchangeAssignmentOut],
        paged=True,
        errors=(ErrorCode.UNKNOWN_COURSE,),
    ),
    Route(
        method="GET",
        path="/exchange/submissions",
        summary="My submissions, as nbgrader lists them",
        permission=Permission.EXCHANGE_READ,
        handle=list_own,
        query=SubmittedQuery,
        response=list[ExchangeSubmissionOut],
        paged=True,
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.UNKNOWN_LESSON),
    ),
    Route(
        method="GET",
        path="/exchange/feedback/{submission}",
        summary="Feedback for one of my submissions",
        permission=Permission.EXCHANGE_READ,
        handle=show_feedback,
        response=list[FeedbackOut],
    ),
    Route(
        method="GET",
        path=STAFF + "/assignments",
        summary="A course's released assignments, as nbgrader lists them",
        permission=Permission.STAFF_EXCHANGE_READ,
        handle=list_for_staff,
        query=PageQuery,
        response=list[ExchangeAssignmentOut],
        paged=True,
        tag="staff",
    ),
    Route(
        method="DELETE",
        path=STAFF + "/assignments/{assignment}",
        summary="Take a released assignment back",
        permission=Permission.STAFF_RELEASES_CREATE,
        handle=take_back,
        status=204,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="GET",
        path=STAFF + "/submissions",
        summary="A course's submissions, as nbgrader collects them",
        permission=Permission.STAFF_EXCHANGE_READ,
        handle=list_submitted,
        query=CollectQuery,
        response=list[ExchangeSubmissionOut],
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="GET",
        path=STAFF + "/submissions/{attempt}",
        summary="A submission with its notebooks and files",
        permission=Permission.STAFF_EXCHANGE_READ,
        handle=show_content,
        response=SubmissionContent,
        tag="staff",
    ),
    Route(
        method="DELETE",
        path=STAFF + "/submissions/{attempt}",
        summary="Take a submission off nbgrader's lists",
        permission=Permission.STAFF_EXCHANGE_WRITE,
        handle=hide_submission,
        status=204,
        tag="staff",
    ),
    Route(
        method="PUT",
        path=STAFF + "/feedback",
        summary="Hand a submission's feedback back to its learner",
        permission=Permission.STAFF_EXCHANGE_WRITE,
        handle=give_feedback,
        body=FeedbackIn,
        response=ExchangeSubmissionOut,
        errors=(ErrorCode.UNKNOWN_LESSON,),
        max_body=100_000_000,
        tag="staff",
    ),
]
