"""Running a checker over a learner's code: in a process of its own, with nothing of ours in its environment.

A parser can be brought to overflow its stack or to run for ever by code that is made for it. In a process of its own
that costs one result, and never the worker.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence

import structlog

log = structlog.get_logger(__name__)

SECONDS = 20.0
MAX_OUTPUT = 20_000_000


async def output_of(command: Sequence[str], data: bytes, *, seconds: float = SECONDS) -> bytes | None:
    """Give a program data and return what it prints; None when it crashes or takes too long.

    Exit codes 0 and 1 are results (checkers say with 1 that they found something).
    """
    with tempfile.TemporaryDirectory(prefix="studyhall-check-") as folder:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        try:
            async with asyncio.timeout(seconds):
                printed, _ = await process.communicate(data)
        except TimeoutError:
            log.warning("checker_too_slow", program=command[0].rpartition("/")[2])
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode not in {0, 1} or len(printed) > MAX_OUTPUT:
        log.warning("checker_failed", program=command[0].rpartition("/")[2], exit=process.returncode)
        return None
    return printed
