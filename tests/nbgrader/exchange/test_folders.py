"""A folder and a file that come from the service appear whole or not at all, whenever the terminal is killed."""

import json
import subprocess

import pytest
from nbgrader_environments import OURS

KILLED = """
import ctypes, json, os, signal, sys
from pathlib import Path
from studyhall_extension.nbgrader_exchange import folders
place, can_exchange = Path(sys.argv[1]), json.loads(sys.argv[2])
OLD = {"ps1.ipynb": b"old", "data/a.csv": b"old"}
NEW = {"ps1.ipynb": b"new" * 100_000, "data/b.csv": b"new"}
if not can_exchange:
    folders._exchanged = lambda one, other: False

def written(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

def killed_at(moment, what):
    "Do something in a process that is killed before its nth word to the system; say whether it was."
    child = os.fork()
    if child == 0:
        left = moment

        def count(event, _):
            nonlocal left
            if event != "os.kill" and event.startswith(("open", "os.", "shutil.", "tempfile.")):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        what()
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0

def outcomes(what, found, begin):
    "Return what was found after each moment, and what is found once it was done again undisturbed."
    seen = []
    for moment in range(1000):
        begin()
        was_killed = killed_at(moment, what)
        seen.append(found())
        what()
        assert found() == "new", moment
        if not was_killed:
            return seen
    raise AssertionError("it never came to its end")

folder, file = place / "ps1", place / "feedback" / "ps1.html"

def name_of_folder():
    there = written(folder) if folder.exists() else None
    return "new" if there == NEW else "old" if there == OLD else "none" if there is None else f"half: {sorted(there)}"

def name_of_file():
    there = file.read_bytes() if file.exists() else b"none"
    return {b"new" * 100_000: "new", b"old": "old", b"none": "none"}.get(there, "half")

def fetch():
    folders.write_folder(folder, NEW, groupshared=False)

print(json.dumps({
    "folder": outcomes(fetch, name_of_folder, lambda: folders.write_folder(folder, OLD, groupshared=False)),
    "file": outcomes(lambda: folders.put(file, b"new" * 100_000), name_of_file, lambda: folders.put(file, b"old")),
}))
"""


@pytest.mark.parametrize("can_exchange", [True, False])
def test_killed_at_any_moment_it_is_the_old_or_the_new_one(newest_nbgrader_python, tmp_path, can_exchange):
    done = subprocess.run(
        [newest_nbgrader_python, "-c", KILLED, tmp_path, json.dumps(can_exchange)],
        env={"PYTHONPATH": ":".join(OURS), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen["file"]) == {"old", "new"}
    # Where two folders can't change places in one step there is none between two of them, and never half of one.
    assert set(seen["folder"]) == ({"old", "new"} if can_exchange else {"old", "none", "new"})
    for moments in seen.values():
        assert moments[0] == "old"
        assert moments[-1] == "new"
        assert len(moments) > 5, "killed where it matters"
