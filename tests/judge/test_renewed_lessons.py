"""A lesson that was published anew: what the learner's older copy lacks or has otherwise is not held against them."""

from __future__ import annotations

import copy
import json

import pytest
from graded_folders import cell
from nbformat.v4 import new_notebook
from studyhall_judge.earlier import earlier_versions
from studyhall_judge.rebuild import CellKind, rebuild
from studyhall_judge.releases import prepare
from studyhall_judge.report import Release
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import graded_source, learner_version

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
DOUBLE = f"def double(x):\n    {BEGIN}\n    return 2 * x\n    {END}"
HALF = f"def half(x):\n    {BEGIN}\n    return x / 2\n    {END}"


def source(*more, test="assert double(2) == 5", points=2, setup="LIMIT = 10"):
    cells = [
        cell(setup, "setup"),
        cell(DOUBLE, "double", solution=True),
        cell(test, "test_double", grade=True, points=points),
        *more,
    ]
    for number, one in enumerate(cells):
        one.id = f"c{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def handed_out(notebook, number):
    return learner_version(
        graded_source(notebook), course="numbers", lesson="p1", notebook="p1", release=number
    )


def judged(new, sent, *old):
    """Rebuild what was sent for a release, with the learners' versions of other releases beside it."""
    released = prepare(Release.build({"p1": write_notebook(graded_source(new))})).notebooks["p1"]
    earlier = earlier_versions([write_notebook(one) for one in old])
    return rebuild(released, read_notebook(write_notebook(sent)), "default", earlier)


def codes(rebuilt):
    return {repair.code for repair in rebuilt.repairs}


def test_a_mended_test_is_no_change_of_the_learners():
    old = handed_out(source(), 1)
    rebuilt = judged(source(test="assert double(2) == 4"), old, old)
    assert rebuilt.flags == []
    (repair,) = rebuilt.repairs
    assert repair.grade_id == "test_double"
    assert "since you fetched it" in repair.message
    assert [one.source for one in rebuilt.cells if one.kind is CellKind.test] == ["assert double(2) == 4"]


@pytest.mark.parametrize("new", [source(points=7), source(setup="LIMIT = 11")])
def test_other_points_or_another_locked_cell_are_no_change_of_the_learners(new):
    old = handed_out(source(), 1)
    rebuilt = judged(new, old, old)
    assert rebuilt.flags == []
    assert codes(rebuilt) <= {"renewed"}


def test_a_new_task_was_not_deleted():
    more = [
        cell(HALF, "half", solution=True),
        cell("assert half(4) == 2", "test_half", grade=True, points=1),
    ]
    old = handed_out(source(), 1)
    rebuilt = judged(source(*more), old, old)
    assert rebuilt.flags == []
    assert codes(rebuilt) == {"new_answer", "new_test"}


def test_a_task_that_the_lesson_has_dropped_is_not_spoken_of():
    more = [cell("assert double(1) == 2", "test_more", grade=True, points=1)]
    old = handed_out(source(*more), 1)
    rebuilt = judged(source(), old, old)
    assert rebuilt.flags == []
    assert rebuilt.repairs == []


def test_what_no_release_ever_said_is_still_flagged():
    old = handed_out(source(), 1)
    forged = copy.deepcopy(old)
    forged.cells[2].source = "pass"
    rebuilt = judged(source(test="assert double(2) == 4"), forged, old)
    assert [flag.code for flag in rebuilt.flags] == ["changed_test"]
    deleted = copy.deepcopy(old)
    del deleted.cells[2]
    rebuilt = judged(source(test="assert double(2) == 4"), deleted, old)
    assert [flag.code for flag in rebuilt.flags] == ["missing_test"]


def test_an_earlier_release_that_can_not_be_read_says_nothing():
    assert not earlier_versions(["{", json.dumps([])])
