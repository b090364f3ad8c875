"""Keeps a learner's `StopIteration` from ending what a test goes through.

``map``, ``filter`` and some of ``itertools`` hand on whatever the function that they call raises, and a
`StopIteration` then looks like the end: a test that compares pair by pair would have compared nothing. In a generator
Python itself makes it a `RuntimeError`; so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

CALLERS = {
    **dict.fromkeys(("map", "filter", "iter", "starmap", "takewhile", "dropwhile", "filterfalse"), 0),
    **dict.fromkeys(("accumulate", "groupby"), 1),
}
"""What calls a function for each element and ends where that raises `StopIteration`: the place of the function."""

KEYWORDS = frozenset({"func", "key"})
"""The names that the function may be given by."""


def without_end(function: Any) -> Any:
    """Return a function that does the same, but for raising `StopIteration`; anything else as it is.

    A learner may get hold of it, so it has global names of its own and leads to none of ours.
    """
    if not callable(function):
        return function
    return FunctionType(_with_error_instead.__code__, {"__builtins__": dict(_NAMES)})(function)


def _with_error_instead(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except StopIteration as error:
            raise RuntimeError("a function that was called for each element raised StopIteration") from error

    return called


_NAMES = {"StopIteration": StopIteration, "RuntimeError": RuntimeError}
