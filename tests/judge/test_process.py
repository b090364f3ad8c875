"""The judge as a process: its outer wall, its start, its end, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import studyhall_judge
import studyhall_notebooks
from studyhall_judge.client import Judge
from studyhall_judge.outer_wall import find_bubblewrap
from studyhall_judge.standing import can_change_user

SECRET = "STUDYHALL_CONTENT_KEY"
ORDINARY_USER = ["--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
"""bubblewrap's words for: a user namespace without any power, in which everything else is as it is."""


def judge_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "studyhall_judge", *words]


def processes_of(marker: str) -> dict[int, bytes]:
    """Return pid and environment of every process whose command line holds ``marker``."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if marker.encode() in (folder / "cmdline").read_bytes():
                    found[int(folder.name)] = (folder / "environ").read_bytes()
            except OSError:
                continue
    return found


def wait_for_end(pids) -> None:
    """Wait until every process has ended; the judge promises that this is soon."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([descriptor], [], [], 120)
        os.close(descriptor)
        assert ready, f"process {pid} is still there"


def test_sigterm_ends_everything(start, tmp_path):
    running = start(tmp_path, "--slots", "1", "--preload", "")
    pids = list(processes_of(str(running.socket)))
    assert len(pids) >= 3
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(120) == 0
    wait_for_end(pids)
    assert not running.socket.exists()
    assert not processes_of(str(running.socket))
    name = f"studyhall-judge-{running.process.pid}"
    # Other judges' groups come and go while this looks.
    assert not [place for place, _, _ in os.walk("/sys/fs/cgroup") if place.endswith(f"/{name}")]


def test_a_killed_launcher_takes_everything_with_it(start, tmp_path):
    running = start(tmp_path, "--slots", "1", "--preload", "")
    pids = list(processes_of(str(running.socket)))
    running.process.kill()
    running.process.wait(120)
    wait_for_end(pids)


def test_the_judge_ends_with_its_parent(tmp_path):
    path = tmp_path / "judge.sock"
    command = judge_command("--socket", str(path), "--slots", "1", "--preload", "")
    program = (
        "import subprocess, sys, time\n"
        f"process = subprocess.Popen({command!r}, stdout=subprocess.PIPE)\n"
        "sys.stdout.write(process.stdout.readline().decode())\n"
        "sys.stdout.flush()\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert json.loads(parent.stdout.readline())["ready"]
    pids = [pid for pid in processes_of(str(path)) if pid != parent.pid]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    parent.stdin.close()
    wait_for_end(pids)


def test_nothing_of_the_environment_reaches_the_inside(start, tmp_path):
    running = start(tmp_path, "--slots", "1", "--preload", "", env={**os.environ, SECRET: "do-not-pass-on"})
    inside = {
        pid: environment
        for pid, environment in processes_of(str(running.socket)).items()
        if pid != running.process.pid
    }
    assert inside
    assert not any(b"do-not-pass-on" in environment for environment in inside.values())


def test_a_stale_socket_is_replaced(start, tmp_path):
    path = tmp_path / "judge.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    running = start(tmp_path, "--slots", "1", "--preload", "")
    assert asyncio.run(running.client.status()).slots == 1


def test_a_second_judge_on_the_same_socket_is_refused(judge):
    done = subprocess.run(
        judge_command("--socket", str(judge.socket), "--slots", "1", "--preload", ""),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "already listens" in done.stderr
    assert asyncio.run(judge.client.status()).slots == 2


def test_a_missing_folder_is_one_sentence(tmp_path):
    done = subprocess.run(
        judge_command("--socket", str(tmp_path / "nowhere" / "judge.sock")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "does not exist" in done.stderr


@pytest.mark.parametrize("wall", ["bubblewrap", "none"])
def test_self_test_says_which_walls_stand(wall):
    done = subprocess.run(
        judge_command("--self-test", "--outer-wall", wall), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    assert found["ok"]
    standing = {one["name"]: one["standing"] for one in found["walls"]}
    assert standing["outer_wall"] == (wall == "bubblewrap")
    assert all(standing[name] for name in ("user", "pid", "network", "mount", "privileges", "seccomp"))


def test_an_ordinary_user_gets_the_same_walls():
    """Where the tests run as root, an ordinary user is made: without powers, in a user namespace."""
    command = judge_command("--self-test", "--outer-wall", "none")
    if can_change_user():
        command = [str(find_bubblewrap()), *ORDINARY_USER, "--proc", "/proc", "--unshare-pid", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["ok"]


@pytest.mark.parametrize("wall", ["bubblewrap", "none"])
def test_without_user_namespaces_the_judge_refuses(wall):
    bubblewrap = str(find_bubblewrap())
    enclosed = [bubblewrap, "--disable-userns", *ORDINARY_USER, "--proc", "/proc", "--unshare-pid"]
    done = subprocess.run(
        [*enclosed, *judge_command("--self-test", "--outer-wall", wall)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert not found["ok"]
    assert found["message"].startswith("The judge refuses to start")
    assert "namespaces" in found["message"]


def test_a_judge_without_its_walls_does_not_listen(tmp_path):
    enclosed = [
        str(find_bubblewrap()),
        "--disable-userns",
        *ORDINARY_USER,
        "--proc",
        "/proc",
        "--unshare-pid",
    ]
    path = tmp_path / "judge.sock"
    done = subprocess.run(
        [
            *enclosed,
            *judge_command("--socket", str(path), "--outer-wall", "none", "--slots", "1", "--preload", ""),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "refuses to start" in done.stderr
    assert not path.exists()


def test_without_the_outer_wall_grading_is_the_same(start, tmp_path, assignment, submit):
    running = start(tmp_path, "--slots", "1", "--preload", "", "--outer-wall", "none")
    squares = assignment("squares")
    assert running.grade(squares.release, submit(squares, {})).report.score == 15


def test_the_client_takes_a_path_or_a_text(judge):
    assert asyncio.run(Judge(str(judge.socket)).status()).slots == 2


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x00\x00\x00\x05hello", "bad_frame"),
        (b"\xff\xff\xff\xff", "bad_frame"),
        (b"\x00\x00\x00\x02[]", "bad_frame"),
        (b'\x00\x00\x00\x10{"type":"dance"}', "unknown_request"),
        (b'\x00\x00\x00\x1d{"type":"grade","request":{}}', "bad_request"),
    ],
)
def test_nonsense_on_the_socket_is_refused(judge, frame, code):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(judge.socket))
        sock.sendall(frame)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
    assert json.loads(answer[4:])["code"] == code


def test_a_judge_that_is_only_on_pythonpath_trusts_its_own_code(start, assignment, submit, tmp_path):
    packages = tmp_path / "packages"
    for package in (studyhall_judge, studyhall_notebooks):
        folder = Path(package.__file__).parent
        shutil.copytree(folder, packages / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere = start(
        tmp_path, "--slots", "1", "--preload", "", env={**os.environ, "PYTHONPATH": str(packages)}
    )
    squares = assignment("squares")
    graded = elsewhere.grade(squares.release, submit(squares, {}))
    assert graded.report.score == 15
    assert not graded.report.flags


MOVE_IN = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from studyhall_judge.sandbox import forkserver, root
from studyhall_judge.standing import FIRST_UID, can_change_user
forkserver.isolate(FIRST_UID if can_change_user() else None, root.interpreter_paths())
import os
print(sorted(os.listdir("/")))
"""


def test_a_warm_process_leaves_no_folder_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MOVE_IN, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "home" in done.stdout
    assert "old" not in done.stdout
    assert list(tmp_path.iterdir()) == []
