"""Terminals with the real nbgrader in them: a grader's with a course folder, and students'."""

import asyncio
import contextlib
import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REPOSITORY = Path(__file__).parents[3]
OURS = [str(REPOSITORY / place) for place in ("notebooks", "extension", "grader")]
LONGEST = 180
"""Seconds for one command, with its turn."""

CLASSES = {
    "exchange": "Exchange",
    "release_assignment": "ExchangeReleaseAssignment",
    "fetch_assignment": "ExchangeFetchAssignment",
    "submit": "ExchangeSubmit",
    "collect": "ExchangeCollect",
    "release_feedback": "ExchangeReleaseFeedback",
    "fetch_feedback": "ExchangeFetchFeedback",
    "list": "ExchangeList",
}
CONFIG = "c = get_config()\n" + "".join(
    f'c.ExchangeFactory.{trait} = "studyhall_extension.nbgrader_exchange.{name}"\n'
    for trait, name in CLASSES.items()
)
# A bound on waiting: the service answers from the tests' own process, which may be at something else for seconds.
CONFIG += "c.Exchange.timeout = 60\n"


@dataclass
class Said:
    """What a command said, all together, and how it ended."""

    code: int
    text: str


@dataclass
class Terminal:
    """A folder, an environment, and nbgrader's command in it."""

    python: Path
    zygote: "Zygote"
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = self.folder.parent / f".home-{self.folder.name}"
        self.home.mkdir(exist_ok=True)
        (self.folder / "nbgrader_config.py").write_text(CONFIG)

    def configure(self, *lines):
        with (self.folder / "nbgrader_config.py").open("a") as file:
            file.write("\n".join(lines) + "\n")

    def environment(self):
        return {
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(OURS),
            "JUPYTER_PLATFORM_DIRS": "1",
            **self.variables,
        }

    async def nbgrader(self, *words, code=0):
        """Run a command and assert how it ends."""
        return await self._run([str(word) for word in words], None, code)

    async def python_says(self, program, *words):
        """Run a program beside nbgrader in this terminal; returns what it prints."""
        return (await self._run([str(word) for word in words], program, 0)).text

    async def _run(self, words, program, code):
        output = self.home / "said"
        ended = await self.zygote.run(
            {
                "words": words,
                "program": program,
                "folder": str(self.folder),
                "environment": self.environment(),
                "output": str(output),
            }
        )
        said = Said(ended, output.read_text())
        assert code is None or said.code == code, said.text
        return said


class Zygote:
    """A process that has nbgrader imported and only forks; one command at a time, for any number of tests."""

    def __init__(self, python):
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", str(Path(__file__).with_name("nbgrader_zygote.py"))],
            env={"PATH": f"{Path(python).parent}:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()
        assert self._process.stdout.readline() == "ready\n"

    async def run(self, command):
        answered = asyncio.to_thread(self._answer, json.dumps(command))
        try:
            return await asyncio.wait_for(answered, LONGEST)
        except TimeoutError:
            self._process.kill()
            raise

    def _answer(self, command):
        with self._turn:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def has_ended(self):
        return self._process.poll() is not None

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def graded_cell(source, grade_id, *, kind=new_code_cell, grade=False, solution=False, points=None):
    told = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": grade and not solution}
    told |= {"schema_version": 3, "task": False}
    if points is not None:
        told["points"] = points
    made = kind(source, id=grade_id)
    made.metadata["nbgrader"] = told
    return made


def source_notebook():
    """A task with visible and hidden tests, and one that a person grades."""
    made = new_notebook(
        cells=[
            new_markdown_cell("# Doubling and why", id="heading"),
            graded_cell(
                "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
                "double",
                solution=True,
            ),
            graded_cell(
                "assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double(21) == 42\n### END HIDDEN TESTS",
                "test_double",
                grade=True,
                points=3,
            ),
            graded_cell("Because.", "why", kind=new_markdown_cell, grade=True, solution=True, points=2),
        ]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def write_source(folder, assignment="ps1", notebooks=("ps1",)):
    place = Path(folder) / "source" / assignment
    place.mkdir(parents=True, exist_ok=True)
    for name in notebooks:
        nbformat.write(source_notebook(), place / f"{name}.ipynb")
    (place / "data.csv").write_text("a,b\n1,2\n")


def answer(file, code, text="Twice one is two."):
    """Write a student's answers into their notebook."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "double":
            cell.source = code
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "why":
            cell.source = text
    nbformat.write(notebook, file)


RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return 2"
