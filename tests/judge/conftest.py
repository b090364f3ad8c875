"""One real judge process for all tests of this folder, and cases read from folders.

A case is a folder ``cases/<assignment>/<case>/`` with a ``case.yaml``; adding a case is adding a folder. The
assignment's notebook is written down in ``cases/<assignment>/assignment.yaml``. See ``cases/README.md``.
"""

from __future__ import annotations

import _thread
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from studyhall_judge.client import Judge
from studyhall_judge.report import GradeReport, GradeRequest, Limits, Progress, Release
from studyhall_judge.sandbox import sorts
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source, learner_version

CASES = Path(__file__).parent / "cases"


@pytest.fixture(autouse=True)
def no_threads_but_learners(monkeypatch):
    """Threads that earlier tests have left in this process are no learner's, before which containers are copied."""
    monkeypatch.setattr(sorts, "_OWN_THREADS", max(sorts._OWN_THREADS, _thread._count()))


@dataclass
class Assignment:
    """A released assignment with the version that learners get."""

    name: str
    release: Release
    learner: dict[str, Any]
    solutions: dict[str, str]
    canaries: list[str]


@dataclass
class Graded:
    """What came back for one submission."""

    report: GradeReport
    progress: list[Progress] = field(default_factory=list)

    def points(self) -> dict[str, float]:
        return {test.grade_id: test.points for test in self.report.tests}

    def statuses(self) -> dict[str, str]:
        return {test.grade_id: str(test.status) for test in self.report.tests}

    def learners_view(self) -> str:
        """Everything that a learner can be shown, as one text."""
        tests = [
            [test.id, test.title, test.learner_message, test.hint, str(test.status), test.points]
            for test in self.report.tests
        ]
        repairs = [repair.model_dump(mode="json") for repair in self.report.repairs]
        progress = [one.model_dump(mode="json") for one in self.progress]
        return json.dumps([self.report.message, tests, repairs, progress], ensure_ascii=False)


class RunningJudge:
    """A judge process and its client."""

    def __init__(self, process: subprocess.Popen[str], socket: Path, ready: dict[str, Any]) -> None:
        self.process = process
        self.socket = socket
        self.ready = ready
        self.client = Judge(socket)

    def grade(self, release: Release, notebooks: dict[str, str], **options: Any) -> Graded:
        request = GradeRequest(request_id="test", release_hash=release.hash, notebooks=notebooks, **options)
        return asyncio.run(self._grade(request, release))

    async def _grade(self, request: GradeRequest, release: Release) -> Graded:
        async def send() -> Release:
            return release

        progress: list[Progress] = []
        async for event in self.client.grade(request, send):
            if isinstance(event, GradeReport):
                return Graded(event, progress)
            progress.append(event)
        raise AssertionError("the judge sent no report")


def start_judge(folder: Path, *words: str, env: dict[str, str] | None = None) -> RunningJudge:
    """Start a judge and wait for its ready line."""
    socket = folder / "judge.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "studyhall_judge", "--socket", str(socket), *words],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the judge did not start"
    return RunningJudge(process, socket, json.loads(line))


def stop_judge(running: RunningJudge) -> None:
    running.process.terminate()
    running.process.wait(120)
    assert running.process.stdout is not None
    running.process.stdout.close()


@pytest.fixture(scope="session")
def judge():
    with tempfile.TemporaryDirectory(prefix="judge-") as folder:
        running = start_judge(Path(folder), "--slots", "2")
        yield running
        stop_judge(running)


@pytest.fixture(scope="session")
def start():
    """Start further judges with other words on their command line; all end with the session."""
    started: list[RunningJudge] = []

    def start_one(folder: Path, *words: str, env: dict[str, str] | None = None) -> RunningJudge:
        started.append(start_judge(folder, *words, env=env))
        return started[-1]

    yield start_one
    for running in started:
        if running.process.poll() is None:
            stop_judge(running)
        elif running.process.stdout is not None:
            running.process.stdout.close()


# Assignments written down as YAML


def build_notebook(cells: list[dict[str, Any]], kernel: dict[str, str]) -> Any:
    """Turn the short notation of ``assignment.yaml`` into a source notebook."""
    notebook = new_notebook(metadata={"kernelspec": kernel})
    for number, cell in enumerate(cells):
        identifier = f"cell-{number}"
        if "markdown" in cell:
            made = new_markdown_cell(cell["markdown"], id=identifier)
        else:
            made = new_code_cell(cell.get("code", ""), id=identifier)
        marks = _marks(cell)
        if marks is not None:
            made.metadata["nbgrader"] = {"schema_version": 3, "task": False, **marks}
        told = {key: cell[key] for key in ("title", "hint", "text_result") if key in cell}
        if told:
            made.metadata["studyhall"] = {"test": told}
        notebook.cells.append(made)
    return notebook


def _marks(cell: dict[str, Any]) -> dict[str, Any] | None:
    for key, grade, solution, locked in (
        ("answer", False, True, False),
        ("test", True, False, True),
        ("manual", True, True, False),
        ("locked", False, False, True),
    ):
        if key in cell:
            marks = {"grade_id": cell[key], "grade": grade, "solution": solution, "locked": locked}
            return marks | ({"points": cell["points"]} if grade else {})
    return None


_LOADED: dict[str, Assignment] = {}


def load_assignment(name: str) -> Assignment:
    if name not in _LOADED:
        _LOADED[name] = _load_assignment(name)
    return _LOADED[name]


def _load_assignment(name: str) -> Assignment:
    folder = CASES / name
    content = yaml.safe_load((folder / "assignment.yaml").read_text(encoding="utf-8"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    released: dict[str, str] = {}
    learner: dict[str, Any] = {}
    solutions: dict[str, str] = {}
    for stem, cells in content["notebooks"].items():
        source = build_notebook(cells, kernel)
        graded = graded_source(source)
        released[stem] = write_notebook(graded)
        learner[stem] = learner_version(graded, course="c", lesson=name, release=1, notebook=stem)
        solutions |= {cell["answer"]: _solved(cell["code"]) for cell in cells if "answer" in cell}
    files = {path: text.encode() for path, text in content.get("files", {}).items()}
    return Assignment(
        name, Release.build(released, files), learner, solutions, [str(one) for one in content["canaries"]]
    )


def _solved(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if "### BEGIN" not in line and "### END" not in line)


# Submissions written down as changes to the learner's version


def cell_index(notebook: dict[str, Any], grade_id: str) -> int:
    for index, cell in enumerate(notebook["cells"]):
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
            return index
    raise AssertionError(f"no cell {grade_id}")


def submission(assignment: Assignment, case: dict[str, Any]) -> dict[str, str]:
    """Return the notebooks of a case, as the texts that a learner would send."""
    notebooks = {stem: json.loads(json.dumps(notebook)) for stem, notebook in assignment.learner.items()}
    for identifier, source in (assignment.solutions | case.get("answers", {})).items():
        for notebook in notebooks.values():
            if any(
                c["metadata"].get("nbgrader", {}).get("grade_id") == identifier for c in notebook["cells"]
            ):
                notebook["cells"][cell_index(notebook, identifier)]["source"] = source
    first = next(iter(notebooks.values()))
    for change in case.get("changes", []):
        apply(first, change)
    texts = {stem: json.dumps(notebook, ensure_ascii=False) for stem, notebook in notebooks.items()}
    return _whole_file_changes(texts, case.get("file", {}))


def apply(notebook: dict[str, Any], change: dict[str, Any]) -> None:  # noqa: C901, PLR0912 - a table of changes
    """Apply one change of the notation in ``cases/README.md``."""
    cells = notebook["cells"]
    (kind, value), *rest = change.items()
    options = dict(rest)
    match kind:
        case "insert_before" | "insert_after":
            place = cell_index(notebook, value) + (kind == "insert_after")
            cells.insert(place, _cell(options.get("code", ""), options.get("id", f"own-{len(cells)}")))
        case "delete":
            del cells[cell_index(notebook, value)]
        case "copy":
            place = cell_index(notebook, value)
            copied = json.loads(json.dumps(cells[place]))
            copied["id"] = "copied"
            copied["source"] = options.get("code", copied["source"])
            cells.insert(place + 1 if options.get("next") else len(cells), copied)
        case "move":
            cell = cells.pop(cell_index(notebook, value))
            cells.insert(options["to"], cell)
        case "split":
            place = cell_index(notebook, value)
            second = json.loads(json.dumps(cells[place]))
            lines = cells[place]["source"].split("\n")
            cells[place]["source"] = "\n".join(lines[: options["line"]])
            second["source"], second["id"] = "\n".join(lines[options["line"] :]), "second-half"
            cells.insert(place + 1, second)
        case "merge":
            place, other = cell_index(notebook, value), cell_index(notebook, options["with"])
            first, last = sorted((place, other))
            cells[first]["source"] += "\n\n" + cells[last]["source"]
            if options.get("keep") == "second":
                cells[first]["metadata"] = cells[last]["metadata"]
            del cells[last]
        case "metadata":
            cells[cell_index(notebook, value)]["metadata"]["nbgrader"].update(options["set"])
        case "source":
            cells[cell_index(notebook, value)]["source"] = options["code"]
        case "retype":
            cells[cell_index(notebook, value)]["cell_type"] = options["to"]
        case "strip_metadata":
            for cell in cells:
                cell["metadata"] = {}
        case "strip_ids":
            for cell in cells:
                cell.pop("id", None)
            notebook["nbformat_minor"] = 4
        case "notebook":
            notebook.update(value)
        case _:
            raise AssertionError(f"unknown change {kind}")


def _cell(code: str, identifier: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": identifier,
        "metadata": {},
        "source": code,
        "outputs": [],
        "execution_count": None,
    }


def _whole_file_changes(texts: dict[str, str], file: dict[str, Any]) -> dict[str, str]:
    for stem, other in file.get("rename", {}).items():
        texts[other] = texts.pop(stem)
    for stem in file.get("leave_out", []):
        del texts[stem]
    texts |= file.get("replace", {})
    for stem in list(texts):
        texts[stem] = file.get("prefix", "") + texts[stem]
        if file.get("crlf"):
            texts[stem] = texts[stem].replace("\\n", "\\r\\n").replace("\n", "\r\n")
        if file.get("cut"):
            texts[stem] = texts[stem][: file["cut"]]
        if file.get("version_3"):
            texts[stem] = _as_version_3(texts[stem])
    return texts


def _as_version_3(text: str) -> str:
    notebook = json.loads(text)
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cells.append(
                {
                    "cell_type": "code",
                    "input": cell["source"],
                    "language": "python",
                    "metadata": cell["metadata"],
                    "outputs": [],
                    "collapsed": False,
                }
            )
        else:
            cells.append({"cell_type": "markdown", "source": cell["source"], "metadata": cell["metadata"]})
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
    )


def limits_of(case: dict[str, Any]) -> Limits:
    return Limits(**({"cell_seconds": 10, "total_seconds": 60} | case.get("limits", {})))


@pytest.fixture(scope="session")
def assignment():
    return load_assignment


@pytest.fixture(scope="session")
def submit():
    return submission


@pytest.fixture(scope="session")
def limits():
    return limits_of


@pytest.fixture(scope="session")
def forbidden_paths():
    """Paths of this machine that no learner should read about."""
    return [sys.prefix, os.path.realpath(sys.base_prefix), str(Path(__file__).resolve().parents[2])]
