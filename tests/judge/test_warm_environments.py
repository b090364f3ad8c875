"""Warm environments keep to their memory budget, and a fork server that has grown makes room for a fresh one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest
from studyhall_judge import slots
from studyhall_judge.cgroups import MEBIBYTE
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import PacketSocket
from studyhall_judge.slots import BARE, Environment, Slot, SlotPool

pytestmark = pytest.mark.asyncio

ENVIRONMENTS = [Environment(name, sys.executable) for name in ("default", "first", "second")]


@pytest.fixture
def names():
    return {one.name: one for one in ENVIRONMENTS}


async def test_within_the_budget_every_environment_stays_warm(names):
    slot = Slot(0, names, None)
    try:
        for name in names:
            await slot.warm(name)
        assert slot.warm_environments == ["default", "first", "second"]
    finally:
        slot.stop()


async def test_the_environment_that_was_not_used_for_longest_goes_first(names):
    slot = Slot(0, names, None)
    try:
        first = await slot.warm("default")
        # Room for two of them and a half.
        small = Slot(0, names, None, first.memory_bytes() * 5 // 2)
        try:
            await small.warm("default")
            await small.warm("first")
            await small.warm("default")
            await small.warm("second")
            assert small.warm_environments == ["default", "second"]
        finally:
            small.stop()
    finally:
        slot.stop()


async def test_an_environment_above_the_budget_is_served_alone(names):
    slot = Slot(0, names, None, 1 * MEBIBYTE)
    try:
        for name in names:
            await slot.warm(name)
            assert slot.warm_environments == [name]
            async with slot.sandbox(Limits(), None) as sandbox:
                assert sandbox.student.pid
    finally:
        slot.stop()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_sandbox_that_is_made_just_as_its_fork_server_is_let_go_leaves_nothing_open(
    names, monkeypatch
):
    slot = Slot(0, names, None)
    original = PacketSocket.receive

    async def receive(self):
        message, descriptors = await original(self)
        if message["op"] == "student" and stopping:
            # Before anybody else hears of what has come.
            asyncio.get_running_loop().call_soon(slot.stop)
            stopping.clear()
            ended.set()
        return message, descriptors

    monkeypatch.setattr(PacketSocket, "receive", receive)
    ended, stopping = asyncio.Event(), [True]
    before = _open_files()
    with contextlib.suppress(asyncio.CancelledError):
        await slot.warm("default")
    await ended.wait()
    slot.stop()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait([task])
    assert _open_files() == before


async def test_a_fork_server_that_nobody_waits_for_any_more_is_ended(names):
    slot = Slot(0, names, None)
    before = _open_files()
    warming = asyncio.create_task(slot.warm("default"))
    await asyncio.sleep(0)  # until it waits for the first word of the process
    assert _open_files() > before
    warming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await warming
    assert slot.warm_environments == []
    assert _open_files() == before


async def test_a_fork_server_that_has_grown_is_replaced_between_two_submissions(monkeypatch):
    pool = SlotPool(1, [ENVIRONMENTS[0]], [])
    try:
        await pool.start()
        async with pool.slot("default") as slot:
            before = await slot.warm("default")
        assert pool.busy == 0
        monkeypatch.setattr(slots, "GROWTH", -(1 << 40))
        async with pool.slot("default") as slot:
            assert await slot.warm("default") is before
        monkeypatch.undo()
        async with pool.slot("default") as slot:
            after = await slot.warm("default")
            assert after is not before
            assert after.alive
            assert not before.alive
    finally:
        pool.stop()


async def test_what_an_environment_lacks_is_known_before_its_libraries_are_imported():
    pool = SlotPool(
        1, [ENVIRONMENTS[0], Environment("other", sys.executable, ("fractions", "no_such.part"))], []
    )
    try:
        await pool.start()
        async with pool.slot(pool.bare("other")) as slot:
            assert slot.warm_environments == ["default", f"other{BARE}"]
        described = {one.name: one for one in pool.status()}
        assert described["other"].missing == ["no_such.part (ModuleNotFoundError)"]
    finally:
        pool.stop()
