"""Turns what a cell left behind, its error and its outputs, into plain JSON types.

Runs a learner's own methods (``__str__``, display methods), so it is loaded twice: one copy works beneath learners'
cells and may be changed by them, the other beneath tests.
"""

from __future__ import annotations

import binascii
import sys
from itertools import islice
from types import TracebackType
from typing import Any

from studyhall_judge.sandbox.placeholders import TEST_FILE

_LONGEST_TEXT = 2000
_MAX_DEPTH = 20
_MOST_FRAMES = 500
"""From both ends of a traceback: an endless recursion may have a million."""
_PLAIN_JSON = (bool, int, float, str)
_DEEPEST_JSON = 160
"""A little more than a value of a driven test can be: 50 dictionaries in each other are 150 lists (see `plain`)."""

_LONGEST_SHOWN = 150
_MOST_SHOWN = 10
_DEEPEST_SHOWN = 3
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    dict: ("{", "}"),
}

_WRITTEN_IN_PYTHON, _COLLECTED = 1 << 9, 1 << 14
"""Flags of classes: without both of them an object is of C's making and leads to no other."""

_encode_bytes = binascii.b2a_base64

_flags_of: Any = type.__dict__["__flags__"].__get__


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return what the judge may know of what a cell raised. Runs the exception's own ``__str__``."""
    try:
        message = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - a learner's exception may do anything here
        message = ""
    line, deepest_is_test = _place(error.__traceback__)
    return {
        "name": type.__getattribute__(type(error), "__name__"),
        "message": message[:_LONGEST_TEXT],
        "line": line,
        "from_test": deepest_is_test,
    }


def show(value: Any, depth: int = 0) -> str:
    """Return a value as a test's message shows it: short, whatever its size.

    Runs nothing of the object's own: what a learner's ``__repr__`` does might never end, and the test has only failed.
    """
    kind = type(value)
    name: str = type.__getattribute__(kind, "__name__")
    if kind is dict and any(type(key) is str and key == "__builtins__" for key in islice(value, _MOST_SHOWN)):
        return "the names that the notebook has"
    for plain, (opening, closing) in _BRACKETS.items():
        if issubclass(kind, plain):
            items = _show_items(value, plain, depth)
            alone = "," if plain is tuple and len(items) == 1 else ""
            shown = f"{opening}{', '.join(items)}{alone}{closing}" if items else repr(plain())
            return shown if kind is plain else f"{name}({shown})"
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        small = value.ndim == 1 and value.size <= _MOST_SHOWN and not value.dtype.hasobject
        return " ".join(repr(value).split()) if small else f"an array of shape {value.shape}"
    if issubclass(kind, type):
        return f"<class {type.__getattribute__(value, '__name__')!r}>"
    of_c = not _flags_of(kind) & (_WRITTEN_IN_PYTHON | _COLLECTED)
    return _show_plain(value, kind) if of_c else f"an object of class {name}"


def _show_plain(value: Any, kind: type) -> str:
    if kind in (str, bytes) and len(value) > _LONGEST_SHOWN:
        return f"{value[:_LONGEST_SHOWN]!r}…"
    try:
        text = repr(value)
    except ValueError:
        return "a number of very many digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _show_items(value: Any, plain: type, depth: int) -> list[str]:
    if depth > _DEEPEST_SHOWN:
        return ["…"]
    shown: list[str] = []
    for item in dict.items(value) if plain is dict else plain.__iter__(value):  # type: ignore[attr-defined]  # all have it
        if len(shown) == _MOST_SHOWN:
            return [*shown, "…"]
        parts = item if plain is dict else (item,)
        shown.append(": ".join(show(part, depth + 1) for part in parts))
    return shown


def forget_traceback(error: BaseException) -> None:
    """Cut an exception off from the frames that it went through: a learner may have kept the exception."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            waiting += [one.__context__, one.__cause__]


def _place(trace: TracebackType | None) -> tuple[int | None, bool]:
    """Return the test's line that failed, and whether the error was raised by the test itself."""
    line: int | None = None
    in_test = False
    looked_at = 0
    while trace is not None:
        in_test = trace.tb_frame.f_code.co_filename == TEST_FILE
        if in_test:
            line = trace.tb_lineno
        trace = trace.tb_next
        looked_at += 1
        if looked_at == _MOST_FRAMES:
            trace = last_frames(trace, _MOST_FRAMES)
    return line, in_test


def last_frames(trace: TracebackType | None, number: int) -> TracebackType | None:
    """Return a traceback's end. What is between is passed over: each frame that is looked at asks the audit hook."""
    ahead = trace
    for _ in range(number):
        ahead = ahead and ahead.tb_next
    while ahead is not None and trace is not None:
        ahead, trace = ahead.tb_next, trace.tb_next
    return trace


def plain_outputs(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs of plain JSON types only, whatever a learner's display methods returned."""
    return [_plain_output(output) for output in list(outputs)]


def _plain_output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {"output_type": "stream", "name": output["name"], "text": "".join(output["pieces"])}
    plain: dict[str, Any] = _plain(output, 0)
    return plain


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    plain: Any = None
    if kind is bool or kind is int:
        plain = value
    elif kind is float:
        plain = value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN
    elif isinstance(value, str):
        plain = str.__str__(value)
    elif isinstance(value, bytes):
        plain = _encode_bytes(bytes(value)).decode("ascii")
    elif depth < _MAX_DEPTH:
        if isinstance(value, dict):
            plain = {str.__str__(k): _plain(v, depth + 1) for k, v in dict.items(value) if isinstance(k, str)}
        elif isinstance(value, list | tuple):
            plain = [_plain(item, depth + 1) for item in value]
    return plain


def is_plain(value: Any) -> bool:
    """Whether a value consists of plain JSON types and nothing else, found out without running anything of its own."""
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        kind = type(one)
        if one is None or any(kind is plain for plain in _PLAIN_JSON):
            continue
        if depth > _DEEPEST_JSON:
            return False
        if kind is list:
            waiting += [(item, depth + 1) for item in one]
        elif kind is dict and all(type(key) is str for key in one):
            waiting += [(item, depth + 1) for item in one.values()]
        else:
            return False
    return True
