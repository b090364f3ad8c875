"""Which assertion has failed, what came out, and why a name is not there, in words for a beginner."""

from __future__ import annotations

import ast
from collections import Counter

import numpy as np
import pytest
from judge.guarding import guard, run_test, told
from studyhall_judge import missing_names
from studyhall_judge.failing import Failure, read_failure, say_failure
from studyhall_judge.missing_names import LESSON, MOST_READ, TEST, Ended, Texts, why_missing
from studyhall_judge.sandbox.describing import show

__all__ = ["guard", "told"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("assert f(2) == 4", "f(2) gave 3, expected 4."),
        ("assert 4 == f(2)", "f(2) gave 3, expected 4."),
        ("assert (\n    f(\n        2) ==\n    4\n)", "f( 2) gave 3, expected 4."),
        ("n = f(2)\nassert n == 4", "n is 3, expected 4."),
        ("assert f(2) > 4", "This did not hold: f(2) > 4 (f(2) gave 3)."),
        ("assert 0 < f(2) < 2", "This did not hold: 0 < f(2) < 2 (f(2) gave 3)."),
        ("assert 'x' in [f(2)]", "This did not hold: 'x' in [f(2)] ([f(2)] is [3])."),
        ("assert not f(2)", "This did not hold: not f(2) (f(2) gave 3)."),
        ("assert f(2) == 3 and f(1) == 7", "f(1) gave 2, expected 7."),
        ("assert isinstance(f(2), str)", "This did not hold: isinstance(f(2), str) (f(2) gave 3)."),
        (
            "class A: pass\nassert A() == A()",
            "This did not hold: A() == A(). Two objects are equal only where their class defines __eq__.",
        ),
        ("assert g(2)", "g(2) gave None. Is a return missing?"),
        ("assert g(2) == 1", "g(2) gave None, expected 1. Is a return missing?"),
        ("assert all(f(n) > 2 for n in [1, 2])", "This did not hold: all(f(n) > 2 for n in [1, 2])."),
        ("for n in [1, 2]:\n    assert f(n) == 2", "f(n) gave 3, expected 2, with n = 2."),
        (
            "for n, w in {1: 5}.items():\n    assert g(n) == w",
            "g(n) gave None, expected 5, with n = 1. Is a return missing?",
        ),
        ("assert (lambda: f(2))() == 4", "(lambda: f(2))() gave 3, expected 4."),
        ("def t():\n    assert f(2) == 4\nt()", "f(2) gave 3, expected 4."),
        (
            "try:\n    assert f(2) == 4\nexcept AssertionError:\n    pass\nraise AssertionError",
            "This line of the test failed: raise AssertionError",
        ),
    ],
)
def test_an_assertion_is_told_by_its_text_and_what_came_out(guard, source, said):
    namespace = {"f": lambda n: n + 1, "g": lambda n: None}
    with pytest.raises(AssertionError) as raised:
        run_test(guard, source, namespace)
    failure = None
    if guard.last is not None:
        place, values, names = guard.last
        failure = read_failure(
            {
                "place": list(place),
                "values": list(map(show, values)),
                "names": [[n, show(v)] for n, v in names],
            }
        )
    line = [one.lineno for one in raised.traceback if "test" in str(one.path)][-1] + 1
    assert say_failure(source, line, failure, from_test=True) == said


def test_what_held_is_not_kept(guard):
    run_test(guard, "assert f(2) == [2]", {"f": lambda n: [n]})
    assert guard.last is None


def test_without_values_the_text_is_told():
    source = "assert f(2) == 4\ncheck(f(2))"
    assert say_failure(source, 1, None, from_test=True) == "This did not hold: f(2) == 4"
    assert "your own code failed while the test asked for this: f(2) == 4" in say_failure(
        source, 1, None, from_test=False
    )
    assert say_failure(source, 2, None, from_test=False) == "This line of the test failed: check(f(2))"
    assert say_failure(source, 7, None, from_test=True) == say_failure("if", 1, None, from_test=True) == ""


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"place": [1, 2, 3], "values": [], "names": []},
        {"place": [1, 2, 3, "4"], "values": [], "names": []},
        {"place": [1, 2, 3, 4], "values": "no", "names": []},
    ],
)
def test_what_is_no_failure_is_not_read_as_one(said):
    assert read_failure(said) is None


def test_a_place_that_is_none_tells_the_text_alone():
    failure = Failure((9, 9, 9, 9), ("secret",), (("n", "secret"),))
    assert say_failure("assert f(2) == 4", 1, failure, from_test=True) == "This did not hold: f(2) == 4"


class Unwilling(list):
    shape = property(lambda self: 1 / 0)

    def __repr__(self):
        raise AssertionError("asked for its text")

    __iter__ = __len__ = __getitem__ = __repr__


class Mute:
    __repr__ = Unwilling.__repr__
    __hash__ = Unwilling.__repr__


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ("it's", '"it\'s"'),
        ("x" * 200, f"'{'x' * 150}'…"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"),
        ({"a": [1], 2: ()}, "{'a': [1], 2: ()}"),
        ((1,), "(1,)"),
        ([[[[[1]]]]], "[[[[[…]]]]]"),
        (Unwilling([1]), "Unwilling([1])"),
        (Mute(), "an object of class Mute"),
        (Mute, "<class 'Mute'>"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (set(), "set()"),
        ({"__name__": "m", "__builtins__": {}, "x": 1}, "the names that the notebook has"),
        (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((2, 3)), "an array of shape (2, 3)"),
        (np.float64(2.5), "np.float64(2.5)"),
    ],
)
def test_a_value_is_shown_shortly_whatever_it_is(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([Ended("Total = 3")], [], "but one defines Total"),
        ([Ended("totl = 3")], [], "but one defines totl"),
        ([Ended("total = 3\ndel total")], [], "deletes the name total"),
        (
            [Ended("import boats\ntotal = 3", "ModuleNotFoundError", "no boats")],
            [],
            "error before that: ModuleNotFoundError.",
        ),
        ([Ended("total = f()", "", "", out_of_time=True)], [], "ran out of time"),
        ([Ended("def main():\n    total = 3")], [], "only inside of main"),
        ([Ended("for row in []:\n    total = row")], [], "only where it was not reached"),
        ([Ended("class A:\n    def total(self): pass")], [], "only inside of A"),
        ([Ended("x = [total for total in 'ab']")], [], "No cell of yours defines total. Is it"),
        ([Ended("# YOUR CODE HERE", "NotImplementedError")], [], "a task above this test has no answer"),
        ([], ["%matplotlib inline\nfor total in []: pass"], "comes too late"),
        ([Ended("def total(:")], [], "No cell of yours defines total. Is it"),
        ([Ended("class total:\n    raise X", "NotImplementedError")], [], "This task has no answer yet."),
        (
            [Ended("total = get(url)", "URLError", "<urlopen error>")],
            [],
            "no network while your work is graded",
        ),
        ([Ended("assert f()\ntotal = 3", "AssertionError", owner=TEST)], [], "An earlier test makes total"),
        ([Ended("total = load()", out_of_time=True, owner=LESSON)], [], "A cell of the lesson makes total"),
        ([Ended("total = 3", owner=TEST)], [], "No cell of yours defines total. Is it"),
        (
            [Ended("total = 3", "KeyError"), Ended("total = 4", "KeyError", owner=TEST)],
            [],
            "error before that",
        ),
    ],
)
def test_why_a_name_is_missing(before, after, said):
    assert said in why_missing("total", before, after, Texts())[0]


def test_a_module_that_was_not_imported_is_told_as_one():
    assert "import math" in why_missing("math", [], [], Texts())[0]
    assert "import numpy as np" in why_missing("np", [], [], Texts())[0]


def test_a_number_of_too_many_digits_is_shown_as_one():
    assert show(10**5000) == "a number of very many digits"


def test_of_very_many_long_cells_only_a_part_is_read_for_names_and_only_once(monkeypatch):
    read = []
    monkeypatch.setattr(missing_names.ast, "parse", lambda text: read.append(text) or ast.Module([], []))
    texts = Texts()
    cells = [Ended(f"x{n} = [{'0, ' * 16_000}]") for n in range(100)]
    for _ in range(3):
        why_missing("total", cells, [cells[0].source, "y = 1"], texts)
    assert sum(map(len, read)) <= MOST_READ
    assert len(read) == len(set(read)) > 1
    assert "y = 1" in read


def test_names_of_great_length_are_not_looked_at_for_one_that_is_spelled_alike():
    # Each pair would take seconds.
    long = [Ended("\n".join(f"{'abcdefgh' * 200}{n} = 1" for n in range(30)), "") for _ in range(4)]
    assert "No cell of yours defines" in why_missing("abcdefgh" * 200, long, [], Texts())[0]
