"""Parts below the sandbox that can be looked at one by one: filter, control groups, releases, frames, client."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import struct
import threading
from types import SimpleNamespace

import pytest
from studyhall_judge import cgroups
from studyhall_judge.client import Judge, JudgeRefused, JudgeUnavailable
from studyhall_judge.frames import MAX_FRAME, FrameError, read_frame, write_frame
from studyhall_judge.releases import (
    BadRelease,
    Releases,
    classes_in_prose,
    definitions_for,
    prepare,
    top_level_names,
)
from studyhall_judge.report import GradeReport, GradeRequest, JudgeStatus, Progress, Release
from studyhall_judge.sandbox import linux, seccomp, shell
from studyhall_judge.server import SocketInUse, bind, serve

# The system call filter, run by a small machine of our own


def verdict(program: bytes, *, architecture: int, number: int, arguments=()) -> int:
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(list(arguments) + [0] * 6)[:6])
    accumulator, place = 0, 0
    instructions = [struct.unpack_from("=HBBI", program, offset) for offset in range(0, len(program), 8)]
    while True:
        code, if_true, if_false, operand = instructions[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x15:
            place += if_true if accumulator == operand else if_false
        elif code == 0x35:
            place += if_true if accumulator >= operand else if_false
        else:
            assert code == 0x06
            return operand


ALLOW, KILL = 0x7FFF0000, 0x80000000


def refused(number: int) -> int:
    return 0x00050000 | number


MACHINES = {
    "x86_64": {
        "audit": 0xC000003E,
        "read": 0,
        "ptrace": 101,
        "mount": 165,
        "clone": 56,
        "socket": 41,
        "prctl": 157,
        "ioctl": 16,
    },
    "aarch64": {
        "audit": 0xC00000B7,
        "read": 63,
        "ptrace": 117,
        "mount": 40,
        "clone": 220,
        "socket": 198,
        "prctl": 167,
        "ioctl": 29,
    },
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_refuses_what_it_should(machine):
    program = seccomp.build(machine)
    numbers = MACHINES[machine]
    eperm = refused(errno.EPERM)
    expected = [
        ("read", (), ALLOW),
        ("ptrace", (), eperm),
        ("mount", (), eperm),
        ("clone", (17,), ALLOW),
        ("clone", (17 | linux.CLONE_NEWUSER,), eperm),
        ("clone", (17 | linux.CLONE_NEWNS | linux.CLONE_NEWPID,), eperm),
        ("socket", (socket.AF_UNIX,), ALLOW),
        ("socket", (socket.AF_INET,), ALLOW),
        ("socket", (16,), refused(errno.EAFNOSUPPORT)),
        ("socket", (40,), refused(errno.EAFNOSUPPORT)),
        ("prctl", (15,), ALLOW),
        ("prctl", (linux.PR_SET_DUMPABLE, 1), eperm),
        ("ioctl", (1, 0x5401), ALLOW),
        ("ioctl", (1, 0x5412), eperm),
    ]
    for name, arguments, wanted in expected:
        found = verdict(program, architecture=numbers["audit"], number=numbers[name], arguments=arguments)
        assert found == wanted, (name, arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architectures_calls_end_the_process(machine):
    assert verdict(seccomp.build(machine), architecture=0x40000003, number=1) == KILL


def test_the_x32_calls_do_not_exist():
    found = verdict(seccomp.build("x86_64"), architecture=0xC000003E, number=0x40000000 | 165)
    assert found == refused(errno.ENOSYS)


def test_clone3_falls_back_to_clone():
    found = verdict(seccomp.build("x86_64"), architecture=0xC000003E, number=435)
    assert found == refused(errno.ENOSYS)


# Control groups


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A folder in place of /sys/fs/cgroup, and the group that this process is in."""
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)

    def join(groups):
        monkeypatch.setattr(cgroups, "_groups_of", lambda _pid: groups)
        return tmp_path

    return join


def test_version_1_groups_lie_below_the_own_group(kernel):
    root = kernel({"memory": "/own", "pids": "/"})
    (root / "memory/own").mkdir(parents=True)
    (root / "pids").mkdir()
    groups, detail = cgroups.create(2)
    assert "version 1" in detail
    assert groups[1].memory == root / f"memory/own/studyhall-judge-{os.getpid()}/slot-1"
    assert groups[0].members == (str(groups[0].memory / "cgroup.procs"), str(groups[0].pids / "cgroup.procs"))
    groups[0].set_memory(1000)
    groups[0].set_pids(7)
    assert (groups[0].memory / "memory.limit_in_bytes").read_text() == "1000"
    assert (groups[0].pids / "pids.max").read_text() == "7"
    (groups[0].memory / "memory.usage_in_bytes").write_text("123\n")
    (groups[0].memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert groups[0].used_bytes() == 123
    assert groups[0].kills() == 2
    assert cgroups.from_arguments(cgroups.to_arguments(groups)) == groups


def test_version_2_groups_are_delegated(kernel):
    root = kernel({"": "/user"})
    own = root / "user"
    own.mkdir()
    (root / "cgroup.controllers").write_text("memory pids")
    (own / "cgroup.controllers").write_text("cpu memory pids")
    groups, detail = cgroups.create(1)
    assert "version 2" in detail
    name = f"studyhall-judge-{os.getpid()}"
    assert (own / f"{name}-main/cgroup.procs").read_text() == "0"
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"
    groups[0].set_memory(1000)
    assert (groups[0].memory / "memory.max").read_text() == "1000"
    (groups[0].memory / "memory.current").write_text("5")
    (groups[0].memory / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert groups[0].used_bytes() == 5
    assert groups[0].kills() == 1
    assert groups[0].folders == [groups[0].memory]


def test_without_controllers_it_is_said(kernel):
    root = kernel({"": "/"})
    (root / "cgroup.controllers").write_text("cpu")
    groups, detail = cgroups.create(1)
    assert groups == []
    assert detail.startswith("no cgroups")


def test_groups_are_removed_and_stale_ones_too(kernel):
    root = kernel({"memory": "/", "pids": "/"})
    for controller in ("memory", "pids"):
        (root / controller / "studyhall-judge-1/slot-0").mkdir(parents=True)
    groups, _ = cgroups.create(1)
    assert not (root / "memory/studyhall-judge-1").exists()
    cgroups.remove(groups)
    assert list((root / "memory").iterdir()) == []
    assert list((root / "pids").iterdir()) == []


def test_a_judge_that_starts_beside_another_takes_nothing_of_its_for_a_left_over(kernel, monkeypatch):
    root = kernel({"memory": "/", "pids": "/"})
    for controller in ("memory", "pids"):
        (root / controller).mkdir()
    claim, others = cgroups._claim, []

    def claim_late(folder):
        if not others:
            others.append(
                threading.Thread(target=cgroups._create_version_1, args=("studyhall-judge-other", 1))
            )
            others[0].start()
            others[0].join(0.2)  # all the time that it needs, if nothing keeps it
        claim(folder)

    monkeypatch.setattr(cgroups, "_claim", claim_late)
    groups, _ = cgroups.create(1)
    others[0].join(60)
    assert all(folder.is_dir() for group in groups for folder in group.folders)
    cgroups.remove(groups)


# Releases


def test_a_release_knows_its_content():
    one = Release.build({"a": "x"}, {"data.csv": b"1"})
    assert one.hash == Release.build({"a": "x"}, {"data.csv": b"1"}).hash
    assert one.hash != Release.build({"a": "x"}, {"data.csv": b"2"}).hash
    assert one.hash != Release.build({"a": "y"}, {"data.csv": b"1"}).hash


def test_files_reach_the_sandbox_sealed():
    from studyhall_judge.releases import pack_files

    descriptor = pack_files({"a/b.txt": b"hello", "c": b""})
    size = int.from_bytes(os.pread(descriptor, 8, 0), "big")
    index = json.loads(os.pread(descriptor, size, 8))
    assert index == {"a/b.txt": [0, 5], "c": [5, 0]}
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"x", 0)
    os.close(descriptor)


@pytest.mark.parametrize(
    "release",
    [
        Release(hash="x", notebooks=[{"name": "a", "source": "{"}]),
        Release(hash="x", notebooks=[], files={"a": "not base64!"}),
    ],
)
def test_a_broken_release_is_said(release):
    with pytest.raises(BadRelease):
        prepare(release)


@pytest.mark.parametrize(
    ("prose", "names"),
    [
        ("Write a class `Vec`.", {"Vec"}),
        ("The class `Vec(x, y)` and\nits friend `Point`.", {"Vec", "Point"}),
        ("Begin with `class Vec:`.", {"Vec"}),
        ("A class is a plan.\n\nReturn a `DataFrame`.", set()),
        ("A class `int`, `Exception`, `np.Array` or `vec`", set()),
        ("Write a class Vec.", set()),
    ],
)
def test_classes_that_prose_speaks_of(prose, names):
    assert classes_in_prose([prose]) == names


DRIVEN = """from studyhall_notebooks.driven import check
import math, os
UNIT = 2
unused = 7
wanted = check.partial()
def area(n: int) -> float:
    return UNIT * n
def called(n=f(1)):
    return math.pi
check.call("f", 3).equals(9)
"""


@pytest.mark.parametrize(
    ("later", "defined"),
    [
        ([], ""),
        (
            ["assert area(2) == math.pi"],
            "import math, os\nUNIT = 2\ndef area(n: int) -> float:\n    return UNIT * n",
        ),
        (["called(2)"], ""),
        (["print(UNIT)", "wanted"], "UNIT = 2"),
        (["check.call"], "from studyhall_notebooks.driven import check"),
    ],
)
def test_what_later_cells_use_of_a_driven_one(later, defined):
    assert definitions_for(DRIVEN, later) == defined
    assert definitions_for("def f(:", later) == ""


def test_only_so_many_releases_are_kept():
    releases = Releases(kept=2)
    made = [Release.build({}, {"f": bytes([n])}) for n in range(3)]
    for one in made:
        releases.put(one)
    assert releases.get(made[0].hash) is None
    assert releases.get(made[2].hash) is not None
    releases.close()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import numpy as np, os.path\nfrom math import pi", {"np", "os", "pi"}),
        (
            "def f(): pass\nclass C: pass\nx, (y, *z) = 1, (2,)\nfor i in x: j = 1",
            {"f", "C", "x", "y", "z", "i", "j"},
        ),
        ("def f(:\nx = 1", {"f", "x"}),
        ("%matplotlib inline\nx = 1", {"x"}),
        ("", set()),
    ],
)
def test_top_level_names(source, names):
    assert top_level_names(source) == names


# Frames, client and server


class Echo:
    """A grader that reports at once, or says no, or breaks."""

    def __init__(self, mode="report"):
        self.mode = mode
        self.closed = asyncio.Event()

    async def grade(self, request, release):
        try:
            yield Progress(test_id="n/t", status="passed", done=1, total=1)
            if self.mode == "hang":
                await asyncio.Event().wait()
            yield GradeReport(
                request_id=request.request_id,
                release_hash=request.release_hash,
                status="graded",
                score=1,
                max_score=1,
                tests=[],
                repairs=[],
                flags=[],
                resources={},
                executed_notebooks={},
                message=str(len(release.notebooks)),
                judge_version="0",
            )
        finally:
            self.closed.set()

    def status(self):
        return JudgeStatus(version="0", slots=1, busy=0, waiting=0, graded=0, walls=[], environments=[])


RELEASE = Release.build({})
REQUEST = GradeRequest(request_id="r", release_hash=RELEASE.hash, notebooks={})


async def collect(judge, request=REQUEST, release=RELEASE, asked=None):
    async def send():
        if asked is not None:
            asked.append(1)
        return release

    return [event async for event in judge.grade(request, send)]


@pytest.mark.asyncio
async def test_a_release_is_asked_for_once(tmp_path):
    server = await serve(bind(tmp_path / "s"), Echo())
    asked: list[int] = []
    async with server:
        judge = Judge(tmp_path / "s")
        for _ in range(2):
            progress, report = await collect(judge, asked=asked)
            assert progress.status == "passed"
            assert report.request_id == "r"
    assert asked == [1]


@pytest.mark.asyncio
async def test_a_wrong_or_broken_release_is_refused(tmp_path):
    server = await serve(bind(tmp_path / "s"), Echo())
    async with server:
        with pytest.raises(JudgeRefused, match="not the one"):
            await collect(Judge(tmp_path / "s"), release=Release.build({}, {"f": b"x"}))
        broken = Release(hash=RELEASE.hash, notebooks=[{"name": "a", "source": "{"}])
        with pytest.raises(JudgeRefused) as refusal:
            await collect(Judge(tmp_path / "s"), release=broken)
        assert refusal.value.code == "bad_release"


@pytest.mark.asyncio
async def test_a_client_that_hangs_up_stops_the_grading(tmp_path):
    grader = Echo("hang")
    server = await serve(bind(tmp_path / "s"), grader)
    async with server:

        async def send():
            return RELEASE

        events = Judge(tmp_path / "s").grade(REQUEST, send)
        await anext(events)
        await events.aclose()
        await asyncio.wait_for(grader.closed.wait(), 60)


@pytest.mark.asyncio
async def test_a_judge_that_goes_away_is_unavailable(tmp_path):
    async def leave(_reader, writer):
        writer.close()

    server = await asyncio.start_unix_server(leave, str(tmp_path / "s"))
    async with server:
        with pytest.raises(JudgeUnavailable):
            await collect(Judge(tmp_path / "s"))


@pytest.mark.asyncio
async def test_an_unknown_answer_is_unavailable(tmp_path):
    async def nonsense(reader, writer):
        await read_frame(reader)
        await write_frame(writer, {"type": "dance"})
        writer.close()

    server = await asyncio.start_unix_server(nonsense, str(tmp_path / "s"))
    async with server:
        with pytest.raises(JudgeUnavailable):
            await collect(Judge(tmp_path / "s"))


def test_a_live_socket_is_refused_and_a_stale_one_replaced(tmp_path):
    first = bind(tmp_path / "s")  # as of a judge that still warms up
    with pytest.raises(SocketInUse):
        bind(tmp_path / "s")
    first.close()
    second = bind(tmp_path / "s")
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    second.close()


def frames_of(data: bytes):
    async def read():
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader)

    return asyncio.run(read())


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        b"\x00\x00\x00\x05ab",
        b"\x00\x00\x00\x02ab",
        b"\x00\x00\x00\x02{}",
        b"\x00\x00\x00\x02[]",
        (MAX_FRAME + 1).to_bytes(4, "big"),
    ],
)
def test_broken_frames_are_refused(data):
    with pytest.raises(FrameError):
        frames_of(data)


def test_the_end_between_frames_is_the_end():
    assert frames_of(b"") is None


def test_a_frame_above_the_limit_is_not_sent(monkeypatch):
    monkeypatch.setattr("studyhall_judge.frames.MAX_FRAME", 10)
    with pytest.raises(FrameError):
        asyncio.run(write_frame(None, {"type": "x" * 20}))


@pytest.mark.parametrize("name", ["waitpid-0", "asyncio-waitpid-0"])
def test_a_script_in_a_cell_is_waited_for_by_whatever_name_asyncio_gives_its_thread(name):
    ends = threading.Event()

    class Waiting(threading.Thread):
        def join(self, timeout=None):
            ends.set()
            super().join(timeout)

    thread = Waiting(target=ends.wait, name=name, daemon=True)
    thread.start()
    shell._stop_loop(SimpleNamespace(stop_event_loop=lambda: None))
    assert ends.is_set()
