"""The log of a whole cohort, with its organisation's entries beside it: read, filtered, and written as a table."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.models import AuditEntry
from studyhall.audit.schemas import CohortAuditEntry
from studyhall.db.session import cohort_of

Rows = Select[Any]
"""Entries of another log, with the columns of :data:`COLUMNS` and an ``id``."""

COLUMNS: Final = (
    "at",
    "actor",
    "action",
    "course",
    "object",
    "before",
    "after",
    "origin",
    "address",
    "agent",
    "request_id",
)
"""What an entry says, in the order of a file's columns."""

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula."""
AT_ONCE: Final = 2_000
"""Rows that are read at a time for a file."""


@dataclass(frozen=True)
class LogFilter:
    """Which entries are wanted; what is None or empty does not matter."""

    actor: str | None = None
    action: str | None = None
    course: str | None = None
    about: str | None = None
    """Part of what it was done to."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""


async def entries(
    session: AsyncSession, wanted: LogFilter, *, beside: Rows | None, page: int, limit: int
) -> tuple[list[CohortAuditEntry], int]:
    """Return a page of the session's cohort's log, the newest first, and how many entries fit.

    Args:
        session: the cohort's.
        wanted: which entries.
        beside: entries of another log that are read as one with it, such as the organisation's.
        page: counted from 1.
        limit: rows on a page.
    """
    log = _log(session, beside)
    where = _conditions(log, wanted)
    total = await session.scalar(select(func.count()).select_from(log).where(*where)) or 0
    rows = await session.execute(
        _newest_first(select(log).where(*where), log).offset((page - 1) * limit).limit(limit)
    )
    return [_entry(row) for row in rows], total


async def every_entry(
    session: AsyncSession, wanted: LogFilter, *, beside: Rows | None
) -> AsyncIterator[CohortAuditEntry]:
    """Yield all entries that fit, the newest first."""
    log = _log(session, beside)
    found = await session.stream(
        _newest_first(select(log).where(*_conditions(log, wanted)), log).execution_options(yield_per=AT_ONCE)
    )
    async for row in found:
        yield _entry(row)


def as_csv(found: Iterable[CohortAuditEntry]) -> bytes:
    """Return entries as a table; no cell of it is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in found:
        writer.writerow([_cell(getattr(entry, column)) for column in COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    plain = "" if value is None else str(value)
    return f"'{plain}" if plain.startswith(FORMULAS) else plain


def _entry(row: Any) -> CohortAuditEntry:
    return CohortAuditEntry.model_validate(row, from_attributes=True)


def _log(session: AsyncSession, beside: Rows | None) -> Subquery:
    names = ("id", *COLUMNS, "created_at")
    own: Rows = select(*(getattr(AuditEntry, name) for name in names)).where(
        AuditEntry.cohort_id == cohort_of(session)
    )
    if beside is None:
        return own.subquery("log")
    other = beside.subquery("beside")
    same: Rows = select(*(other.c[name] for name in names))
    return union_all(own, same).subquery("log")


def _conditions(log: Subquery, wanted: LogFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [
        log.c[column] == value
        for column in ("actor", "action", "course")
        if (value := getattr(wanted, column))
    ]
    if wanted.about:
        where.append(log.c.object.icontains(wanted.about, autoescape=True))
    if wanted.since is not None:
        where.append(log.c.at >= wanted.since)
    if wanted.until is not None:
        where.append(log.c.at < wanted.until)
    return where


def _newest_first(query: Rows, log: Subquery) -> Rows:
    return query.order_by(log.c.at.desc(), log.c.created_at.desc(), log.c.id)
