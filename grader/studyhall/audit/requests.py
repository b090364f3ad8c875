"""Who makes a request, for the audit log."""

from studyhall.audit.service import Action, Actor, AuditOrigin, record
from studyhall.jobs.models import DeadLetter
from studyhall.web.routes import Request


def actor_of(request: Request) -> Actor:
    """Return who makes a request: with a token it is a command, with a cookie a staff page."""
    by_token = "Authorization" in request.headers
    return Actor(
        user_id=request.person.user_id,
        username=request.person.username,
        origin=AuditOrigin.CLI if by_token else AuditOrigin.STAFF_PAGE,
        request_id=request.request_id,
        address=request.address,
        agent=request.agent,
    )


def record_requeued(request: Request, letter: DeadLetter) -> None:
    """Write down that somebody has queued a job again that was given up on."""
    record(
        request.session,
        actor_of(request),
        Action.JOB_REQUEUED,
        about=f"{letter.task}, given up on {letter.failed_at:%Y-%m-%d %H:%M} UTC",
        course=None,
        at=request.context.clock(),
        after=letter.arguments,
    )
