"""Puts the code that every notebook runs side by side in memory.

Whatever runs a function writes to it: the interpreter counts who uses a function's code, and notes in the code itself
what it has learnt of it. In a copy of a process each page that is written to has to be copied first. Code that is
imported lies where its module does, a function that runs beside twenty that do not; here those that do are made anew,
one after the other, and so lie together on a seventh of the pages.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

ROUNDS = 12
"""How often work has to be done until the interpreter has learnt of new code what it learns: it begins after eight."""


def pack(work: Callable[[], None]) -> None:
    """Make the code of all functions that ``work`` runs anew. It is done once before, and `ROUNDS` times after that."""
    run = _run_by(work)
    fresh = _Fresh(run)
    for one in gc.get_objects():
        if type(one) is FunctionType and fresh.is_wanted(one.__code__):
            one.__code__ = fresh.code(one.__code__)
    _left.append(fresh)
    for _ in range(ROUNDS):
        work()


_left: list[Any] = []
"""What was replaced. Given back, its memory would be what copies write to next, here and there."""


def _run_by(work: Callable[[], None]) -> dict[int, CodeType]:
    """Return the code that some work runs, by identity."""
    run: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            run[id(frame.f_code)] = frame.f_code

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return run


class _Fresh:
    """Copies of code, each made once, with the code of functions within it."""

    def __init__(self, wanted: dict[int, CodeType]) -> None:
        self._wanted = wanted
        self._made: dict[int, tuple[CodeType, CodeType]] = {}
        """With what each was made of, which so keeps its identity."""

    def is_wanted(self, code: CodeType) -> bool:
        """Whether a function or one within it has run."""
        return id(code) in self._wanted or any(
            type(one) is CodeType and self.is_wanted(one) for one in code.co_consts
        )

    def code(self, code: CodeType) -> CodeType:
        """Return the copy."""
        if id(code) not in self._made:
            parts = tuple(
                self.code(one) if type(one) is CodeType and self.is_wanted(one) else one
                for one in code.co_consts
            )
            self._made[id(code)] = code, code.replace(co_consts=parts)
        return self._made[id(code)][1]
