"""One real judge for the programs of this folder."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from studyhall_judge.client import Judge
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest
from studyhall_judge.report import LanguageStatus


@dataclass
class ProgramJudge:
    """A judge process with what it said of its languages."""

    client: Judge
    languages: dict[str, LanguageStatus]

    def run(self, **request: Any) -> tuple[ProgramReport, list[ProgramProgress]]:
        """Judge one program."""
        return asyncio.run(self._run(ProgramRequest(request_id="test", **request)))

    async def _run(self, request: ProgramRequest) -> tuple[ProgramReport, list[ProgramProgress]]:
        progress: list[ProgramProgress] = []
        async for event in self.client.run_program(request):
            if isinstance(event, ProgramReport):
                return event, progress
            progress.append(event)
        raise AssertionError("the judge sent no report")


@pytest.fixture(scope="session")
def programs():
    """A judge with one slot, so that each case is the next one's neighbour."""
    with tempfile.TemporaryDirectory(prefix="programs-") as folder:
        socket = Path(folder) / "judge.sock"
        words = ["--socket", str(socket), "--slots", "1", "--preload", ""]
        with subprocess.Popen(
            [sys.executable, "-m", "studyhall_judge", *words], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ready"]
            client = Judge(socket)
            status = asyncio.run(client.status())
            yield ProgramJudge(client, {one.id: one for one in status.languages})
            process.terminate()
