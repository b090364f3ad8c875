"""``studyhall cohort roster`` as typed. Imports nothing of the service before it is called."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from studyhall.administration.terminal import AsJson, CohortSlug, refusing, say_json

if TYPE_CHECKING:
    from studyhall.rosters.service import Part, Plan


def roster(
    cohort: CohortSlug,
    file: Annotated[
        Path, typer.Argument(help="CSV file with the columns username, display_name, email, course, role.")
    ],
    *,
    apply: Annotated[
        bool, typer.Option("--apply/--preview", help="Do it; else it is only shown what would be done.")
    ] = False,
    remove_missing: Annotated[
        bool,
        typer.Option(
            "--remove-missing", help="Who is not in the file leaves the courses that the file names."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a cohort's people and their parts in its courses in step with a CSV file."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.rosters.errors import RosterInvalid  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        try:
            planned = command.apply_roster(
                Settings(), cohort, file, remove_missing=remove_missing, apply=apply
            )
        except RosterInvalid as error:
            if as_json:
                problems = [
                    {"line": problem.line, "column": problem.column, "message": problem.message}
                    for problem in error.problems
                ]
                refusal = {"code": error.reason.value, "message": str(error), "details": problems}
                say_json({"error": refusal})
                raise typer.Exit(code=1) from error
            for problem in error.problems:
                Console(stderr=True, soft_wrap=True, highlight=False).print(
                    str(problem), style="red", markup=False
                )
            raise
    if as_json:
        say_json(_as_json(planned, applied=apply))
    else:
        _say(planned, applied=apply)


def _as_json(planned: "Plan", *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "people": [_row(part) for part in planned.people],
        "parts": [_row(part) for part in planned.parts],
    }


def _row(part: "Part") -> dict[str, Any]:
    row = {
        "change": part.change.value,
        "username": part.username,
        "before": part.before,
        "after": part.after,
    }
    return row | ({"course": part.course} if part.course else {})


def _say(planned: "Plan", *, applied: bool) -> None:
    for part in (*planned.people, *planned.parts):
        if part.change != "unchanged":
            typer.echo(_sentence(part))
    for title, parts in (("People", planned.people), ("Parts in courses", planned.parts)):
        counts = {
            change: sum(part.change == change for part in parts)
            for change in ("added", "changed", "removed", "unchanged")
        }
        typer.echo(
            f"{title}: {counts['added']} added, {counts['changed']} changed, "
            + (f"{counts['removed']} removed, " if parts is planned.parts else "")
            + f"{counts['unchanged']} left as is."
        )
    if not planned.changes_anything:
        typer.echo("There is nothing to change.")
    elif applied:
        typer.echo("Done.")
    else:
        typer.echo("Nothing was changed yet: this is a preview. The same command with --apply does it.")


def _sentence(part: "Part") -> str:
    before, after = part.before or {}, part.after or {}
    if part.course is not None:
        if part.change == "removed":
            return f"removed  {part.username}, {before['role']} of {part.course}; what they did there stays"
        was = f", was {before['role']}" if before else ""
        return f"{part.change.value:8} {part.username}: {after['role']} of {part.course}{was}"
    words = [
        f"{column.replace('_', ' ')} {value!r}" + (f", was {before[column]!r}" if before.get(column) else "")
        for column, value in after.items()
    ]
    return f"{part.change.value:8} {part.username}" + (f": {'; '.join(words)}" if words else "")
