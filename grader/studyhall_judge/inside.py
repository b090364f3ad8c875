"""The judge on the inner side of the outer wall: its slots, its walls' self-test and its socket."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator

from studyhall_judge import __version__, cgroups, walls
from studyhall_judge.cgroups import SlotGroup
from studyhall_judge.containers import starting
from studyhall_judge.grading import Submission
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest
from studyhall_judge.programs.desk import Desk, ProgramDesk
from studyhall_judge.programs.kernels import KernelSubmission
from studyhall_judge.programs.languages import find_languages, from_text
from studyhall_judge.releases import PreparedRelease
from studyhall_judge.report import GradeReport, GradeRequest, JudgeStatus, Progress, Wall
from studyhall_judge.sandboxes import SandboxFault
from studyhall_judge.server import SocketInUse, bind, serve
from studyhall_judge.slots import Environment, SlotPool, default_environment

COLLECT_AFTER = 20_000
"""New objects before the collector looks at them: a submission or two."""


class LocalGrader:
    """Grades in this process's slots."""

    def __init__(self, pool: SlotPool, standing: list[Wall], programs: Desk) -> None:
        self._pool = pool
        self._programs = programs
        self._walls = standing

    def grade(self, request: GradeRequest, release: PreparedRelease) -> AsyncIterator[Progress | GradeReport]:
        """Yield progress, then exactly one report."""
        environment = self._pool.environments.get(request.environment)
        if environment is not None and environment.kernel:
            return KernelSubmission(request, release, self._pool, self._programs).events()
        return Submission(request, release, self._pool).events()

    def run_program(self, request: ProgramRequest) -> AsyncIterator[ProgramProgress | ProgramReport]:
        """Yield progress, then exactly one report."""
        return self._programs.judge(request)

    def status(self) -> JudgeStatus:
        """Say what is standing and how busy it is."""
        return JudgeStatus(
            version=__version__,
            slots=len(self._pool.slots),
            busy=self._pool.busy,
            waiting=self._pool.waiting,
            graded=self._pool.graded,
            walls=self._walls,
            environments=self._pool.status(),
            languages=self._programs.status(),
        )


def environments_of(options: argparse.Namespace) -> list[Environment]:
    """Return the environments that the command line names; there is always ``default``."""
    found = [default_environment(_modules(options.preload))]
    for word in options.environment:
        name, _, rest = word.partition("=")
        interpreter, _, modules = rest.partition(":")
        python, _, kernel = interpreter.partition("@")
        found.append(Environment(name, python, _modules(modules), kernel))
    return found


def _modules(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


async def run_inside(options: argparse.Namespace) -> int:
    """Be the judge, on the inner side of the outer wall."""
    groups = cgroups.from_arguments(options.group)
    if options.self_test:
        return await _self_test(options, groups)
    try:
        pool = make_pool(options, options.slots, environments_of(options), groups)
    except SandboxFault as error:
        sys.stderr.write(f"The judge refuses to start. {error}\n")
        return 1
    try:
        return await _serve_until_told(options, pool)
    except (SocketInUse, OSError) as error:
        sys.stderr.write(f"The judge could not start: {error}\n")
        return 1
    finally:
        pool.stop()


def make_pool(
    options: argparse.Namespace, slots: int, environments: list[Environment], groups: list[SlotGroup]
) -> SlotPool:
    """Return the slots of the sandbox that the command line names. Raises `SandboxFault`."""
    if options.sandbox == "docker":
        return starting.make_pool(options, slots, environments)
    return SlotPool(slots, environments, groups, options.warm_memory)


async def _measure(options: argparse.Namespace, pool: SlotPool) -> list[Wall]:
    """Warm the slots and look at one from inside."""
    if options.sandbox == "docker":
        return await starting.measure(pool)
    try:
        await pool.start()
    except SandboxFault as error:
        return [walls.missing("namespaces", str(error))]
    return await walls.measure(
        pool.slots[0],
        options.groups_detail,
        grouped=bool(options.group),
        outer=options.outer_wall == "bubblewrap",
    )


async def _self_test(options: argparse.Namespace, groups: list[SlotGroup]) -> int:
    try:
        pool = make_pool(options, 1, [default_environment(())], groups)
    except SandboxFault as error:
        sys.stdout.write(json.dumps({"ok": False, "message": str(error), "walls": []}) + "\n")
        return 1
    try:
        standing = await _measure(options, pool)
    finally:
        pool.stop()
    floor = walls.below_floor(standing)
    report = {"ok": floor is None, "message": floor or "", "walls": [one.model_dump() for one in standing]}
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if floor is None else 1


async def _make_desk(options: argparse.Namespace, pool: SlotPool) -> Desk:
    """Return what judges programs with the sandbox that the command line names. Raises `SandboxFault`."""
    if options.sandbox == "docker":
        return await starting.make_desk(pool)
    languages = from_text(options.languages) if options.languages else find_languages()
    return ProgramDesk(pool, languages)


async def _serve_until_told(options: argparse.Namespace, pool: SlotPool) -> int:
    listener = bind(options.socket)
    standing = await _measure(options, pool)
    refusal = walls.below_floor(standing)
    if refusal is None:
        try:
            programs = await _make_desk(options, pool)
        except SandboxFault as error:
            refusal = f"The judge refuses to start. {error}"
    if refusal is not None:
        sys.stderr.write(refusal + "\n")
        listener.close()
        options.socket.unlink(missing_ok=True)
        return 1
    server = await serve(listener, LocalGrader(pool, standing, programs))
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    ready = {"ready": True, "socket": str(options.socket), "slots": options.slots, "version": __version__}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # what is there now stays; requests make thousands of objects, and hardly a cycle among them
    gc.set_threshold(COLLECT_AFTER)
    await told.wait()
    server.close()
    programs.stop()
    options.socket.unlink(missing_ok=True)
    return 0


def main(options: argparse.Namespace) -> int:
    """Run as the command line says; returns the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="judge: %(message)s")
    return asyncio.run(run_inside(options))
