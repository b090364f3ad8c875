"""The data files that go to the sandbox along with a learner's notebook."""

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

from studyhall_extension.learners_notebooks.folders import SUFFIX

MOST_BYTES = 30_000_000
MOST_FILES = 500
LONGEST_PATH = 300
BOOKKEEPING = frozenset({"timestamp.txt", "submission_secret.txt"})
"""What nbgrader itself puts into folders."""
LEFT_ASIDE = frozenset({"__pycache__", "feedback"})


@dataclass(slots=True)
class Files:
    """Files as the service takes them, and the names of those that did not fit."""

    given: dict[str, str] = field(default_factory=dict)
    """The assignment's own: base64 by path."""
    own: dict[str, str] = field(default_factory=dict)
    """The learner's."""
    left_out: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add(self, to: dict[str, str], name: str, path: Path) -> None:
        """Read one file, if there is still room for it.

        Raises:
            OSError: it can't be read.
        """
        size = path.stat().st_size
        if size > MOST_BYTES - self._bytes or len(to) >= MOST_FILES or len(name) > LONGEST_PATH:
            self.left_out.append(name)
            return
        self._bytes += size
        to[name] = base64.b64encode(path.read_bytes()).decode()


def files_beside(folder: Path, given: Path | None) -> Files:
    """Return the files of a learner's folder and of the assignment; links and notebooks stay where they are.

    Raises:
        OSError: one can't be read.
    """
    files = Files()
    if given is not None:
        for name, path in _below(given).items():
            files.add(files.given, name, path)
    for name, path in _below(folder).items():
        if name not in files.given:
            files.add(files.own, name, path)
    return files


def _below(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_ASIDE and not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if name in BOOKKEEPING or name.startswith(".") or name.endswith((SUFFIX, ".pyc")):
                continue
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(folder).as_posix()] = path
    return found
