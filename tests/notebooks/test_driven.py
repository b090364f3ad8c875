"""Driven tests as an author writes them: read without being run, and run at once in a plain kernel."""

import builtins
import contextlib
import io
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from driven_statements import FAILS, HOLDS, LEARNERS
from hypothesis import given
from hypothesis import strategies as st
from studyhall_notebooks.driven import (
    Check,
    Expectation,
    Observed,
    Raised,
    Subject,
    Unplain,
    decide,
    parse_driven,
    show,
    to_plain,
    why_not_driven,
)
from studyhall_notebooks.driven.values import close, difference, same

IMPORT = "from studyhall_notebooks.driven import check\n"


def run(test, learners=LEARNERS):
    """Run a test cell as a kernel does and return what it raised, or None, and what it printed."""
    names = {"__name__": "__main__"}
    exec(learners, names)  # noqa: S102 - our own learner
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(IMPORT + test, "test", "exec"), names)  # noqa: S102 - our own test
        except AssertionError as error:
            return str(error), printed.getvalue()
    return None, printed.getvalue()


@pytest.mark.parametrize("test", HOLDS)
def test_what_holds_is_silent_in_a_kernel_and_driven_for_the_judge(test):
    assert run(test)[0] is None
    assert parse_driven(IMPORT + test) is not None, why_not_driven(IMPORT + test)


@pytest.mark.parametrize("test", FAILS)
def test_what_does_not_hold_says_what_came_out(test):
    assert run(test)[0] == FAILS[test]
    assert parse_driven(IMPORT + test) is not None


def test_a_statement_leaves_no_result_which_nbgrader_would_read():
    names = {}
    exec(LEARNERS + IMPORT, names)  # noqa: S102 - our own learner
    assert eval('check.call("square", 3).equals(9)', names) is None  # noqa: S307 - our own test


def test_parts_count_each_for_itself():
    test = 'p = check.partial()\np.call("square", 3).equals(9)\np.call("square", 3).equals(8)\nresult = p.points(4)'
    error, printed = run(test + "\nprint(result)")
    assert (error, printed) == (None, "square(3) gave 9, expected 8.\n2.0\n")
    driven = parse_driven(IMPORT + test.replace("result = ", ""))
    assert driven is not None
    assert driven.partial == 4


def test_input_and_streams_are_put_back():
    kept = sys.stdin, builtins.input
    run('check.call("greet").given_input("Ada\\n").prints("x")')
    assert (sys.stdin, builtins.input) == kept


def test_learners_cannot_reach_the_tests_own_values():
    """Not a wall, as all of it runs beside the learner's code here; but no accident changes a test."""
    learners = "def sort(items):\n    items.sort()\n    return items\n"
    test = 'items = [3, 1]\ncheck.call("sort", items).equals([1, 3])\ncheck.variable("items").equals([3, 1])'
    assert run(test, learners)[0] is None


def test_arguments_that_cannot_be_written_out_are_copied_as_they_hang_together():
    learners = "def same(items):\n    items.append(3)\n    return items[0] is items[1]\n"
    test = """
class Thing:
    pass
thing = Thing()
things = [thing, thing]
check.call("same", things).equals(True)
check.variable("things").then("__len__").equals(2)
endless = [[1], [2]]
endless.append(endless)
check.call("same", endless).equals(False)
"""
    assert run(test, learners)[0] is None


# What is driven and what is not


@pytest.mark.parametrize(
    "source",
    [
        "check.call('f').equals(1)",
        IMPORT,
        IMPORT + "check.call('f')",
        IMPORT + "check.call('f').given_input('x')",
        IMPORT + "check.call(f).equals(1)",
        IMPORT + "check.call('f()').equals(1)",
        IMPORT + "check.call('f', g).equals(1)",
        IMPORT + "check.call('f', *[1]).equals(1)",
        IMPORT + "check.call('f', **{'a': 1}).equals(1)",
        IMPORT + "check.call('f').equals(f(1))",
        IMPORT + "check.call('f').equals(1, 2)",
        IMPORT + "check.call('f').equals(...)",
        IMPORT + "check.call('f').equals({[]})",
        IMPORT + "check.call('f').equals(1 / 0)",
        IMPORT + "check.call('f').equals(10 ** 10 ** 10)",
        IMPORT + "check.call('f').equals('x' * 10 ** 9)",
        IMPORT + "check.call('f').equals([[0] * 1000] * 10 ** 9)",
        IMPORT + "check.call('f').equals(not_there)",
        IMPORT + "check.call('f').equals(lambda: 1)",
        IMPORT + "check.call('f').equals([x for x in y])",
        IMPORT + "check.call('f').equals(1).equals(2)",
        IMPORT + "check.call('f').becomes(2)",
        IMPORT + "check.call('f').approx(1, rel=-1)",
        IMPORT + "check.call('f').approx(1, places=2)",
        IMPORT + "check.call('f').prints(1)",
        IMPORT + "check.call('f').raises(f())",
        IMPORT + "check.call('f').satisfies(g)",
        IMPORT + "check.call('f').satisfies(lambda value: True)",
        IMPORT + "check.variable('f', 1).equals(1)",
        IMPORT + "check.partial().call('f').equals(1)",
        IMPORT + "p = check.partial()\np.call('f').equals(1)",
        IMPORT + "p = check.partial()\np.call('f').equals(1)\np.points(1)\np.call('f').equals(2)",
        IMPORT + "p = check.partial()\ncheck.call('f').equals(1)\np.points(1)",
        IMPORT + "check.call('f').equals(1)\nassert f() == 1",
        IMPORT + "check = 1\ncheck.call('f').equals(1)",
        IMPORT + "def check():\n    pass\ncheck.call('f').equals(1)",
        IMPORT + "@f\ndef g(value):\n    return True\ncheck.call('f').satisfies(g)",
        IMPORT + "def g(value, other=f()):\n    return True\ncheck.call('f').satisfies(g)",
        IMPORT + "x = 1\nx = 2\ncheck.call('f').equals(x)",
        IMPORT + "for n in [1]:\n    check.call('f').equals(1)",
        IMPORT + "from os import check\ncheck.call('f').equals(1)",
        IMPORT + "from os import *\ncheck.call('f').equals(1)",
        IMPORT + "%time\ncheck.call('f').equals(1)",
        "from studyhall_notebooks.driven import check as c\nc.call('f').equals(1)",
        "import studyhall_notebooks.driven\nstudyhall_notebooks.driven.check.call('f').equals(1)",
    ],
)
def test_what_is_not_driven_says_why(source):
    assert parse_driven(source) is None
    assert why_not_driven(source)


@pytest.mark.parametrize("source", ["", "assert f() == 1", "check(3)", "def broken(", "\0", "check.up()"])
def test_a_cell_without_checks_needs_no_reason(source):
    assert parse_driven(source) is None
    assert why_not_driven(source) is None


ANNOTATED = [("def fits(v: np.ndarray):\n    return True", "np")] if sys.version_info < (3, 14) else []
"""From Python 3.14 on annotations are only looked up when somebody asks for them."""


@pytest.mark.parametrize(
    ("cell", "missing"),
    [
        ("def fits(v):\n    return np.all(v)", "np"),
        ("def fits(v):\n    return abs(v - 1) < TOL", "TOL"),
        ("def fits(v):\n    return helper(v)\ndef helper(v):\n    return [limit for x in v]", "limit"),
        *ANNOTATED,
        ("def fits(v):\n    def inner():\n        return v + there\n    return inner()", "there"),
        ("def fits(v):\n    return check.call('f', v)", "check"),
    ],
)
def test_a_comparator_that_needs_other_cells_is_not_driven(cell, missing):
    source = f"{IMPORT}{cell}\ncheck.call('f').satisfies(fits)"
    assert parse_driven(source) is None
    assert f"needs {missing}:" in why_not_driven(source)
    assert parse_driven(source.replace("satisfies(fits)", "equals(1)")) is not None


@pytest.mark.parametrize(
    "cell",
    [
        "import numpy as np\nTOL = 1e-3\ndef fits(v):\n    return np.all(abs(v) < TOL)",
        "def fits(v):\n    return helper(v)\ndef helper(v):\n    return all(x > 1 for x in v)",
        "def fits(v):\n    import os\n    def inner(w=v):\n        return w, os, v, __name__\n    return inner()",
        "def unused(v):\n    return np\ndef fits(v: int) -> bool:\n    return fits is not None",
        "import os.path\ndef fits(v):\n    class A:\n        x = v\n    return os.path, A.x, globals()",
    ],
)
def test_a_comparator_may_use_what_its_cell_defines(cell):
    source = f"{IMPORT}{cell}\ncheck.call('f').satisfies(fits)"
    assert why_not_driven(source) is None
    assert parse_driven(source) is not None


def test_a_parsed_cell_says_all_that_it_holds():
    source = (
        IMPORT
        + "import math\nlow = -1.5\nwords = ('a', b'b', {low: None}, {1, 2}, frozenset(), set(), 2 + 3j)\n"
        + "def fits(value):\n    return value > low\n"
        + "### BEGIN HIDDEN TESTS\n"
        + "check.call('Shop.open', words, size=low).then('sell', 2, to='x').attribute('left').as_list()"
        + ".given_input('yes').approx([0.1 + 0.2], rel=1e-3, abs=0)\n"
        + "check.variable('total').satisfies(fits)\n### END HIDDEN TESTS"
    )
    test = parse_driven(source)
    assert test is not None
    first, second = test.checks
    assert first.subject.args == (("a", b"b", {-1.5: None}, {1, 2}, frozenset(), set(), 2 + 3j),)
    assert first.subject.kwargs == {"size": -1.5}
    assert [str(step) for step in first.subject.steps] == [".sell(2, to='x')", ".left"]
    assert (first.subject.stdin, first.subject.form, first.line) == ("yes", "list", 7 + 1)
    assert first.expectation == Expectation("approx", [0.1 + 0.2], rel=1e-3, abs=0.0)
    assert second == Check(Subject("variable", "total"), Expectation("satisfies", "fits"), 9)
    assert test.names == {"Shop", "total"}
    assert "low = -1.5" in test.comparators
    assert "def fits" in test.comparators
    assert "check" not in test.comparators


PIECES = st.sampled_from(
    [
        *(
            "check",
            ".call",
            ".equals",
            ".partial",
            "(",
            ")",
            "'f'",
            "1",
            ",",
            "\n",
            IMPORT,
            "[",
            "]",
            "{",
            "}",
        ),
        *(
            "=",
            "def g(v):\n  return v",
            "**",
            "*",
            "9" * 50,
            "-",
            "lambda: 0",
            "...",
            "\0",
            "\\d",
            "'\ud800'",
            "é",
        ),
    ]
)


@given(st.text() | st.lists(PIECES).map("".join))
def test_reading_never_raises(source):
    for text in (source, IMPORT + source):
        test = parse_driven(text)
        why_not_driven(text)
        assert test is None or test.checks


@given(st.recursive(st.none() | st.integers() | st.text() | st.floats(), st.lists, max_leaves=10))
def test_values_that_are_written_out_are_read(value):
    test = parse_driven(IMPORT + f"check.call('f', {writable(value)}).equals({writable(value)})")
    assert test is not None
    (one,) = test.checks
    assert same(one.subject.args[0], value)
    assert same(one.expectation.expected, value)


def writable(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(writable, value)) + "]"
    return f'float("{value}")' if isinstance(value, float) and value - value != 0 else ascii(value)


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("[[0] * 1000] * 301", "larger than 300,000"),
        ("[[[0] * 1000] * 1000] * 1000", "larger than 300,000"),
        ("[0] * 100000, [0] * 100000, third=[0] * 100000", "larger than 300,000"),
        ("'x' * 100000 * 1", None),
        ("[0] * 100000", None),
        ("[" * 51 + "]" * 51, None),
        ("[" * 52 + "]" * 52, "50 levels"),
        ("{1: " * 52 + "2" + "}" * 52, "50 levels"),
    ],
)
def test_an_argument_that_is_too_large_to_send_is_refused(argument, why):
    for call in (f"check.call('f', {argument})", f"check.call('f').then('g', {argument})"):
        reason = why_not_driven(f"{IMPORT}{call}.equals(1)")
        assert reason is None if why is None else why in reason


def test_an_expected_value_that_nothing_can_equal_is_refused():
    assert "larger" in why_not_driven(IMPORT + "check.call('f').equals([[[0] * 1000] * 1000] * 1000)")


def test_deep_and_long_sources_are_refused_not_followed():
    assert parse_driven(IMPORT + "check.call('f').equals(" + "[" * 90 + "]" * 90 + ")") is not None
    for source in ("(" * 5000, "-" * 50_000 + "1", "[" * 2000 + "]" * 2000, "a" + ".b()" * 20_000):
        assert parse_driven(IMPORT + f"check.call('f').equals({source})") is None


# Comparing


@pytest.mark.parametrize(
    ("value", "expected", "equal"),
    [
        (1, 1.0, True),
        (True, 1, True),
        ([1], (1,), False),
        ({1: [2]}, {1.0: [2.0]}, True),
        ([float("nan")], [float("nan")], True),
        ({"a": float("nan")}, {"a": 1}, False),
        ({1, 2}, {2, 1}, True),
        (Unplain("X"), Unplain("X"), False),
        ([Unplain("X")], [Unplain("X")], False),
        ("1", 1, False),
    ],
)
def test_equal_values(value, expected, equal):
    assert same(value, expected) is equal


@pytest.mark.parametrize(
    ("value", "expected", "near"),
    [
        ([1.0, {"a": (2.001,)}], [1, {"a": (2,)}], True),
        ([1.0], [1.0, 2.0], False),
        (True, 1.0005, False),
        ("a", "a", True),
        ("a", 1.0, False),
        (float("nan"), float("nan"), True),
        (float("inf"), 1e308, False),
        (10**400, 1.0, False),
        (10**400, 10**400, True),
        (1 + 1.0001j, 1 + 1j, True),
    ],
)
def test_near_values(value, expected, near):
    assert close(value, expected, rel=1e-3, abs_=1e-9) is near


@pytest.mark.parametrize(
    ("printed", "expected", "held"),
    [
        ("a \r\nb\t\n\n", "a\nb", True),
        (" a\n", "a", False),
        ("\na\n", "a", False),
        *((f"a{end}b", "a\nb", False) for end in "\x0c\x1c\x85\r\u2028"),
        *((f"a{blank}", "a", False) for blank in "\x0c\x1c\xa0"),
    ],
)
def test_printed_text_is_compared_without_blanks_at_the_ends_of_lines(printed, expected, held):
    wanted = Check(Subject("call", "f"), Expectation("prints", expected))
    assert decide(wanted, Observed(printed=printed)).held is held


def test_an_error_of_many_kinds_counts_for_the_first():
    wanted = Check(Subject("call", "f"), Expectation("raises", "TypeError"))
    assert decide(wanted, Observed(error=Raised("X", "TypeError"))).held
    assert not decide(wanted, Observed(error=Raised("X", "ValueError"))).held
    assert not decide(wanted, Observed(error=Raised("X", "not a name"))).held


def test_texts_stay_short_and_printable():
    assert len(show(["x" * 50] * 50)) <= 120
    assert show("\ud800").encode()
    assert show(10**5000) == "a very large number"
    assert repr(to_plain(object())) == "a value of type object"


# In a real kernel, as plain nbgrader runs it


@pytest.mark.parametrize(
    ("value", "expected", "said"),
    [
        (
            list(range(300)),
            [*range(250), -1, *range(251, 300)],
            "first difference is at index 250: 250 instead of -1.",
        ),
        (list(range(99)), list(range(100)), "It has 99 items and not 100."),
        ([0, *range(1, 99)], [1, *range(1, 100)], "at index 0: 0 instead of 1. It has 99 items and not 100."),
        ([1.0] * 50, [1.0 + 1e-9] * 49 + [2.0], "at index 49: 1.0 instead of 2.0."),
        ({n: n for n in range(50)}, {n: n for n in range(51)}, "The key 50 is missing."),
        ({n: n for n in range(51)}, {n: n for n in range(50)}, "The key 50 is one too many."),
        ({n: n for n in range(50)}, {n: n * (n < 49) for n in range(50)}, "at the key 49: 49 instead of 0."),
        ("a\n" * 40 + "b", "a\n" * 40 + "c", "in line 41: 'b' instead of 'c'."),
        ("x" * 90 + "1", "x" * 90 + "2", f"in line 1: '…{'x' * 20}1' instead of '…{'x' * 20}2'."),
        ([1, 2], [1, 3], ""),
        (tuple(range(99)), list(range(99)), ""),
    ],
)
def test_a_long_value_comes_with_its_first_difference(value, expected, said):
    found = difference(value, expected, partial(close, rel=1e-6, abs_=1e-9))
    assert found.endswith(said)
    assert bool(found) == bool(said)


def test_a_lesson_runs_in_a_kernel_without_anything_of_studyhall_but_this(sample_course, tmp_path):
    """Only the package's folder is there, and of it nothing but the standard library is asked for."""
    package = Path(sys.modules["studyhall_notebooks"].__file__).parent
    (tmp_path / "studyhall_notebooks").mkdir()
    (tmp_path / "studyhall_notebooks" / "__init__.py").touch()
    (tmp_path / "studyhall_notebooks" / "driven").symlink_to(package / "driven")
    text = (sample_course / "source" / "values-and-names" / "values-and-names.ipynb").read_text()
    cells = nbformat.reads(text, 4).cells
    by_id = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in cells}
    sources = [by_id["initials"], by_id["test_initials_more"]]
    script = "import json, sys\nnames = {}\nfor source in json.load(sys.stdin):\n    exec(source, names)"
    for code, answers in ((0, sources), (1, [sources[0].replace(".upper()", ""), sources[1]])):
        done = subprocess.run(
            [sys.executable, "-S", "-c", script],
            input=json.dumps(answers),
            text=True,
            capture_output=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert ("AssertionError: initials('noor', 'haddad') gave 'n.h.'" in done.stderr) is bool(code)
