"""Endpoints for graders' terminals."""

from studyhall.audit.requests import actor_of
from studyhall.errors import ErrorCode
from studyhall.jobs.queue import JobQueue
from studyhall.nbgrader_gradebooks import executions
from studyhall.nbgrader_gradebooks.schemas import ExecutionIn, ExecutionOut
from studyhall.permissions import Permission
from studyhall.web.routes import Request, Route

AUTOGRADE = "/staff/courses/{course}/autograde"

MAX_BODY = 60_000_000
"""A notebook and its files; base64 makes files a third larger."""


def _send_with(queue: JobQueue) -> Route:
    async def send(request: Request) -> ExecutionOut:
        """Take a notebook of a submission to be run in the judge, for nbgrader's autograde."""
        return await executions.request(
            request.session,
            request.body_as(ExecutionIn),
            key=executions.key_of(request.headers.get("Idempotency-Key")),
            course=request.path["course"],
            user_id=request.person.user_id,
            actor=actor_of(request),
            queue=queue,
            cipher=request.context.cipher,
            now=request.context.clock(),
        )

    return Route(
        method="POST",
        path=AUTOGRADE,
        summary="Run a submitted notebook in the judge",
        permission=Permission.STAFF_GRADES_WRITE,
        handle=send,
        body=ExecutionIn,
        response=ExecutionOut,
        status=202,
        headers=("Idempotency-Key",),
        max_body=MAX_BODY,
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.TOO_LARGE),
        tag="staff",
    )


async def show(request: Request) -> ExecutionOut:
    """Return how far a notebook that one has sent has come; the outputs of its cells when it has run."""
    return await executions.show(
        request.session,
        request.uuid("execution"),
        user_id=request.person.user_id,
        course=request.path["course"],
        cipher=request.context.cipher,
    )


async def cancel(request: Request) -> None:
    """Take a notebook back that one has sent; one that still waits is not run."""
    await executions.cancel(
        request.session,
        request.uuid("execution"),
        user_id=request.person.user_id,
        course=request.path["course"],
    )


def routes(queue: JobQueue) -> list[Route]:
    """Return the routes; the queue is where notebooks wait for the judge."""
    return [
        _send_with(queue),
        Route(
            method="GET",
            path=AUTOGRADE + "/{execution}",
            summary="What became of a notebook that was sent to be run",
            permission=Permission.STAFF_GRADES_READ,
            handle=show,
            response=ExecutionOut,
            errors=(ErrorCode.UNKNOWN_COURSE,),
            tag="staff",
        ),
        Route(
            method="DELETE",
            path=AUTOGRADE + "/{execution}",
            summary="Take a notebook back that was sent to be run",
            permission=Permission.STAFF_GRADES_WRITE,
            handle=cancel,
            status=204,
            errors=(ErrorCode.UNKNOWN_COURSE,),
            tag="staff",
        ),
    ]
