"""How long `studyhall run` takes: first start, warm start, stop; and what one idle learner's server weighs.

Budgets (shared with docs): warm start at most 10 s, stop at most 5 s, idle server at most 110 MiB, spawn at most 4 s.
"""

import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from studyhall.supervisor.orphans import descendants

ROUNDS = 3
DEADLINE = 120.0


def free_port() -> int:
    """Return a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(data: Path, port: int) -> tuple[subprocess.Popen[str], float]:
    """Start Studyhall; return its process and the seconds until it was ready."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "studyhall.cli", "run", "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C stops everything" in line:
            return process, time.monotonic() - began
    raise SystemExit("Studyhall did not start.")


def stop(process: subprocess.Popen[str]) -> float:
    """Stop Studyhall; return the seconds that took."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate()
    return time.monotonic() - began


def spawn(data: Path, port: int, name: str) -> tuple[float, float]:
    """Start the server of `name`; return the seconds until it answered and the MiB of its processes."""
    password = json.loads((data / "hub" / "accounts.json").read_text())[name]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=60) as browser:
        browser.get("/hub/login")
        xsrf = browser.cookies.get("_xsrf", path="/hub/") or ""
        form = {"username": name, "password": password}
        began = time.monotonic()
        browser.post("/hub/login", params={"_xsrf": xsrf}, data=form)
        while browser.get(f"/user/{name}/lab").url.path != f"/user/{name}/lab":
            if time.monotonic() - began > DEADLINE:
                raise SystemExit("The learner's server did not start.")
            time.sleep(0.05)
        return time.monotonic() - began, weight(name)


def weight(name: str) -> float:
    """Return the private and shared memory, in MiB, of the processes of the server of `name`."""
    total = 0.0
    for pid in descendants(1):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if f"JUPYTERHUB_USER={name}".encode() in environment.split(b"\0"):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        except OSError:
            continue
    return total


def main() -> None:
    """Measure and print a table of medians."""
    with tempfile.TemporaryDirectory() as folder:
        data, port = Path(folder) / "data", free_port()
        process, first = start(data, port)
        spawned = [spawn(data, port, name) for name in ("lea", "liam", "lucia")]
        stops = [stop(process)]
        warm = []
        for _ in range(ROUNDS):
            process, seconds = start(data, port)
            warm.append(seconds)
            stops.append(stop(process))
    table = Table("what", "median", "budget", box=None)
    table.add_row("first start, everything installed", f"{first:.1f} s", "-")
    table.add_row("warm start", f"{statistics.median(warm):.1f} s", "10 s")
    table.add_row("stop", f"{statistics.median(stops):.1f} s", "5 s")
    table.add_row(
        "a learner's server, from sign-in to Lab", f"{statistics.median(s for s, _ in spawned):.1f} s", "4 s"
    )
    table.add_row(
        "an idle learner's server", f"{statistics.median(m for _, m in spawned):.0f} MiB", "110 MiB"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
