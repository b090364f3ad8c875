"""Has the interpreter say of three more things that somebody does them: an audit hook hears what is announced.

A handler of signals is given the frame that it interrupts, whoever's that is; code can be given the name of another
file when it is there already; and `ctypes` reads and writes memory at any address. Of these the interpreter tells
nobody.
"""

from __future__ import annotations

import ctypes
import importlib
import signal
import sys
from collections.abc import Callable, Generator
from functools import WRAPPER_ASSIGNMENTS
from types import FunctionType
from typing import Any

_imp: Any = importlib.import_module("_imp")
_signal: Any = importlib.import_module("_signal")

HANDLER = "studyhall.signal_handler"
RENAMED = "studyhall.renamed_code"
MEMORY = "studyhall.memory"
_AT_ANY_ADDRESS = ("cast", "memmove", "memset")


def announce() -> None:
    """Have these announced from now on in this process."""
    for name in _AT_ANY_ADDRESS:
        setattr(ctypes, name, _announced_plainly(getattr(ctypes, name)))
    _signal.signal = _announced(_signal.signal, HANDLER)
    wrapper: Any = signal.signal
    wrapper.__wrapped__ = _signal.signal
    _imp._fix_co_filename = _announced(_imp._fix_co_filename, RENAMED)  # noqa: SLF001 - the loader's own


def _announced_plainly(function: Callable[..., Any]) -> Any:
    """Return what announces that memory is read or written. Whoever knows `ctypes` gets at the function behind it."""

    def announcing(*arguments: Any) -> Any:
        sys.audit(MEMORY)
        return function(*arguments)

    return announcing


def _announced(function: Callable[..., Any], event: str) -> Any:
    """Return what announces an event and then does what ``function`` does, to which nothing leads from there."""
    names = {"__builtins__": {}, "audit": sys.audit, "ask": _hidden(function), "event": event}
    made = FunctionType(_announcing.__code__, names)
    for name in WRAPPER_ASSIGNMENTS:
        if hasattr(function, name):
            setattr(made, name, getattr(function, name))
    return made


def _announcing(*arguments: Any) -> Any:
    audit(event, *arguments)  # type: ignore[name-defined]  # noqa: F821 - see `_announced`
    error, value = ask(arguments)  # type: ignore[name-defined]  # noqa: F821 - see `_announced`
    if error is not None:
        raise error
    return value


def _hidden(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return what calls a function that is a local name of a generator, whose frame the audit hook refuses."""

    def answering() -> Generator[Any, Any, None]:
        answer: Any = None
        while True:
            arguments = yield answer
            try:
                answer = None, function(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is for who asked
                answer = error, None

    answers = answering()
    next(answers)
    return answers.send
