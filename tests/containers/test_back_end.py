"""The `docker` sandbox: how its containers are made, that each serves once, and that none is left behind."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from containers.engines import JUDGE, SANDBOX
from studyhall_judge.containers.engine import first_user

LABEL = "label=studyhall.judge"
WALLS = ("container", "user", "pid", "network", "mount", "privileges", "seccomp")


def wait_until(holds, what, seconds=180):
    """Wait for a condition that the engine brings about in its own time."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        select.select([], [], [], 0.05)  # the engine's command is not cheap to ask


def warm_container(engine, running, served=frozenset()):
    """Return what the engine says of a judge's waiting container, once it is warm and has its limit.

    Those that have ``served`` go, and the next one comes, each in its own time: one of them is not the waiting one.
    """
    found = []

    def is_warm():
        identifiers = containers_of(engine, running)
        found[:] = [about for one in identifiers if (about := engine.inspect(one)) is not None]
        only = found[0] if len(found) == 1 else None
        return only is not None and only["Id"] not in served and only["HostConfig"]["Memory"] < 1024 * 2**20

    wait_until(is_warm, "no container gets warm")
    return found[0]


def self_test(*words):
    done = subprocess.run(
        [sys.executable, "-m", "studyhall_judge", "--self-test", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def containers_of(engine, running):
    """Return the ids of the containers of one judge."""
    form = '{{.ID}} {{.Label "studyhall.judge"}}'
    lines = engine.docker("ps", "--all", "--no-trunc", "--filter", LABEL, "--format", form).splitlines()
    return [line.split()[0] for line in lines if line.endswith(f":{running.socket.resolve()}")]


@pytest.fixture
def own(start, tmp_path, in_containers):
    """A judge with one slot and one waiting container, for a test that looks at or ends it."""
    return start(tmp_path, "--slots", "1", "--preload", "", *in_containers)


def test_self_test_says_which_walls_stand(in_containers):
    code, found = self_test(*in_containers)
    assert code == 0, found
    walls = {one["name"]: one for one in found["walls"]}
    assert all(walls[name]["standing"] and walls[name]["required"] for name in WALLS)
    assert walls["cgroups"]["standing"]
    assert not walls["outer_wall"]["standing"]
    assert "as much as being root" in walls["outer_wall"]["detail"]


def test_a_container_is_hardened(engine, own):
    about = warm_container(engine, own)
    host = about["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]  # and the engine's own seccomp profile
    assert host["Memory"] == host["MemorySwap"]
    assert 512 * 2**20 < host["Memory"] < 700 * 2**20
    assert 50 <= host["PidsLimit"] <= 70
    assert host["NanoCpus"] == 1_000_000_000
    assert host["AutoRemove"]
    assert host["LogConfig"]["Type"] == "none"
    assert "size=64m" in host["Tmpfs"]["/home"]
    assert [(mount["Destination"], mount["RW"]) for mount in about["Mounts"]] == [("/judge", False)]
    assert "docker.sock" not in json.dumps(about["Mounts"])
    user, _, group = about["Config"]["User"].partition(":")
    assert int(user) >= 70_000
    assert user == group
    assert about["Config"]["Entrypoint"] == ["/usr/bin/env"]
    assert about["Config"]["Cmd"][0] == "-i"


def test_each_submission_has_a_container_of_its_own_that_is_removed(engine, own, assignment, submit):
    squares = assignment("squares")
    texts = submit(squares, {"answers": {"mean": "import os\nos.system('touch /home/tmp/was-here')\n"}})
    seen = set()
    for _ in range(3):
        seen.add(warm_container(engine, own, seen)["Id"])
        own.grade(squares.release, texts)
    assert warm_container(engine, own, seen)["Id"] not in seen
    assert len(seen) == 3


def test_other_limits_get_a_container_with_these_limits(engine, own, assignment, submit, limits):
    squares = assignment("squares")
    wanted = limits({"limits": {"memory_mb": 200, "disk_mb": 16, "pids": 20}})
    before = warm_container(engine, own)["Id"]
    assert own.grade(squares.release, submit(squares, {}), limits=wanted).report.score == 15
    about = warm_container(engine, own, {before})
    assert "size=16m" in about["HostConfig"]["Tmpfs"]["/home"]
    assert about["HostConfig"]["PidsLimit"] < 50
    assert about["HostConfig"]["Memory"] < 400 * 2**20


def test_a_judge_that_is_told_to_end_leaves_nothing(engine, own):
    assert containers_of(engine, own)
    own.process.terminate()
    assert own.process.wait(120) == 0
    wait_until(lambda: not containers_of(engine, own), "containers are left after an orderly end")


def test_a_killed_judge_takes_its_containers_with_it_and_the_next_sweeps(
    engine, own, in_containers, start, tmp_path
):
    waiting = warm_container(engine, own)["Id"]
    own.process.kill()
    own.process.wait(120)
    wait_until(lambda: waiting not in engine.containers(), "a killed judge's container goes on")
    label = f"studyhall.judge={os.uname().nodename}:{own.socket.resolve()}"
    left = engine.docker("create", "--label", label, "--network", "none", SANDBOX, "true").strip()
    others = engine.docker(
        "create", "--label", f"{label}-other", "--network", "none", SANDBOX, "true"
    ).strip()
    again = start(tmp_path, "--slots", "1", "--preload", "", *in_containers)
    now = engine.containers()
    assert left not in now
    assert others in now
    assert again.ready["ready"]
    engine.docker("rm", others)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "unix:///nowhere/docker.sock"], "No container engine answers at /nowhere/docker.sock."),
        (["--engine", "tcp://127.0.0.1:1"], "has to be on this machine"),
        (["--sandbox-image", "studyhall-absent:1"], "The engine has no image studyhall-absent:1. Build it"),
    ],
    ids=["no-engine", "engine-elsewhere", "no-image"],
)
def test_what_is_missing_is_one_sentence_with_the_way_out(in_containers, words, said, tmp_path):
    code, found = self_test(*in_containers, *words)
    assert code == 1
    assert said in found["message"]
    done = subprocess.run(
        [sys.executable, "-m", "studyhall_judge", "--socket", str(tmp_path / "s"), *in_containers, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "Error" not in done.stderr
    assert not (tmp_path / "s").exists()


def test_an_engine_that_may_not_be_used_is_one_sentence(engine):
    """As somebody who is not in the group docker."""
    engine.folder.chmod(0o755)
    program = (
        "import os\nfrom studyhall_judge.containers.engine import Engine\n"
        f"os.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\nEngine({engine.url!r}, 'image', 'judge')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "may not use the container engine" in done.stderr
    assert "group docker" in done.stderr.replace("\n", " ")


def test_another_version_in_the_image_is_refused(engine, in_containers, tmp_path):
    (tmp_path / "Dockerfile").write_text(
        f"FROM {SANDBOX}\nUSER 0\nRUN echo '# other' >> $(python3 -c 'from studyhall_judge.sandbox import limits as l; "
        "print(l.__file__)')\nUSER 64100\n"
    )
    engine.docker("build", "--quiet", "--network", "none", "--tag", "studyhall-sandbox:other", str(tmp_path))
    code, found = self_test(*in_containers, "--sandbox-image", "studyhall-sandbox:other")
    assert code == 1
    assert "Build the image again" in found["message"]


def test_an_image_of_another_kind_is_refused(in_containers):
    """The judge's own image lacks the sandbox's folders, so a container of it is not what a submission needs."""
    code, found = self_test(*in_containers, "--sandbox-image", JUDGE)
    assert code == 1
    assert "refuses to start" in found["message"]


def test_the_client_is_only_imported_when_it_is_chosen():
    program = "import sys\nfrom studyhall_judge import inside, outer_wall\nassert 'docker' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_the_client_the_way_out_is_said(tmp_path):
    (tmp_path / "docker.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        [sys.executable, "-m", "studyhall_judge", "--self-test", "--sandbox", "docker"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "pip install 'studyhall[docker]'" in json.loads(done.stdout)["message"]
    assert Path(tmp_path).exists()


@pytest.mark.parametrize(
    ("security", "first"),
    [(["name=seccomp,profile=default"], 70_000), (["name=userns"], 10_000), (["name=rootless"], 10_000)],
)
def test_users_fit_the_engines_range(security, first):
    assert first_user(security) == first
    assert security != ["name=userns"] or first + 50_000 < 65_536
