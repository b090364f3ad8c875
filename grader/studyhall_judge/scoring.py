"""What a test's outcome is worth: pure functions, one per scoring mode.

``nbgrader`` follows ``nbgrader.utils.determine_grade`` of 0.9.6, quirks included; ``default`` mends the quirks that the
documentation lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from studyhall_judge.failing import Failure
from studyhall_judge.report import Scoring, TestStatus

if TYPE_CHECKING:
    from studyhall_judge.driven import DrivenRun


class Ending(StrEnum):
    """How a cell ended, as seen from outside the sandbox."""

    finished = "finished"
    raised = "raised"
    timed_out = "timed_out"
    memory = "memory"
    died = "died"
    tampered = "tampered"
    not_run = "not_run"


@dataclass
class CellError:
    """What a cell raised. ``from_test`` says that the test's own assert failed, not code that it called.

    A driven test adds what was asked (``about``), and its failure without the values that came back (``told``).
    ``failure`` is what an assertion was about. ``lessons_fault`` says that the test itself is broken, whatever the
    learner did; ``unread`` why the name that is missing is not there, with what Python said of
    that (``unread_says``).
    """

    name: str
    message: str
    line: int | None = None
    from_test: bool = False
    learner_line: str = ""
    about: str = ""
    told: str = ""
    lessons_fault: bool = False
    unread: str = ""
    unread_says: str = ""
    failure: Failure | None = None


@dataclass
class CellOutcome:
    """The outcome of one cell. ``result`` describes the value of its last expression, None when there is none."""

    ending: Ending
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: CellError | None = None
    result: dict[str, Any] | None = None
    seconds: float = 0.0
    note: str = ""
    driven: DrivenRun | None = None


@dataclass(frozen=True)
class Score:
    """Points of one test with the reason for staff."""

    points: float
    status: TestStatus
    staff_message: str = ""


_ENDINGS = {
    Ending.timed_out: (TestStatus.timed_out, "The time for the cell was used up."),
    Ending.memory: (TestStatus.memory_exceeded, "The memory limit was reached."),
    Ending.died: (TestStatus.error, "The process ended while the test ran."),
    Ending.tampered: (
        TestStatus.failed,
        "Something the test relies on was changed while it ran; see the flags.",
    ),
    Ending.not_run: (TestStatus.not_run, "The test did not run."),
}


def score_test(
    outcome: CellOutcome, max_points: float, scoring: Scoring, *, text_is_full: bool = False
) -> Score:
    """Return the points of an automatically scored test.

    Args:
        outcome: how its cell ended.
        max_points: the most it can give.
        scoring: ``default`` or ``nbgrader``.
        text_is_full: the author declared that a result that is no number means full marks.
    """
    if outcome.ending in _ENDINGS:
        status, message = _ENDINGS[outcome.ending]
        return Score(0.0, status, outcome.note or message)
    if outcome.ending is Ending.raised:
        score = _raised(outcome)
    elif scoring == "nbgrader":
        score = _as_nbgrader(outcome.outputs, max_points)
    else:
        score = _by_result(outcome.result, max_points, text_is_full=text_is_full)
    return score


def _raised(outcome: CellOutcome) -> Score:
    error = outcome.error
    if error is None:
        return Score(0.0, TestStatus.error, "The cell raised an error that could not be described.")
    message = f"{error.name}: {error.message}"[:2000]
    if error.name == "MemoryError":
        return Score(0.0, TestStatus.memory_exceeded, message)
    status = TestStatus.failed if error.name == "AssertionError" else TestStatus.error
    return Score(0.0, status, message)


def _by_result(result: dict[str, Any] | None, max_points: float, *, text_is_full: bool) -> Score:
    if result is None:
        return Score(max_points, TestStatus.passed)
    kind, value = result.get("kind"), result.get("value")
    if kind == "bool":
        return _partial(max_points if value else 0.0, max_points, f"The test's result was {value}.")
    if kind == "number" and isinstance(value, int | float):
        return _by_number(float(value), max_points)
    if text_is_full:
        return Score(max_points, TestStatus.passed)
    return Score(
        0.0,
        TestStatus.failed,
        "No partial credit given: the test's last line has a value that is not a number.",
    )


def _by_number(number: float, max_points: float) -> Score:
    if math.isnan(number):
        return Score(
            0.0, TestStatus.failed, "No partial credit given: the test's result is not a number (nan)."
        )
    if number > max_points:
        return _partial(max_points, max_points, f"The test gave {number:g} of {max_points:g} points: cut.")
    if number < 0:
        return _partial(0.0, max_points, f"The test gave {number:g} points: counted as 0.")
    return _partial(number, max_points, "")


def _partial(points: float, max_points: float, message: str) -> Score:
    if points >= max_points:
        return Score(points, TestStatus.passed, message)
    return Score(points, TestStatus.partial if points > 0 else TestStatus.failed, message)


def _as_nbgrader(outputs: list[dict[str, Any]], max_points: float) -> Score:
    for output in outputs:
        if output["output_type"] == "error":
            return Score(0.0, TestStatus.error, f"{output.get('ename')}: {output.get('evalue')}")
        if output["output_type"] == "stream" and output["name"] == "stderr":
            return Score(
                0.0, TestStatus.failed, "Something was written to stderr, which nbgrader scores as 0."
            )
        if output["output_type"] == "execute_result":
            return _nbgrader_partial(output["data"], max_points)
    return Score(max_points, TestStatus.passed)


def _nbgrader_partial(data: dict[str, Any], max_points: float) -> Score:
    text = data.get("text/plain")
    try:
        points = float(text) if isinstance(text, str) else -1.0
    except ValueError:
        points = -1.0
    if points > max_points:
        return Score(
            max_points,
            TestStatus.passed,
            f"The test gave {points:g} points: nbgrader refuses this; counted as full.",
        )
    if points < 0 or math.isnan(points):
        return Score(
            max_points, TestStatus.passed, "The result is no partial credit; nbgrader gives full marks."
        )
    return _partial(points, max_points, "")
