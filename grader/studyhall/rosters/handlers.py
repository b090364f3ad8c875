"""Endpoints of rosters, for those who run the cohort: first what a file would change, then doing it."""

from studyhall.audit.requests import actor_of
from studyhall.errors import Conflict, ErrorCode, ErrorDetail, Invalid
from studyhall.organizations.errors import Refused
from studyhall.permissions import Permission
from studyhall.rosters import page, service
from studyhall.rosters.reading import LARGEST_BYTES, read_roster
from studyhall.rosters.schemas import RosterApply, RosterIn, RosterPreview
from studyhall.rosters.service import Plan
from studyhall.web.routes import Request, Route

MOST_DETAILS = 20


class RosterChanged(Conflict):
    """The cohort changed while you looked at this preview. Look at the new one, then apply it."""

    code = ErrorCode.CHANGED_MEANWHILE


async def preview(request: Request) -> RosterPreview:
    """Show what a roster changes; nothing is done."""
    shown, _ = await _planned(request, request.body_as(RosterIn))
    return shown


async def apply(request: Request) -> RosterPreview:
    """Do what the preview of the same file has shown, all or nothing; the same file again changes nothing."""
    body = request.body_as(RosterApply)
    shown, planned = await _planned(request, body)
    if planned is None:
        raise Invalid(
            "The roster has mistakes. Nothing was changed; correct them and look at the preview again.",
            details=[
                ErrorDetail(field=f"line {line.line}", message=line.problem or "")
                for line in shown.lines[:MOST_DETAILS]
            ],
        )
    if shown.changes != body.expected_changes:
        raise RosterChanged
    await service.apply(request.session, planned, actor=actor_of(request), now=request.context.clock())
    return shown


async def _planned(request: Request, body: RosterIn) -> tuple[RosterPreview, Plan | None]:
    roster = read_roster(body.csv.encode())
    try:
        return await page.preview(request.session, roster, by=request.person.username)
    except Refused as error:
        raise Conflict(str(error)) from error


ROUTES = [
    Route(
        method="POST",
        path="/admin/roster/preview",
        summary="What a roster would change",
        permission=Permission.MEMBERS_WRITE,
        handle=preview,
        body=RosterIn,
        response=RosterPreview,
        errors=(ErrorCode.CONFLICT, ErrorCode.TOO_LARGE),
        max_body=2 * LARGEST_BYTES,
        tag="administration",
    ),
    Route(
        method="POST",
        path="/admin/roster",
        summary="Bring the cohort in step with a roster",
        permission=Permission.MEMBERS_WRITE,
        handle=apply,
        body=RosterApply,
        response=RosterPreview,
        errors=(ErrorCode.CONFLICT, ErrorCode.CHANGED_MEANWHILE, ErrorCode.TOO_LARGE),
        max_body=2 * LARGEST_BYTES,
        tag="administration",
    ),
]
