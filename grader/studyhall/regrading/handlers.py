"""Endpoints of regrades, for staff."""

from studyhall.audit import service as audit
from studyhall.audit.requests import actor_of
from studyhall.audit.service import Action
from studyhall.errors import ErrorCode
from studyhall.jobs.queue import JobQueue
from studyhall.permissions import Permission
from studyhall.regrading import decision, service
from studyhall.regrading.models import RegradeRun
from studyhall.regrading.schemas import RegradeDetail, RegradeOut
from studyhall.regrading.tasks import go_on_later
from studyhall.submissions import service as submissions
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route

REGRADES = "/staff/courses/{course}/lessons/{lesson}/regrades"


async def _run(request: Request, *, lock: bool = False) -> RegradeRun:
    return await service.run_of(
        request.session,
        request.uuid("regrade"),
        course=request.path["course"],
        lesson=request.path["lesson"],
        lock=lock,
    )


def _audit(request: Request, action: Action, run: RegradeRun) -> None:
    audit.record(
        request.session,
        actor_of(request),
        action,
        about=f"{request.path['lesson']}, {run.total} attempts with release {run.release}",
        course=request.path["course"],
        at=request.context.clock(),
        after={"regrade": str(run.id)},
    )


async def _described(request: Request, run: RegradeRun) -> RegradeOut:
    (described,) = await service.describe(request.session, [run])
    return described


async def list_runs(request: Request) -> Page[RegradeOut]:
    """Return a lesson's regrades, the newest first."""
    query = request.query_as(PageQuery)
    runs, total = await service.runs_of(
        request.session,
        course=request.path["course"],
        lesson=request.path["lesson"],
        page=query.page,
        limit=query.limit,
    )
    return Page(await service.describe(request.session, runs), total, query.page, query.limit)


async def show(request: Request) -> RegradeDetail:
    """Return a regrade with what it changes, the biggest change first."""
    query = request.query_as(PageQuery)
    return await service.detail(request.session, await _run(request), page=query.page, limit=query.limit)


async def confirm(request: Request) -> RegradeOut:
    """Give all attempts what they would get, and tell their learners."""
    context = request.context
    run = await _run(request, lock=True)
    reports = await decision.confirm(
        request.session, run, by=request.person.username, outbox=context.outbox, now=context.clock()
    )
    _audit(request, Action.REGRADE_CONFIRMED, run)
    attempts = await service.attempts_by_id(request.session, reports)
    for attempt, described in zip(
        attempts, await submissions.describe(request.session, attempts, reports=reports), strict=True
    ):
        context.live.publish_after_commit(
            request.session, attempt.user_id, "submission.updated", described.model_dump(mode="json")
        )
    return await _described(request, run)


async def discard(request: Request) -> RegradeOut:
    """Leave everything as it is."""
    run = await _run(request, lock=True)
    await decision.discard(
        request.session,
        run,
        by=request.person.username,
        outbox=request.context.outbox,
        now=request.context.clock(),
    )
    _audit(request, Action.REGRADE_DISCARDED, run)
    return await _described(request, run)


def _create_with(queue: JobQueue) -> Route:
    async def create(request: Request) -> RegradeOut:
        """Begin to grade all attempts of a lesson again; nothing changes for learners until it is confirmed."""
        run = await service.request(
            request.session,
            course=request.path["course"],
            lesson=request.path["lesson"],
            by=request.person.username,
            now=request.context.clock(),
        )
        _audit(request, Action.REGRADE_REQUESTED, run)
        await go_on_later(queue, request.session, run)
        return await _described(request, run)

    return Route(
        method="POST",
        path=REGRADES,
        summary="Grade all attempts of a lesson again",
        permission=Permission.STAFF_REGRADES_CREATE,
        handle=create,
        response=RegradeOut,
        status=202,
        tag="staff",
        errors=(
            ErrorCode.UNKNOWN_COURSE,
            ErrorCode.UNKNOWN_LESSON,
            ErrorCode.NOTHING_TO_REGRADE,
            ErrorCode.REGRADE_UNDER_WAY,
        ),
    )


def routes(queue: JobQueue) -> list[Route]:
    """Return the routes; the queue is where a regrade's work is deferred to."""
    return [
        _create_with(queue),
        Route(
            method="GET",
            path=REGRADES,
            summary="A lesson's regrades",
            permission=Permission.STAFF_REGRADES_READ,
            handle=list_runs,
            query=PageQuery,
            response=list[RegradeOut],
            paged=True,
            tag="staff",
            errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.UNKNOWN_LESSON),
        ),
        Route(
            method="GET",
            path=REGRADES + "/{regrade}",
            summary="What a regrade changes",
            permission=Permission.STAFF_REGRADES_READ,
            handle=show,
            query=PageQuery,
            response=RegradeDetail,
            tag="staff",
            errors=(ErrorCode.UNKNOWN_COURSE,),
        ),
        *(
            Route(
                method="POST",
                path=REGRADES + "/{regrade}/" + word,
                summary=summary,
                permission=Permission.STAFF_REGRADES_DECIDE,
                handle=handle,
                response=RegradeOut,
                tag="staff",
                errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.REGRADE_NOT_READY),
            )
            for word, summary, handle in (
                ("confirm", "Apply a regrade", confirm),
                ("discard", "Leave everything as it is", discard),
            )
        ),
    ]
