"""Endpoints of dead letters, for staff."""

from collections.abc import Callable

from studyhall.errors import NotFound
from studyhall.jobs import dead_letters
from studyhall.jobs.models import DeadLetter
from studyhall.jobs.schemas import DeadLetterOut
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route

Requeued = Callable[[Request, DeadLetter], None]
"""Is told of a job that somebody has queued again, in the transaction in which it is."""


def _out(letter: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut(
        id=letter.id,
        queue=letter.queue,
        task=letter.task,
        arguments=letter.arguments,
        reason=letter.reason,
        failed_at=letter.failed_at,
        requeued_at=letter.requeued_at,
    )


def _require(request: Request, permission: Permission) -> None:
    """A job belongs to the cohort, not to one course: whoever teaches any course here may look after it."""
    if not request.person.courses_with(permission):
        request.person.require(permission, "")


async def list_dead_letters(request: Request) -> Page[DeadLetterOut]:
    """Return the jobs that were given up on."""
    _require(request, Permission.STAFF_DEAD_LETTERS_READ)
    query = request.query_as(PageQuery)
    letters, total = await dead_letters.dead_letters(request.session, page=query.page, limit=query.limit)
    return Page([_out(letter) for letter in letters], total, query.page, query.limit)


async def _requeue(request: Request, requeued: Requeued) -> DeadLetterOut:
    _require(request, Permission.STAFF_DEAD_LETTERS_REQUEUE)
    letter = await dead_letters.requeue(
        request.session,
        request.context.queue,
        request.uuid("letter"),
        by=request.person.username,
        clock=request.context.clock,
    )
    if letter is None:
        raise NotFound("There is no such dead letter, or somebody has queued it again already.")
    requeued(request, letter)
    return _out(letter)


def routes(requeued: Requeued) -> list[Route]:
    """Return the routes.

    Args:
        requeued: writes down who queued which job again; the queue itself knows no audit log.
    """

    async def requeue(request: Request) -> DeadLetterOut:
        """Queue a job again that was given up on."""
        return await _requeue(request, requeued)

    return [
        Route(
            method="GET",
            path="/staff/dead-letters",
            summary="Jobs that were given up on",
            permission=Permission.STAFF_DEAD_LETTERS_READ,
            handle=list_dead_letters,
            query=PageQuery,
            response=list[DeadLetterOut],
            paged=True,
            tag="staff",
        ),
        Route(
            method="POST",
            path="/staff/dead-letters/{letter}/requeue",
            summary="Queue a job again",
            permission=Permission.STAFF_DEAD_LETTERS_REQUEUE,
            handle=requeue,
            response=DeadLetterOut,
            tag="staff",
        ),
    ]
