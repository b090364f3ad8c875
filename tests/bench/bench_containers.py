"""What a container per submission costs: until it is ready, and what a program waits for, beside namespaces.

It starts a Docker engine of its own and builds the images that the tests use (a minute or two).
"""

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from containers.engines import SANDBOX, build_images, running_engine
from judge.conftest import start_judge, stop_judge
from studyhall_judge.containers.engine import Engine
from studyhall_judge.containers.meetings import Host
from studyhall_judge.containers.programs import Shape, Stock
from studyhall_judge.containers.servers import ContainerServer
from studyhall_judge.program_report import ProgramReport, ProgramRequest, ProgramTest

ROUNDS = 5
PROGRAMS = {
    "python": "print(1)",
    "c": '#include <stdio.h>\nint main(void) { puts("1"); }',
}
TESTS = 10


async def until_ready(host: Host, modules: list[str]) -> list[float]:
    """Return the seconds until a notebook's container is warm, of several."""
    found = []
    for _ in range(ROUNDS):
        server = ContainerServer(host, "python3", {"preload": modules, "sought": []})
        began = time.monotonic()
        await server.warm_spare()
        found.append(time.monotonic() - began)
        sandbox = await server.take()
        server.stop()
        sandbox.kill()
        await server.reap(sandbox)
    return found


async def until_a_program_may_run(host: Host) -> list[float]:
    """Return the seconds until a program's container is ready, of several."""
    found = []
    for _ in range(ROUNDS):
        stock = Stock(host)
        began = time.monotonic()
        container = await stock._make(Shape(11, 50, kernel=False))
        found.append(time.monotonic() - began)
        container.see_off()
    return found


def of_the_engine(url: str, folder: Path) -> dict[str, list[float]]:
    """Measure containers without a judge."""

    async def measure() -> dict[str, list[float]]:
        engine = Engine(url, SANDBOX, "bench")
        host = Host(engine, folder)
        found = {
            "notebook's container, standard library": await until_ready(host, []),
            "notebook's container, numpy": await until_ready(host, ["numpy"]),
            "program's container": await until_a_program_may_run(host),
        }
        await asyncio.sleep(0)
        engine.sweep()
        engine.close()
        return found

    return asyncio.run(measure())


def programs(words: list[str]) -> dict[str, tuple[float, float]]:
    """Return, for each language, the seconds of a judge's first program and of the usual next one."""
    request = {"tests": [ProgramTest(id=str(number), expected="1") for number in range(TESTS)]}
    found = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        running = start_judge(Path(name), "--slots", "1", "--preload", "", *words)

        async def judge(language: str) -> float:
            asked = ProgramRequest(request_id="x", language=language, code=PROGRAMS[language], **request)
            began = time.monotonic()
            async for event in running.client.run_program(asked):
                if isinstance(event, ProgramReport) and event.score < TESTS:
                    raise SystemExit(f"A program was not judged as it should: {event.message}")
            return time.monotonic() - began

        for language in PROGRAMS:
            first, *others = [asyncio.run(judge(language)) for _ in range(ROUNDS)]
            found[language] = (first, statistics.median(others))
        stop_judge(running)
    return found


def main() -> None:
    """Measure and print two tables."""
    console = Console()
    if shutil.which("dockerd") is None:
        console.print("Docker is not installed here: containers are not measured.")
        return
    with running_engine() as engine, tempfile.TemporaryDirectory(prefix="bench-") as name:
        build_images(engine)
        load = os.getloadavg()[0]
        starts = of_the_engine(engine.url, Path(name))
        contained = programs(["--sandbox", "docker", "--engine", engine.url, "--sandbox-image", SANDBOX])
        bare = programs([])
    table = Table("until it is ready", "median s", "slowest s", title=f"Containers (load {load:.1f} before)")
    for what, seconds in starts.items():
        table.add_row(what, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    console.print(table)
    table = Table("program, 10 tests", "container, first s", "next s", "namespaces, next s", title="Programs")
    for language, (first, others) in contained.items():
        table.add_row(language, f"{first:.2f}", f"{others:.2f}", f"{bare[language][1]:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
