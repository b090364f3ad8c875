"""Program problems: what goes into the judge and what comes out, shared with the classroom service.

A program is read from one file and run once per test: with a text on its standard input (``io``), or by calling one
of its functions with JSON arguments (``function``). Expected values stay outside of the sandbox.

Two audiences read a report. Staff see all of it, learners see `ProgramReport.for_learner`: of a hidden test only
its title, verdict, points and the author's hint. Not even its time and memory: code that knows a hidden input could
tell it by how long it takes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studyhall_judge.report import Model, ReportStatus, Resources

MAX_CODE = 10_000
NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"


class Verdict(StrEnum):
    """How one test, or a submission as a whole, ended."""

    accepted = "accepted"
    wrong_answer = "wrong_answer"
    time_limit_exceeded = "time_limit_exceeded"
    memory_limit_exceeded = "memory_limit_exceeded"
    runtime_error = "runtime_error"
    compilation_error = "compilation_error"
    internal_error = "internal_error"


class Parameter(Model):
    """One parameter of a function: ``type`` is int (32 bits), long (64), float, bool, string or list[…]."""

    name: str = Field(pattern=NAME)
    type: str


class FunctionSpec(Model):
    """The function that tests call. Python, JavaScript and TypeScript need no types, the others do."""

    name: str = Field(pattern=NAME)
    parameters: list[Parameter] = Field(default_factory=list)
    returns: str | None = None


class Checker(Model):
    """How an answer is compared.

    ``exact``: the same lines, blanks at their ends and empty lines at the end ignored; values must be equal.
    ``token``: the same words, however they are spaced. ``float``: as token, where numbers may differ by
    ``tolerance``, absolutely or relatively. ``custom``: staff's Python ``code``, which defines
    ``check(input, expected, actual)`` and returns whether the answer is right, or a pair of that and a
    message for staff; it runs in a sandbox of its own.
    """

    kind: Literal["exact", "token", "float", "custom"] = "exact"
    tolerance: float = Field(default=1e-6, ge=0)
    code: str = ""


class ProgramTest(Model):
    """One test. ``input`` and a text as ``expected`` for io problems, ``arguments`` and a value for functions.

    Tests of the same ``group`` pay only together. A ``sample`` is shown to learners; others are hidden.
    """

    id: str
    title: str = ""
    input: str = ""
    arguments: list[Any] = Field(default_factory=list)
    expected: Any = ""
    points: float = Field(default=1, ge=0)
    group: str | None = None
    sample: bool = False
    hint: str = ""


class ProgramLimits(Model):
    """What one test may use. Times are in milliseconds, of the processor and of the clock each.

    A language may need more than ``memory_mb`` and ``time_ms`` say; then it gets more (see languages.toml).
    ``total_ms`` is the clock time of all tests together; ``output_bytes`` counts standard output and
    standard error, each.
    """

    time_ms: int = Field(default=2_000, ge=100)
    memory_mb: int = Field(default=64, ge=16)
    compile_ms: int = Field(default=10_000, ge=500)
    compile_memory_mb: int = Field(default=768, ge=128)
    output_bytes: int = Field(default=1_000_000, ge=1_000)
    pids: int = Field(default=50, ge=8)
    disk_mb: int = Field(default=10, ge=1)
    total_ms: int = Field(default=120_000, ge=1_000)


class ProgramRequest(Model):
    """One program to judge."""

    request_id: str
    language: str
    code: str = Field(max_length=MAX_CODE)
    kind: Literal["io", "function"] = "io"
    function: FunctionSpec | None = None
    tests: list[ProgramTest] = Field(min_length=1, max_length=500)
    checker: Checker = Field(default_factory=Checker)
    limits: ProgramLimits = Field(default_factory=ProgramLimits)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "function" and self.function is None:
            raise ValueError("a function problem needs to say which function is called")
        if self.checker.kind == "custom" and not self.checker.code.strip():
            raise ValueError("a custom checker needs code")
        if len({test.id for test in self.tests}) < len(self.tests):
            raise ValueError("two tests have the same id")
        return self


class ProgramProgress(Model):
    """One test has ended. ``done`` of ``total`` tests are known now."""

    test_id: str
    verdict: Verdict
    done: int
    total: int


class ProgramTestResult(Model):
    """One test's verdict.

    ``passed`` says whether the test itself passed; ``points`` also depend on the rest of its group.
    ``time_ms`` is processor time, ``memory_mb`` the largest process's peak; None where they could not be measured
    because the program was ended. ``actual`` and ``errors`` (what went to standard error) are cut to a readable
    length.
    """

    id: str
    title: str
    sample: bool
    group: str | None
    hint: str
    points: float
    max_points: float
    verdict: Verdict
    time_ms: float | None
    wall_ms: float | None
    memory_mb: float | None
    message: str
    input: str | None
    arguments: list[Any] | None
    expected: Any
    actual: Any
    errors: str | None
    staff_message: str

    @property
    def passed(self) -> bool:
        """Whether this test, for itself, passed."""
        return self.verdict is Verdict.accepted


class ProgramReport(Model):
    """The outcome of one program.

    ``verdict`` is accepted, or the first verdict that is not; None when the request was refused, with the
    reason in ``message``. ``compile_output`` is what the compiler said about the learner's own code.
    """

    request_id: str
    language: str
    status: ReportStatus
    verdict: Verdict | None
    score: float
    max_score: float
    tests: list[ProgramTestResult]
    compile_output: str
    resources: Resources
    message: str
    judge_version: str

    @property
    def percent(self) -> float:
        """The score on a scale of 0 to 100."""
        return 100.0 * self.score / self.max_score if self.max_score else 0.0

    def for_learner(self) -> ProgramReport:
        """Return what the learner may see: nothing of a hidden test but its title, verdict, points and hint."""
        tests = [test if test.sample else _hidden(test) for test in self.tests]
        tests = [test.model_copy(update={"staff_message": ""}) for test in tests]
        shown = [test for test in tests if test.sample]
        resources = Resources(
            wall_ms=sum(test.wall_ms or 0 for test in shown),
            cpu_ms=sum(test.time_ms or 0 for test in shown),
            peak_memory_mb=max((test.memory_mb or 0 for test in shown), default=0),
        )
        return self.model_copy(update={"tests": tests, "resources": resources})


def _hidden(test: ProgramTestResult) -> ProgramTestResult:
    fields = ("time_ms", "wall_ms", "memory_mb", "input", "arguments", "expected", "actual", "errors")
    kept = PLAIN_WORDS[test.verdict]
    return test.model_copy(update=dict.fromkeys(fields) | {"message": kept})


PLAIN_WORDS = {
    Verdict.accepted: "",
    Verdict.wrong_answer: "The answer is not what this test expects.",
    Verdict.time_limit_exceeded: "Your program ran longer than it may here.",
    Verdict.memory_limit_exceeded: "Your program needed more memory than it may use here.",
    Verdict.runtime_error: "Your program stopped with an error.",
    Verdict.compilation_error: "Your program could not be compiled.",
    Verdict.internal_error: "This test could not be judged. The fault is not yours.",
}
"""What every verdict means, in words that say nothing about the test."""
