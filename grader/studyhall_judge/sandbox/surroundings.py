"""Where a test's programs and files come from: the working folder, the interpreter's path, the environment.

Threat: a test that starts a program runs the learner's own, found first in ``PATH`` or named by ``sys.executable``; a
test that opens a released file gets one of the same name, since the process has moved to another folder.

What an honest answer does stays: another folder without such files, a variable that leads nowhere, more at the end.
The audit hook hears who moves and who sets variables, so that what a test does itself is no concern.
"""

from __future__ import annotations

import hashlib
import os
import posix
import stat
import sys
from collections.abc import Iterable
from typing import Any

from studyhall_judge.sandbox.watched import Record

MOVED = "os.chdir"
SET = frozenset({"os.putenv", "os.unsetenv"})
_LEADING = (
    *("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV", "SHELL"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPLATLIBDIR"),
)
"""Variables that say which programs and libraries are taken."""

_LARGEST = 10_000_000
_get_folder, _change_folder = posix.getcwd, posix.chdir
_get_status, _open_file, _read, _close = posix.stat, posix.open, posix.read, posix.close
_put, _unset = posix.putenv, posix.unsetenv
_encode, _is_file = os.fsencode, stat.S_ISREG
_digest: Any = hashlib.blake2b
"""Not `hash`, whose key lies in the learner's own memory: who knows it can write other content of the same hash."""


class Surroundings:
    """The surroundings as they are before any submission. ``heard`` is what learners' code has done to them."""

    def __init__(self, heard: set[str]) -> None:
        self._heard = heard
        self._executable = sys.executable
        self._folder = ""
        self._variables = {name: os.environ.get(name) for name in _LEADING}
        data: Any = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001 - what it reads from, beside the real ones
        self._record = Record("os.environ", os.environ, data)

    def begin(self) -> None:
        """Remember the folder, now that there is one."""
        self._folder = _get_folder()

    def restore(self, files: Iterable[str], *, after_test: bool) -> list[str]:
        """Put back what would have a test take a learner's programs or files; returns what, in words."""
        found = []
        if sys.executable is not self._executable:
            sys.executable = self._executable
            found.append("sys.executable")
        if MOVED in self._heard:
            found += self._return_to_folder(files)
        record = self._record
        if self._heard & SET or (not record.is_unchanged() and not after_test):
            found += self._restore_variables()
            self._heard -= SET
        record.settle()
        return found

    def _return_to_folder(self, files: Iterable[str]) -> list[str]:
        try:
            here = _get_folder()
        except OSError:  # it is gone
            return []
        if here == self._folder or not any(_is_another(here, self._folder, name) for name in files):
            return []
        _change_folder(self._folder)
        return ["The working folder"]

    def _restore_variables(self) -> list[str]:
        found = []
        for name, before in self._variables.items():
            now = os.environ.get(name)
            if now != before and _leads_elsewhere(now or "", before or ""):
                if before is None:
                    del os.environ[name]
                else:
                    os.environ[name] = before
                found.append(f"os.environ[{name}]")
            elif now is None:  # programs see what was set past `os.environ`, too
                _unset(_encode(name))
            else:
                _put(_encode(name), _encode(now))
        return found


def _leads_elsewhere(now: str, before: str) -> bool:
    """Whether a variable leads to something that there is, before it leads to where it did."""
    first = now.partition(before)[0] if before else now
    return any(_status_of(one) is not None for one in first.replace(" ", ":").split(":") if one)


def _is_another(here: str, folder: str, name: str) -> bool:
    """Whether there is a file of this name here, and it is none of the lesson's."""
    other, own = _status_of(f"{here}/{name}"), _status_of(f"{folder}/{name}")
    if other is None or (own is not None and (other.st_dev, other.st_ino) == (own.st_dev, own.st_ino)):
        return False
    same = own is not None and other.st_size == own.st_size <= _LARGEST
    return not (same and _content_of(f"{here}/{name}") == _content_of(f"{folder}/{name}"))


def _status_of(path: str) -> Any:
    try:
        return _get_status(path)
    except (OSError, ValueError):
        return None


def fingerprint_of(path: str, largest: int) -> tuple[bytes, int] | None:
    """Return what only the same content gives, with its size; None for what is no file or larger than that."""
    about = _status_of(path)
    if about is None or not _is_file(about.st_mode) or about.st_size > largest:
        return None
    digest: bytes = _digest(_content_of(path)).digest()
    return digest, about.st_size


def _content_of(path: str) -> bytes:
    try:
        file = _open_file(path, posix.O_RDONLY | posix.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return _read(file, _LARGEST)
    except OSError:
        return b""
    finally:
        _close(file)
