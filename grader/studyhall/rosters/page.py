"""A roster as a page shows it: its lines with what each one changes, or with what is wrong with it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.identity.models import User
from studyhall.members.policy import course_role_refused
from studyhall.permissions import Role
from studyhall.rosters import service
from studyhall.rosters.errors import RosterInvalid
from studyhall.rosters.reading import Entry, Problem, Roster
from studyhall.rosters.schemas import RosterLine, RosterPreview
from studyhall.rosters.service import Change, Part, Plan

MOST_LINES = 1_000
"""Lines that one answer shows; the numbers count all of them."""


async def preview(session: AsyncSession, roster: Roster, *, by: str) -> tuple[RosterPreview, Plan | None]:
    """Return what a roster means, and the plan that does it; no plan while something is wrong.

    Args:
        session: the cohort's.
        roster: what the file says.
        by: hub name of whoever gives it: nobody raises their own part in a course.

    Raises:
        Refused: the cohort can't take it as a whole, whatever its lines say.
    """
    try:
        planned = await service.plan(session, roster, remove_missing=False)
    except RosterInvalid as error:
        return _mistakes(roster, error.problems), None
    own = [_raises_oneself(entry, planned, by) for entry in roster.entries if entry.username == by]
    if refused := [problem for problem in own if problem is not None]:
        return _mistakes(roster, refused), None
    return _changes(roster, planned, await _removed(session, roster)), planned


async def _removed(session: AsyncSession, roster: Roster) -> set[str]:
    """Return who of the file was removed from the cohort, and stays so."""
    rows = await session.scalars(select(User.hub_username).where(User.removed_at.is_not(None)))
    return set(rows) & {entry.username for entry in roster.entries}


def _mistakes(roster: Roster, problems: Iterable[Problem]) -> RosterPreview:
    lines = [
        RosterLine(
            line=problem.line,
            username=roster.names.get(problem.line, ""),
            what="",
            problem=f"{problem.column}: {problem.message}" if problem.column else problem.message,
        )
        for problem in problems
    ]
    return RosterPreview(lines=lines[:MOST_LINES], changes=0, unchanged=0, problems=len(lines))


def _raises_oneself(entry: Entry, planned: Plan, by: str) -> Problem | None:
    for part in planned.parts:
        if part.username != by or part.course != entry.course or part.change is Change.UNCHANGED:
            continue
        before, after = (_role(side) for side in (part.before, part.after))
        if sentence := course_role_refused(is_self=True, before=before, after=after):
            return Problem(entry.line, "role", sentence)
    return None


def _role(side: dict[str, Any] | None) -> Role | None:
    return Role(side["role"]) if side is not None else None


def _changes(roster: Roster, planned: Plan, removed: set[str]) -> RosterPreview:
    people = {part.username: part for part in planned.people}
    parts = {(part.username, part.course): part for part in planned.parts}
    lines, unchanged = [], 0
    for entry in roster.entries:
        # What concerns the person stands at their first line only.
        of_line = [people.pop(entry.username, None), parts.get((entry.username, entry.course))]
        words = [in_words(part) for part in of_line if part and part.change is not Change.UNCHANGED]
        if words and entry.username in removed:
            words.append("stays removed: a roster brings nobody back")
        if words:
            lines.append(
                RosterLine(line=entry.line, username=entry.username, what="; ".join(words), problem=None)
            )
        else:
            unchanged += 1
    changes = sum(part.change is not Change.UNCHANGED for part in (*planned.people, *planned.parts))
    return RosterPreview(lines=lines[:MOST_LINES], changes=changes, unchanged=unchanged, problems=0)


def in_words(part: Part) -> str:
    """Return a change as people read it."""
    before, after = part.before or {}, part.after or {}
    if part.course is not None:
        was = f", was {before['role']}" if before else ""
        return f"{after['role']} of {part.course}{was}"
    said = [
        f"{column.replace('_', ' ')} {value!r}" + (f", was {before[column]!r}" if before.get(column) else "")
        for column, value in after.items()
    ]
    return "; ".join(["new in the cohort", *said] if part.change is Change.ADDED else said)
