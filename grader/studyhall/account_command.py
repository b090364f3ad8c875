"""``studyhall account``: an operator's work on the local accounts of a hub.

The hub's package does it, in a process of its own: this one imports nothing of the hub.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

accounts = typer.Typer(help="Local accounts of a hub, as its operator.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's user name.")]
Settings = Annotated[Path | None, typer.Option(help="The hub's settings file (else STUDYHALL_HUB_SETTINGS).")]


@accounts.command("new")
def new(
    name: Name,
    mail: Annotated[str | None, typer.Option(help="The person's mail address, for new passwords.")] = None,
    settings: Settings = None,
) -> None:
    """Make an account, and print the address where its person chooses the password, once, within 24 hours."""
    _start("new", name, settings, *(["--mail", mail] if mail else []))


@accounts.command("reset")
def reset(name: Name, settings: Settings = None) -> None:
    """Print an address where somebody chooses a new password, once, within an hour."""
    _start("reset", name, settings)


@accounts.command("unlock")
def unlock(name: Name, settings: Settings = None) -> None:
    """Let somebody try again at once who failed too often."""
    _start("unlock", name, settings)


@accounts.command("list")
def list_accounts(settings: Settings = None) -> None:
    """Print all accounts with their mail addresses, and who is locked."""
    _start("list", None, settings)


def _start(command: str, name: str | None, settings: Path | None, *more: str) -> None:
    words = [command, *more, *(["--settings", str(settings)] if settings else [])]
    if name is not None:
        # What follows is a name even when it begins with a hyphen.
        words += ["--", name]
    sys.stdout.flush()
    program = [sys.executable, "-m", "studyhall_hub.sign_in", *words]
    os.execv(sys.executable, program)  # noqa: S606 - starting it without a shell is the point
