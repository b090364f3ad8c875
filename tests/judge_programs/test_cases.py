"""Every folder below ``cases/`` is one program with what must become of it. See ``cases/README.md``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from studyhall_judge.program_report import ProgramReport, Verdict
from studyhall_judge.report import ReportStatus

CASES = Path(__file__).parent / "cases"


def all_cases() -> list[str]:
    """Return every case as ``problem/case``."""
    return sorted(f"{path.parent.parent.name}/{path.parent.name}" for path in CASES.glob("*/*/case.yaml"))


def load_case(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a case's request and what is expected of it."""
    problem_name, _, case_name = name.partition("/")
    problem = yaml.safe_load((CASES / problem_name / "problem.yaml").read_text(encoding="utf-8"))
    case = yaml.safe_load((CASES / problem_name / case_name / "case.yaml").read_text(encoding="utf-8"))
    (source,) = (CASES / problem_name / case_name).glob("main.*")
    limits = problem.get("limits", {}) | case.pop("limits", {})
    request = problem | {
        "language": case.pop("language"),
        "code": source.read_text(encoding="utf-8"),
        "limits": limits,
    }
    return request, case


@pytest.mark.parametrize("name", all_cases())
def test_case(programs, name):
    request, expected = load_case(name)
    report, progress = programs.run(**request)
    language = programs.languages[request["language"]]
    if not language.available:
        # A machine without the tool must say which one it lacks, and judge nothing.
        assert report.status is ReportStatus.refused
        assert language.reason
        assert language.reason in report.message
        return
    if "refused" in expected:
        assert report.status is ReportStatus.refused
        assert expected["refused"] in report.message
        return
    found = {test.id: test.verdict.value for test in report.tests}
    said = [(test.id, test.verdict, test.message, test.errors, test.staff_message) for test in report.tests]
    assert {key: found[key] for key in expected.get("tests", {})} == expected.get("tests", {}), said
    if "verdict" in expected:
        assert report.verdict == expected["verdict"], (report.message, report.compile_output, said)
    if "score" in expected:
        assert report.score == expected["score"]
    _check_texts(report, expected)
    if report.verdict is not Verdict.compilation_error:
        assert [one.test_id for one in progress] == [test["id"] for test in request["tests"]]
    _nothing_leaks(report, request)


def _check_texts(report: ProgramReport, expected: dict) -> None:
    by_id = {test.id: test for test in report.tests}
    assert re.search(expected.get("compile_output", ""), report.compile_output)
    for field in ("message", "staff_message", "actual", "errors"):
        for key, pattern in expected.get(field, {}).items():
            assert re.search(pattern, str(getattr(by_id[key], field))), (field, getattr(by_id[key], field))


def _nothing_leaks(report: ProgramReport, request: dict) -> None:
    """A program never gets hold of an expected value, and a learner never sees anything of a hidden test."""
    for test in report.tests:
        if test.verdict is not Verdict.accepted:
            assert "CANARY-SHOWN-5521" not in str(test.actual)
            assert "CANARY-HIDDEN-9947" not in f"{test.actual}{test.errors}"
    seen = report.for_learner()
    for test, given in zip(seen.tests, request["tests"], strict=True):
        if given.get("sample"):
            assert test.expected == given["expected"]
            continue
        assert test.staff_message == ""
        shown = {
            test.input,
            test.expected,
            test.actual,
            test.errors,
            test.time_ms,
            test.memory_mb,
            test.wall_ms,
        }
        assert shown == {None}
        assert test.arguments is None
        assert "exit code" not in test.message
    assert "CANARY-HIDDEN" not in seen.model_dump_json()
