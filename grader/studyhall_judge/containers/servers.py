"""Containers made in advance: one waits, warm, for the next submission, and serves no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyhall_judge.cgroups import MEBIBYTE, events_of, memory_kills
from studyhall_judge.containers.meetings import Guest, Host, command_of
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import START_SECONDS, ForkServer, Sandbox, SandboxFault, student_of
from studyhall_judge.students import Student

WARMING_MB = 1024
"""Memory beside a submission's own while a container warms up; what it used then is known, and its limit set."""

SLACK_MB = 32
"""Room for the pages that a student's process copies from its warm parent."""

_LAUNCH = (
    "from collections import deque; from studyhall_judge.containers.inside import main; "
    # In a student's process everything happens in this C function; below it there is only this bare frame.
    "deque(main(), 0)"
)


@dataclass
class ContainerSandbox(Sandbox):
    """A container with its init process; serves one submission and is removed."""

    guest: Guest = field(kw_only=True)
    events: Path | None = None
    """Where the kernel counts what it has killed in the container; None where this process cannot see it."""

    @property
    def container(self) -> str:
        """The engine's name for it."""
        return self.guest.container

    @property
    def memory_kills(self) -> int:
        """How often the kernel has killed in the container for want of memory."""
        return 0 if self.events is None else memory_kills(self.events)

    def kill(self) -> None:
        """Hang up: the container's first process ends then, and with it all others."""
        self.student.close()
        self.commands.close()


class ContainerServer(ForkServer):
    """Makes the containers of one environment, one always in advance, for the limits that were asked for last."""

    def __init__(self, host: Host, python: str, settings: dict[str, Any]) -> None:
        self._host = host
        self._python = python
        self._settings = settings
        self._limits = Limits()
        self._spare: asyncio.Task[Sandbox] | None = None
        self.missing: list[str] = []
        self.lacking: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether containers can be made; each failure is reported when one is wanted."""
        return True

    def expect(self, limits: Limits, *, more: bool = False) -> None:  # noqa: ARG002 - the next one is made when it is due
        """Say which limits the next container must have; one made for others is thrown away."""
        changed = _shape(limits) != _shape(self._limits)
        self._limits = limits
        if changed:
            self._drop_spare()

    def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is None:
            return
        if spare.done() and not spare.cancelled() and spare.exception() is None:
            sandbox = spare.result()
            sandbox.kill()
            self._host.leave(self.reap(sandbox))
        else:
            spare.cancel()

    async def _spawn(self) -> Sandbox:
        limits = self._limits
        command = command_of(self._python, _LAUNCH, "-X", "frozen_modules=on")
        guest = await self._host.invite(command, self._settings, limits, WARMING_MB)
        try:
            await self._limit(guest, limits)
            async with asyncio.timeout(START_SECONDS):
                message, descriptors = await guest.commands.receive()
            student = _student_of(message, descriptors)
            self.missing = guest.ready["missing"]
            process = await asyncio.to_thread(self._host.engine.process_of, guest.container)
        except TimeoutError as error:
            self._host.see_off(guest)
            raise SandboxFault("a sandbox's container did not get warm in time") from error
        except BaseException:
            self._host.see_off(guest)
            raise
        return ContainerSandbox(0, -1, guest.commands, student, guest=guest, events=events_of(process))

    async def _limit(self, guest: Guest, limits: Limits) -> None:
        total = int(guest.ready["used_kb"]) * 1024 + (limits.memory_mb + SLACK_MB) * MEBIBYTE
        await asyncio.to_thread(self._host.engine.limit_memory, guest.container, total)

    async def reap(self, sandbox: Sandbox) -> dict[str, Any]:
        """Remove a container."""
        if isinstance(sandbox, ContainerSandbox):
            await self._host.remove(sandbox.container, sandbox.guest.folder)
        return {}

    def stop(self) -> None:
        """Let the waiting container go."""
        self._drop_spare()


def _student_of(message: dict[str, Any], descriptors: list[int]) -> Student:
    if message["op"] != "student":
        raise SandboxFault(str(message.get("message")))
    return student_of(message, descriptors)


def _shape(limits: Limits) -> tuple[float, float, int]:
    """Return those limits that a container is made with."""
    return limits.memory_mb, limits.disk_mb, limits.pids
