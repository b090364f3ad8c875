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

from studyhall_judge.sandbox.placeholders import OWN, fill

_CO_COROUTINE = 0x80
_HEAP_TYPE = 1 << 9
_real_eval = eval
_loads = marshal.loads


def run(code: bytes, namespace: dict[str, Any], guard: Any) -> Any:
    """Run a compiled test; returns the value of its last expression, None when it has none."""
    helpers, body, last = _loads(code)
    if helpers is not None:
        defined: dict[str, Any] = {}
        _real_eval(fill(helpers, guard), namespace, defined)
        for name, value in defined.items():
            setattr(guard, OWN + name, value)
    if body is not None:
        _finish(_real_eval(fill(body, guard), namespace), body)
    if last is None:
        return None
    return guard.see(_finish(_real_eval(fill(last, guard), namespace), last))


def _finish(value: Any, code: CodeType) -> Any:
    """Await the value when the code held a top-level ``await``."""
    if not code.co_flags & _CO_COROUTINE:
        return value
    ended: list[Any] = []
    try:
        asyncio.run(_to_its_end(value, ended))
    finally:
        value.close()
    if not ended:
        raise RuntimeError("The test did not run to its end.")
    return ended[0]


async def _to_its_end(value: Any, ended: list[Any]) -> None:
    """Await a test; what ran it may be a learner's own, and is not to say that it is over."""
    ended.append(await value)


def describe_result(value: Any) -> dict[str, Any] | None:
    """Return what the judge may know of a result: a number, true or false, or that it is something else."""
    if value is None:
        return None
    kind = type(value)
    if kind is bool or (kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_")):
        return {"kind": "bool", "value": bool(value)}
    number = _number(value, kind)
    if number is None:
        return {"kind": "text"}
    return {"kind": "number", "value": number}


def _number(value: Any, kind: type) -> float | None:
    if kind in (int, float):
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
