"""From the judge's report to outputs in the cells that nbgrader sent. Pure.

nbgrader reads a test cell's points from its outputs: an error or anything on stderr is nothing, a number is so many
points, everything else is all of them. The judge knows better what a test was worth (one that ran out of time, or that
was asked from outside, may have no output at all), so that its outputs are set right where they say something else.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode
from studyhall_judge.report import GradeReport, TestResult
from studyhall_notebooks.cells import grade_id, is_grade, is_solution

from studyhall.nbgrader_gradebooks.schemas import ExecutedCell, ExecutionResult

Output = dict[str, Any]

CHANGED_TEST = "changed_test"
"""Says nothing here: nbgrader has put each test back with its hidden parts, which the judge takes for a change."""

WORDS = {
    "failed": "This test failed.",
    "error": "This test ended with an error.",
    "timed_out": "This test did not end in time.",
    "memory_exceeded": "This test used more memory than it may.",
    "not_run": "This test did not run.",
}


def result_of(sent: NotebookNode, name: str, report: GradeReport) -> ExecutionResult:
    """Return the outputs of every cell of a notebook that was sent.

    Args:
        sent: the notebook.
        name: its name in the report.
        report: the judge's, by nbgrader's rules.
    """
    executed = json.loads(report.executed_notebooks.get(name) or '{"cells": []}')["cells"]
    places = _places(sent, executed)
    tests = {test.grade_id: test for test in report.tests if test.notebook == name}
    cells: list[ExecutedCell | None] = []
    for number, cell in enumerate(sent.cells):
        if cell.cell_type != "code":
            cells.append(None)
            continue
        ran = executed[places[number]] if number in places else {}
        outputs: list[Output] = list(ran.get("outputs") or [])
        test = tests.get(str(grade_id(cell)))
        if test is not None and is_grade(cell) and not is_solution(cell):
            outputs = saying(outputs, test)
        ending = ran.get("metadata", {}).get("studyhall_judge", {}).get("ending")
        cells.append(ExecutedCell(outputs=outputs, execution_count=ran.get("execution_count"), ending=ending))
    notes = [flag.message for flag in report.flags if flag.code != CHANGED_TEST]
    notes += [f"{test.grade_id}: {test.staff_message}" for test in tests.values() if _is_telling(test)]
    return ExecutionResult(
        cells=cells,
        notes=list(dict.fromkeys(notes))[:50],
        seconds=round(report.resources.wall_ms / 1000, 3),
    )


def _is_telling(test: TestResult) -> bool:
    return test.status.value in {"timed_out", "memory_exceeded", "not_run"} and bool(test.staff_message)


def _places(sent: NotebookNode, executed: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Return which cell of the executed notebook is which of those that were sent.

    The judge keeps their order, but it leaves copies of tests out and may put cells back. Cells with a name are found
    by it, the others by their text, each between its neighbours.
    """
    names: dict[str, int] = {}
    for place, cell in enumerate(executed):
        name = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
        if isinstance(name, str):
            names.setdefault(name, place)
    found: dict[int, int] = {}
    after = 0
    for number, cell in enumerate(sent.cells):
        name = grade_id(cell)
        if name is not None and name in names:
            found[number] = names[name]
            after = names[name] + 1
            continue
        for place in range(after, len(executed)):
            other = executed[place]
            if other.get("metadata", {}).get("nbgrader"):
                break
            if other["cell_type"] == cell.cell_type and other["source"] == cell.source:
                found[number] = place
                after = place + 1
                break
    return found


def saying(outputs: Sequence[Output], test: TestResult) -> list[Output]:
    """Return a test's outputs, set right where nbgrader would read other points from them than the judge gave."""
    if points_read(outputs, test.max_points) == test.points:
        return list(outputs)
    quiet = [
        output
        for output in outputs
        if output["output_type"] not in {"error", "execute_result"} and output.get("name") != "stderr"
    ]
    if test.points >= test.max_points:
        return quiet
    if test.points <= 0:
        words = WORDS.get(test.status.value, "This test gave no points.")
        return [*outputs, {"output_type": "error", "ename": "Test", "evalue": words, "traceback": [words]}]
    value = {"text/plain": repr(float(test.points))}
    return [
        *quiet,
        {"output_type": "execute_result", "data": value, "metadata": {}, "execution_count": None},
    ]


def points_read(outputs: Sequence[Output], max_points: float) -> float | None:
    """Return the points that nbgrader reads from a test's outputs; none where it would give up."""
    for output in outputs:
        if output["output_type"] == "error" or (
            output["output_type"] == "stream" and output.get("name") == "stderr"
        ):
            return 0.0
        if output["output_type"] == "execute_result":
            return _number_read(output.get("data", {}).get("text/plain"), max_points)
    return max_points


def _number_read(text: Any, max_points: float) -> float | None:
    if isinstance(text, list):
        if len(text) != 1:
            return max_points if text else None
        text = text[0]
    if not text:
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        return max_points
    if value > max_points or math.isnan(value):
        return None if value > max_points else max_points
    return value if value >= 0 else max_points
