"""The name under which a compiled test knows its guard.

A test cell is compiled outside of the sandbox with this text where the guard belongs; inside, the text is replaced by
the guard object in the code's constants. So the guard has no name that student code could look up or replace.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

GUARD = "\0the judge's guard\0"
TEST_FILE = "<test>"
BUILTIN = "builtin_"
OWN = "own_"


def fill(code: CodeType, guard: Any) -> CodeType:
    """Return the code with the guard in place of its placeholder, in all nested functions too."""
    constants = tuple(
        guard
        if type(constant) is str and constant == GUARD
        else fill(constant, guard)
        if type(constant) is CodeType
        else constant
        for constant in code.co_consts
    )
    return code.replace(co_consts=constants)
