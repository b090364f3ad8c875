"""Knows the threads that a library keeps for itself, as a progress bar does to watch over all bars."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from studyhall_judge.sandbox.kinds import mro_of, namespace_of


def kept_by_libraries(prefixes: tuple[str, ...]) -> int:
    """Return how many threads run what their own class says, one of a library's in the folders ``prefixes``.

    The standard library's own thread runs what it was given. Asks nothing that runs code of a learner's.
    """
    threading: Any = sys.modules.get("threading")
    running = vars(threading).get("_active") if threading is not None else None
    if type(running) is not dict:
        return 0
    return sum(_runs_a_librarys(type(thread), prefixes, threading.__file__) for thread in running.values())


def _runs_a_librarys(kind: type, prefixes: tuple[str, ...], given: str) -> bool:
    run = next((namespace_of(one)["run"] for one in mro_of(kind) if "run" in namespace_of(one)), None)
    if type(run) is not FunctionType:
        return False
    written = run.__code__.co_filename
    return written.startswith(prefixes) and written != given
