"""The process that speaks with nbgrader: started when it is first needed, started again when it ended or hangs."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Final

import structlog

from studyhall.nbgrader_gradebooks.errors import ProjectorFailed

log = structlog.get_logger(__name__)

PROGRAM: Final = Path(__file__).with_name("projector.py")

LONGEST_SECONDS: Final = 120.0
"""How long one request may take: opening a new gradebook takes three seconds, writing a whole course some more."""

MAX_ANSWER_BYTES: Final = 256_000_000


class Projector:
    """Asks nbgrader's ``Gradebook``, one request at a time. ``python`` is an interpreter that has nbgrader."""

    def __init__(self, python: Path | str = sys.executable, *, seconds: float = LONGEST_SECONDS) -> None:
        self._python = str(python)
        self._seconds = seconds
        self._process: Process | None = None
        self._lock = asyncio.Lock()

    async def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Do one thing and return the answer (see :mod:`studyhall.nbgrader_gradebooks.projector`).

        Raises:
            ProjectorFailed: nbgrader could not do it, is not installed, or did not come back from it.
        """
        line = json.dumps({"op": operation, **request}).encode() + b"\n"
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    answered = await self._answer(line)
            except (TimeoutError, OSError, ValueError) as error:
                await self._end()
                raise ProjectorFailed(
                    f"nbgrader did not come back from {operation} within {self._seconds:g} s."
                    if isinstance(error, TimeoutError)
                    else f"The process that speaks with nbgrader broke off: {error}"
                ) from error
            except BaseException:
                # Broken off in the middle: the next answer would be this one's.
                await self._end()
                raise
        if not answered.pop("ok", False):
            log.warning("nbgrader_refused", operation=operation, where=answered.get("where"))
            raise ProjectorFailed(f"nbgrader could not {operation}: {answered.get('error')}")
        return answered

    async def _answer(self, line: bytes) -> dict[str, Any]:
        process = await self._running()
        if process.stdin is None or process.stdout is None:
            raise OSError("it has no pipes")
        answer = b""
        with contextlib.suppress(ConnectionError):  # it has ended, which is said below
            process.stdin.write(line)
            await process.stdin.drain()
            answer = await process.stdout.readline()
        if not answer:
            await self._end()
            raise ProjectorFailed(
                "The process that speaks with nbgrader ended. Install nbgrader in the worker's environment, or name "
                "an interpreter that has it in STUDYHALL_NBGRADER_PYTHON."
            )
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                # Not its own folder first on the path: `models` and `errors` there are not what nbgrader imports.
                "-P",
                "-W",
                "ignore",
                str(PROGRAM),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                limit=MAX_ANSWER_BYTES,
                # None of our settings, which hold keys.
                env={
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith(("STUDYHALL_", "JUPYTERHUB_", "PYTHON"))
                },
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._end()
