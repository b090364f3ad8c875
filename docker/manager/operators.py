"""A container in which the `studyhall` command works as operator: with a worker's settings, for a few minutes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from classroom import Classroom
from commands import Commands
from machine import CHECKOUT, compose, remove, run

PROJECT = "studyhall"
NAME = "studyhall-operator"


class Operator:
    """The container while it runs; courses and rosters are in it at the paths that they have on the host."""

    def __init__(self, classroom: Classroom, env: Mapping[str, str], *more: Path) -> None:
        """Prepare it; `more` are files and folders of the host that it shall read."""
        self.classroom = classroom
        self.env = dict(env)
        self.commands = Commands(NAME, "studyhall.cli", "with-secrets")
        self.reads = {
            *more,
            *(course for cohort in classroom.cohorts for course in cohort.courses),
            *(cohort.roster for cohort in classroom.cohorts if cohort.roster),
        }

    def __enter__(self) -> Self:
        remove(NAME)
        mounts = [f"{path}:{path}:ro" for path in sorted(self.reads) if path.exists()]
        cohorts = self.classroom.home / "cohorts"
        cohorts.mkdir(exist_ok=True)
        run(
            *compose(),
            *("--project-name", PROJECT, "--file", str(CHECKOUT / "docker" / "compose.yaml")),
            *("run", "--detach", "--rm", "--no-deps", "--name", NAME),
            *(word for mount in [*mounts, f"{cohorts}:/cohorts"] for word in ("--volume", mount)),
            *("operator", "sleep", "infinity"),
            env=self.env,
            what="The operator's container does not start.",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.commands.__exit__(kind, error, trace)
        subprocess.run(["docker", "rm", "--force", NAME], capture_output=True, check=False)

    def studyhall(self, *words: str, cohort: str = "", hub_database_url: str = "") -> str:
        """Run `studyhall …` and return what it printed.

        Raises:
            Trouble: it refused; with its sentence.
        """
        given = {"STUDYHALL_COHORT": cohort, "STUDYHALL_HUB_DATABASE_URL": hub_database_url}
        return self.commands.run(*words, given=given, what="Studyhall refuses:")
