"""The parent of a slot's program sandboxes: small, so that copies are quick and what they use is easy to measure.

It knows no language and has never seen a program. Commands come as packets on one inherited socket: ``spawn`` makes a
sandbox, ``reap`` collects a dead one.
"""

from __future__ import annotations

import gc
import os
import socket

from studyhall_judge.programs.inside import init
from studyhall_judge.sandbox import linux, root, wire
from studyhall_judge.sandbox.forkserver import NAMESPACES, isolate, reap


def main(descriptor: int) -> None:
    """Serve commands on the inherited socket until it closes."""
    commands = socket.socket(fileno=descriptor)
    settings, _ = wire.receive_packet(commands)
    for path in settings["cgroups"]:
        with open(path, "w", encoding="ascii") as members:
            members.write("0")
    paths = [path for path in dict.fromkeys(settings["paths"]) if not _covered(path, settings["paths"])]
    try:
        lacking = isolate(settings["uid"], paths)
    except OSError as error:
        wire.send_packet(commands, {"op": "failed", "message": str(error)})
        return
    gc.collect()
    gc.freeze()
    wire.send_packet(commands, {"op": "ready", "lacking": lacking})
    while True:
        try:
            command, _ = wire.receive_packet(commands)
        except wire.ChannelClosed:
            return
        if command["op"] == "spawn":
            _spawn(commands)
        else:
            wire.send_packet(commands, reap(command["pid"]))


def _covered(path: str, paths: list[str]) -> bool:
    return path.startswith(root.SYSTEM) or any(path.startswith(other + "/") for other in paths)


def _spawn(commands: socket.socket) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    user, group = os.getuid(), os.getgid()  # inside its own namespace the copy cannot see them any more
    try:
        pid = linux.clone(NAMESPACES)
    except OSError as error:
        ours.close()
        theirs.close()
        wire.send_packet(commands, {"op": "failed", "message": str(error)})
        return
    if pid == 0:
        commands.close()
        ours.close()
        init.run(theirs, user, group)
    theirs.close()
    pidfd = os.pidfd_open(pid)
    wire.send_packet(commands, {"op": "spawned", "pid": pid}, (pidfd, ours.fileno()))
    os.close(pidfd)
    ours.close()
