"""A test that an author wrote wrongly costs nobody more than that test, and no learner is blamed for it."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from studyhall_judge.compiling import TestCompiler, UnusableTest
from studyhall_judge.magics import as_python
from studyhall_judge.report import Release
from studyhall_judge.sandbox.compiler import Lesson
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source, learner_version

from .conftest import build_notebook

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def graded(judge, cells, answer):
    """Grade an answer to the cell ``f`` of a notebook in the notation of ``assignment.yaml``."""
    source = graded_source(build_notebook(cells, KERNEL))
    learners = json.loads(
        json.dumps(learner_version(source, course="c", lesson="l", release=1, notebook="book"))
    )
    for cell in learners["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == "f":
            cell["source"] = answer
    return judge.grade(Release.build({"book": write_notebook(source)}, {}), {"book": json.dumps(learners)})


@pytest.mark.parametrize(
    "broken",
    [
        "assert f(1) ==",
        "return f(1)",
        "assert f(1) == 1" + " + 0" * 1500,
        "assert f(1) == 1" + " + 0" * 8000,
        "assert f(1) == " + "(" * 400 + "1" + ")" * 400,
        "assert f(1) == '\x00'",
    ],
    ids=["syntax", "return", "deep", "deeper", "brackets", "zero"],
)
def test_a_test_that_cannot_be_compiled_is_the_lessons_fault(judge, broken):
    cells = [
        {"answer": "f", "code": "def f(n):\n    return n"},
        {"test": "broken", "points": 1, "code": broken},
        {"test": "right", "points": 1, "code": "assert f(1) == 1"},
    ]
    done = graded(judge, cells, "def f(n):\n    return n")
    assert done.points() == {"broken": 0.0, "right": 1.0}, done.report.message
    said = done.report.tests[0]
    assert "a fault of the lesson" in said.learner_message
    assert "test broken cannot run as it is written" in said.staff_message


def test_a_locked_cell_that_is_nested_deeply_is_no_error(judge):
    cells = [
        {"locked": "deep", "code": "def deep():\n    return 1" + " + 0" * 700},
        {"answer": "f", "code": "def f(n):\n    return n"},
        {"test": "right", "points": 1, "code": "assert f(1) == deep()"},
    ]
    done = graded(judge, cells, "def f(n):\n    return n")
    assert done.points() == {"right": 1.0}, done.report.message


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/env"])
def test_an_interpreter_that_cannot_compile_is_an_error_of_the_test(python):
    lesson = Lesson(frozenset(), frozenset(), frozenset(), frozenset())
    with pytest.raises(UnusableTest):
        asyncio.run(TestCompiler(python).compile("assert (", lesson))


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("assert f(1) % 2", "assert f(1) % 2"),
        ("%%time\nassert f(1)", "\nassert f(1)"),
        ("%%capture out\nassert f(1)", "\nassert f(1)\npass"),
        ("%%capture out\nnp.testing.assert_equal(f(1), 2)", "\nnp.testing.assert_equal(f(1), 2)\npass"),
        ("%%capture\nf(1)", "\nf(1)\npass"),
        ("%%capture out\nf('''a\nb''')", "\nf('''a\nb''')\npass"),
        ("%%time\n%%capture\nassert f(1)\n0.5", "\n\nassert f(1)\n0.5\npass"),
        ("\n%time x = f(1)\nassert x", "\nx = f(1)\nassert x\n"),
        ("if True:\n    %time f('a')", "if True:\n    f('a')\n"),
        ("!ls\nassert f(1)", "get_ipython().system('ls')\nassert f(1)\n"),
        ("text = '''\n%time x\n'''\n!ls", "text = '''\n%time x\n'''\nget_ipython().system('ls')\n"),
        ("%%bash\nls", "get_ipython().run_cell_magic('bash', '', 'ls\\n')\n"),
        ("assert (", "assert (\n"),
    ],
)
def test_magics_are_written_as_python_on_their_lines(source, python):
    assert as_python(source) == python


@pytest.mark.parametrize("options", ["out", "out --no-stderr", "--no-display out"])
def test_what_a_cell_prints_can_be_asked_by_name_where_nothing_is_decided(options):
    written = as_python(f"%%capture {options}\nprint(1)\n\nprint(2)").split("\n")
    assert written[0].startswith("with ")
    assert written[0].endswith(" as out:")
    assert [line.strip() for line in written[1:]] == ["print(1)", "", "print(2)", "pass"]
    assert written[-1] == "pass"
