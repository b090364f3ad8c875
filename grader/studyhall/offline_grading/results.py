"""What came of each student's work: as JSON for programs, as a table for people."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.table import Table
from rich.text import Text
from studyhall_judge.report import GradeReport, IntegrityFlag, Repair, ReportStatus, TestResult, TestStatus

from studyhall.offline_grading.submission_reader import ReadFolder


class CellScore(BaseModel):
    """One graded cell: points, the most it can give, and the status of its test."""

    score: float
    max_score: float
    needs_manual: bool
    status: str


class NotebookScore(BaseModel):
    """One notebook of the assignment: its graded cells by grade id, what was mended, and what staff should look at."""

    cells: dict[str, CellScore]
    repairs: list[Repair]
    flags: list[IntegrityFlag]


class StudentResult(BaseModel):
    """One student's result. ``message`` says why there is none; ``milliseconds`` is the judge's wall time."""

    student: str
    status: ReportStatus
    notebooks: dict[str, NotebookScore]
    learner_text: str
    message: str
    milliseconds: float

    @property
    def score(self) -> float:
        """Points of all cells together."""
        return sum(cell.score for notebook in self.notebooks.values() for cell in notebook.cells.values())

    @property
    def max_score(self) -> float:
        """The most points that all cells together can give."""
        return sum(cell.max_score for notebook in self.notebooks.values() for cell in notebook.cells.values())

    @property
    def repairs(self) -> int:
        """How many things were mended."""
        return sum(len(notebook.repairs) for notebook in self.notebooks.values())

    @property
    def flags(self) -> int:
        """How many things staff should look at."""
        return sum(len(notebook.flags) for notebook in self.notebooks.values())

    def as_json(self) -> dict[str, Any]:
        """Return the result as it stands in the JSON file."""
        notebooks = {name: notebook.model_dump(mode="json") for name, notebook in self.notebooks.items()}
        return {"status": self.status.value, "notebooks": notebooks, "learner_text": self.learner_text}


def result_of(student: str, read: ReadFolder, report: GradeReport) -> StudentResult:
    """Put together what the folder's reading and the judge's report say."""
    repairs = [*read.repairs, *_repairs(read, report)]
    message = report.message
    if report.status is ReportStatus.refused and (read.refusal or read.held_back):
        message = read.refusal or " ".join(f"{name}.ipynb: {why}" for name, why in read.held_back.items())
    notebooks: dict[str, NotebookScore] = {}
    for test in report.tests:
        notebook = notebooks.setdefault(test.notebook, NotebookScore(cells={}, repairs=[], flags=[]))
        notebook.cells[test.grade_id] = CellScore(
            score=test.points,
            max_score=test.max_points,
            needs_manual=test.status is TestStatus.needs_manual,
            status=test.status.value,
        )
    for name in report.executed_notebooks:
        notebooks.setdefault(name, NotebookScore(cells={}, repairs=[], flags=[]))
    # What belongs to no notebook of the assignment stands with its first one.
    first = next(iter(notebooks.values()), None)
    for repair in repairs:
        place = notebooks.get(repair.notebook, first)
        if place is not None:
            place.repairs.append(repair)
    for flag in (*read.flags, *report.flags):
        place = notebooks.get((flag.test_id or "").partition("/")[0], first)
        if place is not None:
            place.flags.append(flag)
    return StudentResult(
        student=student,
        status=report.status,
        notebooks=notebooks,
        learner_text=learner_text(report.status, message, report.tests, repairs),
        message=message,
        milliseconds=report.resources.wall_ms,
    )


def _repairs(read: ReadFolder, report: GradeReport) -> list[Repair]:
    """Return the judge's repairs; a notebook that was there and could not be used is not called missing."""
    said: list[Repair] = []
    for repair in report.repairs:
        why = read.held_back.get(repair.notebook) if repair.code == "missing_notebook" else None
        if why is None:
            said.append(repair)
        else:
            text = f"This notebook could not be used, so its tasks count as open. {why}"
            said.append(Repair(code="unreadable", notebook=repair.notebook, grade_id=None, message=text))
    named = {repair.notebook for repair in said if repair.code == "unreadable"}
    said += [
        Repair(code="unreadable", notebook=name, grade_id=None, message=why)
        for name, why in read.held_back.items()
        if name not in named
    ]
    return said


def learner_text(
    status: ReportStatus, message: str, tests: Iterable[TestResult], repairs: Iterable[Repair]
) -> str:
    """Return every word that the learner's view of a report would hold, one a line."""
    lines = [status.value, message]
    for test in tests:
        lines += [
            f"{test.id} {test.title}: {test.status.value}, {test.points:g} of {test.max_points:g}",
            "" if test.hidden else test.learner_message,
            test.hint,
            test.answer_grade_id or "",
        ]
    lines += [
        f"{repair.notebook} {repair.grade_id or ''} {repair.code}: {repair.message}" for repair in repairs
    ]
    return "\n".join(line for line in lines if line)


def write_json(path: Path, assignment: str, results: Iterable[StudentResult]) -> None:
    """Write all results, or leave what stood there before. Raises `OSError`."""
    content = {result.student: {assignment: result.as_json()} for result in results}
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
        Path(name).chmod(0o644 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_STYLES = {
    ReportStatus.graded: "",
    ReportStatus.needs_manual: "cyan",
    ReportStatus.refused: "yellow",
    ReportStatus.internal_error: "red",
}


def table_of(results: Iterable[StudentResult]) -> Table:
    """Return one row for each student."""
    table = Table(box=None, pad_edge=False)
    table.add_column("student", overflow="fold")
    for heading in ("score", "max"):
        table.add_column(heading, justify="right")
    table.add_column("status")
    for heading in ("repairs", "flags", "ms"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            Text(result.student),
            f"{result.score:g}",
            f"{result.max_score:g}",
            Text(result.status.value.replace("_", " "), style=_STYLES[result.status]),
            str(result.repairs or ""),
            str(result.flags or ""),
            f"{result.milliseconds:.0f}",
        )
    return table
