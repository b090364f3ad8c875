"""The judge's side of the sandboxes: starts fork servers, takes sandboxes from them, commands init.

All waiting is asyncio's; nothing that comes from a sandbox is trusted beyond its size.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from studyhall_judge.report import Limits
from studyhall_judge.sandbox import wire
from studyhall_judge.standing import ENVIRONMENT, WARMING_ENVIRONMENT
from studyhall_judge.students import Student

Made = TypeVar("Made")

PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent)


def _parent_of(package: str) -> str:
    """Return the folder that a package of ours is imported from, found without importing it."""
    spec = importlib.util.find_spec(package)
    return (
        str(Path(spec.origin).resolve().parent.parent) if spec is not None and spec.origin else PACKAGE_PARENT
    )


NOTEBOOKS_PARENT = _parent_of("studyhall_notebooks")
"""Where tests find `check`. An environment's interpreter, and one that has us only on PYTHONPATH, would not."""

START_SECONDS = 120.0
PAGE = os.sysconf("SC_PAGE_SIZE")
_LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True; from collections import deque; "
    "from studyhall_judge.sandbox.forkserver import main; sys.path.remove(sys.argv[1]); "
    # In a student's process everything happens in this C function; below it there is only this bare frame.
    "deque(main(int(sys.argv[2])), 0)"
)


class SandboxFault(Exception):
    """The machinery around a submission failed, not the submission."""


class PacketSocket:
    """A packet socket that can be awaited."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._ready: asyncio.Future[None] | None = None
        """What somebody waits for who waits for a packet."""

    async def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Wait for a packet. Raises `SandboxFault` when the other side is gone."""
        while True:
            try:
                return wire.receive_packet(self._socket)
            except BlockingIOError:
                await self._readable()
            except (wire.ChannelClosed, OSError, ValueError) as error:
                raise SandboxFault(f"a part of the sandbox went away ({error})") from error

    def receive_now(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return a packet that is already there, or None."""
        try:
            return wire.receive_packet(self._socket)
        except (BlockingIOError, wire.ChannelClosed, OSError, ValueError):
            return None

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send a packet. Raises `SandboxFault` when the other side is gone."""
        try:
            wire.send_packet(self._socket, message, descriptors)
        except OSError as error:
            raise SandboxFault(f"a part of the sandbox went away ({error})") from error

    async def _readable(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._socket.fileno()
        self._ready = ready = loop.create_future()
        loop.add_reader(descriptor, _tell, ready)
        try:
            await ready
        finally:
            if self._ready is ready:
                self._ready = None
                loop.remove_reader(descriptor)

    def close(self) -> None:
        """Hang up. Whoever waits for a packet learns of it.

        The loop must forget the descriptor first: the next socket may get its number, and would never be heard.
        """
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.get_loop().remove_reader(self._socket.fileno())
            _tell(ready)
        self._socket.close()


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


@dataclass
class Sandbox:
    """One set of namespaces with its init process; serves one submission and is thrown away."""

    pid: int
    pidfd: int
    commands: PacketSocket
    student: Student
    ended: dict[str, Any] | None = field(default=None)
    proc: bool = True
    ahead: int = 0
    """The process that waits for the next notebook, if any."""
    ahead_is_due: bool = False
    """Whether init is just making it."""
    clearing: bool = False
    """Whether init is just ending what the notebook before has left."""

    async def _answer(self, wanted: str) -> tuple[dict[str, Any], list[int]]:
        """Wait for init's answer. Raises `SandboxFault`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                return await self._wait_for(wanted)
        except TimeoutError as error:
            raise SandboxFault("the sandbox does not answer") from error

    async def _wait_for(self, wanted: str) -> tuple[dict[str, Any], list[int]]:
        while True:
            message, descriptors = await self.commands.receive()
            self._note(message)
            if message["op"] == wanted:
                return message, descriptors

    def _note(self, message: dict[str, Any]) -> None:
        if message["op"] == "ended":
            self.ended = message
        elif message["op"] == "ahead":
            self.ahead, self.ahead_is_due = int(message["pid"]), False
        elif message["op"] == "failed":
            raise SandboxFault(str(message.get("message")))

    async def set_up(self, files: int | None, *, more: bool = False) -> None:
        """Write the assignment's files into the private storage.

        With ``more`` students to come, the next one is made while the first works.
        """
        descriptors = () if files is None else (files,)
        self.commands.send({"op": "set_up", "more": more}, descriptors)
        message, _ = await self._answer("set_up")
        self.proc, self.ahead = bool(message["proc"]), int(message["ahead"])
        self.ahead_is_due = more and self.proc and not self.ahead

    async def next_student(self, *, more: bool = False) -> Student:
        """Kill everything in the sandbox and start a fresh student process in it; ``more`` as for `set_up`.

        It can get ready at once; before it runs anything of a learner's, wait for `cleared`.
        """
        self.student.close()
        self.commands.send({"op": "next", "more": more})
        message, descriptors = await self._answer("student")
        self.ended, self.ahead, self.ahead_is_due = None, 0, more and self.proc
        self.clearing = True
        self.student = student_of(message, descriptors)
        return self.student

    async def cleared(self) -> None:
        """Wait until nothing of the notebook before is there any more. Raises `SandboxFault`."""
        if self.clearing:
            await self._answer("alone")
            self.clearing = False

    def interrupt(self, pid: int) -> None:
        """Send Ctrl-C to the student's process."""
        self.commands.send({"op": "interrupt", "pid": pid})

    async def interrupted(self) -> None:
        """Wait until Ctrl-C has been sent, so that it meets no later cell. Raises `SandboxFault`."""
        await self._answer("interrupted")

    def is_alone(self, others: object) -> bool | None:
        """Whether what a student saw beside itself, by its own account, is at most the process made ahead.

        None says that it is not known yet; see `settled`.
        """
        if not others:
            return True
        self._hear()
        return None if self.ahead_is_due else others == [self.ahead]

    def _hear(self) -> None:
        """Take what init has said already."""
        while (received := self.commands.receive_now()) is not None:
            self._note(received[0])

    async def settled(self) -> None:
        """Wait until the process that is being made ahead is known. Raises `SandboxFault`."""
        if self.ahead_is_due:
            await self._answer("ahead")

    async def alone(self, keep: int) -> int:
        """Kill every process of the sandbox but init, ``keep`` and what was made ahead; returns how many there were."""
        self.commands.send({"op": "alone", "keep": keep})
        message, _ = await self._answer("alone")
        return int(message["killed"])

    async def wait_ended(self, seconds: float) -> dict[str, Any] | None:
        """Return how the student's process ended, or None when it has not."""
        if self.ended is None:
            with contextlib.suppress(TimeoutError, SandboxFault):
                async with asyncio.timeout(seconds):
                    await self._wait_for("ended")
        if self.ended is None:
            with contextlib.suppress(SandboxFault):
                self._hear()  # it may have come while this process itself was kept waiting
        return self.ended

    def kill(self) -> None:
        """End every process of the sandbox, at once and whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.student.close()
        self.commands.close()
        os.close(self.pidfd)


def throw_away(task: asyncio.Task[Made], end: Callable[[Made], None]) -> None:
    """End the making of something, and the thing itself where it is made already or is at this moment."""

    def end_it(done: asyncio.Task[Made]) -> None:
        if not done.cancelled() and done.exception() is None:
            end(done.result())

    if task.done():
        end_it(task)
    else:
        task.cancel()
        task.add_done_callback(end_it)


def student_of(message: dict[str, Any], descriptors: list[int]) -> Student:
    """Return the student that init has just made, from its message and what came with it."""
    channel, output, errors, alarm = descriptors
    return Student(int(message["pid"]), socket.socket(fileno=channel), output, errors, alarm)


@dataclass(frozen=True)
class ForkServerSettings:
    """How to start a fork server. Modules in ``preload`` are imported, those in ``sought`` are only looked for."""

    python: str
    preload: tuple[str, ...]
    uid: int | None
    cgroups: tuple[str, ...]
    sought: tuple[str, ...] = ()


class ForkServer:
    """A warm process of one environment in one slot, with one sandbox always made in advance."""

    pid = 0
    """Of the warm process; one that is somewhere else has none here, and no memory to look after."""

    warm_bytes = 0
    """What it used when it was warm."""

    pages = "tests"
    """Which memory the next sandbox gets in advance; see `forkserver`."""

    def __init__(self, process: subprocess.Popen[bytes], commands: PacketSocket) -> None:
        self._process = process
        self.pid = process.pid
        self._commands = commands
        self._lock = asyncio.Lock()
        self._spare: asyncio.Task[Sandbox] | None = None
        self._leaving: set[asyncio.Task[Any]] = set()
        self._disk_mb = Limits().disk_mb
        self._students = 1
        self.missing: list[str] = []
        self.lacking: list[str] = []
        self.found_pages: dict[str, list[int]] = {}
        """How many pages a student and its init get in advance, by what they are for; none where it is not known."""

    @classmethod
    async def start(cls, settings: ForkServerSettings) -> ForkServer:
        """Start one and wait until it is warm. Raises `SandboxFault`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [settings.python, "-I", "-X", "frozen_modules=on", "-c", _LAUNCH, PACKAGE_PARENT]
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own code, a few milliseconds
            [*command, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=WARMING_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        server = cls(process, PacketSocket(ours))
        settings_message = {
            "preload": list(settings.preload),
            "sought": list(settings.sought),
            "notebooks": NOTEBOOKS_PARENT,
            "environment": ENVIRONMENT,
            "limits": Limits().model_dump(),
            "uid": settings.uid,
            "cgroups": list(settings.cgroups),
        }
        try:
            server._commands.send(settings_message)
            async with asyncio.timeout(START_SECONDS):
                answer, _ = await server._commands.receive()
        except (SandboxFault, TimeoutError) as error:
            server.stop()
            raise SandboxFault("the fork server did not start") from error
        except asyncio.CancelledError:
            server.stop()
            raise
        if answer["op"] != "ready":
            server.stop()
            raise SandboxFault(str(answer.get("message")))
        server.missing, server.lacking = answer["missing"], answer["lacking"]
        server.found_pages = answer["pages"]
        server.warm_bytes = server.memory_bytes()
        return server

    def memory_bytes(self) -> int:
        """Return the memory that is the process's own, beside files that it shares with others; 0 when it has ended."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        except OSError:
            return 0
        return (int(pages[1]) - int(pages[2])) * PAGE

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def prepare(self) -> None:
        """Begin to make the next sandbox, unless that is under way."""
        if self._spare is None:
            self._spare = asyncio.create_task(self._spawn())

    def expect(self, limits: Limits, *, more: bool) -> None:
        """Say which limits the next sandbox must have: one whose private storage has another size is thrown away.

        ``more`` says that a submission with several notebooks is expected.
        """
        self._students = 2 if more else 1
        if limits.disk_mb == self._disk_mb:
            return
        self._disk_mb = limits.disk_mb
        spare, self._spare = self._spare, None
        if spare is not None:
            # To the end: a fork server's answer that nobody takes would be taken for the answer to the next question.
            self._leave(asyncio.create_task(self._discard(spare)))

    async def _discard(self, spare: asyncio.Task[Sandbox]) -> None:
        with contextlib.suppress(SandboxFault):
            sandbox = await spare
            sandbox.kill()
            await self.reap(sandbox)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def warm_spare(self) -> None:
        """Make the next sandbox now and wait for it. Raises `SandboxFault`."""
        self.prepare()
        assert self._spare is not None  # noqa: S101 - prepare has just made it
        await asyncio.shield(self._spare)

    async def take(self) -> Sandbox:
        """Return a fresh sandbox. Raises `SandboxFault`."""
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
        self.prepare()  # the next one is made while this one works
        return sandbox

    async def _spawn(self) -> Sandbox:
        order = {
            "op": "spawn",
            "pages": self.pages,
            "disk_mb": self._disk_mb,
            "students": self._students,
        }
        answer, descriptors = await self._ask(order)
        if answer["op"] != "spawned":
            raise SandboxFault(str(answer.get("message")))
        pidfd, commands = descriptors
        packets = PacketSocket(socket.socket(fileno=commands))
        message: dict[str, Any] = {}
        try:
            # Not `wait_for`, which in Python 3.11 forgets that it was cancelled when the packet comes at that moment.
            async with asyncio.timeout(START_SECONDS):
                message, handed = await packets.receive()
        finally:
            if message.get("op") != "student":
                packets.close()
                os.close(pidfd)
        if message["op"] != "student":
            raise SandboxFault(str(message.get("message")))
        return Sandbox(int(answer["pid"]), pidfd, packets, student_of(message, handed))

    async def reap(self, sandbox: Sandbox) -> dict[str, Any]:
        """Collect a sandbox that was killed; returns its use of processor and memory."""
        answer, _ = await self._ask({"op": "reap", "pid": sandbox.pid})
        return answer

    async def _ask(self, command: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        async with self._lock:
            self._commands.send(command)
            return await self._commands.receive()

    def stop(self) -> None:
        """End the fork server; its sandboxes die with it."""
        spare, self._spare = self._spare, None
        if spare is not None:
            throw_away(spare, Sandbox.kill)
        self._commands.close()
        self._process.kill()
        self._process.wait()
