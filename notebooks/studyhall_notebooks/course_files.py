"""Reading files below a course folder: nothing outside of it, nothing hidden, nothing without bound."""

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from studyhall_notebooks.errors import CourseError

# What nbgrader leaves out of a release (CourseDirectory.ignore) beside hidden files.
IGNORED: Final = (".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback")


@dataclass(frozen=True)
class FolderLimits:
    """How much a course folder may hold; sizes in bytes."""

    notebook_bytes: int = 10_000_000
    file_bytes: int = 20_000_000
    lesson_bytes: int = 40_000_000
    lesson_files: int = 2_000
    lessons: int = 1_000
    folder_depth: int = 20


DEFAULT_LIMITS: Final = FolderLimits()


class CourseFolder:
    """A course folder on disk, read through checks that keep every path inside of it."""

    def __init__(self, root: Path, limits: FolderLimits = DEFAULT_LIMITS) -> None:
        """Open the folder.

        Raises:
            CourseError: there is no such folder.
        """
        self.limits = limits
        try:
            self.root = root.resolve(strict=True)
            is_folder = self.root.is_dir()
        except (OSError, RuntimeError, ValueError) as error:
            raise CourseError(str(root), "There is no such folder.", "Check the path.") from error
        if not is_folder:
            raise CourseError(
                str(root), "This is not a folder.", "Name the folder that holds course.yaml or source/."
            )

    def shown(self, path: Path) -> str:
        """Return the path as people write it, relative to the course folder."""
        relative = os.path.relpath(path, self.root)
        return PurePosixPath(Path(relative)).as_posix()

    def exists(self, path: Path) -> bool:
        """Return whether something (even a broken link) has this name."""
        return os.path.lexists(path)

    def checked(self, path: Path) -> Path:
        """Return where the path really leads.

        Raises:
            CourseError: it is a link that leaves the course folder, leads nowhere, to a hidden file or in a
                circle.
        """
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise CourseError(
                self.shown(path),
                "This link leads nowhere or the file cannot be reached.",
                "Remove or mend it.",
            ) from error
        if not real.is_relative_to(self.root):
            raise CourseError(
                self.shown(path),
                "This link leaves the course folder.",
                "Put a copy of the file into the folder.",
            )
        if any(part.startswith(".") for part in real.relative_to(self.root).parts):
            raise CourseError(
                self.shown(path),
                "This link leads to a hidden file.",
                "Put a copy of the file into the folder.",
            )
        return real

    def read(self, path: Path, max_bytes: int) -> bytes:
        """Return an ordinary file's bytes.

        Raises:
            CourseError: it leaves the folder, is not an ordinary file, is too large or cannot be read.
        """
        real = self.checked(path)
        try:
            # Opening a pipe would wait for ever, so look before opening and again at what was opened.
            if not stat.S_ISREG(real.stat().st_mode):
                raise CourseError(self.shown(path), "This is not an ordinary file.", "Remove it.")
            descriptor = os.open(
                real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            )
            with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise CourseError(self.shown(path), "This is not an ordinary file.", "Remove it.")
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise CourseError(
                self.shown(path), "This file cannot be read.", "Check its permissions."
            ) from error
        if len(data) > max_bytes:
            raise CourseError(
                self.shown(path),
                f"This file is larger than {max_bytes / 1_000_000:g} MB.",
                "Make it smaller, or let the notebook load it from somewhere else.",
            )
        return data

    def entries(self, folder: Path) -> list[Path]:
        """Return a folder's visible entries, sorted as people count (2 before 10)."""
        real = self.checked(folder)
        try:
            names = [entry.name for entry in real.iterdir()]
        except OSError as error:
            raise CourseError(
                self.shown(folder), "This folder cannot be opened.", "Check its permissions."
            ) from error
        names = sorted((name for name in names if not _is_ignored(name)), key=_natural)
        for name in names:
            # Such names cannot be stored, or mean another folder on a learner's machine.
            if not name.isprintable() or "\\" in name:
                raise CourseError(
                    self.shown(folder),
                    f"The name {name!a} holds characters that cannot be used.",
                    "Rename the file.",
                )
        return [folder / name for name in names]

    def files_below(self, folder: Path) -> Iterator[Path]:
        """Yield every file below a folder in a stable order, following links that stay inside.

        Raises:
            CourseError: folders are nested too deeply or a link leads back to a folder above it.
        """
        yield from self._walk(folder, ())

    def _walk(self, folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
        real = self.checked(folder)
        if real in above:
            raise CourseError(self.shown(folder), "This link leads back to a folder above it.", "Remove it.")
        if len(above) > self.limits.folder_depth:
            raise CourseError(self.shown(folder), "Folders are nested too deeply here.", "Flatten them.")
        for entry in self.entries(folder):
            if self.checked(entry).is_dir():
                yield from self._walk(entry, (*above, real))
            else:
                yield entry


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or any(fnmatch.fnmatch(name, pattern) for pattern in IGNORED)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``lesson 2`` before ``lesson 10``."""
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for character in name.casefold() + "\0":
        if character.isdecimal() and character.isascii():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits[:18]), digits))
            digits = ""
        parts.append((1, 0, character))
    return [*parts, (2, 0, name)]
