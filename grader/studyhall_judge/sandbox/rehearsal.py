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

_RANGE = struct.Struct("@QQ")
_SIZE = 8
_PARTS = 4

Spawn = Callable[[], tuple[dict[str, Any], tuple[int, ...]]]


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
    read, write = os.pipe()
    pid = copying.fork()
    if pid == 0:
        os.close(read)
        executor.shared = Shared()
        with contextlib.suppress(Exception):
            for ranges in _play(executor, spawn, limits, scoring):
                data = b"".join(_RANGE.pack(start, length) for start, length in ranges)
                _say(write, len(data).to_bytes(_SIZE, "big") + data)
        os._exit(0)  # and with it the sandbox ends
    os.close(write)
    found = _read_all(read)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    parts = []
    while found:
        end = _SIZE + int.from_bytes(found[:_SIZE], "big")
        parts.append(found[_SIZE:end])
        found = found[end:]
    if len(parts) != _PARTS:
        return HotPages(), HotPages()
    return HotPages(*parts[:2]), HotPages(*parts[2:])


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
    return [*students["touched"], *answer["touched"]]


def _ask(channel: socket.socket, message: dict[str, Any]) -> dict[str, Any]:
    channel.sendall(wire.encode(message))
    return wire.receive_from(channel.fileno())


def _say(write: int, data: bytes) -> None:
    while data:
        data = data[os.write(write, data) :]


def _read_all(read: int) -> bytes:
    found = b""
    with open(read, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], LONGEST_SECONDS)[0] and (chunk := pipe.read(1 << 16)):
            found += chunk
    return found
