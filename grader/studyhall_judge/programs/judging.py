"""Judges one program: compiles it once, runs it once per test, each time in a fresh sandbox, and compares outside."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from studyhall_judge import __version__
from studyhall_judge.program_report import (
    ProgramProgress,
    ProgramReport,
    ProgramRequest,
    ProgramTest,
    ProgramTestResult,
    Verdict,
)
from studyhall_judge.programs.checkers import texts_match, values_match
from studyhall_judge.programs.custom import custom_check
from studyhall_judge.programs.harness import Call, Prepared
from studyhall_judge.programs.languages import Language
from studyhall_judge.programs.runner import Ending, Outcome, Step
from studyhall_judge.programs.scoring import points_of
from studyhall_judge.programs.values import BadValue
from studyhall_judge.report import ReportStatus, Resources
from studyhall_judge.sandboxes import SandboxFault

log = logging.getLogger("studyhall_judge")

SHOWN = 10_000
"""How many characters of an output a report keeps."""

COMPILE_PIDS = 128
COMPILE_DISK_MB = 128
COMPILE_OUTPUT = 64_000
MOST_PARTS = 200
"""A value with more lists and objects than this is shown as text."""

MAX_PROGRAM = 32 * 1024 * 1024
CHECK_MS = 5_000

Runner = Callable[[Step], Awaitable[Outcome]]
"""Runs one step in a fresh sandbox."""


@dataclass(frozen=True)
class Runners:
    """What runs a submission's steps: the learner's, and those of staff's checker, which knows what is expected."""

    program: Runner
    checker: Runner


_SIGNALS: dict[int, str] = {
    signal.SIGSEGV: "it used memory that is not its own, or called itself too deeply",
    signal.SIGABRT: "it gave up (abort)",
    signal.SIGFPE: "it made a calculation that has no result, such as a division by zero",
    signal.SIGBUS: "it used memory that is not there",
    signal.SIGILL: "it came to an instruction that does not exist",
    signal.SIGXFSZ: "it wrote a file that is too large",
    signal.SIGKILL: "it was killed",
    signal.SIGSYS: "it asked the system for something that is not allowed here",
}


class _Ended(Exception):
    """The submission as a whole has ended; carries verdict, compiler output and message."""

    def __init__(self, verdict: Verdict, output: str, message: str) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.output = output


class ProgramSubmission:
    """One request on its way to a report."""

    def __init__(self, request: ProgramRequest, language: Language, runners: Runners) -> None:
        self._request = request
        self._language = language
        self._run = runners.program
        self._check = runners.checker
        self._call: Call | None = None
        self._results: list[ProgramTestResult] = []
        self._compile_output = ""
        self._started = time.monotonic()
        self._cpu_ms = 0.0

    async def events(self) -> AsyncIterator[ProgramProgress | ProgramReport]:
        """Yield a progress per test, then the report."""
        request = self._request
        try:
            inputs = self._inputs()
            prepared = self._prepare()
        except BadValue as error:
            yield refused(request, f"This problem cannot be judged in {self._language.name}: {error}.")
            return
        message = ""
        try:
            files = await self._build(prepared)
        except _Ended as ended:
            message, self._compile_output = str(ended), ended.output
            self._results = [self._not_run(test, ended.verdict, message) for test in request.tests]
        except SandboxFault as error:
            message = f"The judge could not compile this program. The fault is not yours. ({error})"
            self._results = [self._not_run(test, Verdict.internal_error, "") for test in request.tests]
        else:
            for test, given in zip(request.tests, inputs, strict=True):
                self._results.append(await self._test(test, given, files, prepared.entry))
                yield self._progress()
        yield self._report(message)

    def _prepare(self) -> Prepared:
        code = self._request.code.removeprefix(
            "\ufeff"
        )  # some editors begin with it, and not all compilers take it
        if self._call is not None:
            return self._call.prepare(code)
        source = self._source
        return Prepared({source: code.encode("utf-8", "replace")}, source)

    @property
    def _source(self) -> str:
        return self._language.function_source if self._call else self._language.source

    def _inputs(self) -> list[bytes]:
        function = self._request.function
        if self._request.kind == "io" or function is None:
            return [test.input.encode("utf-8", "surrogatepass") for test in self._request.tests]
        self._call = Call(function, self._language)
        return [self._call.to_input(test.arguments) for test in self._request.tests]

    async def _build(self, prepared: Prepared) -> dict[str, bytes]:
        """Return the files that every test gets. Raises `_Ended` when the program does not compile."""
        language, limits = self._language, self._request.limits
        command = language.compile or language.check
        memory_mb = limits.compile_memory_mb
        argv = language.words(command, memory_mb, self._source, prepared.entry, list(prepared.files))
        step = Step(
            argv=argv,
            files=prepared.files,
            cpu_ms=limits.compile_ms,
            memory_mb=memory_mb,
            data_mb=memory_mb * 2,
            disk_mb=COMPILE_DISK_MB,
            pids=COMPILE_PIDS,
            output_bytes=COMPILE_OUTPUT,
            environment=language.environment,
            harvest=MAX_PROGRAM if language.compile else 0,
        )
        outcome = await self._run(step)
        self._cpu_ms += outcome.cpu_ms
        said = _text((outcome.errors + outcome.output)[:COMPILE_OUTPUT])[:SHOWN]
        if not outcome.succeeded:
            message = _compile_message(outcome, limits.compile_ms)
            if self._call is not None and outcome.ending is Ending.exited:
                message = self._call.missing_in(self._request.code) or message
            raise _Ended(Verdict.compilation_error, said, message)
        self._compile_output = said
        if not language.compile:
            return prepared.files
        files = {f"out/{name}": content for name, content in outcome.files.items()}
        if not files:
            raise _Ended(Verdict.compilation_error, said, "The compiler made no program from your code.")
        if language.runs is not None and self._call is not None:
            files[prepared.entry] = prepared.files[prepared.entry]
        return files

    async def _test(
        self, test: ProgramTest, given: bytes, files: dict[str, bytes], entry: str
    ) -> ProgramTestResult:
        limits, language = self._request.limits, self._language
        if (time.monotonic() - self._started) * 1000 > limits.total_ms:
            message = "This test did not run: the time for all tests together was used up."
            return self._not_run(test, Verdict.time_limit_exceeded, message)
        memory_mb = language.memory_for(limits.memory_mb)
        if language.runs is not None and self._call is None:
            entry = "out/" + self._source.rpartition(".")[0] + language.runs
        argv = language.words(language.run, memory_mb, self._source, entry, [])
        step = Step(
            argv=argv,
            files=files,
            stdin=given,
            cpu_ms=int(limits.time_ms * language.time_factor),
            memory_mb=memory_mb,
            data_mb=memory_mb + 4 * language.reserve_mb,
            disk_mb=limits.disk_mb,
            pids=limits.pids,
            output_bytes=limits.output_bytes,
            environment=language.environment,
            memory_signs=language.memory_signs,
        )
        try:
            outcome = await self._run(step)
            self._cpu_ms += outcome.cpu_ms
            return await self._judge(test, outcome, step)
        except SandboxFault as error:
            return self._not_run(test, Verdict.internal_error, "", str(error))
        except Exception as error:
            log.exception("a program's test could not be judged")
            return self._not_run(test, Verdict.internal_error, "", f"{type(error).__name__}: {error}"[:SHOWN])

    async def _judge(self, test: ProgramTest, outcome: Outcome, step: Step) -> ProgramTestResult:
        verdict, message = _ending_verdict(outcome, step)
        actual: Any = _text(outcome.output)
        staff = ""
        if verdict is Verdict.accepted and self._call is not None:
            try:
                actual = self._call.from_result(outcome.result)
            except BadValue as error:
                verdict, message, actual = Verdict.wrong_answer, _sentence(str(error)), None
        elif self._call is not None:
            actual = None
        if verdict is Verdict.accepted:
            right, staff = await self._right(test, actual)
            if right is None:
                verdict, message = (
                    Verdict.internal_error,
                    "The checker of this problem failed. The fault is not yours.",
                )
            elif not right:
                verdict, message = Verdict.wrong_answer, "The answer is not what this test expects."
        shown = _cut(actual) if self._call is None and isinstance(actual, str) else _plain(actual)
        return self._result(test, verdict, message, staff).model_copy(
            update={
                "time_ms": _measured(outcome.cpu_ms),
                "wall_ms": _measured(outcome.wall_ms),
                "memory_mb": _measured(outcome.peak_mb),
                "actual": shown,
                "errors": _cut(_text(outcome.errors)),
            }
        )

    async def _right(self, test: ProgramTest, actual: Any) -> tuple[bool | None, str]:
        checker = self._request.checker
        if checker.kind == "custom":
            given = test.input if self._call is None else test.arguments
            return await custom_check(checker.code, given, test.expected, actual, self._check)
        if self._call is not None:
            return values_match(checker, test.expected, actual), ""
        return texts_match(checker, str(test.expected), actual), ""

    def _not_run(
        self, test: ProgramTest, verdict: Verdict, message: str, staff: str = ""
    ) -> ProgramTestResult:
        return self._result(test, verdict, message, staff)

    def _result(self, test: ProgramTest, verdict: Verdict, message: str, staff: str) -> ProgramTestResult:
        io = self._request.kind == "io"
        return ProgramTestResult(
            id=test.id,
            title=test.title,
            sample=test.sample,
            group=test.group,
            hint=test.hint,
            points=0,
            max_points=test.points,
            verdict=verdict,
            time_ms=None,
            wall_ms=None,
            memory_mb=None,
            message=message,
            input=_cut(test.input) if io else None,
            arguments=None if io else test.arguments,
            expected=test.expected,
            actual=None,
            errors=None,
            staff_message=staff,
        )

    def _progress(self) -> ProgramProgress:
        last = self._results[-1]
        total = len(self._request.tests)
        return ProgramProgress(test_id=last.id, verdict=last.verdict, done=len(self._results), total=total)

    def _report(self, message: str) -> ProgramReport:
        tests = points_of(self._results)
        verdicts = [test.verdict for test in tests]
        failed = [verdict for verdict in verdicts if verdict is not Verdict.accepted]
        internal = Verdict.internal_error in verdicts
        return ProgramReport(
            request_id=self._request.request_id,
            language=self._language.id,
            status=ReportStatus.internal_error if internal else ReportStatus.graded,
            verdict=failed[0] if failed else Verdict.accepted,
            score=sum(test.points for test in tests),
            max_score=sum(test.max_points for test in tests),
            tests=tests,
            compile_output=self._compile_output,
            resources=Resources(
                wall_ms=round((time.monotonic() - self._started) * 1000, 1),
                cpu_ms=round(self._cpu_ms, 1),
                peak_memory_mb=max((test.memory_mb or 0 for test in tests), default=0),
            ),
            message=message,
            judge_version=__version__,
        )


def refused(request: ProgramRequest, message: str) -> ProgramReport:
    """Return the report for a request that cannot be judged here; ``message`` says why."""
    return ProgramReport(
        request_id=request.request_id,
        language=request.language,
        status=ReportStatus.refused,
        verdict=None,
        score=0,
        max_score=sum(test.points for test in request.tests),
        tests=[],
        compile_output="",
        resources=Resources(),
        message=message,
        judge_version=__version__,
    )


def unfinished(request: ProgramRequest) -> ProgramReport:
    """Return the report for a program that the judge could not judge, whatever went wrong."""
    report = refused(request, "The judge came upon a fault of its own. Your program was not at fault.")
    return report.model_copy(
        update={"status": ReportStatus.internal_error, "verdict": Verdict.internal_error}
    )


def _ending_verdict(outcome: Outcome, step: Step) -> tuple[Verdict, str]:
    match outcome.ending:
        case Ending.timed_out:
            return (
                Verdict.time_limit_exceeded,
                f"Your program ran longer than {step.cpu_ms / 1000:g} seconds.",
            )
        case Ending.memory:
            return (
                Verdict.memory_limit_exceeded,
                f"Your program needed more than {step.memory_mb} MB of memory.",
            )
        case Ending.output:
            most = f"{step.output_bytes:,} bytes"
            return Verdict.runtime_error, f"Your program wrote more than {most}, and was stopped."
        case Ending.signalled:
            name = _SIGNALS.get(outcome.number, f"signal {outcome.number}")
            return Verdict.runtime_error, f"Your program stopped early: {name}."
    if outcome.number:
        return Verdict.runtime_error, f"Your program stopped with an error (exit code {outcome.number})."
    return Verdict.accepted, ""


def _compile_message(outcome: Outcome, limit_ms: int) -> str:
    match outcome.ending:
        case Ending.timed_out:
            return f"Your code took longer than {limit_ms / 1000:g} seconds to compile."
        case Ending.memory:
            return "Your code needed too much memory to compile."
        case Ending.output:
            return "The compiler said more than can be shown."
        case Ending.too_large:
            return "The program that was made from your code is too large."
    return "Your code could not be compiled. The compiler says why."


def _measured(figure: float) -> float | None:
    """Return a figure for a report; nothing uses 0, which says that a program was ended before it was measured."""
    return round(figure, 1) if figure else None


def _sentence(words: str) -> str:
    """Return words as a sentence; not `str.capitalize`, which makes every other letter of a name small."""
    return f"{words[:1].upper()}{words[1:]}."


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _cut(text: str) -> str:
    """Return a text as a report keeps it: not too long, and such that any database takes it."""
    more = f"\n… ({len(text) - SHOWN} more characters)" if len(text) > SHOWN else ""
    return text[:SHOWN].replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode() + more


def _plain(value: Any) -> Any:
    """Return a value as a report keeps it: itself, or as text where it is too large, too deep or too odd."""
    text = json.dumps(value)
    odd = "\\u0000" in text or "\\ud" in text
    if odd or len(text) > SHOWN or text.count("[") + text.count("{") > MOST_PARTS:
        return _cut(text)
    return value
