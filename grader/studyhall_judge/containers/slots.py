"""Slots that run each submission in a container of its own."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

from studyhall_judge.compiling import TestCompiler
from studyhall_judge.containers.engine import Engine
from studyhall_judge.containers.meetings import PYTHON, Host
from studyhall_judge.containers.servers import ContainerSandbox, ContainerServer
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import ForkServer, Sandbox
from studyhall_judge.slots import Environment, Slot, SlotPool
from studyhall_judge.standing import ENVIRONMENT


class ContainerSlot(Slot):
    """Runs one submission at a time; what is kept warm is the next container."""

    def __init__(self, number: int, environments: dict[str, Environment], host: Host) -> None:
        super().__init__(number, environments, None)
        self._host = host
        self._wanted = Limits()
        self._current: ContainerSandbox | None = None

    async def warm(self, environment: str) -> ForkServer:
        """Return what makes the environment's containers, one of which is ready. Raises `SandboxFault`."""
        self.environment = environment
        server = self._servers.get(environment)
        if server is None:
            about = self._environments[environment]
            python = PYTHON if about.python == sys.executable else about.python
            settings: dict[str, Any] = {"preload": list(about.preload), "sought": list(about.sought)}
            settings["environment"] = ENVIRONMENT
            server = ContainerServer(self._host, python, settings)
            server.expect(self._wanted)
            await server.warm_spare()
            self._servers[environment] = server
        return server

    async def _take(self, limits: Limits, files: int | None, *, more: bool) -> tuple[Sandbox, ForkServer]:
        self._wanted = limits
        sandbox, server = await super()._take(limits, files, more=more)
        if isinstance(sandbox, ContainerSandbox):
            self._current = sandbox
        return sandbox, server

    def memory_kills(self) -> int:
        """Return how often the kernel has killed in the running container for want of memory."""
        return 0 if self._current is None else self._current.memory_kills


class ContainerPool(SlotPool):
    """All slots of a judge that runs submissions in containers."""

    def __init__(self, slots: int, environments: list[Environment], engine: Engine, meetings: Path) -> None:
        super().__init__(slots, environments, [])
        bare = [environment.bare for environment in environments if environment.preload]
        known = self.environments | {environment.name: environment for environment in bare}
        self.engine = engine
        self.host = Host(engine, meetings)
        self._meetings = meetings
        self.slots = [ContainerSlot(number, known, self.host) for number in range(slots)]
        # Containers prove that their Python is of the judge's version, so the judge's own compiles for all of them.
        self._compiler = TestCompiler(sys.executable)

    async def start(self) -> None:
        """Remove what an earlier judge of this socket has left, and warm every slot. Raises `SandboxFault`."""
        await asyncio.to_thread(self.engine.sweep)
        await super().start()

    def compiler(self, environment: str) -> TestCompiler:  # noqa: ARG002 - one does for all
        """Return what compiles tests."""
        return self._compiler

    def stop(self) -> None:
        """End everything."""
        super().stop()
        self.engine.sweep()
        self.engine.close()
        shutil.rmtree(self._meetings, ignore_errors=True)
