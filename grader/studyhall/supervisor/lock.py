"""One Studyhall per data folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from studyhall.supervisor.errors import AlreadyRunningError


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the data folder for this process.

    The kernel lets go of the lock when the process ends, however it ends, so nothing stale is ever left.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    with (data / "studyhall.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"Studyhall is already running on {data} (process {holder}); stop that one with Ctrl-C "
                "first, or choose another data folder with --data and another port with --port."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def holder(data: Path) -> int | None:
    """Return the number of the process that runs Studyhall on `data`, or None when none does."""
    try:
        with (data / "studyhall.lock").open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0) or None
            return None
    except (OSError, ValueError):
        return None
