"""A small course on disk, and the command run as a person runs it: another process, without any setting of ours."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from studyhall_notebooks.parsing import write_notebook

CANARY = "CANARY-5517"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass
class Ran:
    """How the command ended and what it said."""

    code: int
    out: str
    err: str
    results: dict[str, Any] | None


def environment():
    """Return an environment without any setting of Studyhall, as on a person's own machine."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STUDYHALL_")}


def run_grade(course, assignment, *words, json_file=None, prelude=""):
    """Run ``studyhall grade``; ``prelude`` is Python that runs in the same process before it."""
    arguments = [str(course), assignment, *words]
    if json_file is not None:
        arguments += ["--json", str(json_file)]
    code = f"{prelude}\nfrom studyhall.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "grade", *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    written = json_file is not None and Path(json_file).is_file()
    results = json.loads(Path(json_file).read_text(encoding="utf-8")) if written else None
    return Ran(done.returncode, done.stdout, done.stderr, results)


def cell(source, grade_id=None, *, grade=False, solution=False, points=None):
    made = new_code_cell(source)
    if grade_id:
        marks = {
            "schema_version": 3,
            "grade_id": grade_id,
            "grade": grade,
            "solution": solution,
            "task": False,
        }
        marks["locked"] = not solution
        if points is not None:
            marks["points"] = points
        made.metadata["nbgrader"] = marks
    return made


def sums(*, begin="### BEGIN HIDDEN TESTS", end="### END HIDDEN TESTS", answer=None, extra=()):
    """Return a notebook with one answer and two tests; with ``answer`` it is a student's."""
    solution = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    hidden = (
        "# more" if answer is not None else f"# more\n{begin}\nassert double(21) == 42, '{CANARY}'\n{end}"
    )
    cells = [
        new_markdown_cell("# Doubling"),
        *extra,
        cell(answer if answer is not None else solution, "double", solution=True),
        cell("assert double(2) == 4", "test_double", grade=True, points=2),
        cell(hidden, "test_double_hidden", grade=True, points=3),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


RIGHT = "def double(x):\n    return x + x"
WRONG = "def double(x):\n    return 3"


class Course:
    """A course folder that grows as a test wants it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def source(self, assignment="ps1", name="sums", notebook=None, **files):
        place = self.root / "source" / assignment
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.ipynb").write_text(write_notebook(notebook or sums()), encoding="utf-8")
        for file, text in files.items():
            (place / file).write_text(text, encoding="utf-8")
        return place

    def folder(self, student, assignment="ps1"):
        place = self.root / "submitted" / student / assignment
        place.mkdir(parents=True, exist_ok=True)
        return place

    def hand_in(self, student, answer=RIGHT, *, name="sums", assignment="ps1", extra=()):
        """Hand in an answer; returns the notebook's path."""
        path = self.folder(student, assignment) / f"{name}.ipynb"
        path.write_text(write_notebook(sums(answer=answer, extra=extra)), encoding="utf-8")
        return path
