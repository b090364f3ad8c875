"""Process 1 of a sandbox's container: meets the judge, warms up, and then is the init that the judge knows.

The engine has made the walls before this starts: own namespaces, no network, a read-only root, no capability. What is
left to do is what the other back end's fork server does once: import, warm the shell, copy, obey.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studyhall_judge.containers.identity import MEETING, identity, used_kb
from studyhall_judge.sandbox import forkserver, init, linux, root, wire

CONFIGURATION = Path("/usr/local/share/studyhall/matplotlib")
"""The list of fonts, made with the image, so that not every container makes it."""

_MINE = (Path(root.WORK), Path(root.TEMPORARY))


def main() -> Iterator[Any]:
    """Serve one submission.

    Returns:
        In a student's process, which arrives here as a copy, what its main thread has to do; otherwise nothing.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(MEETING)
    try:
        _serve(channel)
    except init.BecomeStudent as student:
        try:
            descriptors = init.become_student(student)
            return student.executor.stage(*descriptors)
        except BaseException as error:  # noqa: BLE001 - nothing may return into what was copied
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(init.EXIT_FAULT)
    except wire.ChannelClosed:
        os._exit(0)  # the judge has what it wanted, or is gone
    except BaseException as error:  # noqa: BLE001 - the judge must hear of any fault in here
        with contextlib.suppress(OSError):
            wire.send_packet(channel, {"op": "failed", "message": f"{type(error).__name__}: {error}"})
        os._exit(init.EXIT_FAULT)
    return iter(())


def _serve(channel: socket.socket) -> None:
    settings, _ = wire.receive_packet(channel)
    for path in _MINE:
        path.mkdir()
    if CONFIGURATION.is_dir():
        shutil.copytree(CONFIGURATION, f"{root.TEMPORARY}/matplotlib")
    executor, missing = forkserver.make_executor(settings)
    executor.prepare(forkserver.library_prefixes(), settings["environment"])
    executor.settle_down()
    gc.collect()
    gc.freeze()
    linux.prctl(linux.PR_SET_DUMPABLE, 0)  # nobody inside may open this process's memory through /proc
    ready = {"op": "ready", "missing": missing, "used_kb": used_kb()}
    wire.send_packet(channel, ready | identity())
    ContainerInit(channel, executor, 0).serve([])


class ContainerInit(init.Init):
    """Leaves the walls to the engine."""

    def show_processes(self) -> bool:
        """Return whether the container shows its processes, as it always does."""
        return Path("/proc/1").is_dir()

    def make_storage(self) -> None:
        """Empty the file system in memory, whose quota the engine has set: warming up has left files in it."""
        for path in _MINE:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
