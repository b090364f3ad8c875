"""From an nbgrader course's ``release/`` and ``source/`` to what learners fetch and what the judge grades with."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import grade_id, role_of, tests_of
from studyhall_notebooks.course import Lesson as LessonSettings
from studyhall_notebooks.course_files import DEFAULT_LIMITS
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.headings import first_heading
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.quiz import quiz_ids
from studyhall_notebooks.release import ReleaseOptions, graded_source, with_default_delimiters

from studyhall.courses.errors import CourseInvalid
from studyhall.courses.publishing import BuiltLesson, digest
from studyhall.courses.schemas import ReleaseFile
from studyhall.errors import Invalid, TooLarge

NOTEBOOK = ".ipynb"
NO_SOURCE = (
    "source/ was not sent, so hidden tests are not known: attempts are graded by the tests that learners see. "
    "Release from the course folder that holds source/ to add them."
)


@dataclass(frozen=True)
class BuiltAssignment:
    """A lesson ready to be published, its learners' notebooks, and what to tell whoever released it."""

    lesson: BuiltLesson
    learners: Mapping[str, NotebookNode]
    notes: tuple[str, ...]

    def numbered(self, course: str, release: int) -> dict[str, str]:
        """Return the learners' notebooks with the course, lesson and release that they belong to written in."""
        texts = {}
        for stem, node in self.learners.items():
            node.metadata["studyhall"] = {
                "course": course,
                "lesson": self.lesson.settings.slug,
                "notebook": stem,
                "release": release,
            }
            texts[stem] = write_notebook(node)
        return texts


def unpacked(files: Sequence[ReleaseFile]) -> dict[str, bytes]:
    """Return uploaded files by path.

    Raises:
        Invalid: a path leaves the folder, or a content is not base64.
        TooLarge: a file, or all of them together, is larger than a lesson may be.
    """
    found: dict[str, bytes] = {}
    for file in files:
        path = PurePosixPath(file.path)
        plain = path.parts and file.path == "/".join(path.parts) and not path.is_absolute()
        if not plain or ".." in path.parts or "\\" in file.path or not file.path.isprintable():
            raise Invalid(f"{file.path!r} is not a path inside of the assignment's folder.")
        try:
            found[file.path] = base64.b64decode(file.content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Invalid(f"The content of {file.path!r} is not base64.") from error
        if len(found[file.path]) > DEFAULT_LIMITS.file_bytes:
            raise TooLarge(f"{file.path} is larger than {DEFAULT_LIMITS.file_bytes / 1_000_000:g} MB.")
    if sum(map(len, found.values())) > DEFAULT_LIMITS.lesson_bytes:
        raise TooLarge(f"The assignment is larger than {DEFAULT_LIMITS.lesson_bytes / 1_000_000:g} MB.")
    return found


def build(
    settings: LessonSettings,
    *,
    course: str,
    released: Mapping[str, bytes],
    source: Mapping[str, bytes] | None,
    options: ReleaseOptions,
) -> BuiltAssignment:
    """Build an assignment from the bytes of ``release/`` and ``source/``, by path.

    Raises:
        CourseInvalid: there is no notebook, one can't be read or graded, the two folders do not fit each other, or
            what learners would get still holds hidden tests or solutions.
    """
    learners = {
        PurePosixPath(path).stem: _read(f"release/{path}", data)
        for path, data in sorted(released.items())
        if "/" not in path and path.endswith(NOTEBOOK)
    }
    if not learners:
        raise CourseInvalid(
            "release/ holds no notebook. Run `nbgrader generate_assignment` and release again."
        )
    graded: dict[str, NotebookNode] = {}
    for stem, node in learners.items():
        _refuse_leaks(stem, node, options)
        graded[stem] = _graded(stem, node, source, options)
    if not settings.title:
        titles = [first_heading(node) for node in learners.values()]
        settings = settings.model_copy(
            update={"title": next((title for title in titles if title), settings.slug)}
        )
    tests = [test for stem, node in graded.items() for test in tests_of(node, stem)]
    files = {path: data for path, data in released.items() if "/" in path or not path.endswith(NOTEBOOK)}
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    texts = {stem: write_notebook(with_default_delimiters(node, options)) for stem, node in graded.items()}
    quizzes = [name for node in learners.values() for name in quiz_ids(node)]
    built = BuiltAssignment(
        lesson=BuiltLesson(
            settings=settings,
            graded=texts,
            files=files,
            tests=tests,
            quizzes=list(dict.fromkeys(quizzes)),
            content_hash="",
            graded_hash=digest({"notebooks": texts, "files": hashes}),
        ),
        learners=learners,
        notes=() if source is not None else (NO_SOURCE,),
    )
    content_hash = digest({"notebooks": built.numbered(course, 0), "files": hashes})
    return replace(built, lesson=replace(built.lesson, content_hash=content_hash))


def _read(shown: str, data: bytes) -> NotebookNode:
    try:
        return read_notebook(data, max_bytes=DEFAULT_LIMITS.notebook_bytes)
    except NotebookError as error:
        raise CourseInvalid(f"{shown}: {error.message}") from error


def _refuse_leaks(stem: str, node: NotebookNode, options: ReleaseOptions) -> None:
    secrets = {
        options.begin_hidden: "hidden tests",
        options.begin_solution: "a solution",
        options.begin_mark_scheme: "a mark scheme",
    }
    for number, cell in enumerate(node.cells, start=1):
        for mark, what in secrets.items():
            if mark in cell.source:
                raise CourseInvalid(
                    f"release/{stem}.ipynb still holds {what} in cell {number}, and learners would see it. Run "
                    "`nbgrader generate_assignment --force` and release again."
                )


def _graded(
    stem: str, learners: NotebookNode, source: Mapping[str, bytes] | None, options: ReleaseOptions
) -> NotebookNode:
    if source is not None and f"{stem}{NOTEBOOK}" not in source:
        raise CourseInvalid(
            f"release/ holds {stem}.ipynb and source/ does not. Run `nbgrader generate_assignment --force` and release "
            "again."
        )
    try:
        if source is None:
            # Headers and footers are in the released notebook already.
            return graded_source(learners, options.model_copy(update={"header": (), "footer": ()}))
        graded = graded_source(_read(f"source/{stem}.ipynb", source[f"{stem}{NOTEBOOK}"]), options)
    except NotebookError as error:
        raise CourseInvalid(f"{stem}.ipynb: {error.message}") from error
    if _cells(graded) != _cells(learners):
        raise CourseInvalid(
            f"The cells of {stem}.ipynb in source/ and in release/ are not the same ones: source/ was changed after "
            "the assignment was generated. Run `nbgrader generate_assignment --force` and release again."
        )
    return graded


def _cells(node: NotebookNode) -> list[tuple[Any, ...]]:
    """Return what makes a notebook's cells for nbgrader, in order: identity, role and points."""
    return [
        (grade_id(cell), role_of(cell), (cell.metadata.get("nbgrader") or {}).get("points"))
        for cell in node.cells
        if grade_id(cell) is not None
    ]
