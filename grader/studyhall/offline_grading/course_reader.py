"""From a course folder to what the judge grades with: one assignment's release, and who handed it in."""

import ast
import fnmatch
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from studyhall_judge.report import Limits, Release, Scoring
from studyhall_notebooks.cells import CellRole, role_of
from studyhall_notebooks.checks import foreign_language
from studyhall_notebooks.course import SingleLesson, load_lesson
from studyhall_notebooks.errors import CourseError, NotebookError
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import graded_source, with_default_delimiters

from studyhall.offline_grading.errors import OfflineGradingError

CELLS_IN_TOTAL = 4
"""How many times the time of one cell a whole submission gets: nbgrader has no such limit, a class needs one."""


@dataclass(frozen=True)
class Assignment:
    """One assignment of a course.

    ``notebooks`` are its graded sources by name, ``files`` its data files by path. ``modules`` are the importable
    modules that its notebooks name, ``missing_modules`` those that this interpreter does not have.
    """

    name: str
    notebooks: dict[str, str]
    files: dict[str, bytes]
    release: Release
    scoring: Scoring
    limits: Limits
    modules: tuple[str, ...]
    missing_modules: tuple[str, ...]
    submitted: Path
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StudentFolder:
    """A student's folder for the assignment; ``student`` is the folder's name as text that can be printed."""

    student: str
    path: Path


def read_assignment(course: Path, name: str) -> Assignment:
    """Read one assignment's source, whatever state the others are in.

    Raises:
        OfflineGradingError: the course or the assignment cannot be used.
    """
    try:
        lesson = load_lesson(course, name)
    except CourseError as error:
        raise OfflineGradingError(error.message) from error
    texts = {stem: _graded(lesson, stem, data) for stem, data in lesson.bundle.notebooks.items()}
    for stem, text in texts.items():
        if language := foreign_language(read_notebook(text.encode())):
            raise OfflineGradingError(
                f"The tests of source/{lesson.lesson.source_folder}/{stem}.ipynb are written in {language}; only "
                "Python is graded here. The service grades them where its judge has an environment with that kernel."
            )
    found, missing = _modules(lesson)
    return Assignment(
        name=lesson.lesson.source_folder,
        notebooks=texts,
        files=lesson.bundle.files,
        release=Release.build(texts, lesson.bundle.files),
        scoring=lesson.lesson.scoring,
        limits=_limits(lesson.cell_seconds),
        modules=found,
        missing_modules=missing,
        submitted=course.resolve() / lesson.submitted,
        notes=lesson.notes,
    )


def _graded(lesson: SingleLesson, stem: str, data: bytes) -> str:
    try:
        graded = graded_source(read_notebook(data), lesson.options)
    except NotebookError as error:
        raise OfflineGradingError(
            f"source/{lesson.lesson.source_folder}/{stem}.ipynb: {error.message}"
        ) from error
    return write_notebook(with_default_delimiters(graded, lesson.options))


def _limits(cell_seconds: float | None) -> Limits:
    if cell_seconds is None:
        return Limits()
    total = max(Limits().total_seconds, CELLS_IN_TOTAL * cell_seconds)
    return Limits(cell_seconds=cell_seconds, total_seconds=total)


def _modules(lesson: SingleLesson) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modules that the source imports and that are here, and the packages that are not.

    The assignment's own modules, which lie beside its notebooks, are neither.
    """
    own = {Path(path).parts[0].removesuffix(".py") for path in lesson.bundle.files}
    wanted: set[str] = set()
    for data in lesson.bundle.notebooks.values():
        for cell in read_notebook(data).cells:
            # A hidden test may ask for what no answer needs, but its import is just as slow and just as missing.
            if cell.cell_type == "code" and role_of(cell) is not CellRole.quiz:
                wanted |= _imports(cell.source)
    found: set[str] = set()
    missing: set[str] = set()
    for name in wanted:
        package = name.partition(".")[0]
        if package in own or package in sys.stdlib_module_names:
            continue
        (found if importlib.util.find_spec(package) is not None else missing).add(name)
    return tuple(sorted(found)), tuple(sorted({name.partition(".")[0] for name in missing}))


def _imports(source: str) -> set[str]:
    kept = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    try:
        tree = ast.parse(kept)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def find_students(assignment: Assignment, pattern: str) -> list[StudentFolder]:
    """Return the folders of the students who handed the assignment in and whose names match, sorted by name.

    Raises:
        OfflineGradingError: nobody is there to grade.
    """
    place = assignment.submitted
    shown = place.name
    if not place.is_dir():
        raise OfflineGradingError(
            f"{shown}: There is no such folder in the course. Put the work of each student into "
            f"{shown}/<student>/{assignment.name}/, or let nbgrader collect it."
        )
    try:
        names = sorted(entry.name for entry in os.scandir(place) if not entry.name.startswith("."))
    except OSError as error:
        raise OfflineGradingError(f"{shown}: This folder cannot be opened. Check its permissions.") from error
    handed_in = [name for name in names if os.path.lexists(place / name / assignment.name)]
    if not handed_in:
        raise OfflineGradingError(
            f"Nobody has handed in {assignment.name}: no folder {shown}/<student>/{assignment.name} was found."
        )
    chosen = [name for name in handed_in if fnmatch.fnmatchcase(name, pattern)]
    if not chosen:
        raise OfflineGradingError(
            f"No student with work for {assignment.name} matches {pattern!r}. Those who handed in are "
            f"{_some(handed_in)}."
        )
    return [StudentFolder(printable(name), place / name / assignment.name) for name in chosen]


def printable(name: str) -> str:
    """Return a file's name as text, with what is no text or would steer a terminal written as an escape."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} others"
