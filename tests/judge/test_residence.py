"""Which pages copies will write to is found out by a copy that does, and asked for in few calls."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import struct
import sys

import pytest
from studyhall_judge.sandbox import rehearsal, residence
from studyhall_judge.sandbox.linux import MOST_RANGES
from studyhall_judge.sandbox.residence import HotPages, Shared, joined
from studyhall_judge.sandboxes import ForkServer, ForkServerSettings
from studyhall_judge.standing import FIRST_UID, can_change_user

PAGE = mmap.PAGESIZE
PAGES = 64
OWN = 1 << 56


@pytest.fixture
def memory():
    """Private memory that is there, page by page, and its address."""
    with mmap.mmap(-1, PAGES * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as region:
        region.write(b"x" * len(region))
        view = ctypes.c_char.from_buffer(region)
        yield region, ctypes.addressof(view)
        del view


def hot_pages(work):
    """What a copy of this process that does some work has written to."""
    shared = Shared()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        work()
        os.write(write, b"".join(struct.pack("@QQ", *one) for one in shared.touched()[0]))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        ranges = answer.read()
    os.waitpid(pid, 0)
    return HotPages(ranges)


@pytest.mark.parametrize(
    ("pages", "ranges"),
    [
        ([], []),
        ([3], [(3, 1)]),
        ([3, 4, 5, 9], [(3, 3), (9, 1)]),
    ],
)
def test_pages_that_are_neighbours_become_one_range(pages, ranges):
    assert joined(pages) == [(start * PAGE, length * PAGE) for start, length in ranges]


def test_the_pages_that_a_copy_wrote_to_are_found_and_no_others(memory):
    region, address = memory

    def work():
        for page in (5, 6, 40):
            region[page * PAGE] = 1

    hot = hot_pages(work)
    here = [
        ((one.start - address) // PAGE, one.length // PAGE)
        for some in hot._written
        for one in some
        if address <= one.start < address + len(region)
    ]
    assert here == [(5, 2), (40, 1)]
    assert region[5 * PAGE] == ord("x")


def test_more_ranges_than_one_call_takes_are_all_taken_and_no_page_between_them():
    count = 2 * (MOST_RANGES + 7)
    with mmap.mmap(-1, count * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as region:
        region.madvise(mmap.MADV_NOHUGEPAGE)
        region.write(b"x" * len(region))

        def work():
            for page in range(0, count, 2):
                region[page * PAGE] = 1

        view = ctypes.c_char.from_buffer(region)
        address = ctypes.addressof(view)
        del view
        hot = hot_pages(work)

        def own():
            here = [(address, address + len(region))]
            hot.take()
            found = [
                number for number, entry in residence._numbered(here, residence._entries(here)) if entry & OWN
            ]
            told.extend((number - address // PAGE) for number in found)

        told: list[int] = []
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            own()
            os.write(write, b"yes" if told == list(range(0, count, 2)) else str(told).encode()[:4000])
            os._exit(0)
        os.close(write)
        with os.fdopen(read, encoding="ascii") as answer:
            assert answer.read() == "yes"
        os.waitpid(pid, 0)


def test_a_copy_that_took_its_pages_writes_to_them_without_an_interruption(memory):
    region, _address = memory

    def work():
        for page in range(PAGES):
            region[page * PAGE] = 1

    def interruptions() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        work()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    hot = hot_pages(work)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        hot.take()
        os.write(write, str(interruptions()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="ascii") as answer:
        assert int(answer.read()) < PAGES // 2
    os.waitpid(pid, 0)


@pytest.mark.asyncio
async def test_a_warm_process_knows_which_pages_its_copies_need_and_guarded_tests_need_more():
    uid = FIRST_UID if can_change_user() else None
    server = await ForkServer.start(ForkServerSettings(sys.executable, (), uid, ()))
    try:
        (cells, init), (tests, _init) = server.found_pages["cells"], server.found_pages["tests"]
        assert tests > cells > 300
        assert cells > init > 50
    finally:
        server.stop()


class Forgetful:
    """Stands for an executor that is only looked at."""

    shared = None


def failing():
    raise OSError("no namespaces left")


def hanging():
    signal.pause()


@pytest.mark.parametrize("spawn", [failing, hanging])
def test_a_rehearsal_that_fails_or_hangs_finds_nothing_and_is_not_waited_for(monkeypatch, spawn):
    monkeypatch.setattr(rehearsal, "LONGEST_SECONDS", 1)
    students, init = rehearsal.rehearse(Forgetful(), spawn, {}, "default")
    assert (students.count, init.count) == (0, 0)
