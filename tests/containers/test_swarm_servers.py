"""People's servers as services of a real swarm of one host: what each is, what it reaches, what lasts.

Hub, proxy and service are containers beside the swarm, as docs/many-hosts.md says.
"""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest
import yaml
from containers.engines import JUDGE, ROOT
from containers.hub_in_swarm import (
    DOORS,
    HUB,
    LIMITS,
    PROXY,
    PROXY_THERE,
    SERVICE,
    PersonInSwarm,
    running_swarm,
)
from containers.people_in_containers import wait_until
from containers.test_server_containers import WHO_AM_I
from studyhall_judge.report import GradeRequest

STACK, JUDGE_FILE = (ROOT / "docker" / "swarm" / name for name in ("stack.yaml", "judge.yaml"))
WORKERS = "label=com.docker.swarm.service.name=studyhall_worker"
MEBIBYTE = 1024 * 1024
REACHES = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def look(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        return "open"
    except OSError as problem:
        return type(problem).__name__
with ThreadPoolExecutor(16) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(look, sys.argv[1:])))))
"""
OK, FORBIDDEN = httpx.codes.OK, httpx.codes.FORBIDDEN


@pytest.fixture(scope="module")
def hub(empty_engine, tmp_path_factory):
    with running_swarm(empty_engine, tmp_path_factory.mktemp("swarm")) as running:
        for name in ("lea", "liam"):
            running.start_server(name)
        for name in ("lea", "liam"):
            running.await_server(name)
        yield running


@pytest.fixture
def lea(hub):
    return PersonInSwarm(hub, "lea")


@pytest.fixture
def liam(hub):
    return PersonInSwarm(hub, "liam")


def test_a_service_s_container_is_locked_down(hub, lea):
    about = lea.container()
    host = about["HostConfig"]
    assert about["Config"]["User"] == "1000:1000"
    assert about["Config"]["Image"].startswith("studyhall-single-user:tested")
    assert host["CapDrop"] == ["ALL"]
    assert (host["ReadonlyRootfs"], host["Privileged"], host["Init"]) == (True, False, True)
    assert not any(about["NetworkSettings"]["Ports"].values()), "no port is published"
    assert [
        (mount["Type"], mount["Source"], mount["Destination"])
        for mount in about["Mounts"]
        if mount["Type"] != "tmpfs"
    ] == [("bind", str(hub.homes / "learner" / "lea"), "/home/learner")]
    assert list(about["NetworkSettings"]["Networks"]) == ["spring_learner_lea"]
    template = lea.service()["Spec"]["TaskTemplate"]
    assert template["RestartPolicy"]["Condition"] == "none"
    assert not lea.service()["Spec"]["EndpointSpec"].get("Ports")


def test_its_limits_are_those_of_the_settings(lea):
    host = lea.container()["HostConfig"]
    assert (host["Memory"], host["PidsLimit"]) == (
        LIMITS["memory_mebibytes"] * MEBIBYTE,
        LIMITS["processes"],
    )
    assert host["NanoCpus"] == LIMITS["processors"] * 10**9
    limits = {one["Name"]: one["Hard"] for one in host["Ulimits"]}
    assert limits == {"nofile": 4096, "core": 0}


def test_code_in_it_is_nobody_special_and_writes_in_its_home_only(lea):
    seen = lea.run(
        """
import json, os
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
wrote = []
for place in ("/x", "/usr/local/x", "/etc/x", "/home/x", "/tmp/x", os.path.expanduser("~/x")):
    try:
        open(place, "w").close()
        wrote.append(place)
    except OSError:
        pass
print(json.dumps([os.getuid(), status["CapEff"], status["CapBnd"], wrote]))
"""
    )
    assert seen == [1000, "0" * 16, "0" * 16, ["/tmp/x", "/home/learner/x"]]


def test_what_this_swarm_lacks_is_said_once(hub, lea):
    said = hub.engine.docker("logs", HUB)
    kept = (lea.service()["Spec"]["TaskTemplate"]["ContainerSpec"].get("Privileges") or {}).get(
        "NoNewPrivileges"
    )
    assert said.count("from gaining rights by themselves") == (0 if kept else 1)


def test_a_server_serves_lab_to_its_owner(lea):
    assert lea.opens_their_server()


def test_a_server_reaches_hub_and_service_as_a_learner(lea):
    seen = lea.run(WHO_AM_I)
    assert seen["hub"]["name"] == seen["service"]["name"] == "lea"
    assert [scope for scope in seen["service"]["scopes"] if scope.startswith("custom:")] == [
        "custom:studyhall:learner"
    ]


def test_a_server_reaches_nobody_else(lea, liam):
    reached = [f"{HUB}:8081", f"{SERVICE}:8015"]
    apart = [
        f"{liam.address()}:8888",
        "spring_learner_liam:8888",
        f"{PROXY}:8001",
        f"{PROXY_THERE}:8001",
        "10.79.0.1:8000",
        "169.254.169.254:80",
        "203.0.113.1:443",
        "example.org:443",
    ]
    seen = lea.run(REACHES, *reached, *apart)
    assert [place for place in reached if seen[place] != "open"] == []
    assert [place for place in apart if seen[place] == "open"] == [], seen


def test_each_server_s_network_is_closed_and_has_its_doors_only(hub, lea):
    assert hub.names("network") == {"spring_learner_lea", "spring_learner_liam"}
    (network,) = json.loads(hub.engine.docker("network", "inspect", "spring_learner_lea"))
    assert (network["Internal"], network["Driver"]) == (True, "overlay")
    assert "encrypted" in network["Options"]
    there = {one["Name"] for one in network["Containers"].values()}
    # Beside them the server itself, and what Swarm puts there of its own.
    assert {name for name in there if not name.startswith("spring_learner_lea")} == set(DOORS)


def test_servers_outlive_the_hub_and_a_new_hub_s_container_finds_them(hub, lea):
    before = lea.container()["Id"]
    hub.engine.docker("rm", "--force", HUB)
    hub.start_hub()
    wait_until(lambda: hub.server("lea").get("ready"), what="the hub knows Lea's server")
    assert lea.container()["Id"] == before
    # An engine that is busy lets the new container in at the hub's next look only.
    wait_until(lea.opens_their_server, what=f"Lea reaches her server again\n{hub.log()}")
    # The new container is on her network again, under the name that her server calls.
    assert lea.run(WHO_AM_I)["hub"]["name"] == "lea"


def test_a_home_outlives_its_service_and_the_token_does_not(hub, lea):
    token = lea.run(
        "import json, os, pathlib\n"
        "(pathlib.Path.home() / 'work.txt').write_text('kept')\n"
        "print(json.dumps(os.environ['JUPYTERHUB_API_TOKEN']))"
    )
    shown = {"Authorization": f"token {token}"}
    assert hub.ask("GET", "/user", headers=shown).status_code == OK
    hub.stop_server("lea")
    # Swarm ends in its own time what its service no longer has.
    wait_until(lambda: lea.container() is None, what="Lea's container has ended")
    assert hub.names("service") == hub.names("network") == {"spring_learner_liam"}
    assert hub.ask("GET", "/user", headers=shown).status_code == FORBIDDEN
    home = hub.homes / "learner" / "lea"
    assert (home / "work.txt").read_text() == "kept"
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (1000, 0o700)


SECRETS = ("STUDYHALL_DATABASE_URL", "STUDYHALL_REDIS_URL", "STUDYHALL_CONTENT_KEY")
ASKING = "studyhall-asking:tested"
"""Stands for the worker's image, which no test of this folder builds: the judge's client, and nothing to do."""
ASK = """
import asyncio, json, os, sys
from studyhall_judge.client import Judge
from studyhall_judge.report import GradeRequest, Release
said = json.load(sys.stdin)
async def ask():
    async def send():
        return Release.model_validate(said["release"])
    request = GradeRequest.model_validate(said["request"])
    async for event in Judge(os.environ["STUDYHALL_JUDGE_SOCKET"]).grade(request, send):
        last = event
    return last
print(json.dumps([os.getuid(), asyncio.run(ask()).model_dump(mode="json")]))
"""


@pytest.fixture(scope="module")
def stack(hub, engine, tmp_path_factory):
    """The workers' stack, deployed on a host that has no judge yet."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "secret").write_text("a secret")
    for name in SECRETS:
        engine.docker("secret", "create", name, str(folder / "secret"))
    words = json.dumps(["python3", "-c", "import signal; signal.pause()"])
    (folder / "Dockerfile").write_text(f"FROM {JUDGE}\nENTRYPOINT {words}\nHEALTHCHECK NONE\n")
    engine.docker("build", "--quiet", "--network", "none", "--tag", ASKING, str(folder))
    (folder / "stack.yaml").write_text(
        STACK.read_text().replace("${STUDYHALL_WORKER_IMAGE:-studyhall-worker}", ASKING)
    )
    engine.docker(
        *("stack", "deploy", "--resolve-image", "never", "--compose-file", str(folder / "stack.yaml")),
        "studyhall",
    )
    yield engine
    engine.docker("stack", "rm", "studyhall")
    # Swarm removes what ran in its own time.
    wait_until(lambda: not engine.containers(WORKERS), seconds=180, what="no worker is left")


@pytest.fixture
def judged(stack):
    """This host's judge, a plain container as its file says, and the label that brings a worker here."""
    (service,) = yaml.safe_load(JUDGE_FILE.read_text())["services"].values()
    options = [option.replace("${STUDYHALL_CHECKOUT}", str(ROOT)) for option in service["security_opt"]]
    judge = stack.docker(
        *("run", "--detach", "--network", service["network_mode"], "--read-only"),
        *(word for one in service["cap_drop"] for word in ("--cap-drop", one)),
        *(word for one in options for word in ("--security-opt", one)),
        *(word for one in service["tmpfs"] for word in ("--tmpfs", one)),
        *("--pids-limit", str(service["pids_limit"]), "--memory", "2g"),
        *("--volume", f"studyhall-{service['volumes'][0]}", JUDGE, "--slots", "1"),
    ).strip()
    node = stack.docker("node", "ls", "--quiet").strip()
    stack.docker("node", "update", "--label-add", "studyhall.judge=true", node)
    yield judge
    stack.docker("node", "update", "--label-rm", "studyhall.judge", node)
    stack.docker("rm", "--force", judge)


def test_the_stack_for_workers_is_what_its_file_says(stack):
    (about,) = json.loads(stack.docker("service", "inspect", "studyhall_worker"))
    spec = about["Spec"]
    container = spec["TaskTemplate"]["ContainerSpec"]
    assert spec["Mode"] == {"Global": {}}
    assert (container["User"], container["ReadOnly"], container["Init"]) == ("64100:64100", True, True)
    assert container["CapabilityDrop"] == ["ALL"]
    assert {one["SecretName"] for one in container["Secrets"]} == set(SECRETS)
    assert {one["Source"] for one in container["Mounts"] if one["Type"] == "volume"} == {"studyhall-judge"}
    assert spec["TaskTemplate"]["Resources"]["Limits"]["Pids"] == 256
    # No host has a judge, so nothing is started.
    assert spec["TaskTemplate"]["Placement"]["Constraints"] == ["node.labels.studyhall.judge == true"]
    assert stack.docker("service", "ps", "--quiet", "studyhall_worker") == ""


def test_a_worker_comes_to_a_host_with_a_judge_and_has_a_submission_graded(stack, judged, assignment, submit):
    running = ("status=running", WORKERS)
    wait_until(lambda: stack.containers(*running), seconds=180, what="a worker on this host")
    (worker,) = stack.containers(*running)
    wait_until(
        lambda: stack.docker("logs", judged).strip(), seconds=180, what="the judge says that it is ready"
    )
    squares = assignment("squares")
    request = GradeRequest(request_id="x", release_hash=squares.release.hash, notebooks=submit(squares, {}))
    done = subprocess.run(
        ["docker", "--host", stack.url, "exec", "--interactive", worker, "python3", "-c", ASK],
        input=json.dumps(
            {"request": request.model_dump(mode="json"), "release": squares.release.model_dump(mode="json")}
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    user, report = json.loads(done.stdout)
    assert (user, report["status"], report["score"]) == (64100, "graded", 15)
