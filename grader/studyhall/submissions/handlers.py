"""Endpoint that accepts submissions; reading them back needs reports and is in :mod:`studyhall.grading.handlers`."""

import uuid
from zoneinfo import ZoneInfo

from studyhall.context import Context
from studyhall.courses.deadlines import DeadlinesOf
from studyhall.errors import ErrorCode, KeyMissing
from studyhall.permissions import Permission
from studyhall.submissions import service
from studyhall.submissions.schemas import AttemptOut, SubmissionIn
from studyhall.submissions.service import Enqueue
from studyhall.web import metrics
from studyhall.web.routes import Request, Route


def routes(enqueue: Enqueue, deadlines_of: DeadlinesOf) -> list[Route]:
    """Return the routes; how grading is queued and what is due when is handed in by :mod:`studyhall.app`."""

    async def submit(request: Request) -> AttemptOut:
        """Accept a submission exactly once."""
        body = request.body_as(SubmissionIn)
        context: Context = request.context
        try:
            key = uuid.UUID(request.headers.get("Idempotency-Key", ""))
        except ValueError as error:
            raise KeyMissing from error
        request.person.require(Permission.SUBMISSIONS_CREATE, body.course)
        await context.limits.check(
            "submissions",
            str(request.person.user_id),
            per_minute=context.settings.submissions_per_minute,
        )
        attempt, is_new = await service.submit(
            request.session,
            request.person.user_id,
            key=key,
            course=body.course,
            lesson=body.lesson,
            notebooks=body.notebooks,
            files=body.files,
            max_files_bytes=context.settings.max_submission_files_bytes,
            max_notebook_bytes=context.settings.max_notebook_bytes,
            max_waiting=context.settings.waiting_submissions_per_lesson,
            zone=ZoneInfo(request.person.timezone),
            now=context.clock(),
            outbox=context.outbox,
            enqueue=enqueue,
            deadlines_of=deadlines_of,
            closed_because=request.person.closed_because,
        )
        (described,) = await service.describe(request.session, [attempt])
        if is_new:
            metrics.SUBMISSIONS.inc()
            context.live.publish_after_commit(
                request.session,
                request.person.user_id,
                "submission.updated",
                described.model_dump(mode="json"),
            )
        return described

    return [
        Route(
            method="POST",
            path="/submissions",
            summary="Submit a lesson's notebooks",
            permission=Permission.SUBMISSIONS_CREATE,
            handle=submit,
            body=SubmissionIn,
            response=AttemptOut,
            status=202,
            headers=("Idempotency-Key",),
            max_body=100_000_000,
            errors=(
                ErrorCode.KEY_MISSING,
                ErrorCode.KEY_REUSED,
                ErrorCode.NOT_ENROLLED,
                ErrorCode.UNKNOWN_LESSON,
                ErrorCode.LESSON_LOCKED,
                ErrorCode.LESSON_CLOSED,
                ErrorCode.COHORT_CLOSED,
                ErrorCode.NO_ATTEMPTS_LEFT,
                ErrorCode.NOTHING_TO_GRADE,
                ErrorCode.NOTEBOOK_NOT_JSON,
                ErrorCode.NOTEBOOK_INVALID,
                ErrorCode.NOTEBOOK_TOO_LARGE,
                ErrorCode.FILE_INVALID,
                ErrorCode.WRONG_COURSE,
                ErrorCode.TOO_LARGE,
            ),
        )
    ]
