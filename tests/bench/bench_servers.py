"""What a learner's server costs: memory while idle, time until it can be used, and a class that starts at once.

It starts a Docker engine of its own, builds the images that the tests use (a minute or two), and a real hub.
"""

import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from containers.engines import Engine, running_engine
from containers.people_in_containers import (
    Hub,
    build_server_images,
    make_networks,
    running_hub,
)

ROUNDS = 5
CLASS = int(os.environ.get("STUDYHALL_BENCH_CLASS", "20"))
PATIENCE = 600.0
"""Seconds for a class to start."""
BUDGET_MEBIBYTES, BUDGET_SECONDS = 110, 4.0
SETTLED = 15.0
"""Seconds after which a server has done what it does at its start."""
UNITS = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}


def start(hub: Hub, name: str, *, every: float) -> float:
    """Start somebody's server and look at it every so many seconds; return those until it can be used."""
    began = time.monotonic()
    hub.start_server(name)
    while not (server := hub.server(name)).get("ready"):
        if not server:
            raise SystemExit(f"{name}'s server did not start. The hub says:\n{hub.log()}")
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{name}'s server was not ready within {PATIENCE:.0f} s.")
        time.sleep(every)
    return time.monotonic() - began


def mebibytes(engine: Engine, names: list[str]) -> list[float]:
    """Return the memory of each container, without what the kernel only keeps of files that were read."""
    said = engine.docker(
        *("stats", "--no-stream", "--format", "{{.MemUsage}}"), *(f"spring.learner.{name}" for name in names)
    )
    found = re.findall(r"^([\d.]+)(\w+) /", said, flags=re.MULTILINE)
    return [float(number) * UNITS[unit] for number, unit in found]


def verdict(measured: float, budget: float, unit: str) -> str:
    """Say a budget, and whether this run met it."""
    return f"≤ {budget:g} {unit}" + ("" if measured <= budget else ": not met in this run")


def main() -> None:
    """Measure and print a table."""
    console = Console()
    if shutil.which("dockerd") is None:
        console.print("Docker is not installed here: people's servers are not measured.")
        return
    people = [f"bench{number:02}" for number in range(CLASS)]
    with running_engine() as engine, tempfile.TemporaryDirectory(prefix="bench-") as name:
        build_server_images(engine)
        make_networks(engine)
        load = os.getloadavg()[0]
        with running_hub(engine, Path(name) / "data") as hub:
            answer = hub.ask("POST", "/users", json={"usernames": people})
            answer.raise_for_status()
            one = people[0]
            alone = []
            for _ in range(ROUNDS):
                alone.append(start(hub, one, every=0.05))
                hub.stop_server(one)
            start(hub, one, every=0.5)
            time.sleep(SETTLED)
            (idle,) = mebibytes(engine, [one])
            hub.stop_server(one)
            began = time.monotonic()
            with ThreadPoolExecutor(CLASS) as pool:
                # Their questions are not to be what the hub is busy with.
                each = list(pool.map(lambda person: start(hub, person, every=0.5), people))
            together = time.monotonic() - began
            time.sleep(SETTLED)
            used = mebibytes(engine, people)
    table = Table(
        "a learner's server", "measured", "budget", title=f"People's servers (load {load:.1f} before)"
    )
    median = statistics.median(alone)
    table.add_row("memory, idle", f"{idle:.0f} MiB", verdict(idle, BUDGET_MEBIBYTES, "MiB"))
    table.add_row(
        f"until it can be used, median of {ROUNDS}", f"{median:.1f} s", verdict(median, BUDGET_SECONDS, "s")
    )
    table.add_row("the slowest of these", f"{max(alone):.1f} s", "")
    table.add_row(f"{CLASS} at once: until the last can be used", f"{together:.1f} s", "")
    table.add_row("of these, the median", f"{statistics.median(each):.1f} s", "")
    table.add_row("memory of all, idle", f"{sum(used):.0f} MiB", f"{len(used)} servers")
    console.print(table)


if __name__ == "__main__":
    main()
