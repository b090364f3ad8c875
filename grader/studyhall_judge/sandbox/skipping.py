"""Lets only a test skip itself.

`unittest` counts a test method that raises `SkipTest` as skipped, and one that raises its own `_ShouldStop` as ended,
so a learner's function that raises one of them would make a run successful that has looked at nothing. What comes from
anywhere else than the text of the test is made the error that it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import unittest
from collections.abc import Iterator
from types import CodeType, TracebackType
from typing import Any

__unittest = True
"""What has `unittest` leave the frames of this module out of what it shows, as it does with its own."""

_FOLDERS = tuple(os.path.dirname(module.__file__ or "") + os.sep for module in (unittest, asyncio))
_FILES = (contextlib.__file__, __file__)
_WORDS = ("skip", "subtest")
_REFUSED = "code that a test called tried to skip the test"

_case: Any = unittest.case
_suite: Any = unittest.suite
_ENDING: tuple[type[Exception], ...] = (unittest.SkipTest, _case._ShouldStop)  # noqa: SLF001 - nothing else is it


def let_only_tests_skip() -> None:
    """Have `unittest` ask who skips, from now on in this process."""
    run_part = _case._Outcome.testPartExecutor  # noqa: SLF001 - the one place where skipping is noticed
    note_of_class = _suite.TestSuite._addClassOrModuleLevelException  # noqa: SLF001 - the same for classes

    @contextlib.contextmanager
    def run_part_that_may_skip(outcome: Any, *arguments: Any, **named: Any) -> Iterator[None]:
        with run_part(outcome, *arguments, **named):
            try:
                yield
            except _ENDING as error:
                if not _is_tests_own(error.__traceback__):
                    raise RuntimeError(_REFUSED) from error
                raise

    def note_of_class_that_may_skip(
        suite: Any, result: Any, error: Any, *arguments: Any, **named: Any
    ) -> None:
        if isinstance(error, _ENDING) and not _is_tests_own(error.__traceback__):
            error = RuntimeError(_REFUSED)
        note_of_class(suite, result, error, *arguments, **named)

    _case._Outcome.testPartExecutor = run_part_that_may_skip  # noqa: SLF001 - as above
    _suite.TestSuite._addClassOrModuleLevelException = note_of_class_that_may_skip  # noqa: SLF001 - as above


def _is_tests_own(trace: TracebackType | None) -> bool:
    """Whether an exception was raised in the cell of the test method that it went through, where that says so."""
    first: CodeType | None = None
    last: CodeType | None = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_FOLDERS) and code.co_filename not in _FILES:
            first, last = first or code, code
        trace = trace.tb_next
    if first is None or last is None:
        return True  # a decorator's: nothing of the cell has run
    return first.co_filename == last.co_filename and any(
        word in name.lower() for name in last.co_names for word in _WORDS
    )
