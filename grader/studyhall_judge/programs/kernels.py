"""Notebooks of other kernels: nbclient drives the kernel, both in a program's sandbox, a cell at a time from here.

The kernel itself is in the learner's hands, so its word is what nbgrader's would be: good for honest work, not
tamper-proof. Two things hold all the same. A test is sent only when the cells before it have ended, and what a learner
reads is never what the kernel said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall_judge.clock import Clock
from studyhall_judge.driver import OUTPUT_SHARE, Notes
from studyhall_judge.grading import Submission
from studyhall_judge.learner_files import usable_files
from studyhall_judge.outputs import Share, clean_outputs
from studyhall_judge.programs.desk import Desk
from studyhall_judge.programs.judging import Runner
from studyhall_judge.programs.runner import Ending as StepEnding
from studyhall_judge.programs.runner import Outcome, Step
from studyhall_judge.rebuild import PlannedCell
from studyhall_judge.releases import PreparedRelease
from studyhall_judge.report import GradeReport, GradeRequest, Limits, ReportStatus
from studyhall_judge.sandboxes import SandboxFault
from studyhall_judge.scoring import CellError, CellOutcome, Ending
from studyhall_judge.slots import Environment, SlotPool
from studyhall_judge.standing import ENVIRONMENT

log = logging.getLogger("studyhall_judge")

OnOutcome = Callable[[int, CellOutcome], Awaitable[None]]

START_SECONDS = 90.0
MOST_KERNELS = 10
"""How many kernels one notebook may use up."""

_MODULES = (".py", ".pyc", ".so", ".pth")
_SLACK_SECONDS = 5.0
_LONGEST_ANSWER = 8_000_000
_DRIVER = Path(__file__).resolve().parent / "harnesses" / "kernel.py.in"


class KernelSubmission(Submission):
    """Grades a request whose environment names a kernel."""

    def __init__(self, request: GradeRequest, release: PreparedRelease, pool: SlotPool, desk: Desk) -> None:
        super().__init__(request, release, pool)
        self._desk = desk
        own = usable_files(request.files, release.file_names)
        # A kernel that is written in Python would find a module of the learner's before its own.
        own = {path: content for path, content in own.items() if not path.endswith(_MODULES)}
        self._given = own | release_files(release)

    async def _run(self) -> GradeReport:
        environment = self._pool.environments[self._request.environment]
        try:
            async with self._pool.slot("default") as slot, self._desk.runners(slot) as runners:
                self._began = time.monotonic()
                await self._run_kernels(runners.program, environment)
        except SandboxFault as error:
            log.exception("the sandbox failed")
            return self._report(
                ReportStatus.internal_error,
                f"The judge could not run this submission ({error}). It was not at fault.",
            )
        return self._report(ReportStatus.graded, "")

    async def _run_kernels(self, start: Runner, environment: Environment) -> None:
        clock = Clock(self._request.limits)
        for notebook in self._notebooks:
            run = KernelRun(
                notebook.rebuilt.cells, environment, self._request.limits, clock, self._given, start
            )
            await self._run_notebook(notebook, run)
            self._notes.cpu_ms += run.notes.cpu_ms
            self._notes.peak_kb = max(self._notes.peak_kb, run.notes.peak_kb)


class KernelRun:
    """One notebook in one kernel."""

    def __init__(
        self,
        cells: list[PlannedCell],
        environment: Environment,
        limits: Limits,
        clock: Clock,
        files: dict[str, bytes],
        start: Runner,
    ) -> None:
        self._cells = cells
        self._environment = environment
        self._limits = limits
        self._clock = clock
        self._files = files
        self._start = start
        self._share = Share(OUTPUT_SHARE * limits.output_bytes)
        self.notes = Notes()

    async def run(self, on_outcome: OnOutcome) -> None:
        """Run every cell that runs and report each outcome by its place.

        A cell that ends its kernel, or its time, costs no other cell its verdict: a fresh kernel runs again what ran
        before, without it, and goes on.

        Raises:
            SandboxFault: a kernel did not start, or the machinery failed.
        """
        waiting = [place for place, cell in enumerate(self._cells) if cell.runs]
        done: list[int] = []
        for _ in range(MOST_KERNELS):
            if waiting and self._clock.left > 0:
                await self._run_one(done, waiting, on_outcome)
        note = "The time or the restarts for the whole notebook were used up before this cell."
        for place in waiting:
            await on_outcome(place, CellOutcome(Ending.not_run, note=note))

    async def _run_one(self, done: list[int], waiting: list[int], on_outcome: OnOutcome) -> None:
        """Have one kernel do again what is ``done``, and then what is ``waiting``, for as long as it lives."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_ANSWER)
        with theirs:
            running = asyncio.ensure_future(self._start(self._step(theirs.fileno())))
            kernel = _Kernel(reader, writer, running)
            try:
                await self._wait_for(kernel)
                if await self._do_again(kernel, done):
                    await self._go_on(kernel, done, waiting, on_outcome)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                theirs.shutdown(socket.SHUT_RDWR)
                outcome = await running
        self.notes.cpu_ms += outcome.cpu_ms
        self.notes.peak_kb = max(self.notes.peak_kb, int(outcome.peak_mb * 1024))

    def _step(self, channel: int) -> Step:
        seconds = max(1.0, self._clock.left)
        return Step(
            argv=[
                self._environment.python,
                "-I",
                ".studyhall-kernel.py",
                self._environment.kernel,
                str(self._limits.cell_seconds),
                str(self._limits.output_bytes),
            ],
            files=self._files | {".studyhall-kernel.py": _DRIVER.read_bytes()},
            cpu_ms=int((seconds + START_SECONDS) * 1000),
            memory_mb=self._limits.memory_mb,
            data_mb=self._limits.memory_mb,
            disk_mb=self._limits.disk_mb,
            pids=self._limits.pids,
            output_bytes=self._limits.output_bytes,
            environment=ENVIRONMENT | {"JUPYTER_RUNTIME_DIR": "/tmp/jupyter"},  # noqa: S108 - the sandbox's own
            channel=channel,
            kernel=True,
        )

    async def _wait_for(self, kernel: _Kernel) -> None:
        began = time.monotonic()
        if await kernel.answer(START_SECONDS) is None:
            kernel.writer.close()
            outcome = await kernel.running
            said = outcome.errors.decode("utf-8", "replace").strip()[-1000:]
            raise SandboxFault(f"the kernel {self._environment.kernel} did not start: {said}")
        self._clock.started += time.monotonic() - began  # a kernel's start is not the learner's time

    async def _do_again(self, kernel: _Kernel, done: list[int]) -> bool:
        """Run again what ran before; what a kernel does not survive this time is left out from now on."""
        for place in list(done):
            if not _is_alive(await self._ask(kernel, place)):
                done.remove(place)
                return False
        return True

    async def _go_on(
        self, kernel: _Kernel, done: list[int], waiting: list[int], on_outcome: OnOutcome
    ) -> None:
        while waiting and self._clock.left > 0:
            place = waiting.pop(0)
            began = time.monotonic()
            answer = await self._ask(kernel, place)
            await on_outcome(place, self._outcome(answer, time.monotonic() - began, kernel.running))
            if not _is_alive(answer):
                return
            done.append(place)

    async def _ask(self, kernel: _Kernel, place: int) -> dict[str, Any] | None:
        with contextlib.suppress(OSError):
            kernel.writer.write(json.dumps({"source": self._cells[place].source}).encode() + b"\n")
        seconds = min(self._limits.cell_seconds + _SLACK_SECONDS, max(self._clock.left, 0.1))
        return await kernel.answer(seconds)

    def _outcome(
        self, answer: dict[str, Any] | None, seconds: float, running: asyncio.Future[Outcome]
    ) -> CellOutcome:
        if answer is None:
            memory = running.done() and running.result().ending is StepEnding.memory
            late = not running.done() and seconds >= self._limits.cell_seconds
            ending = Ending.memory if memory else Ending.timed_out if late else Ending.died
            return CellOutcome(ending, seconds=seconds)
        if answer.get("late") is True:
            return CellOutcome(Ending.timed_out, seconds=seconds)
        said = clean_outputs(answer.get("outputs"))
        outputs = self._share.take(said)  # to be shown; what decides is looked for in all that was said
        errors = [one for one in said if one["output_type"] == "error"]
        if errors:
            # Other kernels have no assertions: a test is a command that fails.
            described = f"{errors[-1]['ename']} {errors[-1]['evalue']}".strip()[:2000]
            error = CellError("AssertionError", described)
            return CellOutcome(Ending.raised, outputs=outputs, error=error, seconds=seconds)
        return CellOutcome(Ending.finished, outputs=outputs, result=_result(said), seconds=seconds)


def release_files(release: PreparedRelease) -> dict[str, bytes]:
    """Return an assignment's data files by relative path; those that would lie outside of its folder are left out."""
    if release.files is None:
        return {}
    size = int.from_bytes(os.pread(release.files, 8, 0), "big")
    index = json.loads(os.pread(release.files, size, 8))
    return {
        path: os.pread(release.files, length, 8 + size + offset)
        for path, (offset, length) in index.items()
        if not path.startswith("/") and ".." not in path.split("/")
    }


def _result(outputs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return a cell's value where it is a number: partial credit. Other values say nothing, but what is no number."""
    for output in reversed(outputs):
        if output["output_type"] == "execute_result" and isinstance(output.get("data"), dict):
            with contextlib.suppress(ValueError):
                number = float(str(output["data"].get("text/plain")))
                return {"kind": "text"} if math.isnan(number) else {"kind": "number", "value": number}
    return None


def _is_alive(answer: dict[str, Any] | None) -> bool:
    return answer is not None and answer.get("late") is not True


@dataclass(frozen=True)
class _Kernel:
    """A kernel that runs: how to speak to its driver, and what will say how it ended."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    running: asyncio.Future[Outcome]

    async def answer(self, seconds: float) -> dict[str, Any] | None:
        """Wait for the driver's next line; None when it ended, was too late, or said something else."""
        line = asyncio.ensure_future(self.reader.readline())
        either: set[asyncio.Future[Any]] = {line, self.running}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await line
            return None
        try:
            answer = json.loads(line.result())
        except (ValueError, RecursionError, OSError):
            return None
        return answer if isinstance(answer, dict) else None
