"""Runs one notebook in a sandbox, cell by cell, from outside: keeps the clock, survives whatever the cells do.

A cell is sent only when the one before it has ended. When a cell ends the process (or will not end itself), the rest
of the notebook still deserves its verdict: a fresh process replays what ran before, without the culprit, and goes on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from studyhall_judge import driven
from studyhall_judge.clock import Clock
from studyhall_judge.compiling import TestCompiler, UnusableTest
from studyhall_judge.failing import read_failure
from studyhall_judge.fetching import fetched_by
from studyhall_judge.leash import Leash
from studyhall_judge.magics import as_python
from studyhall_judge.messages import why_unread
from studyhall_judge.missing_names import LESSON, TEST, Ended, Texts, above, why_missing, why_none
from studyhall_judge.outputs import Share, clean_outputs
from studyhall_judge.rebuild import CellKind, PlannedCell
from studyhall_judge.releases import definitions_for, told_of
from studyhall_judge.report import Limits, Scoring
from studyhall_judge.sandbox import plain
from studyhall_judge.sandbox.compiler import NAMES, Lesson
from studyhall_judge.sandboxes import Sandbox, SandboxFault
from studyhall_judge.scoring import CellError, CellOutcome, Ending
from studyhall_judge.students import Student, StudentGone

MAX_RESTARTS = 25
"""How often a notebook's process is started again after a cell ended it."""

INTERRUPT_SECONDS = 0.5
"""How long a cell may take to end after Ctrl-C, before its process is killed."""

ANSWER_SECONDS = 10.0
"""How long the machinery inside may take for what it does outside of cells."""

MOST_FLAGS = 100
"""Flags of one notebook that are kept; somebody who rings the bell all the time is heard once."""

OUTPUT_SHARE = 8
"""How many times ``output_bytes`` a notebook's outputs may have together."""

_FRAME_SLACK = 1_000_000
_UNREAD = ("SyntaxError", "IndentationError", "TabError", "_IncompleteInputError")
_MISSING = re.compile(r"name '(\w+)' is not defined")
_OWNERS = {CellKind.test: TEST, CellKind.author: LESSON}


@dataclass
class Notes:
    """What was noticed while a notebook ran: (code, cell's place or None, message)."""

    flags: list[tuple[str, int | None, str]] = field(default_factory=list)
    cpu_ms: float = 0.0
    peak_kb: int = 0

    def flag(self, code: str, place: int | None, message: str) -> None:
        """Note something once."""
        if (code, place, message) not in self.flags and len(self.flags) < MOST_FLAGS:
            self.flags.append((code, place, message))


@dataclass(frozen=True)
class RunSettings:
    """What all notebooks of a submission share."""

    limits: Limits
    scoring: Scoring
    lesson: Lesson
    compiler: TestCompiler
    released_files: frozenset[str]
    secret_files: frozenset[str]


class NotebookRun:
    """One notebook in one sandbox. ``memory_kills`` tells how often the kernel killed for memory in this slot."""

    def __init__(
        self,
        sandbox: Sandbox,
        cells: list[PlannedCell],
        settings: RunSettings,
        clock: Clock,
        memory_kills: Callable[[], int],
    ) -> None:
        self._sandbox = sandbox
        self._student: Student = sandbox.student
        self._cells = cells
        self._settings = settings
        self._clock = clock
        self._memory_kills = memory_kills
        self._kills_before = memory_kills()
        self._skipped: set[int] = set()
        self._undefined: set[int] = set()
        self._restarts = 0
        self._pid = 0
        self._leash = Leash(cells)
        self._fetches = True
        """Whether what tests import is loaded before they run."""
        self._share = Share(OUTPUT_SHARE * settings.limits.output_bytes)
        self._used = 0.0, 0.0
        self._in_doubt: list[tuple[int, object]] = []
        """Cells after which another process was there that may be the one made ahead, with what was there."""
        self._unread: dict[str, str] = {}
        """Learners' cells that are no Python, with the reason, the last one first."""
        self._ended: list[Ended] = []
        """Cells as they have ended, in their order."""
        self._texts = Texts()
        self.violent = False
        self.notes = Notes()

    async def run(self, on_outcome: Callable[[int, CellOutcome], Awaitable[None]]) -> None:
        """Run every cell that runs and report each outcome by its place.

        Raises:
            SandboxFault: the machinery failed, not the submission.
        """
        alive = await self._start()
        for place, cell in enumerate(self._cells):
            if not cell.runs:
                continue
            if not alive or self._clock.left <= 0:
                note = "" if alive else "The notebook's process could not be started again."
                if self._clock.left <= 0:
                    note = "The time for the whole submission was used up before this cell."
                await on_outcome(place, CellOutcome(Ending.not_run, note=note))
                continue
            outcome = await self._run_cell(place, cell)
            self._explain(place, outcome)
            await on_outcome(place, outcome)
            ended = outcome.driven.ended if outcome.driven is not None and outcome.driven.ended else outcome
            if ended.ending in (Ending.died, Ending.memory, Ending.timed_out):
                self.violent = True
                self._skipped.add(place)
                self._leash.remember(place, ended)
            if self._pid == 0:
                alive = await self._restart(place)
        await self._collect_usage()

    def _explain(self, place: int, outcome: CellOutcome) -> None:
        """Tell of a missing name why it is missing: which cell of the learner's would have defined it.

        What is said of that cell comes from its own text: its process may know of hidden tests.
        """
        error, cell = outcome.error, self._cells[place]
        if cell.kind is not CellKind.test:
            if error is not None and error.name in _UNREAD and (why := why_unread(cell.source)):
                self._unread = {cell.source: why} | self._unread
        elif error is not None and error.name == "NameError" and (missing := _MISSING.search(error.message)):
            word = re.compile(rf"\b{missing[1]}\b")
            error.unread = next((why for source, why in self._unread.items() if word.search(source)), "")
            if not error.unread and (last := above(self._ended)) is not None:
                error.unread = self._unread.get(last.source, "")
            if not error.unread and (error.from_test or error.about):
                kinds = (CellKind.learner, CellKind.manual)
                after = [one.source for one in self._cells[place + 1 :] if one.runs and one.kind in kinds]
                error.unread, error.unread_says = why_missing(missing[1], self._ended, after, self._texts)
        elif error is not None and error.from_test and "NoneType" in error.message:
            error.unread = why_none(self._ended)
        late, owner = outcome.ending is Ending.timed_out, _OWNERS.get(cell.kind, "")
        name, message = (error.name, error.message) if error is not None else ("", "")
        text = cell.released.shown if owner and cell.released else cell.source
        self._ended.append(Ended(text, name, message, late, owner))

    async def _start(self) -> bool:
        limits = self._settings.limits
        self._student.limit_output(limits.output_bytes)
        go = {
            "op": "go",
            "limits": limits.model_dump(),
            "scoring": self._settings.scoring,
            "files": sorted(self._settings.released_files),
            "fetched": fetched_by(self._cells) if self._fetches else [],
            "secret": sorted(self._settings.secret_files),
        }
        answer = await self._begin(go)
        if answer is None:
            # One that was made while another notebook ran has been within that notebook's reach.
            self._student = await self._sandbox.next_student()
            self._student.limit_output(limits.output_bytes)
            answer = await self._begin(go)
        if answer is None:
            raise SandboxFault("the student's process did not start")
        await self._sandbox.cleared()
        self._pid = int(answer["pid"])
        return await self._fetch(answer["wanted"]) if answer["wanted"] else True

    async def _fetch(self, wanted: Any) -> bool:
        """Have what only tests import loaded before learners' code could put something in its way.

        Where that does not end, or ends the process, it is left to the tests.
        """
        message = {"op": "fetch", "n": -1, "nonce": "", "wanted": wanted}
        seconds = min(self._settings.limits.cell_seconds, max(self._clock.left, 0.1))
        with contextlib.suppress(StudentGone):
            if await self._ask(message, seconds) is not None:
                return True
        self._fetches = False
        self._student = await self._sandbox.next_student()
        return await self._start()

    async def _begin(self, go: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._ask(go, ANSWER_SECONDS)
        except StudentGone:
            return None

    async def _run_cell(self, place: int, cell: PlannedCell) -> CellOutcome:
        seconds = min(
            self._leash.seconds(place, self._settings.limits.cell_seconds), max(self._clock.left, 0.1)
        )
        began = time.monotonic()
        if cell.driven is not None:
            run = driven.DrivenRun(cell.driven, faithful=self._settings.scoring == "nbgrader")
            outcome = await self._drive(place, cell, run, began + seconds)
            await self._define(place, cell)
            return outcome
        try:
            message = await self._message(place, cell)
        except UnusableTest as error:
            return _unusable(cell, error)
        try:
            answer = await self._ask(message, seconds)
            if answer is None:
                return await self._interrupt(place, message, began)
        except StudentGone as error:
            return await self._gone(began, str(error))
        return await self._outcome(place, cell, message, answer, began)

    async def _drive(self, place: int, cell: PlannedCell, run: driven.DrivenRun, until: float) -> CellOutcome:
        """Ask one check after the other. The test's own text, and so what it expects, is never sent."""
        began = time.monotonic()
        for number, check in enumerate(run.test.checks):
            if not run.goes_on:
                break
            nonce = secrets.token_hex(16)
            message = {"op": "drive", "n": place, "nonce": nonce, "first": number == 0} | driven.question(
                check
            )
            asked = time.monotonic()
            answer = None
            try:
                answer = await self._ask(message, max(until - asked, 0.01), plain.MAX_BYTES)
                if answer is None:
                    outcome = await self._interrupt(place, message, asked)
                else:
                    outcome = await self._outcome(place, cell, message, answer, asked)
            except StudentGone as error:
                outcome = await self._gone(asked, str(error))
            if driven.is_large(answer):
                await asyncio.to_thread(run.add, check, outcome, answer)
            else:
                run.add(check, outcome, answer)
        return run.outcome(time.monotonic() - began)

    async def _define(self, place: int, cell: PlannedCell) -> None:
        """Run the names that later cells use of a driven test, of its visible text: in a kernel it would have run."""
        if cell.released is None or place in self._undefined or self._pid == 0:
            return
        later = [one.source for one in self._cells[place + 1 :] if one.runs and one.driven is None]
        source = definitions_for(cell.released.shown, later)
        if not source:
            return
        began = time.monotonic()
        defining = PlannedCell(CellKind.author, source, cell.node, None)
        message = await self._message(place, defining)
        try:
            answer = await self._ask(
                message, min(self._settings.limits.cell_seconds, max(self._clock.left, 0.1))
            )
            if answer is None:
                await self._interrupt(place, message, began)
            else:
                await self._outcome(place, defining, message, answer, began)
        except StudentGone as error:
            await self._gone(began, str(error))
        if self._pid == 0:
            self._undefined.add(place)  # once is enough

    async def _message(self, place: int, cell: PlannedCell) -> dict[str, Any]:
        """Return what is sent for a cell. Raises `UnusableTest` for a test that cannot be compiled."""
        message: dict[str, Any] = {"op": "cell", "n": place, "kind": str(cell.kind)}
        message["nonce"] = secrets.token_hex(16)
        if cell.kind is not CellKind.test:
            told = told_of(cell.source, self._settings.lesson) if cell.kind is CellKind.author else {}
            return message | told | {"source": cell.source}
        message["op"] = "test"
        if self._settings.scoring == "nbgrader":
            return message | {"source": cell.source, "imports": [], "patches": []}
        test = await self._settings.compiler.compile(as_python(cell.source), self._settings.lesson)
        names = {name: sorted(getattr(test, name)) for name in NAMES}
        # Somebody who sets a name that only hidden tests have may do so in any of them.
        names["kept"] = sorted(self._settings.lesson.kept)
        return message | names | {"code": base64.b64encode(test.code).decode()}

    async def _ask(
        self, message: dict[str, Any], seconds: float, value_bytes: int = 0
    ) -> dict[str, Any] | None:
        """Send a message and wait for its answer; None when the time is up. Raises `StudentGone`."""
        return await self._student.receive_within(seconds, self._most_bytes + value_bytes, message)

    @property
    def _most_bytes(self) -> int:
        return 6 * self._settings.limits.output_bytes + _FRAME_SLACK

    async def _interrupt(self, place: int, message: dict[str, Any], began: float) -> CellOutcome:
        """The cell's time is up: Ctrl-C first, which keeps the notebook's state; then the end of the process."""
        self._sandbox.interrupt(self._pid)
        outcome = CellOutcome(Ending.timed_out)
        answer = None
        with contextlib.suppress(StudentGone):
            answer = await self._student.receive_within(INTERRUPT_SECONDS, self._most_bytes)
        if answer is not None and _is_answer(answer, message):
            await self._sandbox.interrupted()
            outcome.outputs = self._share.take(clean_outputs(answer.get("outputs")))
            outcome.error = _error(answer)
            await self._look_after(place, answer)
        else:
            self._pid = 0
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _gone(self, began: float, why: str) -> CellOutcome:
        """The process ended, closed its channel, or sent something that is not an answer."""
        self._pid = 0
        ended = await self._sandbox.wait_ended(INTERRUPT_SECONDS)
        outcome = CellOutcome(Ending.died, seconds=time.monotonic() - began)
        kills = self._memory_kills()
        # The kernel counts before it kills; that a process has ended is heard only when its init gets a processor.
        if kills > self._kills_before and (ended is not None or not why):
            self._kills_before = kills
            outcome.ending = Ending.memory
        elif why:
            outcome.note = f"The notebook's process sent something {why} instead of an answer."
            self.notes.flag("forged_answer", None, outcome.note)
        elif ended is not None:
            outcome.note = _how_it_ended(int(ended["status"]))
        return outcome

    async def _outcome(
        self, place: int, cell: PlannedCell, message: dict[str, Any], answer: dict[str, Any], began: float
    ) -> CellOutcome:
        if not _is_answer(answer, message):
            self.notes.flag("forged_answer", place, "An answer arrived that the judge had not asked for.")
            self._pid = 0
            return CellOutcome(
                Ending.died, seconds=time.monotonic() - began, note="A forged answer was refused."
            )
        error = _error(answer)
        outcome = CellOutcome(
            Ending.finished if error is None else Ending.raised,
            outputs=self._share.take(clean_outputs(answer.get("outputs")) + self._raw_outputs()),
            error=error,
            result=answer.get("result") if isinstance(answer.get("result"), dict) else None,
            seconds=time.monotonic() - began,
        )
        if answer.get("tampered") and cell.kind is CellKind.test:
            outcome.ending = Ending.tampered
        await self._look_after(place, answer)
        return outcome

    async def _look_after(self, place: int, answer: dict[str, Any]) -> None:
        """End what a cell has left running, before anything else is sent."""
        self._used = _usage(answer) or self._used
        pid, others = answer.get("pid"), answer.get("others")
        moved = isinstance(pid, int) and pid != self._pid
        if isinstance(pid, int):
            self._pid = pid
        alone = self._sandbox.is_alone(others)
        if alone is None and not moved and self._next_is_learners(place):
            self._in_doubt.append((place, others))
            return
        if alone is None or self._in_doubt:
            await self._sandbox.settled()
            doubts = [*self._in_doubt, (place, others)]
            culprit = next((at for at, seen in doubts if not self._sandbox.is_alone(seen)), None)
            alone, place = culprit is None, place if culprit is None else culprit
            self._in_doubt.clear()
        if moved or not alone:
            killed = await self._sandbox.alone(self._pid)
            if killed and not moved:
                self.notes.flag(
                    "left_processes", place, f"The cell left {killed} processes running; they were ended."
                )

    def _next_is_learners(self, place: int) -> bool:
        """Whether the next cell that runs is not a test: nothing is told to it that a process beside could not have."""
        following = next((cell for cell in self._cells[place + 1 :] if cell.runs), None)
        return following is not None and following.kind is not CellKind.test

    def _raw_outputs(self) -> list[dict[str, Any]]:
        output, errors, alarms = self._student.drain()
        for alarm in alarms.decode("utf-8", "replace").splitlines():
            code, _, text = alarm.partition(" ")
            self.notes.flag(code[:40], None, text[:500])
        return [
            {"output_type": "stream", "name": name, "text": text.decode("utf-8", "replace")}
            for name, text in (("stdout", output), ("stderr", errors))
            if text
        ]

    async def _restart(self, upto: int) -> bool:
        """Start a fresh process and run again what came before ``upto``; returns whether that worked."""
        while self._restarts < MAX_RESTARTS and self._clock.left > 0:
            self._restarts += 1
            self._raw_outputs()
            self._in_doubt.clear()
            await self._collect_usage()
            self._student = await self._sandbox.next_student()
            await self._start()
            if await self._replay(upto):
                return True
        return False

    async def _replay(self, upto: int) -> bool:
        for place, cell in enumerate(self._cells[: upto + 1]):
            if not cell.runs:
                continue
            if place not in self._skipped:
                await self._run_cell(place, cell)
            elif cell.driven is not None:
                await self._define(place, cell)
            if self._pid == 0:
                self._skipped.add(place)
                return False
        return True

    async def _collect_usage(self) -> None:
        self._raw_outputs()
        ended = self._sandbox.ended
        cpu_ms, peak_kb = self._used
        if ended is not None:
            cpu_ms, peak_kb = float(ended["cpu_ms"]), float(ended["peak_kb"])
        self.notes.cpu_ms += cpu_ms
        self.notes.peak_kb = max(self.notes.peak_kb, int(peak_kb))
        self._used = 0.0, 0.0


def _unusable(cell: PlannedCell, error: UnusableTest) -> CellOutcome:
    """Return the outcome of a test that was never sent."""
    name = cell.released.grade_id if cell.released is not None else None
    said = f"The lesson's test {name or '(without a name)'} cannot run as it is written: {error}"
    return CellOutcome(Ending.raised, error=CellError("UnusableTest", said, lessons_fault=True))


def _is_answer(answer: dict[str, Any], message: dict[str, Any]) -> bool:
    """Whether this answers the message: it has its place, and the number that only the executor was told."""
    return bool(answer.get("n") == message["n"] and answer.get("nonce") == message["nonce"])


def _error(answer: dict[str, Any]) -> CellError | None:
    error = answer.get("error")
    if not isinstance(error, dict):
        return None
    line = error.get("line")
    return CellError(
        name=str(error.get("name", ""))[:200],
        message=str(error.get("message", ""))[:2000],
        line=line if isinstance(line, int) else None,
        from_test=error.get("from_test") is True,
        learner_line=str(error.get("learner_line", ""))[:500],
        failure=read_failure(error.get("failure")),
    )


def _usage(answer: dict[str, Any]) -> tuple[float, float] | None:
    """Return what the process says it has used: for the report only, nothing is decided by it."""
    used = answer.get("used")
    if not isinstance(used, list) or len(used) != 2:
        return None
    cpu_ms, peak_kb = used
    if not isinstance(cpu_ms, int | float) or not isinstance(peak_kb, int | float):
        return None
    return float(cpu_ms), float(peak_kb)


def _how_it_ended(status: int) -> str:
    if status & 0x7F:
        number = status & 0x7F
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        return f"The notebook's process was ended by signal {name}."
    return f"The notebook's process ended itself with code {status >> 8}."
