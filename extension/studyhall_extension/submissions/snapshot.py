"""Reading a lesson's notebooks from the learner's disk for one submission.

They are sent as they are, but for outputs where a notebook would be too large with them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall_notebooks.outputs import MAX_BYTES_WITH_OUTPUTS, without_outputs

from studyhall_extension.courses.lesson_files import NOTEBOOK_SUFFIX
from studyhall_extension.courses.manifest import Manifest, read_manifest
from studyhall_extension.errors import (
    NotebookNotFoundError,
    NotebookNotJsonError,
    NotebookTooLargeError,
    ReleaseUnknownError,
    WrongLessonError,
    disk_errors,
)
from studyhall_extension.safe_paths import existing_file


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Largest sizes in bytes: of one notebook, and of all notebooks of a submission together."""

    notebook: int
    submission: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All notebooks of one submission: stem → text as it is on disk, or without outputs."""

    course: str
    lesson: str
    release: int
    notebooks: dict[str, str]


def take_snapshot(root: Path, course: str, lesson: str, opened: str, limits: SizeLimits) -> Snapshot:
    """Read the opened notebook (path from `root`) and the lesson's other notebooks. Nothing is written.

    A renamed copy, or one put beside the learner's own, still counts as the notebook that its metadata name.

    Raises:
        NotebookNotFoundError: the opened notebook isn't there.
        NotebookNotJsonError, NotebookTooLargeError: one of the notebooks can't be sent.
        WrongLessonError: the opened notebook says that it belongs elsewhere.
        ReleaseUnknownError: nothing says which release the work belongs to.
        DiskUnusableError: a file can't be read.
    """
    with disk_errors():
        file = existing_file(root, opened)
        if file.suffix != NOTEBOOK_SUFFIX:
            raise NotebookNotFoundError
        text = read_text(file, limits)
        document = _document(text, file)
        folder = root / course / lesson
        manifest = read_manifest(folder)
        ours = _studyhall_metadata(document)
        _check_lesson(ours, course, lesson)
        path = str(file.relative_to(folder)) if file.is_relative_to(folder) else ""
        release = _release(ours, manifest, path)
        stem = _stem(ours, manifest, path, file)
        notebooks = {stem: text}
        for other in manifest.notebooks():
            copy = manifest.of_notebook(other, release)
            if other == stem or copy is None:
                continue
            try:
                other_file = existing_file(root, f"{course}/{lesson}/{copy}")
            except NotebookNotFoundError:
                continue  # The learner removed it: it was not answered, and the rest still counts.
            # A damaged one costs only itself: the judge reads what is left of it, and says so.
            notebooks[other] = read_text(other_file, limits, "replace")
    total = sum(len(text) for text in notebooks.values())
    if total > limits.submission:
        notebooks = {stem: without_outputs(text) for stem, text in notebooks.items()}
        total = sum(len(text) for text in notebooks.values())
    if total > limits.submission:
        raise NotebookTooLargeError(
            f"The lesson's notebooks are {_megabytes(total)} together, even without outputs; "
            f"{_megabytes(limits.submission)} can be submitted. Remove what is not an answer, save, submit again."
        )
    return Snapshot(course=course, lesson=lesson, release=release, notebooks=notebooks)


def read_text(file: Path, limits: SizeLimits, errors: str = "strict") -> str:
    """A notebook's text, without outputs if it is too large with them.

    Args:
        file: the notebook.
        limits: how large it may be.
        errors: what becomes of bytes that are no UTF-8, as `bytes.decode` has it.

    Raises:
        NotebookTooLargeError: it is larger than one may be without outputs, or so large that it is not even read.
        NotebookNotJsonError: it is no text.
        OSError: it can't be read.
    """
    size = file.stat().st_size
    if size <= MAX_BYTES_WITH_OUTPUTS:
        with file.open("rb") as opened:
            # One byte more than allowed shows that the file grew since it was measured.
            content = opened.read(MAX_BYTES_WITH_OUTPUTS + 1)
        size = len(content)
    if size > MAX_BYTES_WITH_OUTPUTS:
        raise NotebookTooLargeError(
            f"“{file.name}” is {_megabytes(size)}; {_megabytes(limits.notebook)} can be submitted. "
            "Clear its outputs (Edit → Clear Outputs of All Cells), save and submit again."
        )
    try:
        text = content.decode("utf-8-sig", errors)
    except ValueError as error:
        raise _not_json(file) from error
    if size > limits.notebook:
        text = without_outputs(text)
        size = len(text.encode())
    if size > limits.notebook:
        raise NotebookTooLargeError(
            f"“{file.name}” is {_megabytes(size)} even without its outputs; {_megabytes(limits.notebook)} can be "
            "submitted. Remove what is not an answer, save and submit again."
        )
    return text


def _document(text: str, file: Path) -> dict[str, Any]:
    """What a notebook says of itself. Raises `NotebookNotJsonError`: it is no JSON object."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_json(file) from error
    if not isinstance(document, dict):
        raise _not_json(file)
    return document


def _not_json(file: Path) -> NotebookNotJsonError:
    return NotebookNotJsonError(
        f"“{file.name}” is damaged: it is not a notebook any more. Your file was left as it is. Rename it, "
        "open the lesson again to get a fresh copy, and copy your answers over."
    )


def _studyhall_metadata(document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    ours = metadata.get("studyhall") if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) else {}


def _check_lesson(ours: dict[str, Any], course: str, lesson: str) -> None:
    its_course, its_lesson = ours.get("course", course), ours.get("lesson", lesson)
    if (its_course, its_lesson) != (course, lesson):
        raise WrongLessonError(
            f"This notebook belongs to the lesson “{its_lesson}” of the course “{its_course}”, not to "
            f"“{lesson}” of “{course}”. Open it there and submit again."
        )


def _release(ours: dict[str, Any], manifest: Manifest, path: str) -> int:
    """The newest release that the notebook or the folder's manifest says this file belongs to."""
    said = ours.get("release")
    known = [said] if isinstance(said, int) and not isinstance(said, bool) else []
    if path in manifest.files:
        known.append(manifest.files[path].release)
    if not known and manifest.release is not None:
        known.append(manifest.release)
    if not known:
        raise ReleaseUnknownError
    return max(known)


def _stem(ours: dict[str, Any], manifest: Manifest, path: str, file: Path) -> str:
    said = ours.get("notebook")
    if isinstance(said, str) and said and (not manifest.files or said in manifest.notebooks()):
        return said
    fetched = manifest.files.get(path)
    if fetched is not None and fetched.notebook is not None:
        return fetched.notebook
    return file.name.removesuffix(NOTEBOOK_SUFFIX)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
