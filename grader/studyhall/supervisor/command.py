"""`studyhall run`: everything on one machine, for trying out and for developing."""

import os
import sys
import time
from pathlib import Path

from rich.console import Console

from studyhall.supervisor.errors import SupervisorError
from studyhall.supervisor.installation import Installation, find_course, lay_out, open_data_folder
from studyhall.supervisor.keys import Keys, kept_keys
from studyhall.supervisor.lock import locked
from studyhall.supervisor.plan import Plan
from studyhall.supervisor.ports import check_free, check_loopback
from studyhall.supervisor.progress import Progress, show_welcome
from studyhall.supervisor.runner import Runner, Stopped

DEFAULT_PORT = 8000
DEFAULT_HOST = "127.0.0.1"


def run(
    *,
    data: Path | None = None,
    port: int = DEFAULT_PORT,
    host: str = DEFAULT_HOST,
    course: Path | None = None,
) -> None:
    """Start hub, proxy, service, worker, judge, PostgreSQL and Valkey, and keep them running until Ctrl-C.

    `data` is the folder everything is kept in, by default `STUDYHALL_DATA` or else `.studyhall`; `port` the
    public port on `host`, which has to be an address of this machine only; `course` the folder of the course
    to publish, by default the checkout's sample course.

    Raises:
        SystemExit: with 1 when something is in the way, after one sentence about it.
    """
    began = time.monotonic()
    console = Console(soft_wrap=True, highlight=False)
    console.print("Studyhall is starting.")
    sys.stdout.flush()
    folder = data or Path(os.environ.get("STUDYHALL_DATA") or ".studyhall")
    try:
        host = check_loopback(host)
        full = open_data_folder(folder)
        with locked(full):
            check_free(port, host)
            keys = kept_keys(full / "secrets.json", database=full / "postgres")
            at = lay_out(data=full, course=find_course(course), host=host, port=port)
            keep_running(at, keys, console=console, began=began)
    except SupervisorError as problem:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"{problem}", markup=False, style="red")
        raise SystemExit(1) from problem


def keep_running(at: Installation, keys: Keys, *, console: Console, began: float) -> None:
    """Start every part of the installation and keep it running until somebody asks it to stop.

    Raises:
        SupervisorError: a part did not start.
    """
    # Nothing is ever written to this pipe. Its writing end closes when this process ends, however that
    # happens, and each learner's server is stopped by the keeper that waits for just that.
    lifeline, alive = os.pipe()
    try:
        plan = Plan(at, keys, lifeline=lifeline)
        plan.write_settings()
        with Progress(console) as progress, Runner(plan.parts(), progress) as runner:
            try:
                runner.start()
                progress.settle()
                show_welcome(console, at, keys, seconds=time.monotonic() - began)
                runner.watch()
            except Stopped:
                progress.settle()
            progress.say("Stopping.")
        console.print("Stopped. All data is kept.")
    finally:
        os.close(lifeline)
        os.close(alive)
