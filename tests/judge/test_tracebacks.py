"""What an executed notebook says of a cell that failed: its own levels, and nothing of what ran it."""

from __future__ import annotations

import json

import pytest
from driven_notebooks import answered, build


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("def f(n):\n    return n / 0\nf(1)", "line 3, in <module>", "ZeroDivisionError: division by zero"),
        ("f = = 1", None, "SyntaxError: invalid syntax"),
        ("f = 1\n!true\nf()", "line 3, in <module>", "TypeError: 'int' object is not callable"),
        (
            "import asyncio\nawait asyncio.sleep(0)\nf",
            "line 3, in <module>",
            "NameError: name 'f' is not defined",
        ),
        ("%%time\nf = {}['key']", "line 1, in <module>", "KeyError: 'key'"),
    ],
    ids=["plain", "syntax", "shell", "await", "magic"],
)
def test_a_traceback_begins_in_the_learners_cell(judge, code, first, last):
    release, learner = build([("answer", "f = None", 0), ("test", "assert f", 1)])
    report = judge.grade(release, answered(learner, {"answer": code})).report
    notebook = json.loads(report.executed_notebooks["n"])
    (error,) = (
        out
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "answer"
        for out in cell["outputs"]
        if out["output_type"] == "error"
    )
    lines = "\n".join(error["traceback"]).splitlines()
    assert lines[-1].startswith(last)
    if first is not None:
        assert lines[0] == "Traceback (most recent call last):"
        assert first in lines[1]
    assert "run_code" not in "\n".join(lines[:3])
