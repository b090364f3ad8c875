"""Real PostgreSQL, Valkey and judge, each started once for all tests that share them, and classrooms made of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from classrooms import open_classroom
from redis import Redis
from studyhall.migrations.upgrade import upgrade
from studyhall.permissions import Role
from studyhall.rewards import boards
from studyhall.supervisor.postgres import OWNER, EmbeddedPostgres
from studyhall.supervisor.valkey import EmbeddedValkey


def end_sessions(postgres, database):
    """Wait until the last session in a database is gone, so that it can be copied.

    Who closes a connection does not wait for the server's process behind it, and a copy waits for that five seconds.
    """
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", [database]
        )


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        server.create_database("migrated")
        upgrade(server.url(OWNER, "migrated"))
        end_sessions(server, "migrated")
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory):
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def judge_socket(tmp_path_factory):
    """Where the judge is, or would be."""
    return tmp_path_factory.mktemp("judge") / "judge.sock"


@pytest.fixture(scope="session")
def judge(judge_socket):
    """A real judge, two slots, in its sandbox."""
    with subprocess.Popen(
        [sys.executable, "-m", "studyhall_judge", "--socket", str(judge_socket), "--slots", "2"],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        text=True,
        start_new_session=True,
    ) as process:
        ready = process.stdout.readline()
        assert ready, f"the judge did not start: exit {process.wait()}"
        json.loads(ready)
        yield judge_socket
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.fixture(scope="session")
def taught(postgres, valkey, judge_socket):
    """A database to copy, with what most tests start from: publishing a course takes longer than most of them.

    The sample course with the instructor ines, the grader gabriel and the learners lea and liam.
    """
    postgres.create_database("taught", template="migrated")

    async def teach():
        async with open_classroom(
            postgres=postgres, valkey=valkey, database="taught", judge_socket=judge_socket
        ) as room:
            await room.publish()
            await room.add_person("ines", Role.INSTRUCTOR)
            await room.add_person("gabriel", Role.GRADER)
            await room.add_person("lea")
            await room.add_person("liam")

    with ThreadPoolExecutor(1) as thread:  # the test's own event loop stays as it is
        thread.submit(asyncio.run, teach()).result()
    end_sessions(postgres, "taught")
    return "taught"


@pytest.fixture
def database(request, postgres):
    """A database of one's own, gone afterwards: migrated, and with a course for those that have a `classroom`."""
    template = "migrated"
    if "classroom" in request.fixturenames:
        template = request.getfixturevalue("taught")
        # Cohort and people are the same in each copy: what was counted for them before is forgotten.
        with Redis.from_url(request.getfixturevalue("valkey").url()) as store:
            store.flushall()
        boards.forget()
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name, template=template)
    yield name
    postgres.drop_database(name)


@pytest.fixture
def classroom_with(postgres, valkey, database, judge_socket):
    """Open a classroom with settings of one's own."""
    return partial(
        open_classroom, postgres=postgres, valkey=valkey, database=database, judge_socket=judge_socket
    )
