"""Which cells are the learner's own, which texts are the tasks, and when to leave Claude alone."""

import nbformat
import pytest
from classrooms import SAMPLE
from hypothesis import given
from hypothesis import strategies as st
from studyhall.ai.circuit import Circuit
from studyhall.ai_review import policy
from studyhall.submissions.schemas import LearnerReport, LearnerTest
from studyhall_notebooks.parsing import read_notebook
from studyhall_notebooks.release import graded_source, learner_version

LESSON = "values-and-names"


@pytest.fixture(scope="module")
def source():
    return read_notebook((SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text())


@pytest.fixture
def released(source):
    return learner_version(
        graded_source(source), course="python-foundations", lesson=LESSON, release=1, notebook=LESSON
    )


def own(notebook, released):
    return [cell for cell in policy.work_cells(notebook, released, notebook=LESSON) if cell.own]


def test_an_untouched_notebook_has_nothing_of_the_learners(released):
    assert own(nbformat.from_dict(released), released) == []


def test_answers_and_extra_cells_are_own_and_nothing_else(source, released):
    submitted = nbformat.from_dict(released)
    answer = next(cell for cell in submitted.cells if cell.id == "oven_time")
    answer.source = "def oven_time(seconds):\n    return 'soon'"
    submitted.cells.insert(3, nbformat.v4.new_code_cell("print('trying')", id="extra"))
    submitted.cells.append(nbformat.v4.new_markdown_cell("my notes", id="notes"))
    test = next(cell for cell in submitted.cells if cell.id == "test_oven")
    test.source = "assert True  # I changed the test"
    example = next(cell for cell in submitted.cells if cell.id == "example-03")
    example.source += "\nprint(type(None))"
    assert {cell.cell_id for cell in own(submitted, released)} == {
        "oven_time",
        "extra",
        "notes",
        "example-03",
    }


def test_hidden_tests_are_never_own_even_when_somebody_submits_the_authors_notebook(source, released):
    cells = own(source, released)
    assert {cell.cell_id for cell in cells} == {"price_with_tip", "oven_time", "receipt_line", "initials"}
    assert not any("BEGIN HIDDEN" in cell.source for cell in cells)


def test_a_notebook_of_another_name_is_all_the_learners(released):
    assert len(own(nbformat.from_dict(released), None)) > 10


def test_the_tasks_are_the_public_text_before_the_answers(released):
    texts = [task.text for task in policy.task_texts(released, notebook=LESSON)]
    assert len(texts) == 4
    assert texts[0].startswith("## Task 1: the tip jar")
    assert all("HIDDEN" not in text for text in texts)


def test_of_a_hidden_test_there_is_no_message_whatever_the_report_holds(released):
    test = LearnerTest(
        id=f"{LESSON}/test_oven_more",
        notebook=LESSON,
        grade_id="test_oven_more",
        answer_grade_id="oven_time",
        title="Short and long",
        hidden=True,
        points=0,
        max_points=3,
        status="failed",
        message="expected 42",
        hint="Look at 45 seconds.",
        duration_ms=1,
    )
    report = LearnerReport(status="graded", message="", score=0, max_score=3, tests=[test], repairs=[])
    (outcome,) = policy.outcomes(report, {LESSON: policy.answer_cells(released)})
    assert outcome.message == ""
    assert outcome.hint == "Look at 45 seconds."
    assert outcome.cell_id == "oven_time"


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"language_info": {"name": "R"}}, "R"),
        ({"kernelspec": {"language": "julia", "name": "j"}}, "julia"),
        ({"kernelspec": {"name": "python3"}}, "python3"),
        ({"language_info": "odd"}, "python"),
        ({}, "python"),
    ],
)
def test_the_language_is_what_the_kernel_says(metadata, language):
    assert policy.language_of([nbformat.from_dict({"metadata": metadata, "cells": []})]) == language


class Seconds:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_try_after_its_rest():
    clock = Seconds()
    circuit = Circuit(monotonic=clock, failures=3, rest_seconds=60)
    for _ in range(2):
        circuit.failed()
    assert not circuit.is_open
    circuit.succeeded()
    for _ in range(2):
        circuit.failed()
    assert not circuit.is_open, "only failures in a row count"
    circuit.failed()
    assert circuit.is_open
    clock.now = 59.9
    assert circuit.is_open
    clock.now = 60
    assert not circuit.is_open, "one may try"
    assert circuit.is_open, "the others wait for how it ends"
    circuit.succeeded()
    assert not circuit.is_open


def test_a_failed_try_keeps_the_circuit_open_for_another_rest():
    clock = Seconds()
    circuit = Circuit(monotonic=clock, failures=1, rest_seconds=60)
    circuit.failed()
    clock.now = 61
    assert not circuit.is_open
    circuit.failed()
    clock.now = 120
    assert circuit.is_open
    clock.now = 121.5
    assert not circuit.is_open


@given(st.lists(st.booleans(), max_size=40))
def test_without_three_failures_in_a_row_a_circuit_stays_closed(outcomes):
    circuit = Circuit(monotonic=Seconds(), failures=3, rest_seconds=60)
    row = 0
    for succeeds in outcomes:
        row = 0 if succeeds else row + 1
        if row == 3:
            circuit.failed()
            assert circuit.is_open
            return
        (circuit.succeeded if succeeds else circuit.failed)()
        assert not circuit.is_open
