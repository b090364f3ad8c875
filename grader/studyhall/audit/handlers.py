"""Endpoints of the audit log: a course's for those who teach it, a cohort's for those who run it."""

import uuid
from collections.abc import Callable

from studyhall.audit import cohort_log, service
from studyhall.audit.cohort_log import LogFilter, Rows
from studyhall.audit.requests import actor_of
from studyhall.audit.schemas import (
    AuditEntryOut,
    AuditQuery,
    CohortAuditEntry,
    CohortAuditExportQuery,
    CohortAuditQuery,
)
from studyhall.audit.service import Action
from studyhall.db.session import cohort_of
from studyhall.errors import Invalid
from studyhall.permissions import Permission
from studyhall.web.envelope import Page
from studyhall.web.routes import Download, Kind, Request, Route

LARGEST_EXPORT = 50_000
"""Entries of one file: some 30 MB, which a spreadsheet still opens."""

OrganizationLog = Callable[[uuid.UUID], Rows]
"""Entries of the organisation that a cohort belongs to."""


async def list_entries(request: Request) -> Page[AuditEntryOut]:
    """Return what staff changed in a course, the newest first."""
    query = request.query_as(AuditQuery)
    rows, total = await service.entries(
        request.session,
        request.path["course"],
        action=query.action,
        actor=query.actor,
        about=query.object,
        page=query.page,
        limit=query.limit,
    )
    return Page(rows, total, query.page, query.limit)


def routes(organization_log: OrganizationLog) -> list[Route]:
    """Return the endpoints; the organisation's log is handed in by :mod:`studyhall.app`, it stands above this one."""

    def beside(request: Request) -> Rows | None:
        """Return the organisation's entries for those who may see its other cohorts."""
        if request.person.may_in_cohort(Permission.COHORTS_READ):
            return organization_log(cohort_of(request.session))
        return None

    async def list_cohort(request: Request) -> Page[CohortAuditEntry]:
        """Return what was changed in the cohort, the newest first, with where it came from."""
        query = request.query_as(CohortAuditQuery)
        rows, total = await cohort_log.entries(
            request.session, _filter(query), beside=beside(request), page=query.page, limit=query.limit
        )
        return Page(rows, total, query.page, query.limit)

    async def export_cohort(request: Request) -> Download:
        """Return the cohort's log as a file; that it was taken is written down in it."""
        query = request.query_as(CohortAuditExportQuery)
        wanted = _filter(query)
        _, total = await cohort_log.entries(request.session, wanted, beside=beside(request), page=1, limit=1)
        if total > LARGEST_EXPORT:
            raise Invalid(
                f"These are {total:,} entries; {LARGEST_EXPORT:,} is the most that one file holds. "
                "Choose a shorter time, and take the rest in a second file."
            )
        found = [
            entry async for entry in cohort_log.every_entry(request.session, wanted, beside=beside(request))
        ]
        service.record(
            request.session,
            actor_of(request),
            Action.AUDIT_EXPORTED,
            about=f"audit log, {len(found)} entries",
            course=None,
            at=request.context.clock(),
            after=query.model_dump(mode="json", exclude_none=True),
        )
        return Download("audit.csv", "text/csv; charset=utf-8", cohort_log.as_csv(found))

    return [
        Route(
            method="GET",
            path="/staff/courses/{course}/audit",
            summary="What staff changed in a course",
            permission=Permission.STAFF_AUDIT_READ,
            handle=list_entries,
            query=AuditQuery,
            response=list[AuditEntryOut],
            paged=True,
            tag="staff",
        ),
        Route(
            method="GET",
            path="/admin/audit",
            summary="What was changed in the cohort, and from where",
            permission=Permission.COHORT_AUDIT_READ,
            handle=list_cohort,
            query=CohortAuditQuery,
            response=list[CohortAuditEntry],
            paged=True,
            tag="administration",
        ),
        Route(
            method="GET",
            path="/admin/audit/export",
            summary="The cohort's audit log as a file",
            permission=Permission.COHORT_AUDIT_READ,
            handle=export_cohort,
            query=CohortAuditExportQuery,
            kind=Kind.FILE,
            tag="administration",
        ),
    ]


def _filter(query: CohortAuditQuery | CohortAuditExportQuery) -> LogFilter:
    return LogFilter(
        actor=query.actor,
        action=query.action,
        course=query.course,
        about=query.object,
        since=query.since,
        until=query.until,
    )
