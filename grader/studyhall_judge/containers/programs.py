"""Programs and other kernels in containers: what keeps, uses and ends those of one submission.

A container serves one submission. All of its tests run in one, one after another, and its init sees to it that none
finds anything of the one before (`program_inside.py`). Compiling has limits of its own, and so a container of its own;
so has a checker of staff's, which knows what is expected and must never be where a learner's program was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from studyhall_judge.cgroups import MEBIBYTE, SlotGroup, events_of, group_of_events
from studyhall_judge.containers.meetings import PYTHON, Guest, Host, command_of
from studyhall_judge.containers.slots import ContainerPool
from studyhall_judge.programs.desk import ATTEMPTS, Desk
from studyhall_judge.programs.judging import Runners
from studyhall_judge.programs.languages import Language
from studyhall_judge.programs.runner import (
    Ending,
    Outcome,
    ProgramSandbox,
    Run,
    Step,
    disk_of,
    held_bytes,
    memory_of,
    settled,
)
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import SandboxFault, throw_away
from studyhall_judge.slots import Slot

log = logging.getLogger("studyhall_judge")

STARTING_MB = 128
"""A container's memory until its first program is known; its limit is set then."""

OWN_MB = 8
"""What a container's kernel structures use beside its init's own pages, where nobody can look."""

MOST_SPARES = 3
"""Shapes of which one container waits in a slot: those of the last problem's compiler, tests and checker."""

_ANSWER_SECONDS = 20.0
_LAUNCH = "from studyhall_judge.containers.program_inside import main; main()"


@dataclass(frozen=True)
class Shape:
    """What a container is made with and keeps."""

    disk_mb: int
    pids: int
    kernel: bool


@dataclass
class ProgramContainer(ProgramSandbox):
    """A container that runs programs one after another."""

    host: Host
    guest: Guest
    group: SlotGroup | None
    """Its control group, to look at; None where this process cannot see it."""

    spent: bool = False
    """Whether nothing may run in it any more."""

    _limit_bytes: int = 0

    def kill(self) -> None:
        """End the program and all that it has started; the container stays."""
        with contextlib.suppress(SandboxFault):
            self.commands.send({"op": "stop"})

    def see_off(self) -> None:
        """End the container."""
        for descriptor in self.pipes:
            os.close(descriptor)
        self.pipes = []
        self.host.see_off(self.guest)

    async def run(self, step: Step) -> Outcome:
        """Run one command and end everything that it started. Raises `SandboxFault`."""
        self.spent = True  # until all has gone well
        await self._offered()
        await self._limit(step)
        kills = await self._kills()
        running = Run(self, step, grouped=True)
        try:
            outcome = await running.outcome(lambda: None)
        except SandboxFault:
            if await self._kills() == kills:
                raise
            return settled(step, Outcome(Ending.memory), killed=True)
        killed = await self._kills() > kills
        if not running.ended:
            self.kill()
        # What it might still be sending of a folder's files would be taken for an answer.
        self.spent = bool(step.harvest) and not running.ended
        return settled(step, outcome, killed=killed)

    async def _offered(self) -> None:
        """Wait for the next program's pipes, past what was said of the last one."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while True:
                    message, descriptors = await self.commands.receive()
                    if message["op"] == "failed":
                        raise SandboxFault(str(message.get("message")))
                    if message["op"] == "offer":
                        self.pipes = descriptors
                        return
        except TimeoutError as error:
            raise SandboxFault("a container does not get ready for the next program") from error

    async def _limit(self, step: Step) -> None:
        wanted = memory_of(step)
        if wanted == self._limit_bytes:
            return
        if self.group is None:
            held = int(self.guest.ready["used_kb"]) * 1024 + OWN_MB * MEBIBYTE
        else:
            held = held_bytes(self.group)
        await asyncio.to_thread(self.host.engine.limit_memory, self.guest.container, held + wanted)
        self._limit_bytes = wanted

    async def _kills(self) -> int:
        """Return how often the kernel has killed in it for want of memory."""
        if self.group is not None and self.group.memory.is_dir():
            return self.group.kills()
        return await asyncio.to_thread(self.host.engine.memory_kills, self.guest.container)


class Stock:
    """Makes the containers of a slot's programs; of each shape that was wanted lately one waits."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._spares: OrderedDict[Shape, asyncio.Task[ProgramContainer]] = OrderedDict()

    async def take(self, shape: Shape) -> ProgramContainer:
        """Return a fresh container. Raises `SandboxFault`."""
        spare = self._spares.pop(shape, None) or asyncio.create_task(self._make(shape))
        try:
            container = await spare
        except asyncio.CancelledError:
            throw_away(spare, ProgramContainer.see_off)
            raise
        self._spares[shape] = asyncio.create_task(
            self._make(shape)
        )  # the next one is made while this one works
        while len(self._spares) > MOST_SPARES:
            self._drop(self._spares.popitem(last=False)[1])
        return container

    async def _make(self, shape: Shape) -> ProgramContainer:
        limits = Limits(memory_mb=STARTING_MB, disk_mb=shape.disk_mb, pids=shape.pids)
        guest = await self._host.invite(command_of(PYTHON, _LAUNCH), {}, limits, 0)
        try:
            process = await asyncio.to_thread(self._host.engine.process_of, guest.container)
        except BaseException:
            self._host.see_off(guest)
            raise
        events = events_of(process)
        group = None if events is None else group_of_events(events)
        return ProgramContainer(guest.commands, guest.raw, [], self._host, guest, group)

    def _drop(self, spare: asyncio.Task[ProgramContainer]) -> None:
        if not spare.done():
            spare.cancel()
        elif not spare.cancelled() and spare.exception() is None:
            spare.result().see_off()

    def stop(self) -> None:
        """Let all that waits go."""
        while self._spares:
            self._drop(self._spares.popitem()[1])


class Containers:
    """The containers of one submission, by what runs in them."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._held: dict[str, tuple[Shape, ProgramContainer]] = {}

    async def program(self, step: Step) -> Outcome:
        """Run a step of the learner's program. Raises `SandboxFault`."""
        return await self._run("program", step)

    async def checker(self, step: Step) -> Outcome:
        """Run a step of staff's checker. Raises `SandboxFault`."""
        return await self._run("checker", step)

    async def _run(self, role: str, step: Step) -> Outcome:
        """Run a step; a container that fails is replaced once."""
        if step.argv[0] == sys.executable:  # the judge's own interpreter is the image's in there
            step = replace(step, argv=[PYTHON, *step.argv[1:]])
        failure: SandboxFault | None = None
        for _ in range(ATTEMPTS):
            try:
                container = await self._container(role, Shape(disk_of(step), max(step.pids, 4), step.kernel))
                return await container.run(step)
            except SandboxFault as error:
                log.warning("a program's container failed: %s", error)
                failure = error
            finally:
                if role in self._held and self._held[role][1].spent:
                    self._end(role)
        raise failure or SandboxFault("no container could be made")

    async def _container(self, role: str, shape: Shape) -> ProgramContainer:
        if role in self._held:
            had, container = self._held[role]
            if had == shape:
                return container
            self._end(role)
        container = await self._stock.take(shape)
        self._held[role] = shape, container
        return container

    def _end(self, role: str) -> None:
        _, container = self._held.pop(role)
        container.see_off()

    def end(self) -> None:
        """End everything."""
        for role in list(self._held):
            self._end(role)


class ContainerDesk(Desk):
    """Judges programs in containers."""

    def __init__(self, pool: ContainerPool, languages: dict[str, Language]) -> None:
        super().__init__(pool, languages)
        self._stocks = {slot.number: Stock(pool.host) for slot in pool.slots}

    @contextlib.asynccontextmanager
    async def runners(self, slot: Slot) -> AsyncIterator[Runners]:
        """Lend the containers of one submission."""
        containers = Containers(self._stocks[slot.number])
        try:
            yield Runners(containers.program, containers.checker)
        finally:
            containers.end()

    def stop(self) -> None:
        """End every container that waits."""
        for stock in self._stocks.values():
            stock.stop()


async def look(host: Host, kernels: dict[str, list[str]]) -> dict[str, Any]:
    """Return what the engine's image has: its ``languages``, and of each of ``kernels`` why it cannot run, or nothing.

    Raises:
        SandboxFault: there is no such container to be had.
    """
    program = "from studyhall_judge.containers.offers_inside import main; main()"
    guest = await host.invite(command_of(PYTHON, program), {"kernels": kernels}, Limits(), 0)
    host.see_off(guest)
    return guest.ready
