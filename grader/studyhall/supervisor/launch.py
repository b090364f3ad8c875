"""Start programs tied to this process (see `tether`) and stop them again."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from studyhall.supervisor.errors import MissingPackageError

TETHER = Path(__file__).with_name("tether.py")


def tethered(
    command: Sequence[str | os.PathLike[str]], *, death_signal: signal.Signals, map_user: int | None = None
) -> list[str]:
    """Return `command` wrapped so that it ends when the calling *thread* does.

    The kernel ties a child to the thread that started it: call from the main thread.
    """
    wrapped = [
        sys.executable,
        "-I",
        "-S",
        str(TETHER),
        "--parent",
        str(os.getpid()),
        "--signal",
        str(int(death_signal)),
    ]
    if map_user is not None:
        wrapped += ["--map-user", str(map_user)]
    return [*wrapped, "--", *(os.fspath(word) for word in command)]


def launch(
    command: Sequence[str | os.PathLike[str]],
    *,
    environment: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    map_user: int | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own with nothing but `environment`; output is appended to `log`.

    `death_signal` is what it gets when this process dies. `keep_open` names file descriptors it inherits.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            tethered(command, death_signal=death_signal, map_user=map_user),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )


def package_folder(name: str) -> Path:
    """Return the folder of the Python package `name` without importing it.

    Raises:
        MissingPackageError: it is not installed.
    """
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise MissingPackageError(
            f"The Python package {name} is missing; install it with: pip install 'studyhall[try-it]'"
        )
    return Path(found.origin).parent


# The last is how coverage.py follows the tests into the parts they start.
KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "COVERAGE_PROCESS_CONFIG",
)


def clean_environment(**extra: str) -> dict[str, str]:
    """Return the little of this process's environment that every part needs, plus `extra`."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | extra


def tail(log: Path, *, lines: int = 3) -> str:
    """Return the last `lines` lines of `log` with something in them, or an empty text."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        _seek_near_end(file)
        written = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
        return "\n".join([line for line in written if line][-lines:])
    return ""


def _seek_near_end(file: IO[bytes], *, at_most: int = 16_384) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - at_most))


def end(process: subprocess.Popen[bytes], *signals: tuple[signal.Signals, float]) -> int:
    """Send each signal in turn, waiting so many seconds after each, at last SIGKILL to the whole session.

    Returns:
        The exit code.
    """
    for number, seconds in signals:
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def wait_until_gone(pid: int, *, seconds: float) -> bool:
    """Wait until no process `pid` exists any more; return whether that happened within `seconds`."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
