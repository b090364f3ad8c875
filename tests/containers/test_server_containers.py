"""People's servers in containers: who gets which, what each reaches, what holds when code in one is hostile.

A real hub with its proxy, its database and real containers. Hub, service and database listen on every address of their
machine, so that what is out of reach is so by the networks and the firewall alone.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing

import docker
import httpx
import pytest
from containers.hub_with_containers import DISK, LEARNERS, LIMITS, PUBLIC, STAFF
from containers.people_in_containers import (
    Person,
    build_server_images,
    make_networks,
    running_hub,
    wait_until,
)
from containers.volume_stores import socket_of
from studyhall_hub.container_servers.volume_store import ask_for_device

MEBIBYTE = 1024 * 1024
FORBIDDEN, BAD_REQUEST, OK = httpx.codes.FORBIDDEN, httpx.codes.BAD_REQUEST, httpx.codes.OK

REACHES = """
import json, socket, sys
found = {}
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        found[place] = "open"
    except OSError as problem:
        found[place] = type(problem).__name__
print(json.dumps(found))
"""

WHO_AM_I = """
import json, os, sys, urllib.request
def ask(url):
    shown = {"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}
    return json.load(urllib.request.urlopen(urllib.request.Request(url, headers=shown), timeout=60))
print(json.dumps({"hub": ask(os.environ["JUPYTERHUB_API_URL"] + "/user"),
                  "service": ask(os.environ["STUDYHALL_SERVICE_URL"] + "/api/v1/me")}))
"""


@pytest.fixture(scope="module")
def hub(empty_engine, tmp_path_factory):
    build_server_images(empty_engine)
    make_networks(empty_engine)
    with running_hub(empty_engine, tmp_path_factory.mktemp("containers") / "data") as running:
        for name, options in (("lea", {}), ("liam", {}), ("gabriel", {"server": "staff"})):
            running.start_server(name, **options)
        for name in ("lea", "liam", "gabriel"):
            running.await_server(name)
        yield running


@pytest.fixture
def person(hub):
    people = []

    def arrive(name: str) -> Person:
        people.append(Person(hub, name))
        people[-1].sign_in()
        return people[-1]

    return arrive


@pytest.fixture
def lea(hub):
    return Person(hub, "lea")


@pytest.fixture
def liam(hub):
    return Person(hub, "liam")


@pytest.fixture
def gabriel(hub):
    """A grader, whose server for staff runs."""
    return Person(hub, "gabriel")


# ---------------------------------------------------------------- what a container is


@pytest.mark.parametrize(("name", "kind"), [("lea", "learner"), ("gabriel", "staff")])
def test_a_container_is_locked_down(hub, name, kind):
    about = Person(hub, name).container(kind)
    host = about["HostConfig"]
    assert about["Config"]["User"] == "1000:1000"
    assert (
        about["Config"]["Image"]
        == {
            "learner": "studyhall-single-user:tested",
            "staff": "studyhall-staff:tested",
        }[kind]
    )
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["ReadonlyRootfs"], host["Privileged"], host["Init"]) == (True, False, True)
    assert list(about["NetworkSettings"]["Networks"]) == [
        {"learner": "studyhall-spring-learners", "staff": "studyhall-spring-staff"}[kind]
    ]
    assert not any(about["NetworkSettings"]["Ports"].values()), "no port is published"
    assert [(mount["Type"], mount["Name"], mount["Destination"]) for mount in about["Mounts"]] == [
        ("volume", f"spring.{kind}.{name}", "/home/learner")
    ]


def test_a_container_s_limits_are_those_of_the_settings(lea):
    host = lea.container()["HostConfig"]
    memory = LIMITS["memory_mebibytes"] * MEBIBYTE
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (memory, memory, LIMITS["processes"])
    assert host["CpuQuota"] / host["CpuPeriod"] == LIMITS["processors"]
    assert host["LogConfig"]["Config"]["max-size"] == "5m"


def test_code_in_it_is_nobody_special_and_writes_in_its_home_only(lea):
    seen = lea.run(
        """
import json, os
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
wrote = []
for place in ("/x", "/usr/local/x", "/etc/x", "/home/x", "/run/x", "/tmp/x", os.path.expanduser("~/x")):
    try:
        open(place, "w").close()
        wrote.append(place)
    except OSError:
        pass
print(json.dumps([os.getuid(), status["CapEff"], status["CapBnd"], status["NoNewPrivs"], wrote]))
"""
    )
    assert seen == [1000, "0" * 16, "0" * 16, "1", ["/tmp/x", "/home/learner/x"]]


def test_a_learner_s_image_holds_nothing_of_the_service_and_nothing_of_nbgrader(lea):
    assert lea.run(
        """
import importlib.util, json, pathlib, shutil
names = ("studyhall", "studyhall_judge", "studyhall_hub", "nbgrader", "psycopg", "docker")
found = [name for name in names if importlib.util.find_spec(name)]
courses = [str(path) for path in pathlib.Path("/").glob("usr/**/course.yaml")]
print(json.dumps([found, courses, shutil.which("studyhall"), bool(importlib.util.find_spec("studyhall_extension"))]))
"""
    ) == [[], [], None, True]


# ---------------------------------------------------------------- what it reaches


def test_a_learner_s_server_reaches_hub_and_service_as_a_learner(lea):
    seen = lea.run(WHO_AM_I)
    assert seen["hub"]["name"] == seen["service"]["name"] == "lea"
    assert [scope for scope in seen["service"]["scopes"] if scope.startswith("custom:")] == [
        "custom:studyhall:learner"
    ]


def test_a_learner_s_server_reaches_nothing_else(lea, liam, gabriel):
    reached = [f"{LEARNERS}:8081", f"{LEARNERS}:8015"]
    apart = [
        f"{LEARNERS}:5432",
        f"{STAFF}:5432",
        f"{STAFF}:8081",
        f"{liam.address()}:8888",
        f"{gabriel.address('staff')}:8888",
        f"{LEARNERS}:{PUBLIC}",
        "169.254.169.254:80",
        "203.0.113.1:443",
        "example.org:443",
    ]
    seen = lea.run(REACHES, *reached, *apart)
    assert [place for place in reached if seen[place] != "open"] == []
    assert [place for place in apart if seen[place] == "open"] == [], seen
    # Liam's server is alive and well where the hub asks for it.
    assert liam.run(REACHES, f"{liam.address()}:8888", "127.0.0.1:8888")["127.0.0.1:8888"] == "open"


def test_a_staff_server_reaches_the_database_and_the_service(gabriel, hub):
    address = f"postgresql://studyhall_app:{hub.database_passwords['studyhall_app']}@{STAFF}/studyhall"
    assert gabriel.run(
        """
import json, sys, psycopg
with psycopg.connect(sys.argv[1], connect_timeout=30) as connection:
    print(json.dumps(connection.execute("SELECT current_user").fetchone()))
""",
        address,
        kind="staff",
    ) == ["studyhall_app"]
    # Its own token is that of any server: staff power comes with `studyhall login`, for hours.
    seen = gabriel.run(WHO_AM_I, kind="staff")
    assert [scope for scope in seen["service"]["scopes"] if scope.startswith("custom:")] == [
        "custom:studyhall:learner"
    ]


def test_a_staff_server_reaches_no_learner_and_no_way_out(gabriel, lea):
    apart = [
        f"{LEARNERS}:5432",
        f"{lea.address()}:8888",
        f"{STAFF}:{PUBLIC}",
        "169.254.169.254:80",
        "example.org:443",
    ]
    seen = gabriel.run(REACHES, f"{STAFF}:8081", *apart, kind="staff")
    assert seen.pop(f"{STAFF}:8081") == "open"
    assert "open" not in seen.values()


def test_a_staff_server_has_nbgrader_s_tools(gabriel):
    enabled, commands, url = gabriel.run(
        """
import json, os, shutil
from jupyter_server.serverapp import ServerApp
app = ServerApp()
app.initialize(argv=["--ServerApp.port=0", "--ServerApp.open_browser=False", "--log-level=ERROR"], new_httpserver=False)
print(json.dumps([
    [name.split(".")[-1] for name, one in sorted(app.extension_manager.extensions.items()) if one.enabled],
    [bool(shutil.which(name)) for name in ("studyhall", "nbgrader")],
    os.environ["STUDYHALL_PUBLIC_URL"],
]))
""",
        kind="staff",
    )
    assert {"formgrader", "assignment_list", "studyhall_extension", "jupyterlab"} <= set(enabled)
    assert not {"validate_assignment", "course_list"} & set(enabled), "these run code, or look for other hubs"
    assert commands == [True, True]
    assert url == f"http://studyhall--service.studyhall.localhost:{PUBLIC}/services/studyhall"


def test_a_learner_s_notebook_is_not_trusted_there(gabriel):
    trusted = gabriel.run(
        """
import json, os, pathlib, urllib.request, nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
cell = new_code_cell("1", execution_count=1, metadata={"trusted": True},
    outputs=[new_output("display_data", {"text/html": "<script>parent.alert(1)</script>"})])
folder = pathlib.Path.home() / "submitted/lea/ps1"
folder.mkdir(parents=True, exist_ok=True)
nbformat.write(new_notebook(cells=[cell], metadata={"trusted": True, "signature": "sha256:0"}), folder / "p.ipynb")
asked = urllib.request.Request(
    "http://127.0.0.1:8888" + os.environ["JUPYTERHUB_SERVICE_PREFIX"] + "api/contents/submitted/lea/ps1/p.ipynb",
    headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]})
found = json.load(urllib.request.urlopen(asked))["content"]
print(json.dumps([one["metadata"].get("trusted") for one in found["cells"]]))
""",
        kind="staff",
    )
    assert trusted == [False]


# ---------------------------------------------------------------- who gets which


def test_nothing_that_a_learner_sends_gives_a_staff_server(hub, person):
    liam = person("liam")
    hub.stop_server("liam")
    with_page = {"params": {"_xsrf": liam.xsrf()}}
    spawn = "/hub/api/users/liam/server"
    asked = liam.browser.post(spawn, json={"server": "staff"}, **with_page)
    assert asked.status_code == FORBIDDEN, asked.text
    assert "for this hub's graders and instructors" in asked.json()["message"]
    # A form that the page does not show.
    posted = liam.browser.post("/hub/spawn/liam", data={"server": "staff"}, **with_page)
    assert "graders and instructors" in posted.text
    # Nor does what a container is made of.
    for options in (
        {"image": "studyhall-staff:tested"},
        {"kind": "staff"},
        {"network_name": "studyhall-spring-staff"},
        {"server": "learner", "image": "studyhall-staff:tested"},
        {"server": ["staff"]},
    ):
        answer = liam.browser.post(spawn, json=options, **with_page)
        assert answer.status_code == BAD_REQUEST, (options, answer.text)
    named = liam.browser.post("/hub/api/users/liam/servers/staff", json={}, **with_page)
    assert named.status_code in (BAD_REQUEST, FORBIDDEN), named.text
    assert not hub.server("liam")
    # An address that somebody lured him to leads to what he may have, and nothing of before stands in its way.
    liam.browser.get("/hub/spawn/liam?opt-server=staff")
    hub.await_server("liam")
    assert liam.container("staff") is None
    assert liam.container()["Config"]["Image"] == "studyhall-single-user:tested"


def test_staff_choose_on_the_hub_s_page_and_learners_are_not_asked(hub, person):
    ines = person("ines")
    page = ines.browser.get("/hub/spawn").text
    assert 'value="staff"' in page
    assert 'value="learner" checked' in page
    assert ines.container() is None, "nothing starts before she has chosen"
    lea = person("lea")
    assert 'value="staff"' not in lea.browser.get("/hub/spawn").text


def test_the_staff_server_of_somebody_who_is_staff_no_longer_is_stopped(hub, gabriel):
    group = "/groups/course:python-foundations:graders/users"
    assert hub.ask("DELETE", group, json={"users": ["gabriel"]}).status_code == OK
    wait_until(lambda: gabriel.container("staff") is None, what="the staff server is gone")
    wait_until(lambda: not hub.server("gabriel"), what="the hub has noticed")
    # What he chose last is what the hub would give him again.
    refused = hub.ask("POST", "/users/gabriel/server")
    assert refused.status_code == FORBIDDEN
    assert hub.ask("POST", group, json={"users": ["gabriel"]}).status_code == OK


def test_each_server_has_an_origin_of_its_own(hub, lea, liam):
    """What a page of one server may read, and send with cookies, is that server's."""
    assert liam.origin() == "http://liam.studyhall.localhost:8000"
    assert hub.server("liam")["full_url"] == f"{liam.origin()}/user/liam/"
    # What every server tells everybody, so that only the name decides who answers.
    there = liam.browser.get(f"{liam.origin()}/user/liam/api", follow_redirects=False)
    assert set(there.json()) == {"version"}
    for elsewhere in (hub.public, lea.origin(), f"http://127.0.0.1:{PUBLIC}"):
        answer = liam.browser.get(f"{elsewhere}/user/liam/api", follow_redirects=False)
        assert answer.status_code != OK, elsewhere


# ---------------------------------------------------------------- what lasts


def test_servers_outlive_the_hub(hub, lea):
    before = lea.container()["Id"]
    hub.kill_and_await()
    wait_until(lambda: hub.server("lea").get("ready"), what="the hub knows Lea's server")
    assert lea.container()["Id"] == before
    assert lea.opens_their_server()


FILLS = """
import errno, json, os, pathlib
written = 0
with (pathlib.Path.home() / "filling").open("wb", buffering=0) as file:
    # What the file system had set aside for its own notes is free again once they are written.
    for size in (2**20, 2**12, 2**12):
        try:
            while True:
                written += file.write(bytes(size))
        except OSError as problem:
            why = errno.errorcode[problem.errno]
        os.fsync(file)
print(json.dumps([why, written]))
"""

SAVES = """
import json, os, sys, urllib.error, urllib.request
asked = urllib.request.Request(
    "http://127.0.0.1:8888" + os.environ["JUPYTERHUB_SERVICE_PREFIX"] + "api/contents/thoughts.txt", method="PUT",
    data=json.dumps({"type": "file", "format": "text", "content": "x" * 1_000_000}).encode(),
    headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]})
try:
    with urllib.request.urlopen(asked) as answer:
        print(json.dumps([answer.status, ""]))
except urllib.error.HTTPError as refused:
    print(json.dumps([refused.code, json.load(refused)["message"]]))
"""


def test_a_volume_outlives_its_container_full_or_not_and_the_token_does_not(hub, lea, liam):
    token = lea.run(
        "import json, os, pathlib\n"
        "(pathlib.Path.home() / 'work.txt').write_text('kept')\n"
        "print(json.dumps(os.environ['JUPYTERHUB_API_TOKEN']))"
    )
    why, written = lea.run(FILLS)
    assert why == "ENOSPC"
    assert DISK * MEBIBYTE * 3 / 4 < written < DISK * MEBIBYTE
    refused, words = lea.run(SAVES)
    assert refused == 507
    assert words.startswith("Your disk is full, so nothing was written.")
    assert liam.run(SAVES)[0] < 300, "somebody else's disk is their own"
    # A larger limit waits for the server's next start.
    store = str(socket_of(hub.data.parent / "volumes"))
    device = asyncio.run(ask_for_device(store, volume="spring.learner.lea", mebibytes=2 * DISK))
    assert device.mebibytes == DISK
    shown = {"Authorization": f"token {token}"}
    assert hub.ask("GET", "/user", headers=shown).status_code == OK
    hub.stop_server("lea")
    assert lea.container() is None
    assert hub.ask("GET", "/user", headers=shown).status_code == FORBIDDEN
    # With a disk without any room, as it was left.
    hub.start_server("lea")
    hub.await_server("lea")
    program = "import json, pathlib; print(json.dumps((pathlib.Path.home() / 'work.txt').read_text()))"
    assert lea.run(program) == "kept"
    assert lea.run(SAVES)[0] == 507


# ---------------------------------------------------------------- hostile code


def test_a_fork_bomb_and_a_memory_hog_stay_in_their_container(hub, lea, liam):
    made = lea.run(
        """
import json, os, signal
children = []
try:
    while len(children) < 5000:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
    refused = "no"
except BlockingIOError:
    refused = "yes"
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(json.dumps([refused, len(children)]))
"""
    )
    assert made[0] == "yes"
    assert made[1] < LIMITS["processes"]
    hog = """
import json, subprocess, sys
done = subprocess.run([sys.executable, "-c", "x = b'x' * (2 * 1024**3); print(len(x))"], stdout=subprocess.DEVNULL)
print(json.dumps(done.returncode))
"""
    assert lea.run(hog) == -9
    began = time.monotonic()
    assert liam.run("print(1)") == 1
    assert time.monotonic() - began < 10
    assert liam.opens_their_server()


# ---------------------------------------------------------------- who needs it no longer


def test_a_hub_that_was_taken_over_does_nothing_to_the_host(hub, lea):
    image = "studyhall-single-user:tested"
    foreign = hub.engine.docker("create", "--name", "autumn.learner.noor", "--network", "none", image).strip()
    before = hub.engine.containers()
    with closing(
        docker.APIClient(base_url=f"unix://{hub.data.parent}/door/docker.sock", version="auto")
    ) as asks:
        own = asks.inspect_container("spring.learner.lea")["Id"]

        def make(**host):
            return asks.create_container_from_config(
                {"Image": image, "HostConfig": host}, "spring.learner.mallory"
            )

        for attack in (
            lambda: make(Privileged=True),
            lambda: make(Binds=["/:/home/learner:rw"]),
            lambda: make(NetworkMode="host"),
            lambda: asks.exec_create(own, "sh"),
            lambda: asks.remove_container("autumn.learner.noor", force=True),
            lambda: asks.pull("busybox", "latest"),
        ):
            with pytest.raises(docker.errors.APIError, match=r"403|404"):
                attack()
    assert hub.engine.containers() == before
    hub.engine.docker("rm", foreign)


COMPUTES = """
import json, os, time, urllib.request
from jupyter_client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir
asked = urllib.request.Request(
    "http://127.0.0.1:8888" + os.environ["JUPYTERHUB_SERVICE_PREFIX"] + "api/kernels", method="POST", data=b"{}",
    headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]})
kernel = json.load(urllib.request.urlopen(asked))["id"]
client = BlockingKernelClient(connection_file=f"{jupyter_runtime_dir()}/kernel-{kernel}.json")
client.load_connection_file()
client.start_channels(hb=False)
client.wait_for_ready(timeout=120)
client.execute("import time; time.sleep(3600)")
print(json.dumps(client.get_iopub_msg(timeout=120)["content"]["execution_state"]))
"""


def test_an_idle_server_is_stopped_and_one_whose_kernel_computes_is_not(hub, lea, liam):
    assert liam.run(COMPUTES) == "busy"
    token = lea.run("import json, os; print(json.dumps(os.environ['JUPYTERHUB_API_TOKEN']))")
    file = hub.data / "hub" / "settings.json"
    settings = json.loads(file.read_text())
    settings["containers"]["culling"] |= {"idle_minutes": 0.5}
    file.write_text(json.dumps(settings))
    hub.kill_and_await()
    wait_until(lambda: lea.container() is None, seconds=150, what="Lea's idle server is gone")
    wait_until(lambda: not hub.server("lea"), what="the hub has noticed")
    left = hub.ask("GET", "/user", headers={"Authorization": f"token {token}"})
    assert left.status_code == FORBIDDEN, "a token that an earlier hub gave ends with its server"
    # His looked the same from outside: no page is open, nothing is printed.
    assert hub.server("liam")["ready"]
    assert liam.container() is not None
