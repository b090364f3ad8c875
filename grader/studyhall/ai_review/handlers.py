"""Endpoints of reviews."""

from studyhall.ai.choice import reviewer_of
from studyhall.ai_review import service
from studyhall.ai_review.schemas import ReviewAsked, ReviewOut, ReviewRequest
from studyhall.ai_review.tasks import enqueue_with, tell
from studyhall.errors import ErrorCode, NotFound
from studyhall.jobs.queue import JobQueue
from studyhall.permissions import Permission
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt
from studyhall.web.routes import Request, Route


async def _own_attempt(request: Request, permission: Permission) -> Attempt:
    """Return one's own attempt in a course that one is still enrolled in.

    Raises:
        NotFound: there is none, it is somebody else's, or the course is no longer one's own.
    """
    attempt = await submissions.own_attempt(
        request.session, request.person.user_id, request.uuid("submission")
    )
    if not request.person.may(permission, await service.course_of(request.session, attempt)):
        raise NotFound
    return attempt


async def show_review(request: Request) -> ReviewOut:
    """Return the current review of one's own attempt."""
    attempt = await _own_attempt(request, Permission.AI_REVIEWS_READ)
    return await service.current_review(request.session, attempt.id)


def routes(queue: JobQueue) -> list[Route]:
    """Return the routes; the queue that reviews wait in is handed in by :mod:`studyhall.app`."""

    async def ask_for_review(request: Request) -> ReviewAsked:
        """Ask for a review of one's own attempt."""
        context = request.context
        attempt = await _own_attempt(request, Permission.AI_REVIEWS_CREATE)

        async def may_ask() -> None:
            await context.limits.check(
                "ai_reviews", str(attempt.user_id), per_hour=context.settings.ai_requests_per_hour
            )

        review, is_new = await service.ask(
            request.session,
            attempt,
            reviewer=reviewer_of(context.settings),
            focus=request.body_as(ReviewRequest).focus_areas,
            now=context.clock(),
            may_ask=may_ask,
            enqueue=enqueue_with(queue, lanes=context.settings.ai_concurrency),
        )
        if is_new:
            tell(context.live, request.session, review)
        return ReviewAsked(review_id=review.id, status=review.status)

    return [
        Route(
            method="POST",
            path="/submissions/{submission}/ai-review",
            summary="Ask for a review of my attempt",
            permission=Permission.AI_REVIEWS_CREATE,
            handle=ask_for_review,
            body=ReviewRequest,
            response=ReviewAsked,
            status=202,
            errors=(ErrorCode.AI_REVIEW_OFF, ErrorCode.AI_UNAVAILABLE, ErrorCode.NOT_GRADED_YET),
        ),
        Route(
            method="GET",
            path="/submissions/{submission}/ai-review",
            summary="The review of my attempt",
            permission=Permission.AI_REVIEWS_READ,
            handle=show_review,
            response=ReviewOut,
        ),
    ]
