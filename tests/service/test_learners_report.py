"""What a learner sees of a report."""

import pytest
from studyhall.grading.service import for_learner
from studyhall_judge.report import GradeReport, ReportStatus, Resources, TestResult


def result(name: str, milliseconds: float, *, hidden: bool) -> TestResult:
    return TestResult(
        id=f"book/{name}",
        notebook="book",
        grade_id=name,
        title=name,
        hidden=hidden,
        kind="assert",
        points=1,
        max_points=1,
        status="passed",
        learner_message="",
        hint="",
        staff_message="",
        duration_ms=milliseconds,
        cell_index=None,
        answer_grade_id=None,
    )


@pytest.mark.parametrize(
    ("tests", "shown"),
    [
        ([result("one", 12.345, hidden=False)], [12.345]),
        ([result("one", 412.3, hidden=True), result("two", 212.3, hidden=False)], [0, 200]),
        ([result("one", 30.5, hidden=False), result("two", 270.1, hidden=True)], [0, 0]),
    ],
)
def test_a_learners_code_cannot_tell_a_hidden_argument_by_sleeping(tests, shown):
    report = GradeReport(
        request_id="one",
        release_hash="hash",
        status=ReportStatus.graded,
        score=1,
        max_score=1,
        tests=tests,
        repairs=[],
        flags=[],
        resources=Resources(),
        executed_notebooks={},
        message="",
        judge_version="",
    )
    assert [test.duration_ms for test in for_learner(report).tests] == shown
