"""Where requests for programs arrive: finds the language, waits for a slot, keeps a fork server per slot."""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from studyhall_judge.outer_wall import paths_of
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest
from studyhall_judge.programs.judging import ProgramSubmission, Runners, refused
from studyhall_judge.programs.languages import Language, folders_of
from studyhall_judge.programs.runner import Outcome, ProgramServer, Step
from studyhall_judge.report import LanguageStatus
from studyhall_judge.sandbox import root
from studyhall_judge.sandboxes import SandboxFault
from studyhall_judge.slots import Slot, SlotPool
from studyhall_judge.standing import FIRST_UID, can_change_user

log = logging.getLogger("studyhall_judge")
ATTEMPTS = 2


class Desk(ABC):
    """Judges programs in the judge's slots; one slot serves one submission at a time, program or notebook."""

    def __init__(self, pool: SlotPool, languages: dict[str, Language]) -> None:
        self._pool = pool
        self._languages = languages

    def status(self) -> list[LanguageStatus]:
        """Say which languages there are, and why others are not."""
        return [
            LanguageStatus(id=one.id, name=one.name, available=one.available, reason=one.reason)
            for one in self._languages.values()
        ]

    async def judge(self, request: ProgramRequest) -> AsyncIterator[ProgramProgress | ProgramReport]:
        """Yield progress, then exactly one report."""
        language = self._languages.get(request.language)
        if language is None:
            known = ", ".join(self._languages)
            yield refused(request, f"There is no language {request.language!r} here. There are {known}.")
            return
        if not language.available:
            yield refused(request, f"{language.name} is not available on this judge: {language.reason}.")
            return
        async with self._pool.slot("default") as slot, self.runners(slot) as runners:
            async for event in ProgramSubmission(request, language, runners).events():
                yield event

    @abstractmethod
    def runners(self, slot: Slot) -> contextlib.AbstractAsyncContextManager[Runners]:
        """Lend what runs the steps of one submission in the slot."""

    @abstractmethod
    def stop(self) -> None:
        """End every sandbox."""


class ProgramDesk(Desk):
    """Makes sandboxes from namespaces, with a fork server per slot."""

    def __init__(self, pool: SlotPool, languages: dict[str, Language]) -> None:
        super().__init__(pool, languages)
        kernels = [one.python for one in pool.environments.values() if one.kernel]
        self._folders = [
            *root.interpreter_paths(),
            *folders_of(languages),
            *(path for python in kernels for path in paths_of(python)),
        ]
        self._servers: dict[int, ProgramServer] = {}

    @contextlib.asynccontextmanager
    async def runners(self, slot: Slot) -> AsyncIterator[Runners]:
        """Lend what runs steps in the slot, each in a sandbox of its own."""

        async def run(step: Step) -> Outcome:
            return await self.run(slot, step)

        try:
            yield Runners(run, run)
        finally:
            slot.lift_limits()  # notebooks have limits of their own

    async def run(self, slot: Slot, step: Step) -> Outcome:
        """Run a step in the slot; a fork server that fails is replaced once."""
        failure: SandboxFault | None = None
        for _ in range(ATTEMPTS):
            try:
                server = await self._server(slot)
                return await server.run(step, slot.group)
            except SandboxFault as error:
                log.warning("a program's sandbox failed: %s", error)
                failure = error
                self._discard(slot.number)
        raise failure or SandboxFault("no sandbox could be made")

    async def _server(self, slot: Slot) -> ProgramServer:
        server = self._servers.get(slot.number)
        if server is None or not server.alive:
            self._discard(slot.number)
            slot.lift_limits()
            uid = FIRST_UID + slot.number if can_change_user() else None
            server = await ProgramServer.start(uid, slot.group, self._folders)
            self._servers[slot.number] = server
        return server

    def _discard(self, number: int) -> None:
        server = self._servers.pop(number, None)
        if server is not None:
            server.stop()

    def stop(self) -> None:
        """End all fork servers and with them every sandbox."""
        for number in list(self._servers):
            self._discard(number)
