"""`studyhall --version`: what an operator names when they report something."""

from typing import Annotated

import typer

from studyhall import __version__


def _say(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"studyhall {__version__}")
        raise typer.Exit


def version_option(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The Jupyter classroom: lessons as notebooks, hidden tests judged in a sandbox."""
    del version
