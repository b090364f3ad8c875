"""Trying a lesson on itself before learners do: what its own solution earns, and what a copy without any work earns.

Both go through the judge as a learner's submission would. A solution that loses points shows a test that is wrong, or a
way of writing that the judge takes from honest learners; an untouched copy that earns some shows a test that pays for
nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from nbformat.notebooknode import NotebookNode
from studyhall_judge.report import GradeReport, Limits, ReportStatus, TestResult, TestStatus
from studyhall_notebooks.cells import grade_id, is_solution
from studyhall_notebooks.checks import Finding, Level
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import ReleaseOptions, graded_source, learner_version

SLOW_PART = 0.5
"""The part of a limit from which on a lesson's own solution counts as slow: learners' ways are often slower."""


class Handed(StrEnum):
    """What is handed in to try a lesson."""

    solution = "solution"
    """The learner's version, with the author's solutions as answers."""
    untouched = "untouched"
    """The learner's version as it is."""


@dataclass(frozen=True)
class Tried:
    """What came of one lesson: the reports of both, in seconds and points as the judge counts them."""

    folder: str
    limits: Limits
    solution: GradeReport
    untouched: GradeReport


def handed_in(notebooks: dict[str, bytes], options: ReleaseOptions) -> dict[Handed, dict[str, str]]:
    """Return the notebooks of both submissions, by stem, made from a lesson's source notebooks.

    Raises:
        NotebookError: a notebook cannot be released.
    """
    made: dict[Handed, dict[str, str]] = {Handed.solution: {}, Handed.untouched: {}}
    for stem, data in notebooks.items():
        source = read_notebook(data)
        learners = learner_version(
            graded_source(source, options), course="c", lesson="l", release=1, notebook=stem, options=options
        )
        made[Handed.untouched][stem] = write_notebook(learners)
        _answer(learners, source)
        made[Handed.solution][stem] = write_notebook(learners)
    return made


def _answer(learners: NotebookNode, source: NotebookNode) -> None:
    answers = {grade_id(cell): cell.source for cell in source.cells if is_solution(cell)}
    for cell in learners.cells:
        if is_solution(cell):
            cell["source"] = answers.get(grade_id(cell), cell.source)


def findings_of(tried: Tried) -> Iterator[Finding]:
    """Yield what an author should know of a tried lesson, in the order of its tests."""
    place = f"source/{tried.folder}"
    report = tried.solution
    if report.status in (ReportStatus.refused, ReportStatus.internal_error):
        yield Finding(Level.error, place, "not_tried", f"The solution could not be graded. {report.message}")
        return
    paid = {test.id: test.points for test in tried.untouched.tests}
    for test in report.tests:
        where = f"{place}/{test.notebook}.ipynb, {test.grade_id}"
        if _is_lost(test):
            yield Finding(Level.error, where, "solution_fails", _loss(test))
        elif paid.get(test.id, 0) > 0:
            yield Finding(
                Level.warning,
                where,
                "passes_untouched",
                f"A copy that nobody has worked on earns {paid[test.id]:g} of {test.max_points:g} points here. Test "
                "something that only an answer does.",
            )
        if test.duration_ms > SLOW_PART * tried.limits.cell_seconds * 1000:
            yield Finding(
                Level.warning,
                where,
                "slow_test",
                f"This test takes {test.duration_ms / 1000:.1f} of {tried.limits.cell_seconds:g} s with the author's "
                "own solution. Make it smaller.",
            )
    for flag in report.flags:
        yield Finding(
            Level.warning,
            _place_of(tried, flag.test_id),
            "solution_flagged",
            f"Graders would be told of the author's own solution: {flag.message} Learners who write it this way are "
            "flagged, too.",
        )
    for repair in report.repairs:
        yield Finding(
            Level.warning,
            f"{place}/{repair.notebook}.ipynb",
            "solution_mended",
            f"The judge had to mend the author's own notebook: {repair.message}",
        )
    seconds = report.resources.wall_ms / 1000
    if seconds > SLOW_PART * tried.limits.total_seconds:
        yield Finding(
            Level.warning,
            place,
            "slow_lesson",
            f"The author's own solution takes {seconds:.0f} of the {tried.limits.total_seconds:g} s that a submission "
            "has. Split the lesson, or make its tests smaller.",
        )


def _is_lost(test: TestResult) -> bool:
    return test.status is not TestStatus.needs_manual and test.points < test.max_points


def _loss(test: TestResult) -> str:
    why = f" {test.staff_message}" if test.staff_message else ""
    if test.status is TestStatus.partial:
        return f"The solution earns {test.points:g} of {test.max_points:g} points.{why}"
    return f"The solution does not pass this test ({test.status.value.replace('_', ' ')}).{why}"


def _place_of(tried: Tried, test_id: str | None) -> str:
    place = f"source/{tried.folder}"
    if test_id is None:
        return place
    notebook, _, name = test_id.partition("/")
    return f"{place}/{notebook}.ipynb, {name}"
