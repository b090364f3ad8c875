"""What may stand under a watched name without anybody having tampered with it."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from studyhall_judge.sandbox.watched import BUILTIN_NAMES, Record

_SETTINGS = {
    "IPython.core.interactiveshell.InteractiveShell": frozenset({"ast_node_interactivity"}),
    "matplotlib.pyplot": frozenset({"_backend_mod"}),
    "threading": frozenset({"excepthook"}),
    "unittest.case.TestCase": frozenset({"longMessage", "maxDiff"}),
    "warnings": frozenset({"formatwarning", "showwarning"}),
}
"""What a library invites everybody to set, or sets itself when it is asked for: `matplotlib.use` another back end."""


_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, range)


def is_mistaken(records: Iterable[Record], name: str, value: Any) -> bool:
    """Whether an imported name stands for what learners put there by mistake, which answers for nothing.

    A plain value (``time = 5``), another library, or what a library has under that name (``from numpy import *``).
    """
    if type(value) in _PLAIN:
        return True
    modules = [record for record in records if type(record.owner) is ModuleType]
    return any(record.owner is value or record.was(name) is value for record in modules)


def belong_together(records: Iterable[Record], name: str, one: Any, other: Any) -> bool:
    """Whether one is a module and the other what it has under its own name: ``from datetime import datetime``."""
    return any(
        (record.owner is one and record.was(name) is other)
        or (record.owner is other and record.was(name) is one)
        for record in records
    )


def is_harmless(record: Record, name: str) -> bool:
    """Whether what a name stands for now is nothing to tell of, though it is put back.

    A setting; a builtin under its own name, as older code wants it of numpy; or what a library has put there itself.
    """
    if name in _SETTINGS.get(record.name, ()):
        return True
    if name in BUILTIN_NAMES and record.namespace.get(name) is BUILTIN_NAMES[name]:
        return record.name == "numpy" and isinstance(BUILTIN_NAMES[name], type)
    return _is_last_runner(record, name)


def _is_last_runner(record: Record, name: str) -> bool:
    """Whether a name is where `doctest` keeps its last runner.

    One with methods of its own would be asked to add up the next runner's failures.
    """
    if record.name != "doctest" or name != "master":
        return False
    runner, kind = record.namespace.get(name), record.namespace.get("DocTestRunner")
    if type(runner) is not kind:
        return False
    own = vars(runner)
    counts = own.get("_name2ft", own.get("_stats"))
    return type(counts) is dict and not any(hasattr(kind, attribute) for attribute in own)
