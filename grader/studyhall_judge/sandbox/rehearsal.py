"""Plays the judge towards a sandbox that is thrown away, to learn what memory notebooks write to.

Everything is as in a submission, from the first message on, so what is found is what a submission's processes need. A
copy of this process plays: what the process itself wrote to meanwhile would look as if the notebook had.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studyhall_judge.sandbox import copying, wire
from studyhall_judge.sandbox.residence import HotPages, Shared

if TYPE_CHECKING:
    from studyhall_judge.sandbox.executor import Executor

LONGEST_SECONDS = 20
"""How long it may take. What has not been said by then is not known, and pages come one by one."""

Spawn = Callable[[], tuple[dict[str, Any], tuple[int, ...]]]
_RANGE = struct.Struct("@QQ")
_END = 0, 0
"""Stands behind the ranges of one process."""
_PARTS = 2


def rehearse(
    executor: Executor, spawn: Spawn, limits: dict[str, Any], scoring: str
) -> tuple[HotPages, HotPages]:
    """Return the pages that a student's process writes to, and those that its init does.

    Args:
        executor: what the process will run.
        spawn: makes a sandbox, as for a submission.
        limits: a submission's.
        scoring: a submission's, by which its tests are run in one way or another.
    """
    shared = Shared()
    read, write = os.pipe()
    pid = copying.fork()
    if pid == 0:
        os.close(read)
        executor.shared = shared
        with contextlib.suppress(Exception):
            for ranges in _play(executor, spawn, limits, scoring):
                _say(write, [*ranges, _END])
        os._exit(0)  # and with it the sandbox ends
    os.close(write)
    found = _read_all(read)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    ranges = list(_RANGE.iter_unpack(found[: len(found) // _RANGE.size * _RANGE.size]))
    if ranges.count(_END) != _PARTS:
        return HotPages([]), HotPages([])
    middle = ranges.index(_END)
    return HotPages(ranges[:middle]), HotPages(ranges[middle + 1 : -1])


def _play(
    executor: Executor, spawn: Spawn, limits: dict[str, Any], scoring: str
) -> list[list[tuple[int, int]]]:
    _answer, (_pidfd, descriptor) = spawn()
    commands = socket.socket(fileno=descriptor)
    _message, descriptors = wire.receive_packet(commands)
    wire.send_packet(commands, {"op": "set_up", "more": False})
    wire.receive_packet(commands)
    channel = socket.socket(fileno=descriptors[0])
    go = {"op": "go", "limits": limits, "scoring": scoring, "files": [], "fetched": [], "secret": []}
    _ask(channel, go)
    for message in executor.rehearsed(guarded=scoring != "nbgrader"):
        _ask(channel, message)
    students = _ask(channel, {"op": "pages", "n": 0, "nonce": ""})
    wire.send_packet(commands, {"op": "pages"})
    answer, _none = wire.receive_packet(commands)
    return [[(start, length) for start, length in one["ranges"]] for one in (students, answer)]


def _ask(channel: socket.socket, message: dict[str, Any]) -> dict[str, Any]:
    channel.sendall(wire.encode(message))
    return wire.receive_from(channel.fileno())


def _say(write: int, ranges: list[tuple[int, int]]) -> None:
    data = b"".join(_RANGE.pack(*one) for one in ranges)
    while data:
        data = data[os.write(write, data) :]


def _read_all(read: int) -> bytes:
    found = b""
    with open(read, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], LONGEST_SECONDS)[0] and (chunk := pipe.read(1 << 16)):
            found += chunk
    return found
