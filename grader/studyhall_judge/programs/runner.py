"""Runs one command in a fresh sandbox and says how it ended: with what output, after how long, with how much memory.

Time limits hold for the processor and for the clock. A program that waits for a processor because the machine is busy
is not to blame, so the time it spent waiting is given back, up to `PATIENCE` times its limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from studyhall_judge.cgroups import MEBIBYTE, SlotGroup
from studyhall_judge.programs.inside import parcel
from studyhall_judge.programs.pipes import LimitedPipe
from studyhall_judge.sandbox import wire
from studyhall_judge.sandboxes import PACKAGE_PARENT, START_SECONDS, PacketSocket, SandboxFault, throw_away
from studyhall_judge.standing import PRIVATE

PATIENCE = 5
MEMORY_SLACK = 6 * MEBIBYTE
"""What the sandbox itself and its successor, made in advance, may write while a program runs."""

SPARE_PIDS = 6
_ANSWER_SECONDS = 10.0
_LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True; "
    "from studyhall_judge.programs.inside.forkserver import main; sys.path.remove(sys.argv[1]); "
    "main(int(sys.argv[2]))"
)
ENVIRONMENT = {
    "HOME": "/home/learner",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "TMPDIR": PRIVATE,
    "TZ": "UTC",
    "USER": "learner",
}
"""The whole environment of programs and compilers, but for what their language adds."""


class Ending(Enum):
    """How a command ended; only ``exited`` and ``signalled`` are its own doing."""

    exited = "exited"
    signalled = "signalled"
    timed_out = "timed_out"
    memory = "memory"
    output = "output"
    too_large = "too_large"


@dataclass(frozen=True)
class Step:
    """A command to run.

    ``cpu_ms`` holds for processor and clock each. ``data_mb`` limits each process where there is no control group to
    limit all together. ``harvest``: how many bytes of the folder out/ are wanted back, at most. ``channel`` is a
    descriptor that becomes the standard input instead of ``stdin``; ``kernel`` allows what notebook kernels need:
    pseudo-terminals and a look at the network interfaces.
    """

    argv: list[str]
    files: dict[str, bytes]
    cpu_ms: int
    memory_mb: int
    data_mb: int
    disk_mb: int
    pids: int
    output_bytes: int
    stdin: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    harvest: int = 0
    memory_signs: list[str] = field(default_factory=list)
    channel: int | None = None
    kernel: bool = False


@dataclass
class Outcome:
    """What became of a `Step`. ``number`` is the exit code or the signal; ``files`` what was harvested.

    Times and memory are 0 where nobody could measure them: most that is known of a program that had to be ended is
    how long it ran.
    """

    ending: Ending
    number: int = 0
    output: bytes = b""
    errors: bytes = b""
    result: bytes = b""
    cpu_ms: float = 0
    wall_ms: float = 0
    peak_mb: float = 0
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the command ended by itself and said that all is well."""
        return self.ending is Ending.exited and self.number == 0


@dataclass
class ProgramSandbox(ABC):
    """Where a program runs: the channel to its init, as packets and raw, and the ends of its pipes."""

    commands: PacketSocket
    raw: socket.socket
    pipes: list[int]

    @abstractmethod
    def kill(self) -> None:
        """End the program and all that it has started."""


@dataclass
class _Namespaces(ProgramSandbox):
    pid: int
    pidfd: int

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        self.commands.close()
        for descriptor in (self.pidfd, *self.pipes):
            os.close(descriptor)


class ProgramServer:
    """The fork server of one slot's program sandboxes, with one sandbox always made in advance."""

    def __init__(self, process: subprocess.Popen[bytes], commands: PacketSocket) -> None:
        self._process = process
        self._commands = commands
        self._lock = asyncio.Lock()
        self._spare: asyncio.Task[_Namespaces] | None = None

    @classmethod
    async def start(cls, uid: int | None, group: SlotGroup | None, folders: list[str]) -> ProgramServer:
        """Start one that shows ``folders`` to its sandboxes. Raises `SandboxFault`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own code, a few milliseconds
            [sys.executable, "-I", "-S", "-c", _LAUNCH, PACKAGE_PARENT, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        server = cls(process, PacketSocket(ours))
        members = list(group.members) if group is not None else []
        try:
            server._commands.send({"uid": uid, "cgroups": members, "paths": folders})
            async with asyncio.timeout(START_SECONDS):
                answer, _ = await server._commands.receive()
        except (SandboxFault, TimeoutError) as error:
            server.stop()
            raise SandboxFault("the programs' fork server did not start") from error
        except asyncio.CancelledError:
            server.stop()
            raise
        if answer["op"] != "ready":
            server.stop()
            raise SandboxFault(str(answer.get("message")))
        return server

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the fork server; its sandboxes die with it."""
        spare, self._spare = self._spare, None
        if spare is not None:
            throw_away(spare, _Namespaces.close)
        self._commands.close()
        self._process.kill()
        self._process.wait()

    async def _ask(self, command: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        async with self._lock:
            self._commands.send(command)
            return await self._commands.receive()

    async def _spawn(self) -> _Namespaces:
        answer, descriptors = await self._ask({"op": "spawn"})
        if answer["op"] != "spawned":
            raise SandboxFault(str(answer.get("message")))
        pidfd, commands = descriptors
        raw = socket.socket(fileno=commands)
        packets = PacketSocket(raw)
        try:
            # Not `wait_for`, which in Python 3.11 forgets that it was cancelled when the packet comes at that moment.
            async with asyncio.timeout(START_SECONDS):
                message, pipes = await packets.receive()
        except BaseException:
            packets.close()
            os.close(pidfd)
            raise
        if message["op"] != "offer":
            packets.close()
            os.close(pidfd)
            raise SandboxFault(str(message.get("message")))
        return _Namespaces(packets, raw, pipes, int(answer["pid"]), pidfd)

    def prepare(self) -> None:
        """Begin to make the next sandbox, unless that is under way."""
        if self._spare is None:
            self._spare = asyncio.create_task(self._spawn())

    async def run(self, step: Step, group: SlotGroup | None) -> Outcome:
        """Run one command and end everything that it started. Raises `SandboxFault`."""
        self.prepare()
        spare, self._spare = self._spare, None
        assert spare is not None  # noqa: S101 - prepare has just made it
        try:
            # Who stops waiting leaves it to the next one: a fork server's answer that nobody takes would be taken for
            # the answer to the next question.
            sandbox = await asyncio.shield(spare)
        except asyncio.CancelledError:
            self._spare = spare
            raise
        kills = _limit(group, step)
        try:
            outcome = await Run(sandbox, step, grouped=group is not None).outcome(self.prepare)
        except SandboxFault:
            if group is None or group.kills() == kills:
                raise
            outcome = Outcome(Ending.memory)
        finally:
            sandbox.kill()
            try:
                with contextlib.suppress(SandboxFault):
                    await asyncio.shield(self._ask({"op": "reap", "pid": sandbox.pid}))
            finally:
                sandbox.close()
                self.prepare()
        return settled(step, outcome, killed=group is not None and group.kills() > kills)


def settled(step: Step, outcome: Outcome, *, killed: bool) -> Outcome:
    """Return the outcome with what tells that memory ran out; ``killed``: the kernel has killed for want of it."""
    killed = killed and outcome.ending is not Ending.timed_out
    if killed or (not outcome.succeeded and _says_memory(step, outcome)):
        outcome.ending = Ending.memory
    if outcome.ending is Ending.memory:
        outcome.peak_mb = max(outcome.peak_mb, float(step.memory_mb))
    return outcome


def _says_memory(step: Step, outcome: Outcome) -> bool:
    """Whether a program that failed had asked for memory in vain."""
    if outcome.ending not in {Ending.exited, Ending.signalled}:
        return False
    end = outcome.errors[-8192:]
    return any(sign.encode() in end for sign in step.memory_signs)


def _limit(group: SlotGroup | None, step: Step) -> int:
    """Give the slot's group this step's limits; returns how often the kernel has killed in it before."""
    if group is None:
        return 0
    pids = int((group.pids / "pids.current").read_text())
    group.set_pids(pids + step.pids + SPARE_PIDS)
    wanted = memory_of(step)
    try:
        group.set_memory(held_bytes(group) + wanted)
    except OSError:
        group.set_memory(group.used_bytes() + wanted)
    return group.kills()


def memory_of(step: Step) -> int:
    """Return the bytes that a step may use on top of what its sandbox holds already."""
    return step.memory_mb * MEBIBYTE + MEMORY_SLACK + sum(map(len, step.files.values()))


def held_bytes(group: SlotGroup) -> int:
    """Return what a group uses beside cached files, which make room by themselves."""
    used = group.used_bytes()
    for line in (group.memory / "memory.stat").read_text().splitlines():
        key, _, value = line.partition(" ")
        if key in {"inactive_file", "active_file"}:
            used -= int(value)
    return max(0, used)


def disk_of(step: Step) -> int:
    """Return the size, in MB, of the store that a step needs: its own files have room beside its quota."""
    return step.disk_mb + sum(map(len, step.files.values())) // MEBIBYTE + 1


def _in_memory(name: str, content: bytes) -> int:
    """Return a read-only descriptor of a file that exists in memory only."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


class Run:
    """One command in one sandbox."""

    def __init__(self, sandbox: ProgramSandbox, step: Step, *, grouped: bool) -> None:
        self._sandbox = sandbox
        self._step = step
        self._grouped = grouped
        self.ended = False
        """Whether the program has ended by itself, or was ended from inside its sandbox."""

        self._cpu_ms = 0.0
        self._full = asyncio.Event()

    async def outcome(self, began: Callable[[], None]) -> Outcome:
        """Run it; ``began`` is called once the program is on its way."""
        step = self._step
        limits = (step.output_bytes, step.output_bytes, step.output_bytes)
        pipes = [
            LimitedPipe(descriptor, limit, self._full)
            for descriptor, limit in zip(self._sandbox.pipes, limits, strict=True)
        ]
        self._sandbox.pipes = []
        try:
            self._send()
            began()
            message, ending = await self._watch()
            self.ended = ending is None
            files = await self._files(message) if message else {}
        finally:
            if self._full.is_set():
                self._sandbox.kill()
            output, errors, result = (pipe.close() for pipe in pipes)
        if ending is None and self._full.is_set():
            ending = Ending.output  # it had written too much and ended before anybody looked
        outcome = _outcome(message, ending)
        if outcome.cpu_ms > step.cpu_ms and outcome.ending is not Ending.output:
            outcome.ending = Ending.timed_out
        if message.get("harvest", 0) is None:
            outcome.ending = Ending.too_large
        outcome.output, outcome.errors, outcome.result, outcome.files = output, errors, result, files
        return outcome

    def _send(self) -> None:
        step = self._step
        files = _in_memory("files", parcel.pack(step.files))
        stdin = _in_memory("input", step.stdin) if step.channel is None else os.dup(step.channel)
        descriptors = (stdin, files)
        try:
            self._sandbox.commands.send(
                {
                    "op": "run",
                    "argv": step.argv,
                    "environment": ENVIRONMENT | step.environment,
                    "disk_mb": disk_of(step),
                    "cpu_ms": step.cpu_ms,
                    "pids": step.pids,
                    "data_mb": None if self._grouped else step.data_mb,
                    "harvest": step.harvest,
                    "kernel": step.kernel,
                },
                descriptors,
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    async def _watch(self) -> tuple[dict[str, Any], Ending | None]:
        """Wait for the end, or bring it about; returns init's last words and why we ended it."""
        full = asyncio.create_task(self._full.wait())
        began = time.monotonic()
        limit = self._step.cpu_ms / 1000
        due = began + limit
        try:
            while True:
                ended = asyncio.create_task(self._next())
                await asyncio.wait(
                    {ended, full}, timeout=max(0, due - time.monotonic()), return_when="FIRST_COMPLETED"
                )
                if ended.done():
                    return ended.result(), None
                ended.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ended
                if full.done():
                    return {"wall_ms": (time.monotonic() - began) * 1000}, Ending.output
                left = await self._left(began, limit)
                if isinstance(left, dict):
                    return left, None
                if left <= 0:
                    return {
                        "cpu_ms": self._cpu_ms,
                        "wall_ms": (time.monotonic() - began) * 1000,
                    }, Ending.timed_out
                due = time.monotonic() + left
        finally:
            full.cancel()

    async def _next(self) -> dict[str, Any]:
        message, _ = await self._sandbox.commands.receive()
        if message["op"] == "failed":
            raise SandboxFault(str(message.get("message")))
        return message

    async def _left(self, began: float, limit: float) -> float | dict[str, Any]:
        """Return the seconds that a program still has although its time is up by the clock, or its end."""
        self._sandbox.commands.send({"op": "usage"})
        try:
            # Not `wait_for`, which in Python 3.11 forgets that it was cancelled when the packet comes at that moment.
            async with asyncio.timeout(_ANSWER_SECONDS):
                message = await self._next()
        except TimeoutError:
            return 0
        if message["op"] != "usage":
            return message
        self._cpu_ms = float(message["cpu_ms"])
        total = time.monotonic() - began
        if self._cpu_ms >= limit * 1000 or total >= limit * PATIENCE:
            return 0
        # What init needed until the program was there is not the program's time.
        wall = min(total, float(message["wall_ms"]) / 1000)
        return limit - (wall - min(wall, float(message["delay_ms"]) / 1000))

    async def _files(self, message: dict[str, Any]) -> dict[str, bytes]:
        size = message.get("harvest")
        data = bytearray()
        while size and len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self._sandbox.raw, wire.MAX_PACKET)
        if not data:
            return {}
        try:
            return parcel.unpack(bytes(data), self._step.harvest * 2)
        except ValueError as error:
            raise SandboxFault(str(error)) from error


def _outcome(message: dict[str, Any], ending: Ending | None) -> Outcome:
    cpu_ms, wall_ms = float(message.get("cpu_ms", 0)), float(message.get("wall_ms", 0))
    if ending is not None:
        return Outcome(ending, cpu_ms=cpu_ms, wall_ms=wall_ms)
    status = int(message["status"])
    number = os.waitstatus_to_exitcode(status)
    peak = float(message["peak_kb"]) / 1024
    if number < 0:
        return Outcome(Ending.signalled, -number, cpu_ms=cpu_ms, wall_ms=wall_ms, peak_mb=peak)
    return Outcome(Ending.exited, number, cpu_ms=cpu_ms, wall_ms=wall_ms, peak_mb=peak)
