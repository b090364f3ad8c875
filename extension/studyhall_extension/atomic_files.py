"""Files that are there completely or not at all, whatever happens in between."""

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

TEMPORARY_SUFFIX = ".studyhall-tmp"
# Seconds after which nobody writes a temporary file any more; a younger one may be another server's of this learner.
LEFT_OVER_AFTER = 600


def replace_file(target: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write `content` to `target`, replacing what is there (a symbolic link itself, never what it points to).

    Raises:
        OSError: the disk refuses; the target is then as it was.
    """
    temporary = _write_beside(target, content, mode)
    try:
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def create_file(target: Path, content: bytes, *, mode: int = 0o666) -> bool:
    """Write `content` to `target` only if nothing is there, not even a broken link; say whether that was so.

    Raises:
        OSError: the disk refuses; nothing was made then.
    """
    temporary = _write_beside(target, content, mode)
    try:
        try:
            # A hard link is made only where there is nothing yet, in one step.
            os.link(temporary, target, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError:
            # Some file systems know no hard links: reserve the name first, then fill it.
            try:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
            except FileExistsError:
                return False
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return True


def remove_left_over(folder: Path) -> None:
    """Remove temporary files that a crash left in `folder`, and none that is being written just now."""
    for file in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > LEFT_OVER_AFTER:
                file.unlink()


def _write_beside(target: Path, content: bytes, mode: int) -> Path:
    temporary = target.parent / f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
