"""`studyhall doctor` where the docker sandbox is chosen: engine, image and limits, each with the way out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest
from containers.engines import JUDGE, SANDBOX
from studyhall.doctor import engine as checks
from studyhall.doctor import machine
from studyhall.doctor.findings import Level

ALL = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": True, "CgroupVersion": "2"}


def chosen(url, image=SANDBOX):
    return checks.Chosen(url, image)


def settings_of(url, image=SANDBOX):
    return {
        "STUDYHALL_JUDGE_SANDBOX": "docker",
        "STUDYHALL_JUDGE_ENGINE": url,
        "STUDYHALL_JUDGE_SANDBOX_IMAGE": image,
    }


def by_subject(findings):
    return {finding.subject: finding for finding in findings}


def test_with_this_sandbox_namespaces_are_not_looked_at(tmp_path):
    names = [check.__name__ for check in machine.machine_checks(tmp_path, 8000, settings_of("unix:///x"))]
    assert "check_user_namespaces" not in names
    assert "check_bubblewrap" not in names
    names = [check.__name__ for check in machine.machine_checks(tmp_path, 8000, {})]
    assert "check_user_namespaces" in names


def test_a_fit_engine_is_described_and_its_walls_stand(engine):
    (check,) = machine.sandbox_checks(settings_of(engine.url))
    found = list(check())
    assert not [one for one in found if one.level is Level.FAIL]
    subjects = by_subject(found)
    assert subjects["engine"].level is Level.OK
    assert subjects["image"].message.startswith(SANDBOX)
    assert {"seccomp", "limits", "users", "judge"} <= subjects.keys()
    assert all(one.way_out for one in found if one.level is not Level.OK)


def test_the_command_says_it(engine, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | settings_of(engine.url, "absent:1")
    done = subprocess.run(
        [sys.executable, "-m", "studyhall.cli", "doctor", "--data", str(tmp_path / "data"), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1, done.stderr
    subjects = {one["subject"]: one for one in json.loads(done.stdout)["findings"]}
    assert subjects["engine"]["level"] == "ok"
    assert subjects["image"]["message"] == "The engine has no image absent:1."
    assert "docker/judge/README.md" in subjects["image"]["way_out"]
    assert "judge" not in subjects, "a judge was started although there is no image"
    assert "user namespaces" not in subjects


def test_an_image_of_another_kind_fails_with_the_way_out(engine):
    (check,) = machine.sandbox_checks(settings_of(engine.url, JUDGE))
    found = [one for one in check() if one.level is Level.FAIL]
    assert found
    assert all(one.subject == "judge" and "docker/judge/README.md" in one.way_out for one in found)


def test_without_an_engine_its_address_and_the_other_sandbox_are_named(tmp_path):
    finding = by_subject(checks.check_engine(chosen(f"unix://{tmp_path}/docker.sock")))["engine"]
    assert finding.level is Level.FAIL
    assert finding.message == f"No container engine answers at {tmp_path}/docker.sock."
    assert "STUDYHALL_JUDGE_SANDBOX=namespaces" in finding.way_out


def test_an_engine_elsewhere_is_refused():
    finding = by_subject(checks.check_engine(chosen("tcp://127.0.0.1:1")))["engine"]
    assert "its own machine" in finding.message
    assert "unix:///var/run/docker.sock" in finding.way_out


def test_what_is_no_engine_is_told_apart(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "other.sock"))
        listener.listen(1)
        program = (
            "import socket,sys\n"
            "sock = socket.socket(fileno=0)\n"
            "other, _ = sock.accept()\n"
            "other.recv(1000)\n"
            "other.send(b'hello\\n')\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdin=listener.fileno()) as other:
            finding = by_subject(checks.check_engine(chosen(f"unix://{tmp_path}/other.sock")))["engine"]
            other.wait(120)
    assert "does not speak as a container engine does" in finding.message
    assert "STUDYHALL_JUDGE_ENGINE" in finding.way_out


def test_an_engine_that_may_not_be_used_names_the_group(engine):
    """As somebody who is not in the group docker."""
    engine.folder.chmod(0o755)
    program = (
        "import os\nfrom studyhall.doctor.engine import Chosen, check_engine\n"
        f"os.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n"
        f"print([one.message + one.way_out for one in check_engine(Chosen({engine.url!r}, 'image'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "may not use the engine" in done.stdout
    assert "group docker" in done.stdout


def test_a_missing_client_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    first = next(iter(checks.check_engine(chosen(f"unix://{tmp_path}/docker.sock"))))
    assert (first.level, first.way_out) == (Level.FAIL, "pip install 'studyhall[docker]'")


@pytest.mark.parametrize(
    ("version", "level"),
    [("20.10.24", Level.OK), ("28.2.2", Level.OK), ("19.03.1", Level.WARN), ("", Level.WARN)],
)
def test_old_engines_are_a_warning(version, level):
    assert checks.engine_version(version, chosen("unix:///x")).level is level


@pytest.mark.parametrize(
    ("lacking", "said", "line"),
    [
        ("MemoryLimit", "memory", "cgroup_enable=memory"),
        ("SwapLimit", "swap", "swapaccount=1"),
        ("PidsLimit", "processes", "Delegate="),
        ("CpuCfsQuota", "processors", "Delegate="),
    ],
)
def test_each_limit_that_is_missing_has_its_own_way_out(lacking, said, line):
    (finding,) = checks.check_limits(ALL | {lacking: False})
    assert finding.level is Level.WARN
    assert f"cannot limit {said} here (control groups version 2)" in finding.message
    assert line in finding.way_out
    (finding,) = checks.check_limits(ALL)
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("security", "level", "line"),
    [
        (["name=seccomp,profile=default"], Level.OK, ""),
        (["name=seccomp,profile=builtin"], Level.OK, ""),
        (["name=seccomp,profile=unconfined"], Level.WARN, "daemon.json"),
        (["name=apparmor"], Level.WARN, "CONFIG_SECCOMP_FILTER"),
    ],
)
def test_the_engines_filter(security, level, line):
    (finding,) = checks.check_filter(security)
    assert finding.level is level
    assert line in finding.way_out


@pytest.mark.parametrize(
    ("security", "level"),
    [(["name=userns"], Level.OK), (["name=rootless"], Level.OK), (["name=seccomp"], Level.WARN)],
)
def test_who_root_of_a_container_is(security, level):
    finding = checks.check_users(security)
    assert finding.level is level
    assert ("userns-remap" in finding.way_out) is (level is Level.WARN)


def test_walls_of_a_container_name_the_images_way_out():
    walls = [
        {"name": "container", "standing": False, "required": True, "detail": "other version"},
        {"name": "outer_wall", "standing": False, "required": False, "detail": "there is none"},
    ]
    container, outer = machine.judge_walls(walls)
    assert (container.level, outer.level) == (Level.FAIL, Level.WARN)
    assert "docker/judge/README.md" in container.way_out
    assert "nothing else of value" in outer.way_out
