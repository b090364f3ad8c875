"""Driven tests: inputs go to a learner's code, plain values come back, and the comparison happens elsewhere.

An author writes them in a test cell as calls of `check`. In any notebook kernel, and so in plain nbgrader, each call
runs at once and raises `AssertionError` when it does not hold. The judge never runs such a cell: it reads it
(`parse_driven`), sends only names and arguments to the learner's process and compares what comes back outside of it.
Needs the standard library only.
"""

from studyhall_notebooks.driven.kernel import Checks, check
from studyhall_notebooks.driven.parsing import parse_driven, why_not_driven
from studyhall_notebooks.driven.statements import (
    Check,
    DrivenTest,
    Expectation,
    Judgement,
    Observed,
    Raised,
    Step,
    Subject,
    decide,
)
from studyhall_notebooks.driven.values import Unplain, show, to_plain

__all__ = [
    "Check",
    "Checks",
    "DrivenTest",
    "Expectation",
    "Judgement",
    "Observed",
    "Raised",
    "Step",
    "Subject",
    "Unplain",
    "check",
    "decide",
    "parse_driven",
    "show",
    "to_plain",
    "why_not_driven",
]
