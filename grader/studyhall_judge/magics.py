"""A test cell with IPython's own notation, as the Python that the judge compiles.

A test is compiled outside of its sandbox, so nobody there would know what ``%time f(1)`` or ``!ls`` means.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

_UNWRAPPED = frozenset({"time", "timeit", "capture", "prun", "memit"})
"""Cell magics that run their cell as it is and look on: what the cell decides stays the same without them."""

_CELL_MAGIC = re.compile(r"%%(\w+)(.*)")
_CAPTURED = re.compile(r"(?:\s+--\S+)*\s+([A-Za-z_]\w*)")
_DECIDES = re.compile(r"assert|raise|check|test|expect|verify|grade", re.IGNORECASE)
_CAPTURE = "with __import__('IPython.utils.capture').utils.capture.capture_output() as {}:"
_TIMED = re.compile(r"^(\s*)get_ipython\(\)\.run_line_magic\('time', ('.*'|\".*\")\)(;?\s*)$")


@lru_cache(maxsize=512)
def as_python(source: str) -> str:
    """Return a cell's text with magics and shell lines written as Python; what is Python already stays as it is.

    Statements keep their line, unless a magic before them is continued over several lines. The text is Python only
    where the author's was.
    """
    if _parses(source):
        return source
    lines = source.split("\n")
    silent = False
    for place, line in enumerate(lines):
        magic = _CELL_MAGIC.fullmatch(line.rstrip())
        if magic is not None and magic[1] in _UNWRAPPED:
            lines[place] = ""
            silent = silent or magic[1] in ("capture", "timeit", "prun", "memit")
            if magic[1] == "capture" and (kept := _CAPTURED.match(magic[2])):
                _keep_what_is_printed(lines, place, kept[1])
        elif line.strip():
            break
    if silent:
        lines.append("pass")  # such a cell has no value
    text = "\n".join(lines)
    if _parses(text):
        return text
    stripped = text.lstrip("\n")
    manager: Any = TransformerManager  # IPython's methods are not annotated
    try:
        written: str = manager().transform_cell(stripped)
    except (SyntaxError, ValueError, RuntimeError):  # the last one for very many magics
        return text
    return "\n" * (len(text) - len(stripped)) + "\n".join(map(_without_timing, written.split("\n")))


def _keep_what_is_printed(lines: list[str], place: int, name: str) -> None:
    """Have a cell's output kept under a name, as ``%%capture`` does: a later test may ask what was printed."""
    body = lines[place + 1 :]
    if any(map(_DECIDES.search, body)):
        return  # learners' code could have changed what captures, and keep an error from the test
    long_texts = any(mark in line for line in body for mark in ('"""', "'''", "\\"))
    if long_texts or not any(_says_something(line) for line in body) or any(map(_CELL_MAGIC.match, body)):
        return  # moved to the right, the lines of a text would be another text
    lines[place] = _CAPTURE.format(name)
    lines[place + 1 :] = ["    " + line for line in body]


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _without_timing(line: str) -> str:
    """Return the statement that a ``%time`` times: what it compares is the test's to decide, not a magic's."""
    found = _TIMED.match(line)
    if found is None:
        return line
    statement = str(ast.literal_eval(found[2]))
    return f"{found[1]}{statement}{found[3]}" if _parses(statement) else line


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
