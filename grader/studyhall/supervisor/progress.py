"""What the person at the terminal sees: a live table on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from studyhall.supervisor.installation import Installation
from studyhall.supervisor.keys import Keys
from studyhall.supervisor.parts import Part, State


class Progress:
    """Shows how far the parts are, then what happens to them."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to `console`, by default the standard output."""
        self.console = console or Console(soft_wrap=True, highlight=False)
        self.began = time.monotonic()
        self._live: Live | None = None
        self._told: dict[str, State] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.settle()

    def starting(self, parts: Sequence[Part]) -> None:
        """Show how far `parts` are."""
        if self.console.is_terminal:
            if self._live is None:
                # No refresh thread: children are tied to the thread that starts them, so there is only one.
                self._live = Live(console=self.console, auto_refresh=False)
                self._live.start()
            self._live.update(self._table(parts), refresh=True)
        else:
            self._lines(parts)

    def settle(self) -> None:
        """Leave the table as it stands."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, sentence: str) -> None:
        """Print one sentence with the time of day."""
        self.settle()
        self.console.print(f"{time.strftime('%H:%M:%S')}  {sentence}", markup=False)
        sys.stdout.flush()

    def _table(self, parts: Sequence[Part]) -> Group:
        table = Table.grid(padding=(0, 2))
        for part in parts:
            table.add_row(_mark(part), part.title, _remark(part))
        return Group(table)

    def _lines(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if self._told.get(part.name) is not part.state and part.state is not State.WAITING:
                self._told[part.name] = part.state
                self.console.print(f"  {part.title}: {_remark(part)}", markup=False)
                sys.stdout.flush()


def _mark(part: Part) -> Text | Spinner:
    if part.state in (State.READY, State.DONE):
        return Text("✓", style="green")
    if part.state is State.STARTING:
        return Spinner("dots")
    return Text("·", style="dim")


def _remark(part: Part) -> str:
    if part.state in (State.READY, State.DONE):
        return f"{part.state} ({part.took:.1f} s)"
    return f"{part.state} …" if part.state is State.STARTING else str(part.state)


def show_welcome(console: Console, at: Installation, keys: Keys, *, seconds: float) -> None:
    """Print the one address to open and who can sign in there."""
    console.print(f"\nStudyhall runs (started in {seconds:.1f} s). Open  [bold]{at.public_url}[/bold]\n")
    people = Table(box=None, padding=(0, 3, 0, 1), header_style="dim")
    for title in ("sign in as", "password", "role"):
        people.add_column(title, no_wrap=True)
    for account in keys.accounts:
        people.add_row(account.name, account.password, account.role)
    console.print(people)
    console.print(
        "\nThis is for trying out: learners' servers are processes on this machine, on one address with the "
        "staff pages.\nA real class gives every learner a container and an address of their own.\n"
        f"Data: {at.data}   Logs: {at.logs}\nCtrl-C stops everything; the data stays.",
        markup=False,
    )
    sys.stdout.flush()
