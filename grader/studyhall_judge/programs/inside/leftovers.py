"""What a program leaves behind where the next one will run, and how to be rid of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat

_SEMAPHORES = "/proc/sysvipc/sem"
_REMOVE = 0
"""IPC_RMID."""


def empty(folder: str) -> None:
    """Remove everything in a folder, however deep, closed or oddly named; the folder stays.

    What is in a folder is moved up before the folder goes, so that depth costs neither memory nor a long path.

    Raises:
        OSError: something is left that cannot be removed.
    """
    if not os.path.isdir(folder):
        return
    with contextlib.suppress(PermissionError):  # those that belong to root always let us in
        os.chmod(folder, 0o700)
    moved = 0
    token = os.urandom(8).hex()
    while names := os.listdir(folder):
        for name in names:
            path = f"{folder}/{name}"
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for child in os.listdir(path):
                inner = f"{path}/{child}"
                if not stat.S_ISDIR(os.lstat(inner).st_mode):
                    os.unlink(inner)
                    continue
                os.chmod(inner, 0o700)  # whoever moves a folder needs to write to it
                os.rename(inner, f"{folder}/{token}-{moved}")
                moved += 1
            os.rmdir(path)


def remove_semaphores() -> None:
    """Remove System V semaphores, which outlive their processes. Raises OSError when one stays."""
    if not os.path.exists(_SEMAPHORES):
        return
    with open(_SEMAPHORES, encoding="ascii") as file:
        lines = file.read().splitlines()[1:]
    library = ctypes.CDLL(None, use_errno=True)
    for line in lines:
        if library.semctl(int(line.split()[1]), 0, _REMOVE):
            raise OSError(ctypes.get_errno(), "a semaphore cannot be removed")
