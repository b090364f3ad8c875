"""Endpoints of grading one attempt by hand."""

from studyhall.audit.requests import actor_of
from studyhall.courses import service as courses
from studyhall.errors import ErrorCode, NotFound
from studyhall.gradebook import grading_view, service, standing
from studyhall.gradebook.errors import UnknownCell
from studyhall.gradebook.policy import Mark
from studyhall.gradebook.schemas import (
    FinalOut,
    GradeIn,
    GradeOut,
    Grading,
    GradingQuery,
    PenaltiesOut,
    PenaltyIn,
)
from studyhall.permissions import Permission
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt
from studyhall.web.routes import Request, Route


async def attempt_for(request: Request, permission: Permission) -> Attempt:
    """Return the attempt that the path names, at a course where the person has the permission.

    Raises:
        NotFound: there is none, or it belongs to a course that is not theirs.
    """
    attempt = await submissions.attempt_by_id(request.session, request.uuid("attempt"))
    await require_course(request, permission, attempt)
    if attempt is None:
        raise NotFound
    return attempt


async def require_course(request: Request, permission: Permission, attempt: Attempt | None) -> None:
    """Refuse an attempt at a course where the person has not the permission, as if there were none.

    Raises:
        NotFound: it is not theirs.
    """
    if attempt is None:
        raise NotFound
    offering = (await courses.offerings_by_id(request.session, {attempt.offering_id}))[attempt.offering_id]
    if not request.person.may(permission, offering.course.slug):
        raise NotFound


async def show_grading(request: Request) -> Grading:
    """Return an attempt with all that a grader needs."""
    return await grading_view.show(
        request.session,
        await attempt_for(request, Permission.STAFF_GRADES_READ),
        viewer=request.person.user_id,
        anonymous=request.query_as(GradingQuery).anonymous,
        cipher=request.context.cipher,
        now=request.context.clock(),
    )


async def _sheet(request: Request, attempt: Attempt) -> grading_view.Sheet:
    return await grading_view.sheet_of(
        request.session,
        attempt,
        viewer=request.person.user_id,
        cipher=request.context.cipher,
        now=request.context.clock(),
    )


async def _final(request: Request, attempt: Attempt, worth: standing.Worth) -> FinalOut:
    offering, _ = await service.place_of(request.session, attempt)
    terms = await standing.terms_of_lesson(request.session, offering, attempt.lesson_id, user_ids=set())
    return grading_view.final_out(worth, terms.decided.grades_released_at if terms.decided else None)


async def grade(request: Request) -> GradeOut:
    """Set what a person gives for one cell."""
    given = request.body_as(GradeIn)
    attempt = await attempt_for(request, Permission.STAFF_GRADES_WRITE)
    grading_view.check_points(await _sheet(request, attempt), given)
    await service.record_manual(
        request.session,
        attempt,
        given.test_id,
        Mark(given.manual_score, given.extra_credit, given.comment),
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
        rubric_items=given.rubric_items,
        expected_version=given.expected_version,
    )
    sheet = await _sheet(request, attempt)
    cell = next(cell for cell in sheet.cells() if cell.test_id == given.test_id)
    return GradeOut(cell=cell, final=await _final(request, attempt, sheet.worth))


async def set_penalty(request: Request) -> PenaltiesOut:
    """Set a notebook's late penalty, or let the rule hold again."""
    given = request.body_as(PenaltyIn)
    attempt = await attempt_for(request, Permission.STAFF_GRADES_WRITE)
    worth = await service.final_grade(request.session, attempt)
    if given.notebook not in worth.final.notebooks:
        raise UnknownCell("This attempt has no graded notebook of that name. Load it again.")
    await service.record_penalty(
        request.session,
        attempt,
        given.notebook,
        given.penalty,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
        expected_version=given.expected_version,
    )
    worth = await service.final_grade(request.session, attempt)
    return PenaltiesOut(
        penalties=await grading_view.penalties_of(request.session, attempt, worth),
        final=await _final(request, attempt, worth),
    )


ROUTES = [
    Route(
        method="GET",
        path="/staff/attempts/{attempt}/grading",
        summary="An attempt for grading by hand",
        permission=Permission.STAFF_GRADES_READ,
        handle=show_grading,
        query=GradingQuery,
        response=Grading,
        tag="staff",
        errors=(ErrorCode.NOT_GRADED_YET,),
    ),
    Route(
        method="PUT",
        path="/staff/attempts/{attempt}/grading",
        summary="Grade one cell by hand",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=grade,
        body=GradeIn,
        response=GradeOut,
        tag="staff",
        errors=(
            ErrorCode.NOT_GRADED_YET,
            ErrorCode.CHANGED_MEANWHILE,
            ErrorCode.CLAIMED,
            ErrorCode.UNKNOWN_CELL,
        ),
    ),
    Route(
        method="PUT",
        path="/staff/attempts/{attempt}/penalties",
        summary="Set a late penalty in place of the rule's",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=set_penalty,
        body=PenaltyIn,
        response=PenaltiesOut,
        tag="staff",
        errors=(ErrorCode.NOT_GRADED_YET, ErrorCode.CHANGED_MEANWHILE, ErrorCode.UNKNOWN_CELL),
    ),
]
