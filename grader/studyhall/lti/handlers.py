"""The hub's door for launches, the public addresses that learning platforms read, and rosters for staff."""

import json

from tornado.web import RequestHandler

from studyhall.context import Context
from studyhall.errors import ErrorCode
from studyhall.lti import keys, passing_back, service, synchronization, tasks
from studyhall.lti.schemas import LtiLaunchIn, LtiLaunchOut, PlatformCourseOut
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route


async def launch_at_hub(request: Request) -> LtiLaunchOut:
    """Say to the hub where a launch leads that it has checked."""
    context = request.context
    answer, membership = await service.launch(
        request.session,
        request.body_as(LtiLaunchIn),
        outbox=context.outbox,
        now=context.clock(),
        request_id=request.request_id,
    )
    owed = await passing_back.owe_all_of(request.session, membership.id)
    tasks.pass_back(context.queue, request.session, owed)
    return answer


async def list_platform_courses(request: Request) -> Page[PlatformCourseOut]:
    """Return the platforms' courses that are connected with this one, and what came of their rosters."""
    query = request.query_as(PageQuery)
    rows, total = await synchronization.places(
        request.session,
        request.path["course"],
        page=query.page,
        limit=query.limit,
        now=request.context.clock(),
    )
    return Page(rows, total, query.page, query.limit)


async def synchronize(request: Request) -> PlatformCourseOut:
    """Have a platform's roster taken over now."""
    return await synchronization.ask(
        request.session,
        request.path["course"],
        request.uuid("place"),
        by=request.person.username,
        queue=request.context.queue,
        now=request.context.clock(),
    )


ROUTES = [
    Route(
        method="POST",
        path="/hub/lti-launches",
        summary="A launch from a learning platform, which the hub has checked",
        permission=Permission.HUB,
        handle=launch_at_hub,
        body=LtiLaunchIn,
        response=LtiLaunchOut,
        errors=(ErrorCode.FORBIDDEN,),
        tag="hub",
    ),
    Route(
        method="GET",
        path="/staff/courses/{course}/platforms",
        summary="Courses of learning platforms that are connected with this one, and their rosters",
        permission=Permission.STAFF_PLATFORMS_READ,
        handle=list_platform_courses,
        query=PageQuery,
        response=list[PlatformCourseOut],
        paged=True,
        errors=(ErrorCode.UNKNOWN_COURSE,),
        tag="staff",
    ),
    Route(
        method="POST",
        path="/staff/courses/{course}/platforms/{place}/synchronizations",
        summary="Take a learning platform's roster over now",
        permission=Permission.STAFF_PLATFORMS_SYNCHRONIZE,
        handle=synchronize,
        response=PlatformCourseOut,
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
        tag="staff",
    ),
]


class PublicKeysHandler(RequestHandler):
    """`/lti/jwks.json`: the keys by which platforms know that a request is ours. Public, and nothing else is in it."""

    def initialize(self, context: Context) -> None:
        """Take the service's parts."""
        self.context = context

    async def get(self) -> None:
        """Answer with the public keys; the first question makes the first key."""
        async with self.context.database.session(self.context.cohort_id) as session:
            if not await keys.published(session):
                await keys.ensure(session, self.context.cipher)
            found = await keys.published(session)
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "public, max-age=300")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(json.dumps({"keys": found}))
