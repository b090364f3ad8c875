"""What a notebook's process answered in time counts, also where the judge itself was too busy to look."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from studyhall_judge.sandbox import wire
from studyhall_judge.students import Student

SECONDS = 0.05


@contextlib.contextmanager
def student():
    """Lend a student whose process is the other end of a socket."""
    ours, theirs = socket.socketpair()
    ends = [os.pipe() for _ in range(3)]
    made = Student(1, ours, *(read for read, _ in ends))
    try:
        yield made, theirs
    finally:
        made.close()
        theirs.close()
        for _, write in ends:
            os.close(write)


def test_an_answer_counts_that_came_while_the_judge_was_busy():
    async def ask():
        loop = asyncio.get_running_loop()
        with student() as (asked, process):

            def be_busy():
                process.sendall(wire.encode({"n": 1, "text": "x" * 100_000}))
                until = loop.time() + 2 * SECONDS
                while loop.time() < until:
                    pass

            loop.call_soon(be_busy)
            return await asked.receive_within(SECONDS, 1_000_000, {"op": "cell"})

    assert asyncio.run(ask())["n"] == 1


def test_no_answer_is_none_and_the_next_one_is_still_heard():
    async def ask():
        with student() as (asked, process):
            first = await asked.receive_within(0.01, 1000, {"op": "cell"})
            process.sendall(wire.encode({"n": 2}))
            return first, await asked.receive_within(10, 1000)

    assert asyncio.run(ask()) == (None, {"n": 2})
