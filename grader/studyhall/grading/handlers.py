"""Endpoints that show attempts with their reports, to learners and to staff."""

from typing import Any

from studyhall.courses import service as courses
from studyhall.errors import ErrorCode, NotFound
from studyhall.grading import service
from studyhall.grading.documents import not_run_document, notebook_document
from studyhall.identity.service import user_ids_by_name, users_by_id
from studyhall.permissions import Permission
from studyhall.person import Person
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt
from studyhall.submissions.schemas import (
    AttemptOut,
    LearnerName,
    LiveState,
    NotebookQuery,
    StaffAttempt,
    StaffAttemptDetail,
    StaffAttemptsQuery,
    StaffReport,
    SubmissionsQuery,
)
from studyhall.web.envelope import Page
from studyhall.web.routes import Kind, Request, Route


async def list_own(request: Request) -> Page[AttemptOut]:
    """Return one's own attempts with their reports, newest first."""
    query = request.query_as(SubmissionsQuery)
    offering_id = lesson_id = None
    if query.course is not None:
        request.person.require(Permission.SUBMISSIONS_READ, query.course)
        offering = await courses.offering_of(request.session, query.course)
        offering_id = offering.id
        if query.lesson is not None:
            lesson_id = (await courses.lesson_of(request.session, offering, query.lesson)).lesson_id
    attempts, total = await submissions.attempts_of(
        request.session,
        request.person.user_id,
        lesson_id=lesson_id,
        offering_id=offering_id,
        page=query.page,
        limit=query.limit,
    )
    reports = await service.learner_reports(request.session, {row.id for row in attempts})
    described = await submissions.describe(request.session, attempts, reports=reports)
    return Page(described, total, query.page, query.limit)


async def show_own(request: Request) -> AttemptOut:
    """Return one of one's own attempts with its report."""
    attempt = await submissions.own_attempt(
        request.session, request.person.user_id, request.uuid("submission")
    )
    reports = await service.learner_reports(request.session, {attempt.id})
    (described,) = await submissions.describe(request.session, [attempt], reports=reports)
    return described


async def _staff_view(request: Request, attempts: list[Attempt]) -> list[StaffAttempt]:
    ids = {row.id for row in attempts}
    described = await submissions.describe(request.session, attempts)
    people = await users_by_id(request.session, {row.user_id for row in attempts})
    flagged = await service.flagged(request.session, ids)
    return [
        StaffAttempt(
            **row.model_dump(),
            learner=LearnerName(
                username=people[attempt.user_id].hub_username,
                display_name=people[attempt.user_id].display_name,
            ),
            flagged=attempt.id in flagged,
        )
        for attempt, row in zip(attempts, described, strict=True)
    ]


async def list_for_staff(request: Request) -> Page[StaffAttempt]:
    """Return a course's attempts."""
    query = request.query_as(StaffAttemptsQuery)
    offering = await courses.offering_of(request.session, request.path["course"])
    attempts, total = await submissions.course_attempts(
        request.session,
        offering,
        lesson=query.lesson,
        user_ids=await user_ids_by_name(request.session, query.learner) if query.learner else None,
        statuses=[status for status in (query.status or "").split(",") if status],
        among=service.flagged_attempts() if query.flagged is True else None,
        not_among=service.flagged_attempts() if query.flagged is False else None,
        sort_by=query.sort_by,
        descending=query.order == "desc",
        page=query.page,
        limit=query.limit,
    )
    return Page(await _staff_view(request, attempts), total, query.page, query.limit)


async def _attempt_for_staff(request: Request, person: Person) -> Attempt:
    """Return an attempt at a course that the person may see.

    Raises:
        NotFound: there is none, or it belongs to a course that is not theirs.
    """
    attempt = await submissions.attempt_by_id(request.session, request.uuid("attempt"))
    if attempt is None:
        raise NotFound
    offering = (await courses.offerings_by_id(request.session, {attempt.offering_id}))[attempt.offering_id]
    if not person.may(Permission.STAFF_ATTEMPTS_READ, offering.course.slug):
        raise NotFound
    return attempt


async def show_for_staff(request: Request) -> StaffAttemptDetail:
    """Return an attempt with everything that the judge said of it."""
    attempt = await _attempt_for_staff(request, request.person)
    report = await service.full_report(request.session, attempt.id, request.context.cipher)
    (described,) = await _staff_view(request, [attempt])
    others, _ = await submissions.attempts_of(
        request.session,
        attempt.user_id,
        lesson_id=attempt.lesson_id,
        offering_id=attempt.offering_id,
        limit=100,
    )
    return StaffAttemptDetail(
        attempt=described,
        report=StaffReport.model_validate(report, from_attributes=True) if report else None,
        notebooks=sorted(report.executed_notebooks if report else []),
        history=await submissions.describe(request.session, others),
    )


async def show_notebook(request: Request) -> str:
    """Return an attempt's executed notebook as a document without scripts, for a sandboxed frame."""
    attempt = await _attempt_for_staff(request, request.person)
    report = await service.full_report(request.session, attempt.id, request.context.cipher)
    name, cell = request.path["notebook"], request.query_as(NotebookQuery).cell
    if cell is not None and (report is None or not report.executed_notebooks):
        return not_run_document(name)
    if report is None or name not in report.executed_notebooks:
        raise NotFound("This attempt has no executed notebook of that name yet.")
    text = report.executed_notebooks[name]
    pictures = await courses.pictures_of(request.session, attempt.lesson_release_id, text)
    return await notebook_document(text, title=name, pictures=pictures, grade_id=cell)


async def live_state(request: Request) -> dict[str, Any]:
    """Return what a live stream begins with."""
    attempts = await submissions.in_flight(request.session, request.person.user_id)
    described = await submissions.describe(request.session, attempts)
    return LiveState(attempts_in_flight=described, server_time=request.context.clock()).model_dump(
        mode="json"
    )


ROUTES = [
    Route(
        method="GET",
        path="/events",
        summary="Live updates as server-sent events",
        permission=Permission.EVENTS_READ,
        handle=live_state,
        kind=Kind.STREAM,
    ),
    Route(
        method="GET",
        path="/submissions",
        summary="My attempts",
        permission=Permission.SUBMISSIONS_READ,
        handle=list_own,
        query=SubmissionsQuery,
        response=list[AttemptOut],
        paged=True,
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.UNKNOWN_LESSON),
    ),
    Route(
        method="GET",
        path="/submissions/{submission}",
        summary="One of my attempts, with its report",
        permission=Permission.SUBMISSIONS_READ,
        handle=show_own,
        response=AttemptOut,
    ),
    Route(
        method="GET",
        path="/staff/courses/{course}/attempts",
        summary="A course's attempts",
        permission=Permission.STAFF_ATTEMPTS_READ,
        handle=list_for_staff,
        query=StaffAttemptsQuery,
        response=list[StaffAttempt],
        paged=True,
        tag="staff",
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.UNKNOWN_LESSON),
    ),
    Route(
        method="GET",
        path="/staff/attempts/{attempt}",
        summary="An attempt with its whole report",
        permission=Permission.STAFF_ATTEMPTS_READ,
        handle=show_for_staff,
        response=StaffAttemptDetail,
        tag="staff",
    ),
    Route(
        method="GET",
        path="/staff/attempts/{attempt}/notebooks/{notebook}",
        summary="An attempt's executed notebook as a harmless document",
        permission=Permission.STAFF_ATTEMPTS_READ,
        handle=show_notebook,
        query=NotebookQuery,
        kind=Kind.HTML,
        tag="staff",
    ),
]
