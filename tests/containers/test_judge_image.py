"""The judge in a container of its own: what it needs to work there, and what it has then."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

import pytest
from containers.engines import JUDGE, ROOT
from judge.conftest import RunningJudge

HARDENED = [
    *("--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--pids-limit", "512"),
    *("--memory", "2g", "--security-opt", "no-new-privileges"),
]
PROFILE = ["--security-opt", f"seccomp={ROOT}/docker/judge/seccomp.json"]
WHOLE_PROC = ["--security-opt", "systempaths=unconfined"]
REQUIRED = ("user", "pid", "network", "mount", "privileges", "seccomp")


@pytest.fixture(scope="session")
def judge_in_a_container(engine, tmp_path_factory):
    """A judge started as the README says; its socket's folder stands for the volume that it shares with the worker."""
    folder = tmp_path_factory.mktemp("judge-volume")
    folder.chmod(0o777)  # a named volume would belong to the image's user
    identifier = engine.docker(
        *("run", "--detach", *HARDENED, *PROFILE, *WHOLE_PROC),
        *("--volume", f"{folder}:/run/studyhall-judge", JUDGE, "--slots", "2", "--preload", "numpy"),
    ).strip()
    with subprocess.Popen(
        ["docker", "--host", engine.url, "logs", "--follow", identifier], stdout=subprocess.PIPE, text=True
    ) as logs:
        assert logs.stdout is not None
        line = logs.stdout.readline()
        assert line, engine.docker("logs", identifier)
        yield identifier, RunningJudge(logs, folder / "judge.sock", json.loads(line))
        began = time.monotonic()
        engine.docker("stop", "--time", "120", identifier)
        assert time.monotonic() - began < 15, "the judge does not end when it is told to"
        assert engine.inspect(identifier)["State"]["ExitCode"] == 0
    engine.docker("rm", "--force", "--volumes", identifier)


def test_it_grades(judge_in_a_container, assignment, submit):
    _, running = judge_in_a_container
    squares = assignment("squares")
    graded = running.grade(squares.release, submit(squares, {}))
    assert graded.report.score == 15
    tables = assignment("tables")
    answers = {"answers": {"mean": "raise SystemExit"}}
    assert running.grade(tables.release, submit(tables, answers)).report.status == "graded"


def test_its_walls_stand(judge_in_a_container):
    _, running = judge_in_a_container
    walls = {one.name: one for one in asyncio.run(running.client.status()).walls}
    assert all(walls[name].standing for name in (*REQUIRED, "outer_wall"))
    # A container's control groups are read-only: what is missing is said, and the container's own limits hold.
    assert not walls["cgroups"].standing
    assert "per process only" in walls["cgroups"].detail


def test_its_container_holds_nothing_else(engine, judge_in_a_container):
    identifier, _ = judge_in_a_container
    (about,) = json.loads(engine.docker("inspect", identifier))
    assert about["Config"]["User"] == "64100:64100"
    assert about["NetworkSettings"]["Networks"].keys() == {"none"}
    assert [mount["Destination"] for mount in about["Mounts"]] == ["/run/studyhall-judge"]
    names = {line.partition("=")[0] for line in about["Config"]["Env"]}
    assert names <= {"PATH", "LANG"}
    assert (
        engine.docker("exec", identifier, "python3", "-c", "import os; print(os.getuid())").strip() == "64100"
    )


def test_its_health_is_known(engine, judge_in_a_container):
    identifier, _ = judge_in_a_container
    (about,) = json.loads(engine.docker("inspect", identifier))
    command = about["Config"]["Healthcheck"]["Test"]
    assert command[0] == "CMD"
    engine.docker("exec", identifier, *command[1:])
    with pytest.raises(AssertionError, match="JudgeUnavailable"):
        engine.docker("run", "--rm", *HARDENED, "--entrypoint", command[1], JUDGE, *command[2:])


@pytest.mark.parametrize(
    ("words", "lacking"),
    [([*PROFILE], "mount proc"), ([*WHOLE_PROC], "namespace")],
    ids=["masked-proc", "docker's-own-profile"],
)
def test_without_what_it_needs_it_refuses(engine, words, lacking):
    with pytest.raises(AssertionError) as refused:
        engine.docker("run", "--rm", *HARDENED, *words, JUDGE, "--self-test")
    said = str(refused.value)
    assert "The judge refuses to start" in said
    assert lacking in said
    assert "systempaths=unconfined" in said
