"""Endpoints of identity."""

from studyhall.identity import service
from studyhall.identity.schemas import Profile, ProfileChange
from studyhall.permissions import NEEDS, Permission, scopes_grant
from studyhall.web.routes import Request, Route


async def show_me(request: Request) -> Profile:
    """Return who is signed in, and what they may do."""
    person = request.person
    allowed = [
        permission.value
        for permission, (_, roles) in NEEDS.items()
        if scopes_grant(permission, person.scopes) and (not roles or person.courses_with(permission))
    ]
    return Profile(
        id=person.user_id,
        username=person.username,
        display_name=person.display_name,
        timezone=person.timezone,
        roles={course: role.value for course, role in person.roles.items()},
        permissions=sorted(allowed),
        administration=person.administration,
    )


async def change_me(request: Request) -> Profile:
    """Change one's own settings."""
    change = request.body_as(ProfileChange)
    await service.change_timezone(
        request.session,
        request.person.user_id,
        change.timezone,
        cohort_timezone=request.person.cohort_timezone,
        now=request.context.clock(),
    )
    return await show_me(request)


ROUTES = [
    Route(
        method="GET",
        path="/me",
        summary="Who is signed in",
        permission=Permission.PROFILE_READ,
        handle=show_me,
        response=Profile,
    ),
    Route(
        method="PATCH",
        path="/me",
        summary="Change one's own settings",
        permission=Permission.PROFILE_WRITE,
        handle=change_me,
        body=ProfileChange,
        response=Profile,
    ),
]
