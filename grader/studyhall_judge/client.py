"""How the service's workers speak to the judge. Pure asyncio; knows nothing of how grading works."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from studyhall_judge.frames import MAX_FRAME, FrameError, read_frame, write_frame
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest
from studyhall_judge.report import GradeReport, GradeRequest, JudgeStatus, Progress, Release

MOST_BYTES = MAX_FRAME
"""Bytes that a request may have altogether."""


class JudgeError(Exception):
    """Base of what can go wrong between a worker and the judge."""


class JudgeUnavailable(JudgeError):
    """The judge does not answer. Trying again later can help; the submission is not at fault."""


class JudgeRefused(JudgeError):
    """The judge answered that it will not do this. Trying again with the same request cannot help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Judge:
    """A judge behind the unix socket ``socket``. One object can be used by many tasks at once."""

    def __init__(
        self, socket: Path | str, *, connect_seconds: float = 5.0, status_seconds: float = 10.0
    ) -> None:
        self._socket = str(socket)
        self._connect_seconds = connect_seconds
        self._status_seconds = status_seconds

    async def grade(
        self, request: GradeRequest, release: Callable[[], Awaitable[Release]]
    ) -> AsyncIterator[Progress | GradeReport]:
        """Grade one submission: yields a Progress per finished test and, last, the GradeReport.

        ``release`` is awaited only when the judge does not have the release in memory. Leaving the iteration
        early (``aclose``) closes the connection, which makes the judge stop the submission.

        Raises:
            JudgeUnavailable: the judge is not there, or went away before its report.
            JudgeRefused: the judge will not grade this request.
        """
        async with self._connection() as (reader, writer):
            await _send(writer, {"type": "grade", "request": request.model_dump(mode="json")})
            while True:
                frame = await _receive(reader)
                match frame["type"]:
                    case "need_release":
                        wanted = await release()
                        await _send(writer, {"type": "release", "release": wanted.model_dump(mode="json")})
                    case "progress":
                        yield Progress.model_validate(frame["progress"])
                    case "report":
                        yield GradeReport.model_validate(frame["report"])
                        return
                    case unknown:
                        raise JudgeUnavailable(f"The judge sent an unknown frame: {unknown}.")

    async def run_program(self, request: ProgramRequest) -> AsyncIterator[ProgramProgress | ProgramReport]:
        """Judge one program: yields a ProgramProgress per finished test and, last, the ProgramReport.

        Leaving the iteration early (``aclose``) closes the connection, which makes the judge stop the program.

        Raises:
            JudgeUnavailable: the judge is not there, or went away before its report.
            JudgeRefused: the judge does not understand this request.
        """
        async with self._connection() as (reader, writer):
            await _send(writer, {"type": "run_program", "request": request.model_dump(mode="json")})
            while True:
                frame = await _receive(reader)
                match frame["type"]:
                    case "progress":
                        yield ProgramProgress.model_validate(frame["progress"])
                    case "report":
                        yield ProgramReport.model_validate(frame["report"])
                        return
                    case unknown:
                        raise JudgeUnavailable(f"The judge sent an unknown frame: {unknown}.")

    async def status(self) -> JudgeStatus:
        """Ask the judge for its slots, standing walls and environments.

        Raises:
            JudgeUnavailable: the judge is not there, or has not answered within ``status_seconds``.
        """
        try:
            async with asyncio.timeout(self._status_seconds), self._connection() as (reader, writer):
                await _send(writer, {"type": "status"})
                frame = await _receive(reader)
        except TimeoutError as error:
            raise JudgeUnavailable(f"The judge does not answer at {self._socket}.") from error
        return JudgeStatus.model_validate(frame.get("status"))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            # Not `wait_for`, which in Python 3.11 forgets a cancellation that comes together with the connection.
            async with asyncio.timeout(self._connect_seconds):
                reader, writer = await asyncio.open_unix_connection(self._socket)
        except (OSError, TimeoutError) as error:
            raise JudgeUnavailable(f"The judge does not answer at {self._socket}.") from error
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    try:
        await write_frame(writer, frame)
    except FrameError as error:
        raise JudgeRefused("too_large", "The submission is too large for the judge.") from error
    except ConnectionError as error:
        raise JudgeUnavailable("The judge went away while it was asked.") from error


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        frame = await read_frame(reader)
    except FrameError as error:
        raise JudgeUnavailable("The judge's answer could not be read.") from error
    if frame is None:
        raise JudgeUnavailable("The judge went away before it was done.")
    if frame["type"] == "refused":
        raise JudgeRefused(str(frame.get("code")), str(frame.get("message")))
    return frame
