"""Compares answers with what was expected. Runs in the judge, where the learner's program is not.

An answer is a text (what the program printed) or a plain value (what its function returned).
"""

from __future__ import annotations

import math
import re
from typing import Any

from studyhall_judge.program_report import Checker

_WORD = re.compile(r"[^ \t\n\r\f\v]+")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE | re.ASCII
)
"""What programs print for a number. Python reads more as one: ``1_0``, and digits of any script."""


def values_match(checker: Checker, expected: Any, actual: Any) -> bool:
    """Whether a function's value is right, for every kind of checker but the custom one."""
    if checker.kind == "float":
        return _near_values(expected, actual, checker.tolerance)
    return _same_values(expected, actual)


def texts_match(checker: Checker, expected: str, actual: str) -> bool:
    """Whether a program's output is right, for every kind of checker but the custom one."""
    match checker.kind:
        case "token":
            return _words(expected) == _words(actual)
        case "float":
            wanted, got = _words(expected), _words(actual)
            return len(wanted) == len(got) and all(
                _near_words(one, other, checker.tolerance) for one, other in zip(wanted, got, strict=True)
            )
    return _lines(expected) == _lines(actual)


def _lines(text: str) -> list[str]:
    r"""Return the lines without blanks at their ends and empty lines at the end.

    Only ``\n`` and ``\r\n`` end a line, and only spaces, tabs and carriage returns are blanks: Python's own idea of
    both takes many other characters for them, which are wrong where none was asked for.
    """
    lines = [line.rstrip(" \t\r") for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _near_words(wanted: str, got: str, tolerance: float) -> bool:
    if wanted == got:
        return True
    if _NUMBER.fullmatch(wanted) is None or _NUMBER.fullmatch(got) is None:
        return False
    return near(float(wanted), float(got), tolerance)


def near(wanted: float, got: float, tolerance: float) -> bool:
    """Whether two numbers differ by at most ``tolerance``, absolutely or relatively to the wanted one."""
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    if math.isinf(wanted) or math.isinf(got):
        return wanted == got
    return abs(wanted - got) <= tolerance * max(1.0, abs(wanted))


def _same_values(wanted: Any, got: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, but truth values are no numbers."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return wanted == got
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(_same_values, wanted, got))
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(_same_values(wanted[key], got[key]) for key in wanted)
    return type(wanted) is type(got) and bool(wanted == got)


def _near_values(wanted: Any, got: Any, tolerance: float) -> bool:
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        try:
            return near(float(wanted), float(got), tolerance)
        except OverflowError:
            return wanted == got
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(
            _near_values(one, other, tolerance) for one, other in zip(wanted, got, strict=True)
        )
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(
            _near_values(wanted[key], got[key], tolerance) for key in wanted
        )
    return type(wanted) is type(got) and bool(wanted == got)
