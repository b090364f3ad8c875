"""Every folder below ``cases/`` is graded by a real judge and compared with what its ``case.yaml`` expects."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from studyhall_judge.sandbox.watched import COUNTS_CHANGES

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/case.yaml"))

RARE = {"timed_out", "memory_exceeded", "not_run"}
"""How a test ends that said nothing: a case names these. No points alone may also be an answer that hung."""


@pytest.fixture
def case(request):
    return yaml.safe_load((request.param / "case.yaml").read_text(encoding="utf-8"))


def name_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


@pytest.mark.parametrize(
    ("folder", "case"), [(one, one) for one in FOLDERS], ids=map(name_of, FOLDERS), indirect=["case"]
)
def test_case(folder, case, judge, assignment, submit, limits, forbidden_paths):
    subject = assignment(folder.parent.name)
    texts = submit(subject, case)
    graded = judge.grade(subject.release, texts, scoring=case.get("scoring", "default"), limits=limits(case))
    expected = case["expect"]
    assert str(graded.report.status) == expected.get("status", "graded"), graded.report.message
    points = graded.points()
    assert {name: points[name] for name in expected.get("points", {})} == expected.get("points", {}), [
        (one.grade_id, one.status, one.staff_message) for one in graded.report.tests
    ]
    statuses = graded.statuses()
    announced = expected.get("tests", {})
    assert {
        name: status for name, status in statuses.items() if name in announced or status in RARE
    } == announced
    flags = {flag.code for flag in graded.report.flags}
    announced_flags = expected.get("flags", [])
    if not COUNTS_CHANGES:
        announced_flags = expected.get("flags_without_counts", announced_flags)
    assert set(announced_flags) <= flags, graded.report.flags
    if expected.get("no_flags"):
        assert not graded.report.flags
    repairs = {repair.code for repair in graded.report.repairs}
    assert set(expected.get("repairs", [])) <= repairs, graded.report.repairs
    if expected.get("no_repairs"):
        assert not graded.report.repairs
    messages = {one.grade_id: one.learner_message for one in graded.report.tests}
    for name, part in expected.get("messages", {}).items():
        assert part in messages[name]
    check_disclosure(graded, subject, forbidden_paths)


def check_disclosure(graded, subject, forbidden_paths):
    """Class B, in every case: nothing that a learner sees holds a hidden test's text or a path of this machine."""
    seen = graded.learners_view()
    for canary in subject.canaries:
        assert canary not in seen
    for path in forbidden_paths:
        assert path not in seen
    for test in graded.report.tests:
        if test.hidden:
            assert test.learner_message == ""


def test_every_class_has_cases():
    classes = [yaml.safe_load((one / "case.yaml").read_text(encoding="utf-8"))["class"] for one in FOLDERS]
    assert set(classes) == set("ABCDE")
    assert len(classes) >= 60
