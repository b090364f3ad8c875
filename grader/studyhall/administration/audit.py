"""``studyhall audit`` as typed. Imports nothing of the service before it is called."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studyhall.administration.terminal import AsJson, CohortSlug, refusing, say_json

if TYPE_CHECKING:
    from studyhall.audit.schemas import CohortAuditEntry

MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


def audit(
    cohort: CohortSlug,
    actor: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as grade.changed.")] = None,
    course: Annotated[str | None, typer.Option(help="Only in this course.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only from this day or moment on, in UTC.", formats=MOMENTS)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Only before this day or moment, in UTC.", formats=MOMENTS)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest entries, at most so many.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who changed what in a cohort, when and from where, with what concerns its organisation."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.audit.cohort_log import LogFilter  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    wanted = LogFilter(actor=actor, action=action, course=course, since=_utc(since), until=_utc(until))
    with refusing(as_json=as_json):
        found, total = command.audit_log(Settings(), cohort, wanted, limit=limit)
    if as_json:
        say_json([row.model_dump(mode="json") for row in found])
        return
    for entry in found:
        typer.echo(_line(entry))
    if not found:
        typer.echo("Nothing in the log fits. Leave an option out, or look at another time.")
    if total > len(found):
        typer.echo(
            f"These are the newest {len(found)} of {total}. --limit shows more, --since and --until choose."
        )


def _line(entry: "CohortAuditEntry") -> str:
    about = f"{entry.object} ({entry.course})" if entry.course else entry.object
    where = ", ".join(part for part in (entry.origin, entry.address, entry.agent) if part)
    change = _change(entry)
    return (
        f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.actor}  {entry.action}  {about}"
        + (f": {change}" if change else "")
        + f"  [{where}]"
    )


def _change(entry: "CohortAuditEntry") -> str:
    before, after = entry.before or {}, entry.after or {}
    return "; ".join(
        f"{name}: {_text(before[name])} -> {_text(after.get(name))}"
        if before.get(name) is not None
        else f"{name}: {_text(after.get(name))}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _text(value: Any) -> str:
    if value is None or value in ("", []):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
