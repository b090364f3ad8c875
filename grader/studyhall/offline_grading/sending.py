"""Making a student's work small enough to be sent to the judge."""

import base64
import json
from typing import Final

from studyhall_judge.client import MOST_BYTES
from studyhall_notebooks.outputs import without_outputs

from studyhall.offline_grading.course_reader import Assignment
from studyhall.offline_grading.submission_reader import ReadFolder

ROOM: Final = MOST_BYTES - 1_000_000
"""Bytes for a student's notebooks and files together; the rest of a message is for what stands around them."""


def make_it_fit(read: ReadFolder, assignment: Assignment, room: int = ROOM) -> None:
    """Leave out what the judge can best do without, and say so, until the rest can be sent.

    First the student's own files go, then the outputs in the notebooks, then notebooks under other names. What is
    still too large is refused, with its names and the way out.
    """
    if size_of(read) <= room:
        return
    if read.extras:
        read.extras.clear()
        first = next(iter(assignment.notebooks))
        read.repair(
            "files_left_out",
            first,
            "Your own files and notebooks are too large together. The files were left out.",
        )
        read.flag("files_left_out", "The student's own files were left out: the submission is too large.")
    if size_of(read) > room:
        read.notebooks = {name: without_outputs(text) for name, text in read.notebooks.items()}
    others = [name for name in read.notebooks if name not in assignment.notebooks]
    while others and size_of(read) > room:
        name = others.pop()
        del read.notebooks[name]
        read.flag("many_notebooks", f"{name}.ipynb was left out: the submission is too large.")
    if size_of(read) > room:
        names = sorted(read.notebooks, key=lambda name: len(read.notebooks[name]), reverse=True)
        read.refusal = (
            f"The submission is too large even without outputs; its largest notebooks are "
            f"{', '.join(f'{name}.ipynb' for name in names[:3])}. Remove what is not an answer, save and hand it in "
            "again."
        )


def encoded(read: ReadFolder) -> dict[str, str]:
    """Return the student's own files as a grade request holds them."""
    return {name: base64.b64encode(data).decode() for name, data in read.extras.items()}


def size_of(read: ReadFolder) -> int:
    """Return the bytes that a student's work takes on its way."""
    notebooks = sum(_bytes_of(text) for text in read.notebooks.values())
    return notebooks + sum(len(data) * 4 // 3 + len(name) * 4 + 10 for name, data in read.extras.items())


def _bytes_of(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))
