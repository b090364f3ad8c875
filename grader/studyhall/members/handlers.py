"""Endpoints of members: the hub's own door first, then what those ask for who run the cohort."""

from studyhall.audit.requests import actor_of
from studyhall.errors import ErrorCode
from studyhall.members import cohort_page, joining, service
from studyhall.members.schemas import (
    CohortChange,
    CohortPage,
    CohortRow,
    CourseRoleChange,
    Decided,
    JoinDecisions,
    JoinOut,
    JoinsQuery,
    MemberOut,
    MembersQuery,
    Removal,
    RolesChange,
    SignInAnswer,
    SignInNotice,
)
from studyhall.permissions import Permission
from studyhall.web.envelope import Page, PageQuery
from studyhall.web.routes import Request, Route

TAG = "administration"


async def sign_in_at_hub(request: Request) -> SignInAnswer:
    """Say to the hub what becomes of somebody who has just shown who they are."""
    return await joining.sign_in_at_hub(
        request.session,
        request.body_as(SignInNotice),
        outbox=request.context.outbox,
        now=request.context.clock(),
        request_id=request.request_id,
    )


async def show_cohort(request: Request) -> CohortPage:
    """Return the cohort, and what whoever asks may do in it."""
    return await cohort_page.show(
        request.session, may=request.person.administration, now=request.context.clock()
    )


async def change_cohort(request: Request) -> CohortPage:
    """Change the cohort's name and who may join it."""
    await cohort_page.change(
        request.session,
        request.body_as(CohortChange),
        actor=actor_of(request),
        now=request.context.clock(),
    )
    await request.session.flush()
    return await show_cohort(request)


async def list_cohorts(request: Request) -> Page[CohortRow]:
    """Return the cohorts of the same organisation."""
    query = request.query_as(PageQuery)
    rows, total = await cohort_page.cohorts(
        request.session, page=query.page, limit=query.limit, now=request.context.clock()
    )
    return Page(rows, total, query.page, query.limit)


async def list_members(request: Request) -> Page[MemberOut]:
    """Return members, and those who were."""
    query = request.query_as(MembersQuery)
    rows, total = await service.members(request.session, query)
    return Page(rows, total, query.page, query.limit)


async def show_member(request: Request) -> MemberOut:
    """Return one member."""
    return await service.member(request.session, request.path["username"])


async def change_roles(request: Request) -> MemberOut:
    """Give a member just these roles in the cohort."""
    body = request.body_as(RolesChange)
    return await service.change_roles(
        request.session,
        request.path["username"],
        roles=body.roles,
        expected=body.expected,
        person=request.person,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def change_course_role(request: Request) -> MemberOut:
    """Give a member a part in a course."""
    return await service.change_course_role(
        request.session,
        request.path["username"],
        request.path["course"],
        request.body_as(CourseRoleChange).role,
        person=request.person,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def drop_course_role(request: Request) -> MemberOut:
    """Take a member out of a course."""
    return await service.change_course_role(
        request.session,
        request.path["username"],
        request.path["course"],
        None,
        person=request.person,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def remove_member(request: Request) -> MemberOut:
    """End somebody's membership."""
    return await service.remove(
        request.session,
        request.path["username"],
        reason=request.body_as(Removal).reason,
        person=request.person,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def restore_member(request: Request) -> MemberOut:
    """Make somebody a member again."""
    return await service.restore(
        request.session,
        request.path["username"],
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def list_joins(request: Request) -> Page[JoinOut]:
    """Return who wants to join, or wanted to."""
    query = request.query_as(JoinsQuery)
    rows, total = await joining.joins(request.session, state=query.state, page=query.page, limit=query.limit)
    return Page(rows, total, query.page, query.limit)


async def decide_joins(request: Request) -> Decided:
    """Let in or decline some of those who wait."""
    body = request.body_as(JoinDecisions)
    return await joining.decide(
        request.session,
        body.ids,
        approve=body.decision == "approve",
        reason=body.reason,
        actor=actor_of(request),
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


ROUTES = [
    Route(
        method="POST",
        path="/hub/sign-ins",
        summary="What becomes of somebody who signs in at the hub",
        permission=Permission.HUB,
        handle=sign_in_at_hub,
        body=SignInNotice,
        response=SignInAnswer,
        tag="hub",
    ),
    Route(
        method="GET",
        path="/admin/cohort",
        summary="The cohort, its plan, and who may join",
        permission=Permission.COHORT_READ,
        handle=show_cohort,
        response=CohortPage,
        tag=TAG,
    ),
    Route(
        method="PATCH",
        path="/admin/cohort",
        summary="Change the cohort's name and who may join",
        permission=Permission.COHORT_WRITE,
        handle=change_cohort,
        body=CohortChange,
        response=CohortPage,
        tag=TAG,
    ),
    Route(
        method="GET",
        path="/admin/cohorts",
        summary="The cohorts of the same organisation",
        permission=Permission.COHORTS_READ,
        handle=list_cohorts,
        query=PageQuery,
        response=list[CohortRow],
        paged=True,
        tag=TAG,
    ),
    Route(
        method="GET",
        path="/admin/members",
        summary="Members, and those who were",
        permission=Permission.MEMBERS_READ,
        handle=list_members,
        query=MembersQuery,
        response=list[MemberOut],
        paged=True,
        tag=TAG,
    ),
    Route(
        method="GET",
        path="/admin/members/{username}",
        summary="One member",
        permission=Permission.MEMBERS_READ,
        handle=show_member,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER,),
        tag=TAG,
    ),
    Route(
        method="DELETE",
        path="/admin/members/{username}",
        summary="End somebody's membership",
        permission=Permission.MEMBERS_WRITE,
        handle=remove_member,
        body=Removal,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER, ErrorCode.ROLE_REFUSED),
        tag=TAG,
    ),
    Route(
        method="POST",
        path="/admin/members/{username}/restore",
        summary="Make somebody a member again",
        permission=Permission.MEMBERS_WRITE,
        handle=restore_member,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER, ErrorCode.COHORT_FULL),
        tag=TAG,
    ),
    Route(
        method="PUT",
        path="/admin/members/{username}/roles",
        summary="Give a member just these roles in the cohort",
        permission=Permission.ROLES_WRITE,
        handle=change_roles,
        body=RolesChange,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER, ErrorCode.ROLE_REFUSED, ErrorCode.CHANGED_MEANWHILE),
        tag=TAG,
    ),
    Route(
        method="PUT",
        path="/admin/members/{username}/courses/{course}",
        summary="Give a member a part in a course",
        permission=Permission.ROLES_WRITE,
        handle=change_course_role,
        body=CourseRoleChange,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER, ErrorCode.UNKNOWN_COURSE, ErrorCode.ROLE_REFUSED),
        tag=TAG,
    ),
    Route(
        method="DELETE",
        path="/admin/members/{username}/courses/{course}",
        summary="Take a member out of a course",
        permission=Permission.ROLES_WRITE,
        handle=drop_course_role,
        response=MemberOut,
        errors=(ErrorCode.UNKNOWN_MEMBER, ErrorCode.UNKNOWN_COURSE, ErrorCode.ROLE_REFUSED),
        tag=TAG,
    ),
    Route(
        method="GET",
        path="/admin/joins",
        summary="Who wants to join, or wanted to",
        permission=Permission.JOINS_READ,
        handle=list_joins,
        query=JoinsQuery,
        response=list[JoinOut],
        paged=True,
        tag=TAG,
    ),
    Route(
        method="POST",
        path="/admin/joins/decisions",
        summary="Let in or decline some of those who wait",
        permission=Permission.JOINS_DECIDE,
        handle=decide_joins,
        body=JoinDecisions,
        response=Decided,
        tag=TAG,
    ),
]
