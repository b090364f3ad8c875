"""Reading an assignment's folder as nbgrader does, and writing one that came from elsewhere."""

import base64
import ctypes
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nbgrader.utils import ignore_patterns

from studyhall_extension.nbgrader_exchange.client import ServiceTrouble

BOOKKEEPING = frozenset({"timestamp.txt", "submission_secret.txt"})
"""What nbgrader itself puts into folders."""

_HERE = -100
_EXCHANGE = 2
"""Linux' names for them are AT_FDCWD and RENAME_EXCHANGE."""


def read_folder(folder: Path, coursedir: Any, log: logging.Logger) -> dict[str, bytes]:
    """Return a folder's files by path, without what the course's settings leave out; links are left out, too.

    Raises:
        ServiceTrouble: it is larger than `CourseDirectory.max_dir_size`.
        OSError: a file can't be read.
    """
    ignore = ignore_patterns(
        exclude=coursedir.ignore, include=coursedir.include, max_file_size=coursedir.max_file_size, log=log
    )
    most = 1000 * coursedir.max_dir_size
    found: dict[str, bytes] = {}
    size = 0
    for place, folders, files in os.walk(folder):
        ignored = set(ignore(place, [*folders, *files]))
        folders[:] = sorted(name for name in folders if name not in ignored)
        for name in sorted(files):
            file = Path(place, name)
            if name in ignored or (place == str(folder) and name in BOOKKEEPING):
                continue
            if file.is_symlink() or not file.is_file():
                log.warning("Left out, since it is not a plain file: %s", file)
                continue
            found[file.relative_to(folder).as_posix()] = file.read_bytes()
            size += len(found[file.relative_to(folder).as_posix()])
            if size > most:
                raise ServiceTrouble(
                    f"{folder} is larger than {most / 1_000_000:g} MB. Remove what the assignment does not need, "
                    "or raise CourseDirectory.max_dir_size."
                )
    return found


def encoded(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """Return files as the service takes them."""
    return [{"path": path, "content": base64.b64encode(data).decode()} for path, data in files.items()]


def inside(folder: Path, path: str) -> Path:
    """Return the place of a file below a folder.

    Raises:
        ServiceTrouble: the path leads out of it; nothing of the kind is written.
    """
    parts = PurePosixPath(path).parts
    if not parts or path != "/".join(parts) or ".." in parts or "\\" in path or not path.isprintable():
        raise ServiceTrouble(f"{path[:80]!r} can't be written below {folder}. Nothing was written.")
    return folder.joinpath(*parts)


def one_name(name: str) -> str:
    """Return a name that is one part of a path.

    Raises:
        ServiceTrouble: it is more, or no name at all.
    """
    if inside(Path("/"), name).parent != Path("/") or name in {".", ".."}:
        raise ServiceTrouble(f"{name[:80]!r} can't be the name of a folder. Nothing was written.")
    return name


def write_folder(folder: Path, files: Mapping[str, bytes], *, groupshared: bool) -> None:
    """Put a folder in the place of the one that is there, wholly or not at all.

    Raises:
        ServiceTrouble: a path leads out of it.
        OSError: it can't be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    before = fresh.with_name(f"{fresh.name}-before")
    try:
        for path, data in files.items():
            file = inside(fresh, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o664 if groupshared else 0o644)
        for place, _, _ in os.walk(fresh):
            Path(place).chmod(0o2775 if groupshared else 0o755)
        if not folder.exists():
            fresh.rename(folder)
        else:
            if not _exchanged(fresh, folder):
                folder.rename(before)
                fresh.rename(folder)
                before.rename(fresh)
            shutil.rmtree(fresh)
    except BaseException:
        if before.exists() and not folder.exists():
            before.rename(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, so that nobody ever finds none; False where the system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def put(file: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        Path(part).chmod(0o644)
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
