"""``studyhall export``: what an operator types and reads. Imports nothing of the service before a command is called."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from studyhall.moving_out.service import Planned

moving_out = typer.Typer(help="Move out to somewhere else.", no_args_is_help=True)


@moving_out.command("nbgrader")
def export_nbgrader(
    course: Annotated[str, typer.Argument(help="The course's slug.")],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, or that of an earlier export.")],
    *,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be written, and write nothing.")
    ] = False,
    all_attempts: Annotated[
        bool, typer.Option("--all-attempts", help="Take attempts along that do not count, in a folder aside.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Move a course out, as operator: a folder and a gradebook that nbgrader alone works with."""
    from studyhall.moving_out import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.moving_out.errors import MovingOutError  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    def agreed(planned: "Planned", is_there: bool) -> bool:  # noqa: FBT001 - the command calls it so
        does = "would be renewed" if is_there else "would be made"
        typer.echo(f"{folder} {does} as the nbgrader course {planned.course}:")
        typer.echo(planned.text)
        for line in planned.left_behind:
            typer.echo(f"Stays behind: {line}")
        typer.echo("It holds hidden tests, names and grades, so that only you can read it (mode 0700).")
        return not preview and (yes or typer.confirm("Write this?", default=True))

    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
    )
    task = shown.add_task("", total=None)

    def progress(done: int, total: int, what: str) -> None:
        shown.start()
        shown.update(task, completed=done, total=total, description=what)

    try:
        written = command.export_course(
            Settings(), course, folder, all_attempts=all_attempts, agreed=agreed, progress=progress
        )
    except MovingOutError as error:
        shown.stop()  # before the sentence, so that it stands below the bar
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"{error} ({error.reason.value})", style="red", markup=False
        )
        raise typer.Exit(code=1) from error
    finally:
        shown.stop()
    if written is None:
        raise typer.Exit(code=0 if preview else 1)
    typer.echo(f"{folder} is {'written' if written.is_new else 'up to date'}:\n{written.text}")
    for line in (*written.notes[:20], *written.differences[:20]):
        typer.echo(f"Note: {line}")
    typer.echo("REPORT.md in it says what it holds, how nbgrader uses it and what stays behind.")
    typer.echo("It holds hidden tests, names and grades: its mode is 0700, so that only you can read it.")
