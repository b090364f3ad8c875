"""The files that lie beside a submitted notebook when it runs."""

import base64
from pathlib import Path
from typing import Any

from nbgrader.utils import find_all_files

LEFT_OUT = frozenset({"timestamp.txt", "submission_secret.txt"})
MOST_BYTES = 30_000_000

Files = dict[str, str]
"""Base64 by path."""


def files_of(converter: Any, assignment: str, *places: str) -> tuple[Files, Files]:
    """Return the assignment's own files, and the student's others.

    Args:
        converter: nbgrader's, which says where things are and what is left out.
        assignment: its name.
        places: folders of the student's submission.
    """
    coursedir = converter.coursedir
    source = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    excluded = set(converter.exclude_overwriting.get(assignment, []))
    ours = _below(source, coursedir.ignore)
    released = {name: path for name, path in ours.items() if name not in excluded}
    own: dict[str, Path] = {}
    for place in places:
        own |= {
            name: path for name, path in _below(Path(place), coursedir.ignore).items() if name not in released
        }
    budget = [MOST_BYTES]
    return _read(released, budget), _read(own, budget)


def _below(folder: Path, ignored: list[str]) -> dict[str, Path]:
    found = {}
    for name in find_all_files(str(folder), [*ignored, "*.ipynb"]):
        path = Path(name)
        if path.name not in LEFT_OUT and path.is_file() and not path.is_symlink():
            found[path.relative_to(folder).as_posix()] = path
    return found


def _read(files: dict[str, Path], budget: list[int]) -> Files:
    """Read files until the budget is used up: what a request may hold is limited."""
    read = {}
    for name, path in sorted(files.items()):
        size = path.stat().st_size
        if size <= budget[0]:
            budget[0] -= size
            read[name] = base64.b64encode(path.read_bytes()).decode()
    return read
