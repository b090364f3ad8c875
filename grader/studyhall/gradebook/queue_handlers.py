"""Endpoints of the grading queue, claims and rubrics."""

from studyhall.audit.requests import actor_of
from studyhall.courses import service as courses
from studyhall.errors import ErrorCode, Forbidden
from studyhall.gradebook import claims, policies, queue, rubrics
from studyhall.gradebook.errors import NotGradedYet, UnknownCell
from studyhall.gradebook.grading_handlers import require_course
from studyhall.gradebook.policies import Assignment
from studyhall.gradebook.schemas import (
    ClaimIn,
    ClaimOut,
    QueueItem,
    QueueQuery,
    QueueQuestion,
    RubricItemChange,
    RubricItemIn,
    RubricItemOut,
    RubricQuery,
)
from studyhall.gradebook.service import place_of
from studyhall.permissions import Permission
from studyhall.submissions import service as submissions
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route

QUEUE = "/staff/courses/{course}/grading-queue"
RUBRIC = "/staff/courses/{course}/assignments/{lesson}/rubric"


async def _assignment(request: Request) -> Assignment:
    return await policies.assignment_of(request.session, request.path["course"], request.path["lesson"])


async def list_questions(request: Request) -> Page[QueueQuestion]:
    """Return the questions that people grade."""
    query = request.query_as(PageQuery)
    offering = await courses.offering_of(request.session, request.path["course"])
    found = await queue.questions(request.session, offering, now=request.context.clock())
    start = (query.page - 1) * query.limit
    return Page(found[start : start + query.limit], len(found), query.page, query.limit)


async def list_answers(request: Request) -> Page[QueueItem]:
    """Return the answers to one question."""
    query = request.query_as(QueueQuery)
    found, total = await queue.items(
        request.session,
        await _assignment(request),
        query,
        viewer=request.person.user_id,
        cipher=request.context.cipher,
        now=request.context.clock(),
    )
    return Page(found, total, query.page, query.limit)


async def claim(request: Request) -> ClaimOut:
    """Take an answer to grade it."""
    given = request.body_as(ClaimIn)
    attempt = await submissions.attempt_by_id(request.session, given.attempt_id)
    await require_course(request, Permission.STAFF_GRADES_WRITE, attempt)
    if attempt is None or attempt.score is None:
        raise NotGradedYet
    _, lesson = await place_of(request.session, attempt)
    if given.test_id not in {test["id"] for test in lesson.tests}:
        raise UnknownCell
    return await claims.claim(
        request.session, attempt, given.test_id, request.person.user_id, now=request.context.clock()
    )


async def give_back(request: Request) -> None:
    """Let others have an answer."""
    if not request.person.courses_with(Permission.STAFF_GRADES_WRITE):
        raise Forbidden
    await claims.give_back(request.session, request.uuid("claim"), request.person.user_id)


async def list_rubric(request: Request) -> Page[RubricItemOut]:
    """Return an assignment's rubric."""
    query = request.query_as(RubricQuery)
    found, total = await rubrics.items(
        request.session,
        await _assignment(request),
        test_id=query.test_id,
        page=query.page,
        limit=query.limit,
    )
    return Page(found, total, query.page, query.limit)


async def add_rubric_item(request: Request) -> RubricItemOut:
    """Add an item to a question's rubric."""
    return await rubrics.add(
        request.session,
        await _assignment(request),
        request.body_as(RubricItemIn),
        actor=actor_of(request),
        now=request.context.clock(),
    )


async def change_rubric_item(request: Request) -> RubricItemOut:
    """Change a rubric item."""
    return await rubrics.change(
        request.session,
        await _assignment(request),
        request.uuid("item"),
        request.body_as(RubricItemChange),
        actor=actor_of(request),
        now=request.context.clock(),
    )


async def remove_rubric_item(request: Request) -> None:
    """Take an item out of the rubric."""
    await rubrics.remove(
        request.session,
        await _assignment(request),
        request.uuid("item"),
        actor=actor_of(request),
        now=request.context.clock(),
    )


ROUTES = [
    Route(
        method="GET",
        path=QUEUE,
        summary="Questions that people grade",
        permission=Permission.STAFF_GRADES_READ,
        handle=list_questions,
        query=PageQuery,
        response=list[QueueQuestion],
        paged=True,
        tag="staff",
    ),
    Route(
        method="GET",
        path=QUEUE + "/{lesson}",
        summary="Answers to one question",
        permission=Permission.STAFF_GRADES_READ,
        handle=list_answers,
        query=QueueQuery,
        response=list[QueueItem],
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="POST",
        path="/staff/grading-claims",
        summary="Take an answer to grade it",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=claim,
        body=ClaimIn,
        response=ClaimOut,
        status=201,
        tag="staff",
        errors=(ErrorCode.NOT_FOUND, ErrorCode.NOT_GRADED_YET, ErrorCode.UNKNOWN_CELL, ErrorCode.CLAIMED),
    ),
    Route(
        method="DELETE",
        path="/staff/grading-claims/{claim}",
        summary="Let others have an answer",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=give_back,
        status=204,
        tag="staff",
    ),
    Route(
        method="GET",
        path=RUBRIC,
        summary="An assignment's rubric",
        permission=Permission.STAFF_GRADES_READ,
        handle=list_rubric,
        query=RubricQuery,
        response=list[RubricItemOut],
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
    Route(
        method="POST",
        path=RUBRIC,
        summary="Add a rubric item",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=add_rubric_item,
        body=RubricItemIn,
        response=RubricItemOut,
        status=201,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON, ErrorCode.UNKNOWN_CELL),
    ),
    Route(
        method="PATCH",
        path=RUBRIC + "/{item}",
        summary="Change a rubric item",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=change_rubric_item,
        body=RubricItemChange,
        response=RubricItemOut,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON, ErrorCode.CHANGED_MEANWHILE),
    ),
    Route(
        method="DELETE",
        path=RUBRIC + "/{item}",
        summary="Delete a rubric item",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=remove_rubric_item,
        status=204,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_LESSON,),
    ),
]
