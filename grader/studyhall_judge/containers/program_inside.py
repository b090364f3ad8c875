"""Process 1 of a container in which programs run: one after another, each with nothing of the one before.

The engine has made the walls. Between two programs everything that could carry something over is ended or emptied:
every process, every folder that can be written, and what the kernel keeps by name.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
from pathlib import Path
from typing import Any

from studyhall_judge.containers.identity import MEETING, identity, used_kb
from studyhall_judge.programs.inside import leftovers
from studyhall_judge.programs.inside.init import STEP_ASIDE, Init
from studyhall_judge.sandbox import linux, root, seccomp, wire

_WRITABLE = (root.HOME, "/dev/shm", "/dev/mqueue")  # noqa: S108 - all that a container's user may write to
_EXIT_FAULT = 70
_ENDED_BY_US = int(signal.SIGKILL)


def main() -> None:
    """Serve one submission until the judge hangs up."""
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # what process 1 has no handler for, a program cannot send it
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(MEETING)
    try:
        wire.receive_packet(channel)
        gc.collect()
        gc.freeze()
        linux.prctl(linux.PR_SET_DUMPABLE, 0)  # nobody inside may open this process's memory through /proc
        wire.send_packet(channel, {"op": "ready", "used_kb": used_kb()} | identity())
        ContainerInit(channel).serve()
    except wire.ChannelClosed:
        os._exit(0)  # the judge has what it wanted, or is gone
    except BaseException as error:  # noqa: BLE001 - the judge must hear of any fault in here
        with contextlib.suppress(OSError):
            wire.send_packet(channel, {"op": "failed", "message": f"{type(error).__name__}: {error}"})
        os._exit(_EXIT_FAULT)


class ContainerInit(Init):
    """Runs programs one after another, and leaves the walls to the engine."""

    # When memory runs out, the kernel is to end the program and not this process. Only the shell can say so: a copy of
    # this process may not write to files of its own below /proc.
    script = "{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; " + STEP_ASIDE

    _closed = False

    def serve(self) -> None:
        """Run programs until the judge hangs up."""
        while True:
            os.chdir("/")
            for folder in _WRITABLE:
                leftovers.empty(folder)
            leftovers.remove_semaphores()
            self._program = self._shell = self._peak_kb = 0
            self._cpu_ms = 0.0
            self.step()

    def make_storage(self, disk_mb: int) -> None:  # noqa: ARG002 - the engine has set the quota
        """Make the folders in the container's file system in memory, which is empty."""
        for path, mode in ((root.WORK, 0o755), (root.TEMPORARY, 0o1777)):
            Path(path).mkdir()
            Path(path).chmod(mode)

    def close_in(self, *, kernel: bool) -> None:
        """Give up all powers before the first program; for the next ones it stays so."""
        if not self._closed:
            linux.drop_capabilities()
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            seccomp.install(interfaces=kernel)
        self._closed = True

    def obey(self, command: dict[str, Any]) -> int | None:
        """Answer the judge's question, or end the program because the judge wants it."""
        return _ENDED_BY_US if command["op"] == "stop" else super().obey(command)
