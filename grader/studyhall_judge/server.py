"""The judge's unix socket: reads requests, keeps releases in memory, hands submissions to the slots.

The server knows how to talk; what grading means is behind :class:`Grader`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from studyhall_judge.frames import FrameError, framed_model, read_frame, write_frame
from studyhall_judge.grading import unfinished
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest
from studyhall_judge.programs import judging
from studyhall_judge.releases import BadRelease, PreparedRelease, Releases
from studyhall_judge.report import GradeReport, GradeRequest, JudgeStatus, Progress, Release

log = logging.getLogger("studyhall_judge")

PROGRESS_SECONDS = 0.02
"""How long progress may wait for more of it."""

BACKLOG = 256
"""How many may wait to be let in."""

Event = Progress | GradeReport | ProgramProgress | ProgramReport


class SocketInUse(Exception):
    """Another judge already listens on this socket. Stop it first, or choose another socket."""


class Grader(Protocol):
    """Turns a request and its release into progress and one report."""

    def grade(self, request: GradeRequest, release: PreparedRelease) -> AsyncIterator[Progress | GradeReport]:
        """Yield progress, then exactly one report. Cancelling must stop the submission's processes."""
        ...

    def run_program(self, request: ProgramRequest) -> AsyncIterator[ProgramProgress | ProgramReport]:
        """Yield progress, then exactly one report. Cancelling must stop the program."""
        ...

    def status(self) -> JudgeStatus:
        """Say what is standing and how busy it is."""
        ...


class JudgeServer:
    """Accepts connections; each carries one request (see :mod:`studyhall_judge.frames`)."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._releases = Releases()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end; a fault in one never reaches another."""
        try:
            frame = await read_frame(reader)
            if frame is None:
                return
            match frame["type"]:
                case "status":
                    status = self._grader.status().model_dump(mode="json")
                    await write_frame(writer, {"type": "status", "status": status})
                case "grade":
                    await self._grade(frame, reader, writer)
                case "run_program":
                    await self._run_program(frame, reader, writer)
                case _:
                    await _refuse(writer, "unknown_request", "The judge does not know this kind of request.")
        except FrameError as error:
            with contextlib.suppress(ConnectionError):
                await _refuse(writer, "bad_frame", f"The judge could not read the request: {error}.")
        except ConnectionError:
            log.info("a client left before its answer")
        except Exception:
            log.exception("a request could not be answered")
            with contextlib.suppress(ConnectionError):
                await _refuse(writer, "internal_error", "The judge came upon a fault of its own.")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _grade(
        self, frame: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            request = GradeRequest.model_validate(frame.get("request"))
        except ValidationError as error:
            await _refuse(writer, "bad_request", f"The judge was asked in a way it does not know: {error}")
            return
        release = self._releases.get(request.release_hash)
        if release is None:
            release = await self._ask_for_release(request, reader, writer)
            if release is None:
                return
        events = self._grader.grade(request, release)
        await _until_hang_up(self._send(events, writer, lambda: unfinished(request, release)), reader)

    async def _run_program(
        self, frame: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            request = ProgramRequest.model_validate(frame.get("request"))
        except ValidationError as error:
            await _refuse(writer, "bad_request", f"The judge was asked in a way it does not know: {error}")
            return
        events = self._grader.run_program(request)
        await _until_hang_up(self._send(events, writer, lambda: judging.unfinished(request)), reader)

    async def _ask_for_release(
        self, request: GradeRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> PreparedRelease | None:
        await write_frame(writer, {"type": "need_release", "hash": request.release_hash})
        answer = await read_frame(reader)
        if answer is None:
            return None
        try:
            release = Release.model_validate(answer.get("release"))
        except ValidationError as error:
            await _refuse(writer, "bad_release", f"The release could not be read: {error}")
            return None
        if release.hash != request.release_hash:
            await _refuse(writer, "wrong_release", "The release sent is not the one that was asked for.")
            return None
        try:
            return self._releases.put(release)
        except BadRelease as error:
            await _refuse(writer, "bad_release", str(error))
            return None

    async def _send(
        self,
        events: AsyncIterator[Event],
        writer: asyncio.StreamWriter,
        unfinished: Callable[[], GradeReport | ProgramReport],
    ) -> None:
        """Send all events; where they break off before the report, the one for a fault of the judge's own."""
        outlet = _Outlet(writer)
        reported = False
        try:
            async with contextlib.aclosing(events):  # type: ignore[type-var]  # graders are async generators
                async for event in events:
                    if isinstance(event, GradeReport | ProgramReport):
                        await outlet.finish(framed_model("report", event))
                        reported = True
                    else:
                        outlet.add(framed_model("progress", event))
        except ConnectionError:
            raise
        except Exception:
            log.exception("a submission could not be judged to its end")
        if not reported:
            await outlet.finish(framed_model("report", unfinished()))


class _Outlet:
    """Sends progress a few frames at a time: each send wakes the client up, and that costs more than the frame."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._frames: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, frame: bytes) -> None:
        """Send a frame soon, with those that come until then."""
        self._frames.append(frame)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PROGRESS_SECONDS, self._flush)

    async def finish(self, frame: bytes) -> None:
        """Send what waits and a last frame. Raises `ConnectionError` when the client is gone."""
        self._frames.append(frame)
        self._flush()
        await self._writer.drain()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._frames and not self._writer.is_closing():
            self._writer.write(b"".join(self._frames))
        self._frames.clear()


async def _until_hang_up(work: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
    """Do the work, and stop doing it when the client leaves."""
    working = asyncio.create_task(work)
    hang_up = asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait({working, hang_up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hang_up.cancel()
        if not working.done():
            working.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await working


async def _refuse(writer: asyncio.StreamWriter, code: str, message: str) -> None:
    await write_frame(writer, {"type": "refused", "code": code, "message": message})


def bind(path: Path) -> socket.socket:
    """Listen on a unix socket at ``path``, replacing a stale one.

    Whoever connects waits until `serve` begins to answer. A socket that nobody listens at yet would look stale to
    another judge, and be taken away from the one that is warming up.

    Raises:
        SocketInUse: a living judge answers there, or will.
        OSError: the folder is missing or not writable.
    """
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise SocketInUse(
                    f"Another judge already listens at {path}. Stop it first, or choose another socket."
                )
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


async def serve(listener: socket.socket, grader: Grader) -> asyncio.Server:
    """Start answering on ``listener``. The caller closes the returned server."""
    server = JudgeServer(grader)
    return await asyncio.start_unix_server(server.handle, sock=listener, backlog=BACKLOG)
