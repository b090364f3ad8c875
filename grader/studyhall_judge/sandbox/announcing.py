"""Has the interpreter say of some more things that somebody does them: an audit hook hears what is announced.

A handler of signals is given the frame that it interrupts, whoever's that is; code can be given the name of another
file when it is there already; a second copy of a module of the interpreter's can be made, in which nothing is
announced; and `ctypes` reads and writes memory at any address. Of these the interpreter tells nobody, and from Python
3.13 on not of another interpreter either.
"""

from __future__ import annotations

import ctypes
import importlib
import signal
import sys
from collections.abc import Callable, Generator
from functools import WRAPPER_ASSIGNMENTS
from types import FunctionType, SimpleNamespace
from typing import Any

_imp: Any = importlib.import_module("_imp")
_signal: Any = importlib.import_module("_signal")

HANDLER = "studyhall.signal_handler"
RENAMED = "studyhall.renamed_code"
MADE_MODULE = "studyhall.made_module"
INTERPRETER = "studyhall.other_interpreter"
MEMORY = "studyhall.memory"

_AT_ANY_ADDRESS = ("cast", "memmove", "memset")
_SAYS_NOTHING_OF_INTERPRETERS = sys.version_info >= (3, 13)

ANNOUNCED_IN = frozenset(
    {"_imp", "_signal", "_interpreters"} if _SAYS_NOTHING_OF_INTERPRETERS else {"_imp", "_signal"}
)
"""Modules of which there is to be one only: the one whose functions announce themselves."""


def announce() -> None:
    """Have all of them announced from now on in this process."""
    for name in _AT_ANY_ADDRESS:
        setattr(ctypes, name, _announced_plainly(getattr(ctypes, name)))
    _signal.signal = _announced(_signal.signal, HANDLER)
    wrapper: Any = signal.signal
    wrapper.__wrapped__ = _signal.signal
    _imp._fix_co_filename = _announced(_imp._fix_co_filename, RENAMED)  # noqa: SLF001 - the loader's own
    _imp.create_builtin = _announced(_imp.create_builtin, MADE_MODULE, _by_name)
    if _SAYS_NOTHING_OF_INTERPRETERS:
        interpreters: Any = importlib.import_module("_interpreters")
        interpreters.create = _announced(interpreters.create, INTERPRETER)


def _announced_plainly(function: Callable[..., Any]) -> Any:
    """Return what announces that memory is read or written. Whoever knows `ctypes` gets at the function behind it."""

    def announcing(*arguments: Any) -> Any:
        sys.audit(MEMORY)
        return function(*arguments)

    return announcing


def _by_name(spec: Any) -> tuple[Any, ...]:
    """Return a specification that says the same name however often it is asked."""
    return (SimpleNamespace(name=str.__str__(spec.name)),)


def _announced(
    function: Callable[..., Any], event: str, settle: Callable[..., tuple[Any, ...]] | None = None
) -> Any:
    """Return what announces an event and then does what ``function`` does, to which nothing leads from there.

    ``settle`` makes arguments of the given ones that can't be others when they are used.
    """
    names = {"__builtins__": {}, "ask": _hidden(function, event, settle)}
    made = FunctionType(_announcing.__code__, names)
    for name in WRAPPER_ASSIGNMENTS:
        if hasattr(function, name):
            setattr(made, name, getattr(function, name))
    return made


def _announcing(*arguments: Any, **named: Any) -> Any:
    error, value = ask((arguments, named))  # type: ignore[name-defined]  # noqa: F821 - see `_announced`
    if error is not None:
        raise error
    return value


def _hidden(
    function: Callable[..., Any], event: str, settle: Callable[..., tuple[Any, ...]] | None
) -> Callable[[Any], Any]:
    """Return what announces and calls a function that is a local name of a generator.

    The audit hook refuses the generator's frame, and whoever finds what is returned here has to announce it, too.
    """
    audit = sys.audit

    def answering() -> Generator[Any, Any, None]:
        answer: Any = None
        while True:
            given = yield answer
            try:
                arguments, named = given
                if settle is not None:
                    arguments = settle(*arguments)
                audit(event, *arguments)
                answer = None, function(*arguments, **named)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is for who asked
                answer = error.with_traceback(None), None

    answers = answering()
    next(answers)
    return answers.send
