"""Processes whose parent died before them: this process takes them over, so that none is ever lost."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "The kernel refused to hand over orphaned processes")


def reap_orphans(ours: Collection[int]) -> None:
    """Collect the exit codes of adopted children that have ended, leaving those in `ours` alone."""
    for pid in children(os.getpid()):
        if pid not in ours:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def children(pid: int) -> list[int]:
    """Return the process numbers of the children of `pid`, ended ones included."""
    return _children_by_parent().get(pid, [])


def descendants(pid: int) -> list[int]:
    """Return the process numbers of everything below `pid`."""
    # Everything is read once: a look at all processes for each of dozens takes seconds on a busy machine.
    by_parent = _children_by_parent()
    below = list(by_parent.get(pid, []))
    for found in below:
        below += by_parent.get(found, [])
    return below


def _children_by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The program's name stands in brackets and may hold anything; the parent is the second word
                # after it.
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                found.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    return found


def kill_all(*, seconds: float) -> bool:
    """Kill everything below this process; return whether nothing was left within `seconds`."""
    deadline = time.monotonic() + seconds
    while left := descendants(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        reap_orphans(())
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
