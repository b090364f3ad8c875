"""A judge of one's own: started for one command, and gone with it whatever happens."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from studyhall_judge.client import Judge, JudgeUnavailable
from studyhall_judge.report import JudgeStatus

from studyhall.offline_grading.errors import OfflineGradingError

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 15.0
LONGEST_SOCKET_PATH: Final = 100
"""Bytes that the path of a unix socket may have on every system, with some to spare."""

PRELOAD: Final = ("numpy", "pandas", "matplotlib.pyplot", "matplotlib_inline.backend_inline")
"""What the judge imports in advance beside the assignment's own imports: students use more than the lesson does."""

_NEEDED: Final = {"IPython": "ipython", "matplotlib_inline": "matplotlib-inline"}


class JudgeProcess:
    """A judge process in a folder of its own. Use as an asynchronous context manager."""

    def __init__(self, *, slots: int, preload: tuple[str, ...]) -> None:
        self._slots = slots
        self._preload = preload
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self.restarts = 0

    async def __aenter__(self) -> Self:
        lacking = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
        if lacking:
            raise OfflineGradingError(
                f"The judge needs {' and '.join(lacking)}. Install it with: pip install 'studyhall[judge]'"
            )
        self._folder = _short_folder()
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._end()

    @property
    def client(self) -> Judge:
        """Return how to speak to the judge."""
        return Judge(self._socket, connect_seconds=30)

    async def status(self) -> JudgeStatus:
        """Ask the judge which walls stand. Raises `JudgeUnavailable`."""
        return await self.client.status()

    async def revive(self) -> None:
        """Start the judge again when it has ended.

        Raises:
            OfflineGradingError: it does not start any more.
        """
        async with self._starting:
            # A judge that stops answering is about to be gone; one that only hung up on us is not.
            with contextlib.suppress(JudgeUnavailable):
                await self.status()
                return
            await self._stop_process()
            self.restarts += 1
            await self._start()

    @property
    def _socket(self) -> Path:
        return self._place / "socket" / "judge.sock"

    @property
    def _place(self) -> Path:
        if self._folder is None:
            raise JudgeUnavailable("The judge was not started.")
        return self._folder

    async def _start(self) -> None:
        self._socket.parent.mkdir(exist_ok=True)
        words = ["--socket", str(self._socket), "--slots", str(self._slots)]
        if self._preload:
            words += ["--preload", ",".join(self._preload)]
        with (self._place / "judge.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "studyhall_judge", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._place,
                env={
                    "PATH": "/usr/bin:/bin"
                },  # student code is never far from the judge: it gets to know nothing
                start_new_session=True,  # Ctrl-C is for this command, which then ends the judge in order
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._stdout.readline()
        except TimeoutError as error:
            raise OfflineGradingError(
                f"The judge did not start within {START_SECONDS:g} s. See `studyhall doctor`."
            ) from error
        if not _is_ready(line):
            raise OfflineGradingError(self._last_words())

    @property
    def _stdout(self) -> asyncio.StreamReader:
        process = self._process
        if process is None or process.stdout is None:
            raise JudgeUnavailable("The judge was not started.")
        return process.stdout

    def _last_words(self) -> str:
        lines = (self._place / "judge.log").read_text(encoding="utf-8", errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line.startswith("The judge")), None)
        if said is not None:
            return said
        reason = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return f"The judge could not start: {reason}. See `studyhall doctor` for what this machine lacks."

    async def _end(self) -> None:
        try:
            await self._stop_process()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    async def _stop_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _send(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except BaseException:
            _send(process, signal.SIGKILL)
            raise


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a process that may be ending just now.

    Its own `terminate` and `kill` look first whether it has ended: they would take its end away from the loop, which
    then complains of an unknown process on the person's terminal.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _is_ready(line: bytes) -> bool:
    try:
        answer: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("ready") is True


def _short_folder() -> Path:
    """Return a new folder for one person, with a path that the name of a socket fits behind."""
    folder = Path(tempfile.mkdtemp(prefix="studyhall-grade-"))
    if len(bytes(folder / "socket" / "judge.sock")) > LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="studyhall-grade-", dir="/tmp"))  # mkdtemp makes it private
    return folder
