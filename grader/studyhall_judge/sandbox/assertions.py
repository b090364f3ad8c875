"""Notices an assertion of a test's that has failed and that learners' code has kept from the test.

A test may assert in a function that it hands to a learner's, or within a learner's context manager. What catches the
error there decides the test. A test that catches it itself, to count points, is as it should be.
"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

from studyhall_judge.sandbox.placeholders import TEST_FILE

_get_frame = sys._getframe  # noqa: SLF001 - the interpreter's documented way to see the caller


class Failures:
    """Assertions that failed while learners' code could catch the error. ``prefixes``: folders of trusted code."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = (*prefixes, "<frozen ")
        self._waiting = False

    def start(self) -> None:
        """Begin a test."""
        self._waiting = False

    def note(self, *, within: bool) -> None:
        """Note that an assertion has failed in the frame two above, ``within`` a learner's context manager or not."""
        self._waiting = self._waiting or within or self._below_learners(_get_frame(2))

    def caught(self) -> None:
        """Note that an error has reached a handler of the test's own."""
        self._waiting = False

    @property
    def swallowed(self) -> bool:
        """Whether one has not reached the test, when the test has ended without an error."""
        return self._waiting

    def _below_learners(self, frame: FrameType | None) -> bool:
        while frame is not None:
            code = frame.f_code
            if code.co_filename == TEST_FILE:
                if code.co_name == "<module>":
                    return False
            elif code.co_filename == _FRONT:
                return False
            elif not code.co_filename.startswith(self._prefixes):
                return True
            frame = frame.f_back
        return False


class Hearing:
    """What a compiled test tells of its assertions."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self.failures = Failures(prefixes)
        self.last: tuple[Place, tuple[Any, ...], Names] | None = None
        """Of the assertion that has failed last: its place, its values, and names with theirs."""

    def start_hearing(self) -> None:
        """Begin a test."""
        self.failures.start()
        self.last = None

    def failed(self, within: bool, place: Place, values: tuple[Any, ...], names: Names) -> bool:  # noqa: FBT001 - compiled
        """Hear that an assertion has failed; returns False.

        Args:
            within: whether it stands in a context manager of the learner's.
            place: first line and column and last ones of what did not hold.
            values: what that was about.
            names: what loops around it have set.
        """
        self.failures.note(within=within)
        self.last = place, values, names
        return False

    def caught(self) -> None:
        """Hear that the test has caught an error itself."""
        self.failures.caught()
        self.last = None


Place = tuple[int, int, int, int]
Names = tuple[tuple[str, Any], ...]
_FRONT = os.path.join(os.path.dirname(Failures.note.__code__.co_filename), "front.py")
