"""Names and folders that may be used on the learner's disk."""

import posixpath
import re
from pathlib import Path, PurePosixPath

from studyhall_extension.errors import FolderBlockedError, LessonUnsafeError, NotebookNotFoundError

MAX_NAME_BYTES = 200
MAX_DEPTH = 8
# Device names that Windows keeps for itself, in any case and with any extension.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\/]")


def is_safe_name(name: str) -> bool:
    """Whether one folder or file name may be written on any system, is visible, and stays where it is put."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return (
        0 < size <= MAX_NAME_BYTES
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and _FORBIDDEN.search(name) is None
        and _RESERVED.fullmatch(name) is None
    )


def safe_relative_path(path: str) -> PurePosixPath:
    """A lesson file's path, checked name by name.

    Raises:
        LessonUnsafeError: it is empty, absolute, climbs, hides, is too deep or no disk should get it.
    """
    names = path.split("/")
    if len(names) > MAX_DEPTH or not all(is_safe_name(name) for name in names):
        raise LessonUnsafeError(
            f"This lesson has a file name that can't be stored safely ({path[:80]!r}). Nothing was "
            "written; tell your instructor."
        )
    return PurePosixPath(*names)


def make_folder(inside: Path, *names: str) -> Path:
    """Make the folder `inside/names…` and give it back, following no symbolic link out of `inside`.

    Raises:
        FolderBlockedError: a file or a link to somewhere else is in the way.
        OSError: the disk refuses.
    """
    bounds = inside.resolve()
    folder = inside
    for name in names:
        folder = folder / name
        if not folder.is_symlink():
            try:
                folder.mkdir(exist_ok=True)
            except FileExistsError as error:
                raise _blocked(folder) from error
        if not folder.is_dir() or not folder.resolve().is_relative_to(bounds):
            raise _blocked(folder)
    return folder


def existing_file(root: Path, path: str) -> Path:
    """A file named by Jupyter's path (relative to the server's root), following no link out of the root.

    Raises:
        NotebookNotFoundError: there is no such file, or it lies outside the root.
    """
    relative = posixpath.normpath(path.lstrip("/"))
    if "\x00" in path or relative.startswith(".."):
        raise NotebookNotFoundError
    file = root / relative
    try:
        if file.resolve().is_relative_to(root.resolve()) and file.is_file():
            return file
    except (OSError, RuntimeError) as error:  # A name too long for the disk, a link to itself.
        raise NotebookNotFoundError from error
    raise NotebookNotFoundError


def _blocked(folder: Path) -> FolderBlockedError:
    return FolderBlockedError(
        f"Something else called {folder.name!r} is where a folder has to be made. Rename it, then try again."
    )
