"""Endpoints of one's own notifications."""

from studyhall.notifications import service
from studyhall.notifications.schemas import (
    NotificationOut,
    NotificationsQuery,
    NotificationsRead,
    ReadAllIn,
)
from studyhall.permissions import Permission
from studyhall.web.envelope import Page
from studyhall.web.routes import Request, Route


async def list_own(request: Request) -> Page[NotificationOut]:
    """Return one's own notifications, the newest first."""
    query = request.query_as(NotificationsQuery)
    rows, total = await service.own(
        request.session,
        request.person.user_id,
        unread=query.unread,
        page=query.page,
        limit=query.limit,
    )
    return Page(rows, total, query.page, query.limit)


async def read(request: Request) -> NotificationOut:
    """Mark one of one's own notifications as read."""
    return await service.read(
        request.session,
        request.person.user_id,
        request.uuid("notification"),
        now=request.context.clock(),
    )


async def read_all(request: Request) -> NotificationsRead:
    """Mark all of one's own notifications as read."""
    return NotificationsRead(
        read=await service.read_all(request.session, request.person.user_id, now=request.context.clock())
    )


ROUTES = [
    Route(
        method="GET",
        path="/notifications",
        summary="My notifications",
        permission=Permission.NOTIFICATIONS_READ,
        handle=list_own,
        query=NotificationsQuery,
        response=list[NotificationOut],
        paged=True,
    ),
    Route(
        method="POST",
        path="/notifications/read",
        summary="Mark all my notifications as read",
        permission=Permission.NOTIFICATIONS_WRITE,
        handle=read_all,
        body=ReadAllIn,
        response=NotificationsRead,
    ),
    Route(
        method="POST",
        path="/notifications/{notification}/read",
        summary="Mark a notification as read",
        permission=Permission.NOTIFICATIONS_WRITE,
        handle=read,
        response=NotificationOut,
    ),
]
