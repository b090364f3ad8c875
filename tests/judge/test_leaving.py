"""Somebody who stops waiting, at whatever moment, leaves nothing behind and takes nothing from those who come next."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
from studyhall_judge.driver import NotebookRun
from studyhall_judge.report import Limits
from studyhall_judge.sandbox import init, wire
from studyhall_judge.sandboxes import ForkServer, PacketSocket, Sandbox, SandboxFault
from studyhall_judge.scoring import Ending
from studyhall_judge.slots import Environment, Slot

LONGEST_WAIT = 60


@pytest_asyncio.fixture
async def slot():
    made = Slot(0, {"default": Environment("default", sys.executable)}, None)
    yield made
    await _ended(made)


async def _ended(slot: Slot) -> None:
    """End a slot and wait until everything that it has begun has ended, too."""
    slot.stop()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait([task])


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


async def _steps(count: int) -> None:
    """Let every task that can go on do so, some times over."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_closing_a_channel_ends_the_wait_for_it_and_its_number_is_free_for_the_next_one():
    ours, theirs = _pair()
    packets, number = PacketSocket(ours), ours.fileno()
    waiting = asyncio.create_task(packets.receive())
    await _steps(1)
    packets.close()
    one, other = _pair()
    if one.fileno() != number:  # the lowest number that is free is given next
        os.dup2(one.fileno(), number)
        one.close()
        one = socket.socket(fileno=number)
    next_one = PacketSocket(one)
    hearing = asyncio.create_task(next_one.receive())
    async with asyncio.timeout(LONGEST_WAIT):
        with pytest.raises(SandboxFault):
            await waiting
        wire.send_packet(other, {"op": "hello"})
        assert await hearing == ({"op": "hello"}, [])
    next_one.close()
    other.close()
    theirs.close()


@pytest.mark.asyncio
async def test_a_sandbox_that_nobody_waits_for_any_more_is_the_next_ones(slot):
    server = await slot.warm("default")
    first = await server.take()
    leaving = asyncio.create_task(server.take())
    await _steps(3)  # until the fork server has been asked
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    for _ in range(2):
        first.kill()
        assert (await server.reap(first))["op"] == "reaped"
        first = await server.take()
    first.kill()


@pytest.mark.asyncio
async def test_a_sandbox_that_is_being_set_up_ends_when_its_learner_leaves(slot, monkeypatch):
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    began, taken = asyncio.Event(), []

    async def set_up(self, *_given, **_more):
        taken.append(self)
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Sandbox, "set_up", set_up)
    before = open_files()

    async def use() -> None:
        async with slot.sandbox(Limits(), None):
            raise AssertionError("it was never set up")

    using = asyncio.create_task(use())
    await began.wait()
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(taken[0].pidfd)
    await _ended(slot)
    assert open_files() == before


@pytest.mark.asyncio
async def test_a_slot_is_free_again_when_what_its_learner_left_has_ended(slot, monkeypatch):
    original, may_end, began = ForkServer.reap, asyncio.Event(), asyncio.Event()

    async def reap(self, sandbox):
        await may_end.wait()
        return await original(self, sandbox)

    monkeypatch.setattr(ForkServer, "reap", reap)

    async def use() -> None:
        async with slot.sandbox(Limits(), None):
            began.set()
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await began.wait()
    using.cancel()
    await _steps(10)
    assert not using.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await using


def test_a_process_that_is_seen_again_before_it_is_gone_is_counted_once(monkeypatch):
    seen = [["1", "2", "7", "8"], ["1", "2", "7"], ["1", "2"]]
    monkeypatch.setattr(init.os, "kill", lambda _pid, _number: None)
    monkeypatch.setattr(init.os, "listdir", lambda _folder: seen.pop(0))
    monkeypatch.setattr(init, "_is_dead", lambda _pid: False)
    one = init.Init(None, None, 64)
    monkeypatch.setattr(one, "_collect", lambda: None)
    assert one._leave_alone(2) == 2


@pytest.mark.asyncio
async def test_the_kernels_word_that_memory_ran_out_does_not_wait_for_inits():
    async def not_heard_of_yet(_seconds):
        return None

    limits = Limits()
    sandbox = SimpleNamespace(student=None, wait_ended=not_heard_of_yet)
    kills = iter([0, 1])
    run = NotebookRun(sandbox, [], SimpleNamespace(limits=limits), None, lambda: next(kills))
    assert (await run._gone(0.0, "")).ending is Ending.memory


@pytest.mark.asyncio
async def test_a_cell_that_ends_just_as_it_is_interrupted_is_left_before_the_next_one_begins():
    sent, message = asyncio.Event(), {"n": 0, "nonce": "x"}

    async def receive_within(_seconds, _limit):
        return message | {"outputs": [], "pid": 2, "others": []}

    sandbox = SimpleNamespace(
        student=SimpleNamespace(receive_within=receive_within),
        interrupt=lambda _pid: None,
        interrupted=sent.wait,
        is_alone=lambda _others: True,
    )
    run = NotebookRun(sandbox, [], SimpleNamespace(limits=Limits()), None, lambda: 0)
    run._pid = 2
    interrupting = asyncio.create_task(run._interrupt(0, message, 0.0))
    await _steps(10)
    assert not interrupting.done()
    sent.set()
    assert (await interrupting).ending is Ending.timed_out
