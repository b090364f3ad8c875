"""Slots: how many submissions run at once, each with warm fork servers and a control group of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from studyhall_judge.cgroups import MEBIBYTE, SlotGroup
from studyhall_judge.compiling import TestCompiler
from studyhall_judge.report import EnvironmentStatus, Limits
from studyhall_judge.sandboxes import ForkServer, ForkServerSettings, Sandbox, SandboxFault
from studyhall_judge.standing import FIRST_UID, can_change_user

log = logging.getLogger("studyhall_judge")

SPARE_PIDS = 14
"""Tasks of a slot that are not the submission's: fork server, two inits, the spare sandbox's two students and one made
ahead, with a thread each, and some air."""

MEMORY_SLACK = 72 * MEBIBYTE
"""Room for the pages that a spare sandbox's second student, and a student made ahead, write on top of what the slot
used when its limit was set."""

ATTEMPTS = 3

WARM_MEMORY_MB = 2048
"""Memory in megabytes that the warm fork servers of all slots may have together, unless the operator says otherwise."""

GROWTH = 64 * MEBIBYTE
"""How much a fork server may have grown since it was warm before another takes its place. It runs no cells: it grows
only when something in it leaks."""

BARE = " without libraries"
"""What the name of an environment's bare variant ends in."""


@dataclass(frozen=True)
class Environment:
    """A named interpreter with the modules to import before a submission arrives.

    ``kernel`` names another kernel that this interpreter has installed, with nbclient beside it.
    """

    name: str
    python: str
    preload: tuple[str, ...] = ()
    kernel: str = ""
    sought: tuple[str, ...] = ()
    """Modules that are only looked for, not imported."""

    @property
    def bare(self) -> Environment:
        """The same interpreter with nothing imported in advance, for submissions that need no library."""
        return replace(self, name=f"{self.name}{BARE}", preload=(), sought=self.preload)


class Slot:
    """Runs one submission at a time. A fork server that fails is replaced; the slot goes on."""

    def __init__(
        self,
        number: int,
        environments: dict[str, Environment],
        group: SlotGroup | None,
        warm_bytes: int = WARM_MEMORY_MB * MEBIBYTE,
    ) -> None:
        self.number = number
        self._warm_bytes = warm_bytes
        self._environments = environments
        self._group = group
        self._servers: dict[str, ForkServer] = {}
        self.environment = "default"
        self._base_memory = 0
        self._limits: Limits | None = None
        self._guarded = True
        self._more = False
        self._reaping: set[asyncio.Task[None]] = set()
        self.violent = False
        """Whether the running submission was ended by force."""

    async def warm(self, environment: str) -> ForkServer:
        """Return the environment's fork server, started when it is not there. Raises `SandboxFault`."""
        self.environment = environment
        server = self._servers.pop(environment, None)
        if server is not None and server.alive:
            self._servers[environment] = server  # the last one is the one that was used last
            return server
        if server is not None:
            server.stop()
        settings = ForkServerSettings(
            python=self._environments[environment].python,
            preload=self._environments[environment].preload,
            sought=self._environments[environment].sought,
            uid=FIRST_UID + self.number if can_change_user() else None,
            cgroups=self._group.members if self._group is not None else (),
        )
        self.lift_limits()
        server = await ForkServer.start(settings)
        self._servers[environment] = server
        await server.warm_spare()
        self._make_room()
        if self._group is not None:
            self._base_memory = self._group.used_bytes()
        return server

    def _make_room(self) -> None:
        """Keep to the memory budget: what was not used for the longest time goes, the last one used stays."""
        sizes = {name: server.memory_bytes() for name, server in self._servers.items()}
        for name in list(self._servers)[:-1]:
            if sum(sizes.values()) <= self._warm_bytes:
                return
            log.info("slot %s lets go of %s: warm environments use too much memory", self.number, name)
            self.discard(name)
            del sizes[name]

    @property
    def has_grown(self) -> bool:
        """Whether the fork server that was used last has to be replaced."""
        server = self._servers.get(self.environment)
        return server is not None and server.memory_bytes() > server.warm_bytes + GROWTH

    async def renew(self) -> None:
        """Put a fresh fork server in the place of the last one used. Raises `SandboxFault`."""
        log.info("slot %s renews %s: its warm process has grown", self.number, self.environment)
        self.discard(self.environment)
        await self.warm(self.environment)

    @property
    def warm_environments(self) -> list[str]:
        """The environments that have a fork server, in the order of their last use."""
        return list(self._servers)

    def memory_kills(self) -> int:
        """Return how often the kernel has killed in this slot for want of memory."""
        return 0 if self._group is None else self._group.kills()

    @contextlib.asynccontextmanager
    async def sandbox(
        self,
        limits: Limits,
        files: int | None,
        *,
        more: bool = False,
        guarded: bool = True,
        further: bool = False,
    ) -> AsyncIterator[Sandbox]:
        """Lend a fresh sandbox for one submission, and end everything in it afterwards.

        Args:
            limits: the submission's.
            files: what lies beside its notebooks.
            more: whether further students may follow.
            guarded: whether its tests are guarded.
            further: whether it is for a submission that had one already. What the others were for is what the next
                submission is expected to be like, and its sandbox is made for that.

        Raises:
            SandboxFault: there is none to be had.
        """
        if not further:
            self._guarded, self._more = guarded, more
        sandbox, server = await self._take(limits, files, more=more)
        try:
            yield sandbox
        except BaseException:
            self.violent = True  # somebody left in the middle of whatever it was doing
            raise
        finally:
            reaping = self._end(server, sandbox)
            if self.violent:
                # What was killed may have held all of the slot's memory or processes: the next one waits until they
                # are free again. Otherwise the kernel tidies up while the next submission starts.
                self.violent = False
                await asyncio.shield(reaping)

    def _end(self, server: ForkServer, sandbox: Sandbox) -> asyncio.Task[None]:
        """Kill a sandbox and have it collected, which goes on when nobody waits for it any more."""
        sandbox.kill()
        reaping = asyncio.create_task(self._reap(server, sandbox))
        self._reaping.add(reaping)
        reaping.add_done_callback(self._reaping.discard)
        return reaping

    async def _reap(self, server: ForkServer, sandbox: Sandbox) -> None:
        with contextlib.suppress(SandboxFault):
            await server.reap(sandbox)

    async def _take(self, limits: Limits, files: int | None, *, more: bool) -> tuple[Sandbox, ForkServer]:
        failure: SandboxFault | None = None
        for _ in range(ATTEMPTS):
            try:
                server = await self.warm(self.environment)
                self._apply(limits)
                server.pages = "tests" if self._guarded else "cells"
                server.expect(limits, more=self._more)
                sandbox = await server.take()
            except SandboxFault as error:
                failure = error
                self.discard(self.environment)
                continue
            try:
                await sandbox.set_up(files, more=more)
            except SandboxFault as error:
                failure = error
                await asyncio.shield(self._end(server, sandbox))
                continue
            except BaseException:
                self._end(server, sandbox)
                raise
            return sandbox, server
        raise failure or SandboxFault("no sandbox could be made")

    def _apply(self, limits: Limits) -> None:
        if self._group is None or limits == self._limits:
            return
        self._group.set_pids(limits.pids + SPARE_PIDS)
        try:
            self._group.set_memory(self._base_memory + limits.memory_mb * MEBIBYTE + MEMORY_SLACK)
        except OSError:
            log.warning("slot %s uses more memory than its limit would be", self.number)
        self._limits = limits

    @property
    def group(self) -> SlotGroup | None:
        """The slot's control group, for those who set limits of their own. They call `lift_limits` afterwards."""
        return self._group

    def lift_limits(self) -> None:
        """Forget the last submission's limits, so that the next one sets its own."""
        self._limits = None
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.set_memory(1 << 50)
                self._group.set_pids(4096)

    def discard(self, environment: str) -> None:
        """Throw an environment's fork server away; the next submission starts another."""
        server = self._servers.pop(environment, None)
        if server is not None:
            server.stop()

    def missing(self, environment: str) -> list[str]:
        """Return the preload modules that could not be imported, or that are not there to be imported."""
        server = self._servers.get(environment) or self._servers.get(f"{environment}{BARE}")
        return [] if server is None else server.missing

    def lacking(self, environment: str) -> list[str]:
        """Return what the environment's sandboxes have to do without."""
        server = self._servers.get(environment)
        return [] if server is None else server.lacking

    def stop(self) -> None:
        """End all fork servers and with them every sandbox."""
        for environment in list(self._servers):
            self.discard(environment)


class SlotPool:
    """All slots of the judge."""

    def __init__(
        self,
        slots: int,
        environments: list[Environment],
        groups: list[SlotGroup],
        warm_memory_mb: int = WARM_MEMORY_MB,
    ) -> None:
        self.environments = {environment.name: environment for environment in environments}
        bare = [environment.bare for environment in environments if environment.preload]
        warm = self.environments | {environment.name: environment for environment in bare}
        share = warm_memory_mb * MEBIBYTE // slots
        self.slots = [
            Slot(number, warm, groups[number] if groups else None, share) for number in range(slots)
        ]
        self._renewing: set[asyncio.Task[None]] = set()
        self._free: asyncio.LifoQueue[Slot] = asyncio.LifoQueue()
        self._compilers = {
            name: TestCompiler(environment.python) for name, environment in self.environments.items()
        }
        self.waiting = 0
        self.graded = 0

    async def start(self) -> None:
        """Warm every slot's default environment, bare and with its libraries. Raises `SandboxFault`."""
        for name in (self.bare("default"), "default"):
            await asyncio.gather(*(slot.warm(name) for slot in self.slots))
        for slot in self.slots:
            self._free.put_nowait(slot)

    def compiler(self, environment: str) -> TestCompiler:
        """Return what compiles tests for an environment."""
        return self._compilers[environment.removesuffix(BARE)]

    def bare(self, environment: str) -> str:
        """Return the name of an environment's bare variant; its own where nothing is imported in advance."""
        return (
            self.environments[environment].bare.name
            if self.environments[environment].preload
            else environment
        )

    @property
    def busy(self) -> int:
        """How many slots are at work."""
        return len(self.slots) - self._free.qsize()

    @contextlib.asynccontextmanager
    async def slot(self, environment: str) -> AsyncIterator[Slot]:
        """Wait for a free slot with a warm environment. Raises `SandboxFault`."""
        self.waiting += 1
        try:
            slot = await self._free.get()
        finally:
            self.waiting -= 1
        try:
            await slot.warm(environment)
            yield slot
            self.graded += 1
        finally:
            if slot.has_grown:
                renewing = asyncio.create_task(self._renew(slot))
                self._renewing.add(renewing)
                renewing.add_done_callback(self._renewing.discard)
            else:
                self._free.put_nowait(slot)

    async def _renew(self, slot: Slot) -> None:
        """Give a slot a fresh fork server while nobody uses it."""
        try:
            with contextlib.suppress(SandboxFault):  # the next submission tries again
                await slot.renew()
        finally:
            self._free.put_nowait(slot)

    def status(self) -> list[EnvironmentStatus]:
        """Describe the environments."""
        return [
            EnvironmentStatus(
                name=name,
                python=environment.python,
                preload=list(environment.preload),
                missing=self.slots[0].missing(name),
            )
            for name, environment in self.environments.items()
        ]

    def stop(self) -> None:
        """End everything."""
        for renewing in self._renewing:
            renewing.cancel()
        for slot in self.slots:
            slot.stop()


def default_environment(preload: tuple[str, ...]) -> Environment:
    """Return the environment that is always there: the judge's own interpreter."""
    return Environment("default", sys.executable, preload)
