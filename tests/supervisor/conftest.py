"""What the supervisor's tests share."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def wait_until(condition: Callable[[], object], *, seconds: float = 120.0, what: str = "") -> object:
    """Return what `condition` returns as soon as it is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what or condition}")
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that has ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def alive():
    return is_alive


@pytest.fixture
def python():
    """Start a Python program of the test's own; whatever is left of it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
