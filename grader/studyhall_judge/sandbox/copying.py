"""Copies of this process without what Python itself does after a fork.

`os.fork` has the interpreter and its modules see to the threads that a copy does not have: it makes locks anew and
clears lists. What is copied here has one thread and holds no lock, so none of that changes anything, but it writes to
200 pages of memory, which the kernel has to copy, one by one: a third of what an empty copy costs.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

from studyhall_judge.sandbox import linux

_FOR_OTHER_THREADS = frozenset(
    {"threading", "logging", "concurrent.futures.thread", "asyncio.events", "IPython.core.history", "random"}
)
"""Modules whose handlers see to threads and what they hold, or to what :func:`fork` does itself."""

_in_copies: list[Callable[[], Any]] = []
"""What libraries want called in every copy."""
_around: list[Callable[[], Any]] = []
"""What libraries want called before a copy is made: then it is made as Python makes it."""


@contextlib.contextmanager
def heeding_handlers() -> Iterator[None]:
    """Note which handlers modules that are imported meanwhile register with `os.register_at_fork`."""
    register = os.register_at_fork

    def note(**handlers: Callable[[], Any]) -> None:
        register(**handlers)
        if sys._getframe(1).f_globals.get("__name__") in _FOR_OTHER_THREADS:  # noqa: SLF001 - who registers does not say so
            return
        if "before" in handlers:
            _around.append(handlers["before"])
        if "after_in_child" in handlers:
            _in_copies.append(handlers["after_in_child"])

    os.register_at_fork = note  # type: ignore[assignment]  # whatever it is given it hands on
    try:
        yield
    finally:
        os.register_at_fork = register


def fork(first: Callable[[], None] | None = None) -> int:
    """Copy this process, which has one thread; returns 0 in the copy, as `os.fork` does.

    ``first`` is what the copy does before anything else.

    Raises:
        OSError: there is no memory or no process number left.
    """
    pid = os.fork() if _around else linux.fork()
    if pid == 0:
        if first is not None:
            first()
        if _around:
            return pid
        random.seed()  # copies of one parent must not all draw the same numbers
        for function in _in_copies:
            function()
    return pid
