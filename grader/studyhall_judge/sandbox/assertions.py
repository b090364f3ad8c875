"""Notices an assertion of a test's that has failed and that learners' code has kept from the test.

A test may assert in a function that it hands to a learner's, or within a learner's context manager. What catches the
error there decides the test. A test that catches it itself, to count points, is as it should be.
"""

from __future__ import annotations

import os
import sys
from types import FrameType

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

    def failed(self, within: bool) -> bool:  # noqa: FBT001 - compiled into tests
        """Hear that an assertion has failed, ``within`` a context manager of the learner's or not; returns False."""
        self.failures.note(within=within)
        return False

    def caught(self) -> None:
        """Hear that the test has caught an error itself."""
        self.failures.caught()


_FRONT = os.path.join(os.path.dirname(Failures.note.__code__.co_filename), "front.py")
