"""``nbgrader autograde`` of a class of 40: plain, with a kernel for each notebook, and through the judge.

``python tests/bench/bench_nbgrader_autograde.py [ps1 ps2]`` starts a service, a worker and a judge and prints a table.
It is the same command in the same environment both times; only the lines that ``studyhall nbgrader configure`` writes
differ. Medians would need hours of plain nbgrader: each is measured once, one after the other.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

import structlog  # noqa: E402 - the path has to be known before
from classrooms import open_classroom  # noqa: E402 - the path has to be known before
from nbgrader_class import unpack  # noqa: E402 - the path has to be known before
from nbgrader_environments import OURS as PATH  # noqa: E402 - the path has to be known before
from nbgrader_environments import VERSIONS, environment_of  # noqa: E402 - the path has to be known before
from nbgrader_terminals import OURS, Terminal, grader_token, working  # noqa: E402 - the path has to be known before
from studyhall.migrations.upgrade import upgrade  # noqa: E402 - the path has to be known before
from studyhall.permissions import Role  # noqa: E402 - the path has to be known before
from studyhall.supervisor.postgres import OWNER, EmbeddedPostgres  # noqa: E402 - the path has to be known before
from studyhall.supervisor.valkey import EmbeddedValkey  # noqa: E402 - the path has to be known before


@contextlib.contextmanager
def judge_at(socket):
    with subprocess.Popen(
        [sys.executable, "-m", "studyhall_judge", "--socket", str(socket), "--slots", "2"],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        text=True,
        start_new_session=True,
    ) as process:
        json.loads(process.stdout.readline())
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def a_class(folder, config):
    """Unpack the class's 40 ordinary students into a course of its own."""
    course, _ = unpack(folder)
    for student in (course / "submitted").iterdir():
        if not student.name.startswith("ok"):
            shutil.rmtree(student)
    with (course / "nbgrader_config.py").open("a") as file:
        file.write("c.CourseDirectory.course_id = 'python-foundations'\n" + config)
    return course


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def timed(terminal, assignment):
    code, said = await terminal.run("generate_assignment", assignment, "--create", "--force")
    assert code == 0, said
    began = time.monotonic()
    code, said = await terminal.run("autograde", assignment)
    assert code == 0, said
    return time.monotonic() - began


async def measure(folder, assignments):
    python = environment_of(VERSIONS[-1])
    with (
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
        EmbeddedValkey(folder / "valkey") as valkey,
        judge_at(folder / "judge.sock"),
    ):
        postgres.create_database("class")
        upgrade(postgres.url(OWNER, "class"))
        async with open_classroom(
            postgres=postgres, valkey=valkey, database="class", judge_socket=folder / "judge.sock"
        ) as room:
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
            await room.publish()
            await room.add_person("gabriel", Role.GRADER)
            token = grader_token(room)
            (folder / "ours").mkdir()
            (folder / "plain").mkdir()
            ours = Terminal(room, python, a_class(folder / "ours", OURS), PATH, token=token)
            plain = Terminal(room, python, a_class(folder / "plain", ""), PATH, token=token)
            say("| assignment | plain nbgrader | through the judge | load average |")
            say("| --- | --- | --- | --- |")
            for assignment in assignments:
                slow = await timed(plain, assignment)
                async with working(room):
                    fast = await timed(ours, assignment)
                load = os.getloadavg()[0]
                say(f"| {assignment} | {slow:.1f} s | {fast:.1f} s | {load:.1f} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(measure(Path(place), sys.argv[1:] or ["ps1", "ps2"]))
