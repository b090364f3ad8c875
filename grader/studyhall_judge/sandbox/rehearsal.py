"""Plays the judge towards a sandbox that is thrown away, to learn what memory notebooks write to.

Everything is as in a submission, from the first message on, so what is found is what a submission's processes need.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studyhall_judge.sandbox import wire
from studyhall_judge.sandbox.residence import HotPages, Shared

if TYPE_CHECKING:
    from studyhall_judge.sandbox.executor import Executor

LONGEST_SECONDS = 20
"""How long a step may take. What has not been said by then is not known, and pages come one by one."""

_TIMEVAL = struct.Struct("@ll")

Spawn = Callable[[], tuple[dict[str, Any], tuple[int, ...]]]


def rehearse(executor: Executor, spawn: Spawn, limits: dict[str, Any], scoring: str) -> HotPages:
    """Return the pages that a student's process writes to whose tests are run in this way of ``scoring``.

    Args:
        executor: what the process will run.
        spawn: makes a sandbox, as for a submission; whoever calls it collects it.
        limits: a submission's.
        scoring: a submission's.
    """
    executor.shared = Shared()
    answer, descriptors = spawn()
    executor.shared = None
    if answer["op"] != "spawned":
        return HotPages([])
    pidfd, commands = descriptors
    os.close(pidfd)
    with contextlib.suppress(OSError, ValueError, KeyError, wire.ChannelClosed):
        return HotPages(_play(executor, socket.socket(fileno=commands), limits, scoring))
    return HotPages([])


def _play(
    executor: Executor, commands: socket.socket, limits: dict[str, Any], scoring: str
) -> list[tuple[int, int]]:
    with commands:
        commands.settimeout(LONGEST_SECONDS)
        _message, descriptors = wire.receive_packet(commands)
        wire.send_packet(commands, {"op": "set_up", "more": False})
        wire.receive_packet(commands)
        with socket.socket(fileno=descriptors[0]) as channel:
            # Not a timeout of Python's, with which reads of the descriptor itself would not wait at all.
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(LONGEST_SECONDS, 0))
            go = {"op": "go", "limits": limits, "scoring": scoring, "files": [], "fetched": [], "secret": []}
            _ask(channel, go)
            for message in executor.rehearsed(guarded=scoring != "nbgrader"):
                _ask(channel, message)
            ranges = _ask(channel, {"op": "pages", "n": 0, "nonce": ""})["ranges"]
        for descriptor in descriptors[1:]:
            os.close(descriptor)
    return [(start, length) for start, length in ranges]


def _ask(channel: socket.socket, message: dict[str, Any]) -> dict[str, Any]:
    channel.sendall(wire.encode(message))
    return wire.receive_from(channel.fileno())
