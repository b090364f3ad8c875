"""Runs one compiled test in the learner's namespace.

Unlike a learner's cell a test takes no way that the shell offers: no history, no transformers, no display hook, no
source in ``linecache``. Its code arrives compiled, is run here, and the value of its last expression is read here.
"""

from __future__ import annotations

import asyncio
import marshal
import sys
from types import CodeType
from typing import Any

from studyhall_judge.sandbox.locked_classes import LockedClasses
from studyhall_judge.sandbox.placeholders import OWN, fill

_CO_COROUTINE = 0x80
_HEAP_TYPE = 1 << 9
_real_eval = eval
_loads = marshal.loads


def prepare(
    code: bytes, namespace: dict[str, Any], guard: Any, classes: LockedClasses
) -> tuple[list[CodeType], list[CodeType]]:
    """Get a compiled test ready, the author's helpers that it uses first, and of ``classes`` those that it uses.

    Returns:
        Its statements and its last expression, each in a list of its own, which is empty where there are none. Who runs
        them takes them out of there: no frame beneath a test holds code that has the guard in it.
    """
    helpers, body, last, methods = _loads(code)
    if helpers is not None:
        defined: dict[str, Any] = {}
        _real_eval(fill(helpers, guard), namespace, defined)
        for name, value in defined.items():
            setattr(guard, OWN + name, value)
    classes.guard(
        {kind: {name: fill(one, guard) for name, one in codes.items()} for kind, codes in methods.items()}
    )
    return [[] if part is None else [fill(part, guard)] for part in (body, last)]  # type: ignore[return-value]  # two


def run(code: bytes, namespace: dict[str, Any], guard: Any) -> Any:
    """Run a compiled test where nobody is kept from the frames beneath it; returns its last expression's value."""
    value = None
    for part in prepare(code, namespace, guard, LockedClasses()):
        value = _finish(_real_eval(part[0], namespace), part.pop()) if part else None
    return guard.see(value)


def _finish(value: Any, code: CodeType) -> Any:
    return asyncio.run(value) if code.co_flags & _CO_COROUTINE else value


def describe_result(value: Any) -> dict[str, Any] | None:
    """Return what the judge may know of a result: a number, true or false, or that it is something else."""
    if value is None:
        return None
    kind = type(value)
    if kind is bool or kind is getattr(sys.modules.get("numpy"), "bool_", None):
        return {"kind": "bool", "value": bool(value)}
    number = _number(value, kind)
    if number is None:
        return {"kind": "text"}
    return {"kind": "number", "value": number}


def _number(value: Any, kind: type) -> float | None:
    if kind is int or kind is float:
        return _finite(value)
    if _is_number_of_a_library(kind):
        try:
            return _finite(float(value))
        except Exception:  # noqa: BLE001 - an array is no number, a signalling NaN raises
            return None
    return None


def _is_number_of_a_library(kind: type) -> bool:
    """Whether a class is a number's of the standard library or of numpy, and not just called so."""
    for module, name in (("numpy", "generic"), ("fractions", "Fraction"), ("decimal", "Decimal")):
        known = getattr(sys.modules.get(module), name, None)
        if kind is known or (module == "numpy" and isinstance(known, type) and issubclass(kind, known)):
            return not kind.__flags__ & _HEAP_TYPE or module != "numpy"
    return False


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return 1e308 if value > 0 else -1e308
    if number != number:  # noqa: PLR0124 - NaN is the one number that differs from itself
        return None
    return min(max(number, -1e308), 1e308)
