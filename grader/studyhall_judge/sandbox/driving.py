"""Runs what one check of a driven test looks at: a call of the learner's code, or a variable. Expects nothing.

Only names and arguments are known here. The answer is data: a plain value, or an error's name and text.
"""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Callable
from typing import Any

from studyhall_judge.sandbox.plain import decode_arguments, encode

_LONGEST_TEXT = 2000
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def drive(message: dict[str, Any], namespace: dict[str, Any]) -> Any:
    """Look at a subject; returns its value as JSON. Raises whatever the learner's code raises.

    Args:
        message: the judge's: ``kind``, ``name``, ``args``, ``kwargs``, ``steps``, ``stdin``, ``form``.
        namespace: the learner's names.
    """
    restore = _type_in(message["stdin"])
    try:
        return encode(_look(message, namespace), message["form"])
    finally:
        restore()


def _look(message: dict[str, Any], namespace: dict[str, Any]) -> Any:
    first, *rest = message["name"].split(".")
    if first not in namespace:
        raise NameError(f"name '{first}' is not defined")
    found = namespace[first]
    for part in rest:
        found = getattr(found, part)
    if message["kind"] == "call":
        found = found(*decode_arguments(message["args"]), **decode_arguments(message["kwargs"]))
    value = found
    for kind, name, args, kwargs in message["steps"]:
        value = getattr(found, name)
        if kind == "method":
            value = value(*decode_arguments(args), **decode_arguments(kwargs))
    return value


def _type_in(text: str | None) -> Callable[[], None]:
    """Let ``input()`` and ``sys.stdin`` read a text; returns what puts back how it was."""
    if text is None:
        return lambda: None
    lines = io.StringIO(text)

    def read(prompt: object = "", /) -> str:
        sys.stdout.write(str(prompt))
        line = lines.readline()
        if not line:
            raise EOFError("There is no more input.")
        return line.removesuffix("\n")

    kept = builtins.input, sys.stdin
    builtins.input, sys.stdin = read, lines

    def restore() -> None:
        builtins.input, sys.stdin = kept

    return restore


def describe_error(error: BaseException) -> dict[str, str]:
    """Return an error's name, the nearest of Python's own classes that it is derived from, and its text."""
    kind = type(error)
    base = next((one for one in _mro(kind) if vars(builtins).get(one.__name__) is one), Exception)
    try:
        text = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - a learner's class may do anything here
        text = ""
    return {
        "name": str(type.__getattribute__(kind, "__name__"))[:200],
        "base": base.__name__,
        "message": text[:_LONGEST_TEXT],
    }
