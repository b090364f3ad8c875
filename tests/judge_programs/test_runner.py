"""What a single run may cost, with and without control groups, and what happens when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time

import pytest
from studyhall_judge.program_report import ProgramProgress, ProgramRequest, ProgramTest, Verdict
from studyhall_judge.programs.runner import Ending, ProgramSandbox, ProgramServer, Run, Step
from studyhall_judge.sandbox import root, wire
from studyhall_judge.sandboxes import PacketSocket
from studyhall_judge.standing import FIRST_UID, can_change_user


def _step(code: str, **changes) -> Step:
    given = {
        "argv": [sys.executable, "-I", "main.py"],
        "files": {"main.py": code.encode()},
        "cpu_ms": 2000,
        "memory_mb": 64,
        "data_mb": 64,
        "disk_mb": 10,
        "pids": 50,
        "output_bytes": 10_000,
        "memory_signs": ["MemoryError"],
    }
    return Step(**(given | changes))


def _run_without_groups(*steps: Step) -> list:
    async def run() -> list:
        uid = FIRST_UID if can_change_user() else None
        server = await ProgramServer.start(uid, None, root.interpreter_paths())
        try:
            return [await server.run(step, None) for step in steps]
        finally:
            server.stop()

    return asyncio.run(run())


def test_without_control_groups_each_process_has_its_limits():
    fine, memory, loop = _run_without_groups(
        _step("print('fine')"),
        _step("kept = [bytearray(1 << 20) for _ in range(100)]"),
        _step("while True: pass", cpu_ms=300),
    )
    assert (fine.ending, fine.output) == (Ending.exited, b"fine\n")
    assert memory.ending is Ending.memory
    assert loop.ending is Ending.timed_out


def test_time_and_memory_are_the_programs_own():
    small, large, busy = _run_without_groups(
        _step("pass"),
        _step("kept = bytearray(b'1') * (20 << 20)"),
        _step("import time\nwhile time.process_time() < 0.3: pass"),
    )
    assert small.peak_mb < 15
    assert 18 < large.peak_mb - small.peak_mb < 25
    assert busy.cpu_ms > 290
    assert small.cpu_ms < busy.cpu_ms


def test_a_program_that_is_not_there_is_an_error_of_its_own():
    (missing,) = _run_without_groups(_step("", argv=["out/program"]))
    assert missing.ending is Ending.exited
    assert missing.number == 127


def test_leaving_early_stops_the_program_and_frees_the_slot(programs):
    tests = [ProgramTest(id=str(number), expected="") for number in range(50)]
    request = ProgramRequest(
        request_id="x",
        language="python",
        code="import time\ntime.sleep(4)",
        tests=tests,
        limits={"time_ms": 10_000, "total_ms": 200_000},
    )

    async def leave() -> None:
        events = programs.client.run_program(request)
        first = await anext(events)
        assert isinstance(first, ProgramProgress)
        await events.aclose()

    asyncio.run(leave())
    # There is one slot, and 49 tests of four seconds were still to come.
    began = time.monotonic()
    report, _ = programs.run(language="python", code="print(1)", tests=[ProgramTest(id="a", expected="1")])
    assert report.verdict is Verdict.accepted
    assert time.monotonic() - began < 120


class _Played(ProgramSandbox):
    """A sandbox in which this test plays init."""

    def kill(self) -> None:
        """There is nobody to end."""


def _played(*said: dict, output: bytes = b"") -> tuple[_Played, socket.socket]:
    """Return a sandbox whose program has written ``output`` and whose init has ``said`` something already."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pipes = [os.pipe() for _ in range(3)]
    os.write(pipes[0][1], output)
    for _read, write in pipes:
        os.close(write)
    for message in said:
        wire.send_packet(theirs, message)
    return _Played(PacketSocket(ours), ours, [read for read, _write in pipes]), theirs


@pytest.mark.parametrize(("size", "ending"), [(10, Ending.exited), (11, Ending.output)])
def test_too_much_output_is_too_much_also_when_the_program_has_ended_before_anybody_looked(size, ending):
    ended = {"op": "ended", "status": 0, "wall_ms": 1, "cpu_ms": 1, "peak_kb": 1, "harvest": 0}

    async def run():
        sandbox, theirs = _played(ended, output=b"x" * size)
        try:
            return await Run(sandbox, _step("", output_bytes=10), grouped=False).outcome(lambda: None)
        finally:
            sandbox.commands.close()
            theirs.close()

    outcome = asyncio.run(run())
    assert outcome.ending is ending
    assert outcome.output == b"x" * 10


@pytest.mark.parametrize(
    ("wall_ms", "delay_ms", "goes_on"), [(200, 0, True), (1500, 0, False), (1500, 900, True)]
)
def test_only_a_programs_own_time_counts_and_not_what_it_was_kept_waiting(wall_ms, delay_ms, goes_on):
    usage = {"op": "usage", "cpu_ms": 5, "wall_ms": wall_ms, "delay_ms": delay_ms}

    async def left():
        sandbox, theirs = _played(usage)
        try:
            return await Run(sandbox, _step(""), grouped=False)._left(time.monotonic() - 1.5, 1)
        finally:
            sandbox.commands.close()
            theirs.close()
            for descriptor in sandbox.pipes:
                os.close(descriptor)

    assert (asyncio.run(left()) > 0) is goes_on


def test_a_sandbox_that_nobody_waits_for_any_more_is_the_next_programs():
    async def run() -> list:
        uid = FIRST_UID if can_change_user() else None
        server = await ProgramServer.start(uid, None, root.interpreter_paths())
        try:
            leaving = asyncio.create_task(server.run(_step("print('left')"), None))
            for _ in range(3):  # until the fork server has been asked
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            return [await server.run(_step(f"print({number})"), None) for number in range(3)]
        finally:
            server.stop()

    assert [one.output for one in asyncio.run(run())] == [b"0\n", b"1\n", b"2\n"]


def test_when_all_time_is_used_up_the_rest_is_not_run(programs):
    tests = [ProgramTest(id=str(number), expected="") for number in range(4)]
    limits = {"time_ms": 600, "total_ms": 1000}
    report, _ = programs.run(language="python", code="while True: pass", tests=tests, limits=limits)
    assert {test.verdict for test in report.tests} == {Verdict.time_limit_exceeded}
    assert "did not run" in report.tests[-1].message
    assert report.tests[-1].time_ms is None


@pytest.mark.parametrize("bomb", ["import os\nwhile True: os.fork()", "kept = bytearray(1 << 30)"])
def test_the_next_program_does_not_notice(programs, bomb):
    tests = [ProgramTest(id="a", expected="1")]
    programs.run(language="python", code=bomb, tests=tests, limits={"time_ms": 500})
    report, _ = programs.run(language="python", code="print(1)", tests=tests)
    assert report.verdict is Verdict.accepted
    assert report.tests[0].memory_mb is not None
    assert report.tests[0].memory_mb < 30


def test_what_was_not_measured_is_not_reported_as_nothing(programs):
    tests = [ProgramTest(id=word, input=word, expected="") for word in ("loop", "flood", "end")]
    code = "word = input()\nwhile word == 'loop': pass\nwhile word == 'flood': print(word * 1000)"
    report, _ = programs.run(language="python", code=code, tests=tests, limits={"time_ms": 1000})
    loop, flood, end = report.tests
    assert (loop.verdict, flood.verdict) == (Verdict.time_limit_exceeded, Verdict.runtime_error)
    assert (loop.memory_mb, flood.memory_mb, flood.time_ms) == (None, None, None)
    assert loop.time_ms > 0
    assert flood.wall_ms > 0
    assert min(end.time_ms, end.wall_ms, end.memory_mb) > 0
