"""What a learner reads about a test: what happened, in words, and nothing about the machine or a hidden test.

A hidden test says nothing but its title, status, points and the author's hint. A visible test shows its
assertion's message. A message may hold values that the learner's own code made; code that was handed a
hidden test's arguments could smuggle them out that way. So once a hidden test has run, only text that stands in
the visible test itself is shown.
"""

from __future__ import annotations

import ast
import re
import warnings

from studyhall_judge.failing import say_failure
from studyhall_judge.missing_names import NO_ANSWER, WITHOUT_NETWORK
from studyhall_judge.report import TestStatus
from studyhall_judge.scoring import CellError, CellOutcome, Ending

LONGEST = 600
_LONGEST_READ = 50_000
_COMMAND = re.compile(r"[%!?]|[\w., ]+=\s*[%!]|[\w.]+\?{1,2}$")
_PATH = re.compile(r"(?:/[\w.+-]+){2,}/?")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_BY_ENDING = {
    Ending.timed_out: "Your code ran longer than it may here. Look for a loop that does not end.",
    Ending.memory: "Your code needed more memory than it may use here.",
    Ending.died: "Your code ended the whole program while this test ran, so the test could not finish.",
    Ending.tampered: "This test did not pass: something it relies on was changed while it ran.",
    Ending.not_run: "This test did not run, because the time or the restarts for the whole notebook were used up.",
}

COMPARATOR_ERROR = "ComparatorError"
"""Names the error of a test's own function that should have decided about a value, and failed or never ended."""

_BY_EXCEPTION = {
    COMPARATOR_ERROR: "This test could not decide whether the result is right. The fault may lie in the test.",
    "NameError": "A name that this test needs is not defined. Is it spelled as the task says?",
    "NotImplementedError": NO_ANSWER,
    "TypeError": "A value had a type that does not fit what is done with it, or a call had the wrong arguments.",
    "ValueError": "A value was not acceptable to the operation that used it.",
    "IndexError": "A position was used that the sequence does not have.",
    "KeyError": "A key was used that the dictionary does not have.",
    "AttributeError": "Something was asked for an attribute or method that it does not have.",
    "ZeroDivisionError": "There was a division by zero.",
    "RecursionError": "A function called itself too often. Does it always reach an end?",
    "ImportError": "Something could not be imported.",
    "ModuleNotFoundError": "A module could not be found.",
    "FileNotFoundError": "A file could not be found.",
    "MemoryError": _BY_ENDING[Ending.memory],
    "SystemExit": "Your code asked the program to exit while this test ran.",
    "KeyboardInterrupt": "Your code was interrupted while this test ran.",
    "SyntaxError": "The code is not complete or not correct Python.",
    "_IncompleteInputError": "The code is not complete or not correct Python.",
    "UnboundLocalError": "A variable was used before it had a value.",
    "StopIteration": "An iterator had nothing more to give.",
    "OverflowError": "A number became too large.",
    "StdinNotImplementedError": "Nobody answers input() while your work is graded: take the value as an argument.",
    "UsageError": "A command that begins with % or ! could not be understood.",
    "UnicodeDecodeError": "Some bytes were not text in the expected encoding.",
}
_NO_NETWORK = "Your code fetches something from the web, and there is no network while your work is graded."
_BY_EXCEPTION |= dict.fromkeys(WITHOUT_NETWORK, _NO_NETWORK)
_NAME_WITHIN = "Your code uses a name that is not defined. Is it spelled the same wherever it stands?"
_LESSONS_FAULT = (
    "This test cannot run. That is a fault of the lesson, not of your work; please tell your teachers."
)
_SAYS_ENOUGH = frozenset(
    {"SystemExit", "KeyboardInterrupt", "NotImplementedError", "StdinNotImplementedError", COMPARATOR_ERROR}
    | WITHOUT_NETWORK
)
_UNKNOWN = "Your code raised an error while this test ran."
_PLAIN_FAILURE = "The result is not what this test expects."
_NO_CREDIT = "This test gave only a part of its points."

UNANSWERED = "Nothing was written here yet, so there is nothing for a person to grade."
"""What a learner reads of a hand-graded cell that is as it was released, or gone."""


def learner_message(outcome: CellOutcome, status: TestStatus, source: str, *, dynamic: bool) -> str:
    """Return the message for a visible test.

    Args:
        outcome: how the test's cell ended.
        status: the verdict.
        source: the visible test's own text.
        dynamic: whether values may be shown: true only while no hidden test has run in this process or its files.
    """
    if status is TestStatus.passed:
        return ""
    if outcome.ending in _BY_ENDING:
        return _BY_ENDING[outcome.ending]
    error = outcome.error
    if error is None:
        return _NO_CREDIT if status is TestStatus.partial else _PLAIN_FAILURE
    if error.name == "AssertionError":
        shown = _assertion_text(error.message, source, dynamic=dynamic)
        about = error.failure if dynamic else None
        failed = say_failure(source, error.line, about, from_test=error.from_test)
        return shown or clean(error.told) or clean(failed) or _PLAIN_FAILURE
    return _LESSONS_FAULT if error.lessons_fault else _of_exception(error, dynamic=dynamic)


def staff_message(said: str, outcome: CellOutcome, source: str) -> str:
    """Return what staff read of a test: of an assertion without words also which one it was, hidden ones included."""
    error = outcome.error
    if error is None or error.name != "AssertionError" or error.message:
        return said
    told = error.told or say_failure(source, error.line, error.failure, from_test=error.from_test)
    return f"{said.rstrip()} {clean(told)}".rstrip() if told else said


def _of_exception(error: CellError, *, dynamic: bool) -> str:
    if error.unread:
        says = f" Python says: {error.unread_says}" if dynamic and error.unread_says else ""
        return clean((f"{error.about}: " if error.about else "") + error.unread + says)
    said = _BY_EXCEPTION.get(error.name, _UNKNOWN)
    if error.name == "NameError" and not (error.from_test or error.about):
        said = _NAME_WITHIN
    if error.about:
        said = f"{clean(error.about)}: {said}"
    if dynamic and error.message and error.name not in _SAYS_ENOUGH:
        # What the test could not use came from what it called.
        forgotten = ". Is a return missing?" if error.from_test and "NoneType" in error.message else ""
        return f"{said} Python says: {clean(error.message)}{forgotten}"
    return said


def needs_second_look(outcome: CellOutcome, source: str) -> bool:
    """Whether a visible test's message holds more than its own text, so that a clean run could show more."""
    error = outcome.error
    if (
        error is None
        or not (error.message or error.failure)
        or error.lessons_fault
        or error.name == COMPARATOR_ERROR
    ):
        return False
    return (
        error.name != "AssertionError" or not error.message or error.message not in string_constants(source)
    )


def _assertion_text(message: str, source: str, *, dynamic: bool) -> str:
    if dynamic or message in string_constants(source):
        return clean(message)
    return ""


def why_unread(source: str) -> str:
    """Say why a learner's cell is no Python, by its text alone; nothing where it is, or is too long to tell."""
    if len(source) > _LONGEST_READ:
        return ""
    lines = source.split("\n")
    commands = {place for place, line in enumerate(lines, 1) if _COMMAND.match(line.strip())}
    # IPython's own way to take commands for Python needs seconds for some hundred of them.
    plain = [_as_pass(line) if place in commands else line for place, line in enumerate(lines, 1)]
    fault = _fault_of("\n".join(plain))
    if fault is None:
        return ""
    written = _fault_of(source)
    if written is not None and written[0] not in commands:
        fault = written  # what looks like a command may be a line of something longer
    line, said = fault
    where = f", line {line}" if line else ""
    return f"Your cell above this test could not be read as Python{where}{said}."


def _as_pass(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def _fault_of(source: str) -> tuple[int, str] | None:
    """Return the line, 0 for an unknown one, and the reason why a text is no Python; None where it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        return error.lineno or 0, f": {error.msg}"
    except (ValueError, RecursionError, MemoryError):
        return 0, ""
    return None


def string_constants(source: str) -> set[str]:
    """Return the string literals of a cell, which a learner can read in the visible test anyway."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def clean(text: str) -> str:
    """Return a text without escape codes, addresses in memory and paths of the machine, cut to a readable length."""
    text = text.encode("utf-8", "replace").decode()  # half a character has no place in a page
    text = _ANSI.sub("", text)
    text = _ADDRESS.sub("somewhere in memory", text)
    text = _PATH.sub(lambda found: found.group().rstrip("/").rpartition("/")[2], text)
    text = _CONTROL.sub("", text).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
