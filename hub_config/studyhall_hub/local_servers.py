"""Learners' servers as processes on this machine, each enclosed; real classes use containers."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Bool, Integer, List, Unicode

from studyhall_hub.enclosure import enclosed, home_inside, write_identity

HOME_MODE = 0o700
SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def started_at(pid: int) -> int | None:
    """Return when process `pid` was started, in the kernel's clock ticks since boot; None when there is none.

    Together with the number it names a process for good: numbers are given out again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold blanks; the state is the third, this the
    # 22nd.
    state, *later = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(later[18])


def reservation() -> socket.socket:
    """Return a loopback address that the kernel gives to nobody else; a server may listen on it all the same."""
    held = socket.socket()
    # Without this it would keep the server out, too; bound and never listening it only keeps others from it.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


class LocalServerSpawner(LocalProcessSpawner):  # type: ignore[misc]  # jupyterhub ships no types
    """Starts a person's server below `servers_folder`, enclosed, with an environment of its own."""

    servers_folder = Unicode(help="Folder with one home folder per person.").tag(config=True)
    log_folder = Unicode(help="Folder for one log per person's server.").tag(config=True)
    enclose = Bool(default_value=True, help="Whether to enclose each server in bubblewrap.").tag(config=True)
    bubblewrap = Unicode(help="Path of `bwrap`.").tag(config=True)
    hidden = List(Unicode(), help="Folders that no server may see.").tag(config=True)
    keeper = List(Unicode(), help="Command put before each server's.").tag(config=True)
    keep_open = List(Integer(), help="File descriptors that each server inherits.").tag(config=True)

    _reservation: socket.socket | None = None

    pid_started = Integer(0, help="When `pid` was started, in clock ticks since boot.")

    @property
    def home(self) -> Path:
        """The person's home folder outside the enclosure."""
        return Path(self.servers_folder) / str(self.user.escaped_name)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add what a shell would, for this person's home as it is seen from inside."""
        name = str(self.user.escaped_name)
        binaries = str(Path(sys.prefix) / "bin")
        return env | {
            "HOME": home_inside(name) if self.enclose else str(self.home),
            "LANG": "C.UTF-8",
            "PATH": ":".join((binaries, *SYSTEM_PATH)),
            "SHELL": "/bin/bash",
            "USER": name,
        }

    async def start(self) -> tuple[str, int]:
        """Start the server; return where it listens."""
        name = str(self.user.escaped_name)
        # Until it listens, which takes seconds, any connection on this machine could be given its port.
        self._let_go()
        self._reservation = reservation()
        port: int = self._reservation.getsockname()[1]
        self.port = port
        self.home.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
        command = [*self.cmd, *self.get_args()]
        if self.enclose:
            identity = write_identity(Path(self.servers_folder) / ".identities" / name, name)
            command = enclosed(
                command,
                bubblewrap=Path(self.bubblewrap),
                name=name,
                home=self.home,
                identity=identity,
                hidden=[Path(folder) for folder in self.hidden],
            )
        self.launch(command, log=Path(self.log_folder) / f"server-{name}.log")
        return ("127.0.0.1", port)

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - as the hub declares it
        """Stop the server."""
        await super().stop(now)
        self._let_go()

    def _let_go(self) -> None:
        held, self._reservation = self._reservation, None
        if held is not None:
            held.close()

    def launch(self, command: list[str], *, log: Path) -> None:
        """Start `command` in a session of its own and remember its process; output is appended to `log`."""
        with log.open("ab") as output:
            self.proc = subprocess.Popen(  # noqa: S603 - every word of the command is ours
                [*self.keeper, *command],
                cwd=self.home,
                env=self.get_env(),
                pass_fds=tuple(self.keep_open),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.pid = self.proc.pid
        self.pid_started = started_at(self.pid) or 0

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up a server that an earlier hub started, unless its number now names another process."""
        super().load_state(state)
        self.pid_started = state.get("pid_started", 0)
        if self.pid and started_at(self.pid) != self.pid_started:
            self.pid = 0

    def get_state(self) -> dict[str, Any]:
        """Return what names the process for a later hub."""
        state: dict[str, Any] = super().get_state()
        return state | {"pid_started": self.pid_started} if self.pid else state

    async def _signal(self, sig: int) -> bool:
        """Signal the server only while its process number is still its own."""
        if started_at(self.pid) != self.pid_started:
            return False
        return bool(await super()._signal(sig))
