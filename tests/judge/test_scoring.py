"""Arithmetic of verdicts, and the words that go with them."""

from __future__ import annotations

import pytest
from studyhall_judge.leash import SHORT_SECONDS, Leash
from studyhall_judge.messages import clean, learner_message, needs_second_look, why_unread
from studyhall_judge.rebuild import CellKind, PlannedCell
from studyhall_judge.report import TestStatus
from studyhall_judge.scoring import CellError, CellOutcome, Ending, score_test

NUMBER = {"kind": "number"}


def finished(result=None, outputs=()):
    return CellOutcome(Ending.finished, outputs=list(outputs), result=result)


def raised(name="AssertionError", message="", **more):
    return CellOutcome(Ending.raised, error=CellError(name, message, **more))


def result(text):
    return {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}}


@pytest.mark.parametrize(
    ("outcome", "points", "status"),
    [
        (finished(), 4, "passed"),
        (finished(NUMBER | {"value": 1.5}), 1.5, "partial"),
        (finished(NUMBER | {"value": 4}), 4, "passed"),
        (finished(NUMBER | {"value": 0}), 0, "failed"),
        (finished(NUMBER | {"value": -3}), 0, "failed"),
        (finished(NUMBER | {"value": 100}), 4, "passed"),
        (finished({"kind": "bool", "value": True}), 4, "passed"),
        (finished({"kind": "bool", "value": False}), 0, "failed"),
        (finished({"kind": "text"}), 0, "failed"),
        (finished({"kind": "number", "value": "7"}), 0, "failed"),
        (raised(), 0, "failed"),
        (raised("NameError"), 0, "error"),
        (raised("MemoryError"), 0, "memory_exceeded"),
        (CellOutcome(Ending.raised), 0, "error"),
        (CellOutcome(Ending.timed_out), 0, "timed_out"),
        (CellOutcome(Ending.memory), 0, "memory_exceeded"),
        (CellOutcome(Ending.died), 0, "error"),
        (CellOutcome(Ending.tampered), 0, "failed"),
        (CellOutcome(Ending.not_run), 0, "not_run"),
        (finished(outputs=[{"output_type": "stream", "name": "stderr", "text": "careful"}]), 4, "passed"),
    ],
)
def test_default_scoring(outcome, points, status):
    score = score_test(outcome, 4, "default")
    assert (score.points, score.status) == (points, status)


def test_text_earns_full_marks_only_where_the_author_says_so():
    assert score_test(finished({"kind": "text"}), 4, "default", text_is_full=True).points == 4


@pytest.mark.parametrize(
    ("outputs", "points"),
    [
        ([], 4),
        ([result("1.5")], 1.5),
        ([result("np.float64(1.5)")], 4),
        ([result("-2")], 4),
        ([result("nan")], 4),
        ([result("9")], 4),
        ([result("'text'")], 4),
        ([{"output_type": "execute_result", "data": {"image/png": ""}, "metadata": {}}], 4),
        ([{"output_type": "stream", "name": "stdout", "text": "x"}, result("2")], 2),
        ([{"output_type": "stream", "name": "stderr", "text": "x"}, result("2")], 0),
        ([result("2"), {"output_type": "stream", "name": "stderr", "text": "x"}], 2),
        ([{"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}], 0),
        ([{"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {}}], 4),
    ],
)
def test_nbgraders_scoring(outputs, points):
    assert score_test(finished(outputs=outputs), 4, "nbgrader").points == points


# What learners read

TEST = 'assert f(1) == 2, "f(1) should be 2"\nassert f(2) == 3, f"f(2) was {f(2)}"\n'


@pytest.mark.parametrize(
    ("outcome", "dynamic", "expected"),
    [
        (raised(message="f(1) should be 2"), False, "f(1) should be 2"),
        (raised(message="f(2) was 17"), True, "f(2) was 17"),
        (raised(message="f(2) was 17"), False, "The result is not what this test expects."),
        (raised(), True, "The result is not what this test expects."),
        (raised("ValueError", "stolen"), False, "A value was not acceptable to the operation that used it."),
        (raised("Strange", "x"), False, "Your code raised an error while this test ran."),
        (raised("NameError", "name x"), False, "Your code uses a name that is not defined."),
        (CellOutcome(Ending.died), True, "Your code ended the whole program"),
        (CellOutcome(Ending.timed_out), True, "Your code ran longer than it may here."),
    ],
)
def test_messages_of_visible_tests(outcome, dynamic, expected):
    assert learner_message(outcome, TestStatus.failed, TEST, dynamic=dynamic).startswith(expected)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(n:\n    return n", "line 1: '(' was never closed"),
        ("%time\ndef f(n):\nreturn n", "line 3: expected an indented block"),
        ("%a\n" * 9000 + "def f(:", "line 9001: invalid syntax"),
        ("x = (3\n% 2)\nif x\n  y", "line 3: expected ':'"),
        ("x = '\0'", "could not be read as Python"),
    ],
)
def test_why_a_cell_cannot_be_read(source, said):
    assert said in why_unread(source)


@pytest.mark.parametrize(
    "source", ["def f(n):\n    return n", "%time f(1)\n!ls\nx = !ls\nf?", "x = (" + "\n" * 60_000]
)
def test_nothing_is_said_of_a_cell_that_can_be_read_or_is_too_long_to_tell(source):
    assert why_unread(source) == ""


def test_values_are_shown_only_while_no_hidden_test_has_run():
    outcome = raised("ValueError", "invalid literal")
    assert "invalid literal" in learner_message(outcome, TestStatus.error, TEST, dynamic=True)
    assert "invalid literal" not in learner_message(outcome, TestStatus.error, TEST, dynamic=False)


def test_a_passed_test_needs_no_words():
    assert learner_message(finished(), TestStatus.passed, TEST, dynamic=True) == ""


def test_no_exception_name_reaches_a_learner():
    for name in ("NameError", "TypeError", "RecursionError", "Strange"):
        assert name not in learner_message(raised(name, ""), TestStatus.error, TEST, dynamic=True)


def test_a_second_look_is_for_messages_with_values():
    assert needs_second_look(raised(message="f(2) was 17"), TEST)
    assert needs_second_look(raised("ValueError", "x"), TEST)
    assert not needs_second_look(raised(message="f(1) should be 2"), TEST)
    assert not needs_second_look(raised(), TEST)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see /home/learner/secret/file.py now", "see file.py now"),
        ("<f at 0x7f00deadbeef>", "<f somewhere in memory>"),
        ("\x1b[31mred\x1b[0m\x00", "red"),
        ("x" * 2000, "x" * 599 + "…"),
        ("1/2 and a/b", "1/2 and a/b"),
        ("half \ud83d a face", "half ? a face"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown


# Waiting once for a loop


def planned(*cells):
    from nbformat.v4 import new_code_cell

    return [
        PlannedCell(kind, source, new_code_cell(source), place) for place, (kind, source) in enumerate(cells)
    ]


def test_what_ran_out_of_time_is_not_waited_for_again():
    cells = planned(
        (CellKind.learner, "def loops(n):\n    while True: pass"),
        (CellKind.learner, "def uses(n):\n    return loops(n)"),
        (CellKind.learner, "def fine(n):\n    return n"),
        (CellKind.test, "assert loops(1)"),
        (CellKind.test, "assert loops(2)"),
        (CellKind.test, "assert uses(1)"),
        (CellKind.test, "assert fine(1)"),
    )
    leash = Leash(cells)
    assert leash.seconds(3, 30) == 30
    leash.remember(3, CellOutcome(Ending.timed_out))
    assert leash.seconds(4, 30) == SHORT_SECONDS
    assert leash.seconds(5, 30) == SHORT_SECONDS
    assert leash.seconds(6, 30) == 30
    assert leash.seconds(6, 0.1) == 0.1


def test_only_a_time_out_is_remembered():
    cells = planned((CellKind.learner, "def f(): pass"), (CellKind.test, "f()"), (CellKind.test, "f()"))
    leash = Leash(cells)
    leash.remember(1, CellOutcome(Ending.died))
    assert leash.seconds(2, 30) == 30


def test_thousands_of_cells_that_lead_to_one_another_are_followed_at_once():
    # The last one does not end, and each of the others calls the next one: an hour's work where all are looked at
    # again for each of them.
    chain = [(CellKind.learner, f"def f{n}(): f{n + 1}()") for n in range(15_000)]
    cells = planned((CellKind.test, "f14999()"), *chain, (CellKind.test, "f14999()"), (CellKind.test, "f1()"))
    leash = Leash(cells)
    leash.remember(len(cells) - 2, CellOutcome(Ending.timed_out))
    assert leash.seconds(len(cells) - 1, 30) == 30  # beyond what is read of one notebook
    assert leash.seconds(0, 30) == SHORT_SECONDS


@pytest.mark.parametrize("length", [5_000, 500_000])
def test_a_cell_that_is_too_long_to_be_read_for_names_leads_nowhere(length):
    data = f"def data(): return [{'0, ' * (length // 3)}]"
    cells = planned(
        (CellKind.learner, data),
        (CellKind.learner, "def loops(): data()"),
        (CellKind.test, "data()"),
        (CellKind.test, "loops()"),
    )
    leash = Leash(cells)
    leash.remember(2, CellOutcome(Ending.timed_out))
    assert leash.seconds(3, 30) == (SHORT_SECONDS if length < 200_000 else 30)
    leash.remember(3, CellOutcome(Ending.timed_out))
    assert leash.seconds(3, 30) == SHORT_SECONDS


def test_a_result_that_is_no_number_although_it_is_a_float_gives_no_points():
    outcome = CellOutcome(Ending.finished, result={"kind": "number", "value": float("nan")})
    assert score_test(outcome, 3.0, "default").points == 0
