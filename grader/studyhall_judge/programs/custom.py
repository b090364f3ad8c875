"""Runs a problem's own checker: staff's Python, in a sandbox of its own.

The checker sees the test's input, the expected answer and the learner's answer. Its sandbox is not the learner's, and
nothing of it reaches one: only its verdict comes out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from studyhall_judge.programs.runner import Outcome, Step

TIME_MS = 5_000
MEMORY_MB = 256
_LONGEST = 2_000

_DRIVER = """
import json, os, sys
with open("given.json", "rb") as file:
    given = json.load(file)
os.unlink("given.json")
names = {"__name__": "checker"}
with open("checker.py", "rb") as file:
    exec(compile(file.read(), "checker.py", "exec", dont_inherit=True), names)
said = names["check"](given["input"], given["expected"], given["actual"])
pair = isinstance(said, (tuple, list)) and len(said) == 2
right, message = said if pair else (said, "")
kind = type(right)
truth = kind is bool or right is None or (kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"))
if not truth:
    sys.exit(f"check returned {said!r:.200}; it should return True or False, or a pair of that and a message")
os.write(3, json.dumps({"right": bool(right), "message": str(message)[:2000]}).encode())
"""


async def custom_check(
    code: str, given: Any, expected: Any, actual: Any, run: Callable[[Step], Awaitable[Outcome]]
) -> tuple[bool | None, str]:
    """Return whether the answer is right, with the checker's message for staff; None when the checker failed.

    Raises:
        SandboxFault: no sandbox could be made.
    """
    content = json.dumps({"input": given, "expected": expected, "actual": actual}).encode()
    outcome = await run(
        Step(
            argv=[sys.executable, "-I", "-X", "utf8", "driver.py"],
            files={"driver.py": _DRIVER.encode(), "checker.py": code.encode(), "given.json": content},
            cpu_ms=TIME_MS,
            memory_mb=MEMORY_MB,
            data_mb=MEMORY_MB,
            disk_mb=10,
            pids=16,
            output_bytes=100_000,
        )
    )
    said = outcome.errors.decode("utf-8", "replace")[-_LONGEST:]
    if not outcome.succeeded:
        return None, f"The checker ended with {outcome.ending.value} {outcome.number}: {said}"
    try:
        answer = json.loads(outcome.result)
        return bool(answer["right"]), str(answer["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, f"The checker gave no verdict: {said}"
