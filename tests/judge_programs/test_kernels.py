"""A notebook of another kernel, graded from end to end: bash, which needs nothing but a wheel and a shell."""

from __future__ import annotations

import ast
import asyncio
import base64
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from studyhall_judge.client import Judge
from studyhall_judge.outputs import Share
from studyhall_judge.programs import kernels
from studyhall_judge.report import GradeReport, GradeRequest, Limits, Release, ReportStatus, TestStatus
from studyhall_judge.scoring import Ending
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import ReleaseOptions, graded_source, learner_version

KERNEL = {"name": "bash", "display_name": "Bash", "language": "bash"}
SOLUTION = 'greet() {\n  ### BEGIN SOLUTION\n  echo "hello $1"\n  ### END SOLUTION\n}'


def _cell(source: str, name: str, points: float | None = None):
    cell = new_code_cell(source)
    grade = points is not None
    marks = {"schema_version": 3, "task": False, "grade_id": name, "grade": grade, "solution": not grade}
    cell.metadata["nbgrader"] = marks | {"locked": grade} | ({"points": points} if grade else {})
    return cell


def _notebook():
    return new_notebook(
        metadata={"kernelspec": KERNEL},
        cells=[
            new_code_cell("set -u"),
            _cell(SOLUTION, "greet"),
            _cell('test "$(greet you)" = "hello you"', "greet-test", 3),
            _cell(
                'test "$(greet me)" = "hello me"\n### BEGIN HIDDEN TESTS\n'
                'test "$(greet CANARY-1177)" = "hello CANARY-1177"\n### END HIDDEN TESTS',
                "greet-hidden",
                2,
            ),
            _cell('test "$(cat names.txt)" = "Ada"', "reads-data", 1),
        ],
    )


@contextmanager
def judge_of_bash(python: str, *words: str) -> Iterator[Callable[..., GradeReport]]:
    """Start a judge with an environment of the interpreter's bash kernel; yields how to grade an answer in it."""
    graded = graded_source(_notebook(), ReleaseOptions(code_stub={"bash": "# YOUR CODE HERE"}))
    release = Release.build({"shell": write_notebook(graded)}, {"names.txt": b"Ada\n"})
    learner = learner_version(graded, course="c", lesson="l", release=1, notebook="shell")

    async def send() -> Release:
        return release

    async def grade(client: Judge, answer: str, limits: Limits, files: dict[str, str]) -> GradeReport:
        notebook = json.loads(write_notebook(learner))
        notebook["cells"][1]["source"] = answer
        request = GradeRequest(
            request_id="x",
            release_hash=release.hash,
            environment="bash",
            notebooks={"shell": json.dumps(notebook)},
            limits=limits,
            files=files,
        )
        async for event in client.grade(request, send):
            if isinstance(event, GradeReport):
                return event
        raise AssertionError("the judge sent no report")

    with tempfile.TemporaryDirectory(prefix="kernels-") as folder:
        socket = Path(folder) / "judge.sock"
        given = ["--socket", str(socket), "--slots", "1", "--preload", "", *words]
        given += ["--environment", f"bash={python}@bash"]
        with subprocess.Popen(
            [sys.executable, "-m", "studyhall_judge", *given], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ready"]
            client = Judge(socket)
            yield lambda answer, files=None, **limits: asyncio.run(
                grade(client, answer, Limits(**limits), files or {})
            )
            process.terminate()


@pytest.fixture(scope="module")
def bash():
    install = [sys.executable, "-m", "bash_kernel.install", "--sys-prefix"]
    subprocess.run(install, check=True, capture_output=True)
    with judge_of_bash(sys.executable) as grade:
        yield grade


def _statuses(report: GradeReport) -> list[TestStatus]:
    return [test.status for test in report.tests]


def test_a_right_answer_earns_everything(bash):
    report = bash('greet() { echo "hello $1"; }')
    assert report.status is ReportStatus.graded, report.message
    assert _statuses(report) == [TestStatus.passed] * 3, report
    assert report.score == 6
    assert report.resources.cpu_ms > 0


def test_a_wrong_answer_fails_its_tests_and_says_no_more(bash):
    report = bash('greet() { echo "hello $1" | sed s/e/E/; }')
    assert _statuses(report) == [TestStatus.failed, TestStatus.failed, TestStatus.passed]
    assert report.score == 1
    shown = [(test.learner_message, test.hint, test.title) for test in report.tests]
    assert "CANARY" not in str(shown)
    assert "CANARY" in report.executed_notebooks["shell"]


def test_an_endless_answer_costs_only_what_calls_it(bash):
    report = bash("greet() { while :; do :; done; }", cell_seconds=1.5)
    assert _statuses(report) == [TestStatus.timed_out, TestStatus.timed_out, TestStatus.passed]


def test_an_unfinished_answer_costs_only_itself(bash):
    report = bash('greet() { echo "hello $1"', cell_seconds=1.5)
    assert _statuses(report) == [TestStatus.failed, TestStatus.failed, TestStatus.passed], report


def test_what_ran_before_is_there_in_the_next_kernel(bash):
    report = bash('greet() { if [ "$1" = you ]; then kill -9 $PPID; fi; echo "hello $1"; }', cell_seconds=10)
    assert [status.value for status in _statuses(report)][1:] == ["passed", "passed"], report
    assert report.score == 3


def test_restarts_end_with_the_time_of_the_submission(bash):
    report = bash("greet() { sleep 30; }", cell_seconds=2, total_seconds=2.5)
    assert _statuses(report)[0] is TestStatus.timed_out
    assert _statuses(report)[-1] is TestStatus.not_run


def test_an_answer_that_ends_the_kernel_earns_only_what_does_not_need_it(bash):
    report = bash("greet() { kill -9 $PPID; }")
    assert report.status is ReportStatus.graded
    assert report.score == 1
    assert bash('greet() { echo "hello $1"; }').score == 6


def test_a_right_answer_may_print_more_than_is_kept(bash):
    report = bash('greet() { echo "hello $1"; }\nseq 10000 20000', output_bytes=20_000)
    assert _statuses(report) == [TestStatus.passed] * 3, report.tests
    assert "10001" in report.executed_notebooks["shell"]
    assert len(report.executed_notebooks["shell"]) < 40_000


def test_a_learners_own_data_files_lie_beside_the_lessons(bash):
    own = {
        "mine/word.txt": base64.b64encode(b"hello").decode(),
        "names.txt": base64.b64encode(b"Eve").decode(),
    }
    own["bash_kernel.py"] = own["pexpect/__init__.py"] = base64.b64encode(b"raise SystemExit").decode()
    report = bash('greet() { echo "$(cat mine/word.txt) $1"; }', files=own)
    assert _statuses(report) == [TestStatus.passed] * 3, report.tests


def _text(text: str) -> dict[str, object]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def _result_of(text: str) -> dict[str, object]:
    return {
        "output_type": "execute_result",
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": 1,
    }


ERROR = {"output_type": "error", "ename": "2", "evalue": "", "traceback": []}
PICTURE = {"output_type": "display_data", "data": {"text/plain": "x" * 90}, "metadata": {}}


def _cut() -> Callable[..., list[dict[str, object]]]:
    """Return the function of the program that runs beside the kernel."""
    kept = [
        one
        for one in ast.parse(kernels._DRIVER.read_text()).body
        if isinstance(one, ast.Assign | ast.FunctionDef) and getattr(one, "name", "cut") == "cut"
    ]
    names: dict[str, Any] = {"json": json}
    exec(compile(ast.Module(kept, []), "kernel.py", "exec"), names)  # noqa: S102 - our own program
    return cast("Callable[..., list[dict[str, object]]]", names["cut"])


@pytest.mark.parametrize(
    "before",
    [[_text("x" * 9_000)], [PICTURE] * 1_500, [_text("a"), PICTURE] * 30, [_result_of("0")] * 200],
    ids=["long", "many", "mixed", "results"],
)
@pytest.mark.parametrize("deciding", [ERROR, _result_of("0.5")], ids=["error", "result"])
def test_what_decides_a_test_is_kept_however_much_was_put_out_before(before, deciding):
    made = copy.deepcopy([*before, deciding])
    run = kernels.KernelRun.__new__(kernels.KernelRun)
    run._share = Share(100)
    outcome = run._outcome({"outputs": _cut()(made, 2_000), "late": False}, 0.1, cast("Any", None))
    if deciding is ERROR or len(before) == 200:
        assert outcome.ending is Ending.raised
    else:
        assert outcome.result == {"kind": "number", "value": 0.5}
