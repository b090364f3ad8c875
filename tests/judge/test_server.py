"""The judge's socket with a grader that fails: whoever asked gets a report all the same."""

from __future__ import annotations

import asyncio

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from studyhall_judge import grading
from studyhall_judge.client import Judge
from studyhall_judge.inside import LocalGrader
from studyhall_judge.program_report import (
    ProgramProgress,
    ProgramReport,
    ProgramRequest,
    ProgramTest,
    Verdict,
)
from studyhall_judge.programs.judging import ProgramSubmission, Runners
from studyhall_judge.programs.languages import find_languages
from studyhall_judge.programs.runner import Ending, Outcome
from studyhall_judge.report import GradeReport, GradeRequest, Release, ReportStatus
from studyhall_judge.server import bind, serve
from studyhall_judge.slots import SlotPool, default_environment
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source, learner_version

PROGRAM = ProgramRequest(
    request_id="p",
    language="python",
    code="",
    tests=[ProgramTest(id="a", points=2), ProgramTest(id="b")],
)


def one_test():
    """Return a release with one test, and a request for it."""
    cell = new_code_cell("assert True", id="test")
    marks = {"grade_id": "test", "grade": True, "solution": False, "locked": True, "task": False}
    cell.metadata["nbgrader"] = marks | {"schema_version": 3, "points": 3}
    notebook = new_notebook(cells=[cell])
    graded = graded_source(notebook)
    release = Release.build({"n": write_notebook(graded)})
    learner = learner_version(graded, course="c", lesson="l", release=1, notebook="n")
    notebooks = {"n": write_notebook(learner)}
    return release, GradeRequest(request_id="g", release_hash=release.hash, notebooks=notebooks)


class Broken:
    """Breaks off after a first progress, or, told to be silent, ends without a report."""

    def __init__(self, error=None):
        self._error = error

    async def grade(self, _request, _release):
        if self._error is not None:
            raise self._error
        return
        yield

    async def run_program(self, request):
        yield ProgramProgress(test_id="a", verdict=Verdict.accepted, done=1, total=len(request.tests))
        if self._error is not None:
            raise self._error


async def ask(grader, folder, question):
    """Put a question to a server with this grader."""
    server = await serve(bind(folder / "socket"), grader)
    async with server:
        return [event async for event in question(Judge(folder / "socket"))]


@pytest.mark.parametrize("error", [RecursionError("too deep"), ValueError("odd"), None])
def test_a_grader_that_breaks_off_gives_a_report(tmp_path, error, caplog):
    release, request = one_test()

    async def send():
        return release

    (report,) = asyncio.run(ask(Broken(error), tmp_path, lambda judge: judge.grade(request, send)))
    assert isinstance(report, GradeReport)
    assert report.status is ReportStatus.internal_error
    assert (report.score, report.max_score, len(report.tests)) == (0, 3, 1)
    assert error is None or type(error).__name__ in caplog.text


@pytest.mark.parametrize("error", [RecursionError("too deep"), ValueError("odd"), None])
def test_a_program_that_cannot_be_judged_gives_a_report(tmp_path, error, caplog):
    *_, report = asyncio.run(ask(Broken(error), tmp_path, lambda judge: judge.run_program(PROGRAM)))
    assert isinstance(report, ProgramReport)
    assert (report.status, report.verdict) == (ReportStatus.internal_error, Verdict.internal_error)
    assert (report.score, report.max_score) == (0, 3)
    assert error is None or type(error).__name__ in caplog.text


def test_a_submission_that_cannot_be_run_gives_a_report(tmp_path, monkeypatch):
    async def run(_self):
        raise RecursionError("too deep")

    monkeypatch.setattr(grading.Submission, "_run", run)
    release, request = one_test()

    async def send():
        return release

    grader = LocalGrader(SlotPool(1, [default_environment(())], [], 0), [], None)
    (report,) = asyncio.run(ask(grader, tmp_path, lambda judge: judge.grade(request, send)))
    assert report.status is ReportStatus.internal_error
    assert [test.max_points for test in report.tests] == [3]


def test_a_fault_while_a_test_is_judged_spoils_no_other(monkeypatch):
    def compare(_checker, expected, _actual):
        if expected == "deep":
            raise RecursionError("too deep")
        return True

    async def run(_step):
        return Outcome(Ending.exited, cpu_ms=1, wall_ms=1, peak_mb=1)

    monkeypatch.setattr("studyhall_judge.programs.judging.texts_match", compare)
    tests = [ProgramTest(id="a", expected="deep"), ProgramTest(id="b", expected="")]
    request = PROGRAM.model_copy(update={"tests": tests})
    submission = ProgramSubmission(request, find_languages()["python"], Runners(run, run))

    async def judged():
        return [event async for event in submission.events()]

    *_, report = asyncio.run(judged())
    assert report.status is ReportStatus.internal_error
    assert [test.verdict for test in report.tests] == [Verdict.internal_error, Verdict.accepted]
    assert "RecursionError" in report.tests[0].staff_message
