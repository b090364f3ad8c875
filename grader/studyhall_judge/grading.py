"""From a request to its report: rebuild, run in a slot's sandbox, score, describe."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import CellRole, TestInfo

from studyhall_judge import __version__, driven
from studyhall_judge.clock import Clock
from studyhall_judge.driver import NotebookRun, Notes, RunSettings
from studyhall_judge.earlier import earlier_versions
from studyhall_judge.executed import executed_notebooks
from studyhall_judge.learner_files import with_learners_files
from studyhall_judge.messages import UNANSWERED, learner_message, needs_second_look, staff_message
from studyhall_judge.needs import needs_libraries
from studyhall_judge.rebuild import CellKind, PlannedCell, Rebuilt, is_untouched, rebuild
from studyhall_judge.releases import PreparedRelease, ReleasedNotebook, declared_full_for_text, unspoken
from studyhall_judge.report import (
    GradeReport,
    GradeRequest,
    IntegrityFlag,
    Progress,
    Repair,
    ReportStatus,
    Resources,
    TestResult,
    TestStatus,
)
from studyhall_judge.sandboxes import SandboxFault
from studyhall_judge.scoring import CellOutcome, Ending, score_test
from studyhall_judge.slots import Slot, SlotPool
from studyhall_judge.submissions import BIG_TEXT, ReadSubmission, read_aside

log = logging.getLogger("studyhall_judge")

BIG_CELLS = 200
"""Above this many cells, or `BIG_TEXT`, a submission is planned beside the event loop."""

UNEXPECTED = "The judge came upon a fault of its own and could not finish. The submission was not at fault."
"""What a report says when something failed that should not have."""


class CellsRun(Protocol):
    """Runs a notebook's cells in some kernel."""

    notes: Notes

    async def run(self, on_outcome: Callable[[int, CellOutcome], Awaitable[None]]) -> None:
        """Run every cell that runs and report each outcome by its place."""
        ...


@dataclass
class _Notebook:
    """One released notebook with what was made of the learner's."""

    released: ReleasedNotebook
    submitted: NotebookNode | None
    rebuilt: Rebuilt
    outcomes: dict[int, CellOutcome] = field(default_factory=dict)
    second_look: dict[str, CellOutcome] = field(default_factory=dict)
    undecided: list[int] = field(default_factory=list)
    """Places of driven tests that wait for a comparator of the staff's."""
    hidden_before: bool = False
    """Whether a hidden test of an earlier notebook has run in the same sandbox."""

    @property
    def runs(self) -> bool:
        """Whether there is anything to run: a notebook that could not be read has earned nothing."""
        return self.submitted is not None and any(cell.runs for cell in self.rebuilt.cells)


class Submission:
    """Grades one request. Use `events` once."""

    def __init__(self, request: GradeRequest, release: PreparedRelease, pool: SlotPool) -> None:
        self._request = request
        self._release = release
        self._files = release.files
        self._pool = pool
        self._notebooks: list[_Notebook] = []
        self._repairs: list[Repair] = []
        self._flags: list[IntegrityFlag] = []
        self._results: dict[str, TestResult] = {}
        self._notes = Notes()
        self._began = time.monotonic()
        self._queue: asyncio.Queue[Progress | None] = asyncio.Queue()

    async def events(self) -> AsyncIterator[Progress | GradeReport]:
        """Yield progress and then the report. Faults of the machinery become an ``internal_error`` report."""
        if self._request.environment not in self._pool.environments:
            name = self._request.environment
            yield self._report(ReportStatus.internal_error, f"The judge has no environment named {name}.")
            return
        read = await read_aside(self._release, self._request)
        if read.refusal:
            yield self._report(ReportStatus.refused, read.refusal)
            return
        await self._plan(read)
        running = asyncio.create_task(self._run())
        running.add_done_callback(lambda _done: self._queue.put_nowait(None))
        try:
            while (progress := await self._queue.get()) is not None:
                yield progress
            try:
                report = await running
            except Exception:
                log.exception("a submission could not be graded")
                report = self._report(ReportStatus.internal_error, UNEXPECTED)
        finally:
            if not running.done():
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
        yield report

    async def _plan(self, read: ReadSubmission) -> None:
        self._repairs += read.repairs
        self._flags += read.flags
        texts = self._request.notebooks.values()
        cells = sum(len(one.cells) for one in read.notebooks.values() if one is not None)
        # Mending a big one takes seconds, in which the other students' clocks and conversations go on.
        big = cells > BIG_CELLS or sum(map(len, texts)) > BIG_TEXT
        for name, released in self._release.notebooks.items():
            submitted = read.notebooks.get(name)
            earlier = earlier_versions(self._request.earlier.get(name, ()))
            files = self._release.file_names, self._request.files
            planning = (released, submitted, self._request.scoring, earlier, *files)
            rebuilt = await asyncio.to_thread(rebuild, *planning) if big else rebuild(*planning)
            self._repairs += rebuilt.repairs
            self._flags += rebuilt.flags
            self._notebooks.append(_Notebook(released, submitted, rebuilt))

    async def _run(self) -> GradeReport:
        try:
            async with self._pool.slot(self._environment()) as slot:
                self._began = time.monotonic()
                with with_learners_files(self._release, self._request.files) as self._files:
                    await self._run_in(slot)
        except SandboxFault as error:
            log.exception("the sandbox failed")
            return self._report(
                ReportStatus.internal_error,
                f"The judge could not run this submission ({error}). It was not at fault.",
            )
        return self._report(ReportStatus.graded, "")

    def _environment(self) -> str:
        """Return the environment, without its libraries when nothing in the submission asks for any."""
        sources = [cell.source for one in self._notebooks for cell in one.rebuilt.cells if cell.runs]
        own = frozenset(name.partition(".")[0].partition("/")[0] for name in self._release.file_names)
        name = self._request.environment
        return name if needs_libraries(sources, own) else self._pool.bare(name)

    async def _run_in(self, slot: Slot) -> None:
        left = sum(notebook.runs for notebook in self._notebooks[1:])
        guarded = self._request.scoring != "nbgrader"
        async with slot.sandbox(self._request.limits, self._files, more=left > 0, guarded=guarded) as sandbox:
            clock = Clock(self._request.limits)  # until there is a sandbox, the time is the judge's own
            hidden = False
            for number, notebook in enumerate(self._notebooks):
                if number and notebook.runs:
                    left -= 1
                    await sandbox.next_student(more=left > 0)
                notebook.hidden_before = hidden
                run = NotebookRun(
                    sandbox, notebook.rebuilt.cells, self._settings(notebook, slot), clock, slot.memory_kills
                )
                await self._run_notebook(notebook, run)
                self._notes.cpu_ms += run.notes.cpu_ms
                self._notes.peak_kb = max(self._notes.peak_kb, run.notes.peak_kb)
                slot.violent = slot.violent or run.violent
                hidden = hidden or (
                    notebook.runs and any(one.hidden for one in notebook.released.tests.values())
                )
        for notebook in self._notebooks:
            if notebook.undecided:
                await self._compare(slot, notebook, clock)
        for notebook in self._notebooks:
            await self._look_again(slot, notebook, clock)

    def _settings(self, notebook: _Notebook, slot: Slot) -> RunSettings:
        return RunSettings(
            limits=self._request.limits,
            scoring=self._request.scoring,
            lesson=notebook.released.lesson,
            compiler=self._pool.compiler(slot.environment),
            released_files=self._release.file_names,
            secret_files=unspoken(self._release.file_names, notebook.released.cells),
        )

    async def _run_notebook(self, notebook: _Notebook, run: CellsRun) -> None:
        async def on_outcome(place: int, outcome: CellOutcome) -> None:
            notebook.outcomes[place] = outcome
            cell = notebook.rebuilt.cells[place]
            if cell.kind is not CellKind.test or cell.released is None:
                return
            identifier = str(cell.released.grade_id)
            if outcome.driven is not None and outcome.driven.undecided:
                notebook.undecided.append(place)
            elif identifier not in notebook.rebuilt.missing or self._request.scoring == "default":
                self._settle(notebook, notebook.released.tests[identifier], place)

        if notebook.runs:
            await run.run(on_outcome)
        for code, place, message in run.notes.flags:
            self._flags.append(self._flag(notebook, code, place, message))
        waiting = {
            str(one.released.grade_id)
            for one in map(notebook.rebuilt.cells.__getitem__, notebook.undecided)
            if one.released is not None
        }
        for test in notebook.released.tests.values():
            if test.id not in self._results and test.grade_id not in waiting:
                self._settle(notebook, test, None)

    async def _compare(self, slot: Slot, notebook: _Notebook, clock: Clock) -> None:
        """Let comparators of the staff's judge values, where the learner's code has never been."""
        for place in notebook.undecided:
            test = notebook.released.tests[str(notebook.rebuilt.cells[place].node.metadata.nbgrader.grade_id)]
            done = notebook.outcomes[place]
            assert done.driven is not None  # noqa: S101 - only driven tests wait for comparators
            cells = driven.comparison(done.driven, notebook.rebuilt.cells[place].node)
            said: dict[int, CellOutcome] = {}

            async def on_outcome(at: int, outcome: CellOutcome, said: dict[int, CellOutcome] = said) -> None:
                said[at] = outcome

            async with slot.sandbox(self._request.limits, self._release.files, further=True) as sandbox:
                run = NotebookRun(sandbox, cells, self._settings(notebook, slot), clock, slot.memory_kills)
                await run.run(on_outcome)
                slot.violent = slot.violent or run.violent
            driven.settle(done.driven, [said.get(at) for at in range(1, len(cells))])
            notebook.outcomes[place] = done.driven.outcome(done.seconds)
            missing = test.grade_id in notebook.rebuilt.missing and self._request.scoring == "nbgrader"
            self._settle(notebook, test, None if missing else place)

    def _flag(self, notebook: _Notebook, code: str, place: int | None, message: str) -> IntegrityFlag:
        test = None
        if place is not None:
            released = notebook.rebuilt.cells[place].released
            if released is not None and released.grade_id in notebook.released.tests:
                test = notebook.released.tests[str(released.grade_id)].id
        return IntegrityFlag(code=code, test_id=test, message=message)

    # Verdicts

    def _settle(self, notebook: _Notebook, test: TestInfo, place: int | None) -> None:
        """Decide one test and tell the waiting client."""
        self._results[test.id] = self._result(notebook, test, place)
        total = sum(len(one.released.tests) for one in self._notebooks)
        self._queue.put_nowait(
            Progress(
                test_id=test.id, status=self._results[test.id].status, done=len(self._results), total=total
            )
        )

    def _result(self, notebook: _Notebook, test: TestInfo, place: int | None) -> TestResult:
        if test.manual:
            points, status, staff = self._manual(notebook, test)
            # Else an open task would be a failed one without a word why.
            message = UNANSWERED if status is TestStatus.failed else ""
            duration = 0.0
        elif place is None:
            points, status, staff, message = self._without_outcome(notebook, test)
            duration = 0.0
        else:
            outcome = notebook.outcomes[place]
            cell = notebook.rebuilt.cells[place]
            assert cell.released is not None  # noqa: S101 - a planned test always comes from the release
            full = declared_full_for_text(cell.released)
            score = score_test(outcome, test.points, self._request.scoring, text_is_full=full)
            points, status, duration = score.points, score.status, outcome.seconds * 1000
            staff = staff_message(score.staff_message, outcome, cell.source)
            dynamic = not self._hidden_ran_before(notebook, place)
            message = (
                "" if test.hidden else learner_message(outcome, status, cell.released.shown, dynamic=dynamic)
            )
        index, answer = self._where(notebook, test)
        return TestResult(
            id=test.id,
            notebook=test.notebook,
            grade_id=test.grade_id,
            title=test.title,
            hidden=test.hidden,
            kind=_kind(test, notebook.released),
            points=points,
            max_points=test.points,
            status=status,
            learner_message=message,
            hint=test.hint,
            staff_message=staff,
            duration_ms=round(duration, 3),
            cell_index=index,
            answer_grade_id=answer,
        )

    def _manual(self, notebook: _Notebook, test: TestInfo) -> tuple[float, TestStatus, str]:
        for cell in notebook.rebuilt.cells:
            if cell.released is None or cell.released.grade_id != test.grade_id:
                continue
            if cell.kind is not CellKind.manual or test.grade_id in notebook.rebuilt.missing:
                break
            if notebook.submitted is None or is_untouched(cell):
                return 0.0, TestStatus.failed, "No response: the cell is as it was released."
            return 0.0, TestStatus.needs_manual, "A person grades this answer."
        if test.grade_id in notebook.rebuilt.missing and self._request.scoring == "default":
            role = next(one.role for one in notebook.released.cells if one.grade_id == test.grade_id)
            if role is CellRole.manual:
                return 0.0, TestStatus.failed, "No response: the cell had been deleted."
        return 0.0, TestStatus.needs_manual, "A person grades this task."

    def _without_outcome(self, notebook: _Notebook, test: TestInfo) -> tuple[float, TestStatus, str, str]:
        if self._request.scoring == "nbgrader" and test.grade_id in notebook.rebuilt.missing:
            return (
                0.0,
                TestStatus.needs_manual,
                "The test cell was deleted: nbgrader asks for a manual grade.",
                "",
            )
        empty = notebook.submitted is not None and any(
            cell.released is not None and cell.released.grade_id == test.grade_id and not cell.source.strip()
            for cell in notebook.rebuilt.cells
        )
        if empty:
            return test.points, TestStatus.passed, "The test cell is empty.", ""
        shown = "" if test.hidden else "This test did not run."
        return 0.0, TestStatus.not_run, "The test did not run.", shown

    def _hidden_ran_before(self, notebook: _Notebook, place: int) -> bool:
        if notebook.hidden_before:
            return True
        return any(
            cell.released is not None
            and cell.released.grade_id in notebook.released.tests
            and notebook.released.tests[str(cell.released.grade_id)].hidden
            for cell in notebook.rebuilt.cells[: place + 1]
            if cell.kind is CellKind.test
        )

    def _where(self, notebook: _Notebook, test: TestInfo) -> tuple[int | None, str | None]:
        """Return the place in the learner's notebook to jump to for a test, and the answer cell it belongs to."""
        index: int | None = None
        answer: str | None = None
        answer_index: int | None = None
        for cell in notebook.rebuilt.cells:
            if cell.released is not None and cell.released.is_learners:
                answer, answer_index = cell.released.grade_id, cell.index
            if cell.released is not None and cell.released.grade_id == test.grade_id:
                index = cell.index
                break
        return (index if index is not None else answer_index), answer

    # The second look: values in messages, from a run that has never seen a hidden test

    async def _look_again(self, slot: Slot, notebook: _Notebook, clock: Clock) -> None:
        wanted = [place for place in notebook.outcomes if self._deserves_second_look(notebook, place)]
        if not wanted or clock.left <= 1:
            return
        cells = [
            cell
            for cell in notebook.rebuilt.cells[: max(wanted) + 1]
            if not (cell.kind is CellKind.test and self._is_hidden(notebook, cell))
        ]
        async with slot.sandbox(self._request.limits, self._files, further=True) as sandbox:
            run = NotebookRun(sandbox, cells, self._settings(notebook, slot), clock, slot.memory_kills)

            async def on_outcome(place: int, outcome: CellOutcome) -> None:
                cell = cells[place]
                if cell.kind is CellKind.test and cell.released is not None:
                    self._improve_message(notebook, cell, outcome)

            with contextlib.suppress(SandboxFault):
                await run.run(on_outcome)

    def _deserves_second_look(self, notebook: _Notebook, place: int) -> bool:
        cell = notebook.rebuilt.cells[place]
        if cell.kind is not CellKind.test or cell.released is None or self._is_hidden(notebook, cell):
            return False
        outcome = notebook.outcomes[place]
        return (
            outcome.ending is Ending.raised
            and self._hidden_ran_before(notebook, place)
            and needs_second_look(outcome, cell.released.shown)
        )

    def _is_hidden(self, notebook: _Notebook, cell: PlannedCell) -> bool:
        return cell.released is not None and notebook.released.tests[str(cell.released.grade_id)].hidden

    def _improve_message(self, notebook: _Notebook, cell: PlannedCell, outcome: CellOutcome) -> None:
        assert cell.released is not None  # noqa: S101 - the caller has looked
        identifier = notebook.released.tests[str(cell.released.grade_id)].id
        result = self._results[identifier]
        if outcome.ending is not Ending.raised or result.status in (TestStatus.passed, TestStatus.partial):
            return
        message = learner_message(outcome, result.status, cell.released.shown, dynamic=True)
        self._results[identifier] = result.model_copy(update={"learner_message": message})

    # The report

    def _report(self, status: ReportStatus, message: str) -> GradeReport:
        tests = []
        for name, released in self._release.notebooks.items():
            notebook = next((one for one in self._notebooks if one.released.name == name), None)
            tests += [
                self._results.get(test.id) or _not_graded(test, released, notebook)
                for test in released.tests.values()
            ]
        if status is ReportStatus.graded and any(test.status is TestStatus.needs_manual for test in tests):
            status = ReportStatus.needs_manual
        return GradeReport(
            request_id=self._request.request_id,
            release_hash=self._request.release_hash,
            status=status,
            score=sum(test.points for test in tests),
            max_score=sum(test.max_points for test in tests),
            tests=tests,
            repairs=self._repairs,
            flags=_once(self._flags),
            resources=Resources(
                wall_ms=round((time.monotonic() - self._began) * 1000, 3),
                cpu_ms=round(self._notes.cpu_ms, 3),
                peak_memory_mb=round(self._notes.peak_kb / 1024, 1),
            ),
            executed_notebooks=executed_notebooks(
                (one.released.name, (one.released.node, one.rebuilt.cells, one.outcomes))
                for one in self._notebooks
            ),
            message=message,
            judge_version=__version__,
        )


def unfinished(request: GradeRequest, release: PreparedRelease) -> GradeReport:
    """Return the report for a submission that the judge could not grade, whatever went wrong."""
    tests = [
        _not_graded(test, released, None)
        for released in release.notebooks.values()
        for test in released.tests.values()
    ]
    return GradeReport(
        request_id=request.request_id,
        release_hash=request.release_hash,
        status=ReportStatus.internal_error,
        score=0,
        max_score=sum(test.max_points for test in tests),
        tests=tests,
        repairs=[],
        flags=[],
        resources=Resources(),
        executed_notebooks={},
        message=UNEXPECTED,
        judge_version=__version__,
    )


def _not_graded(test: TestInfo, released: ReleasedNotebook, notebook: _Notebook | None) -> TestResult:
    return TestResult(
        id=test.id,
        notebook=test.notebook,
        grade_id=test.grade_id,
        title=test.title,
        hidden=test.hidden,
        kind=_kind(test, released),
        points=0.0,
        max_points=test.points,
        status=TestStatus.not_run,
        learner_message="",
        hint=test.hint,
        staff_message="" if notebook is None else "The submission was not run to its end.",
        duration_ms=0.0,
        cell_index=None,
        answer_grade_id=None,
    )


def _kind(test: TestInfo, released: ReleasedNotebook) -> Literal["assert", "driven", "manual"]:
    if test.manual:
        return "manual"
    is_driven = any(cell.driven is not None and cell.grade_id == test.grade_id for cell in released.cells)
    return "driven" if is_driven else "assert"


def _once(flags: list[IntegrityFlag]) -> list[IntegrityFlag]:
    kept: list[IntegrityFlag] = []
    for flag in flags:
        if flag not in kept:
            kept.append(flag)
    return kept
