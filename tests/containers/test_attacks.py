"""Hostile code in a learner's container, and a class that goes on working through all that is restarted.

The whole product with ten learners in containers. What hostile code tries runs where a notebook's code runs, with
everything that it can read there; others of the class save files and submit meanwhile.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from containers import attacks_from_inside as attacks
from containers import hall_with_containers as place
from containers.classes_in_containers import (
    COURSE,
    NETWORKS,
    SERVICE_URL,
    Learner,
    running_hall,
    solve,
    until_all,
    working_class,
)
from containers.people_in_containers import build_server_images, make_networks, wait_until

HUB_API = f"http://{place.LEARNERS}:{place.HUB}/hub/api"
API = f"http://{place.LEARNERS}:{place.SERVICE}/services/studyhall"
SOMEBODY = "00000000-0000-4000-8000-000000000000"
REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}


@pytest.fixture(scope="module")
def hall(empty_engine, tmp_path_factory):
    build_server_images(empty_engine)
    make_networks(empty_engine, *NETWORKS)
    with running_hall(empty_engine, tmp_path_factory.mktemp("hall") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def learners(hall):
    """The class, which came all at once; everybody's lesson is open and solved."""
    everybody = {name: Learner(hall, name) for name in place.CLASS}

    def arrive(learner):
        learner.sign_in()
        page = learner.browser.get("/hub/spawn")
        assert page.is_success, page.text + hall.log()

    def begin(learner):
        learner.open()
        solve(learner)

    try:
        with ThreadPoolExecutor(len(everybody)) as pool:
            list(pool.map(arrive, everybody.values()))
            for name in everybody:
                hall.await_server(name)
            list(pool.map(begin, everybody.values()))
        yield everybody
    finally:
        for learner in everybody.values():
            learner.close()


def run_inside(hall, name, program, *words, told=""):
    """Run a program in somebody's container, as a cell would; return what it got."""
    done = subprocess.run(
        ["docker", "exec", "--interactive", f"{hall.name}.learner.{name}", "python3", "-c", program, *words],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": hall.engine.url},
        input=told,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def ask_inside(hall, name, asked):
    """Send requests with the token of somebody's server; return status and text of each by its name."""
    calls = [
        [f"{method} {url}" + (f" {headers}" if headers else ""), method, url, body, headers]
        for method, url, body, headers in asked
    ]
    return run_inside(hall, name, attacks.ASKS, told=json.dumps(calls))


# ---------------------------------------------------------------- what it reaches


def test_of_the_machine_and_of_others_only_two_ports_are_in_reach(hall, learners):
    others = [learners[name].address() for name in ("liam", "lucia")]
    listening = listening_ports(hall)
    assert {place.PUBLIC, place.HUB, place.SERVICE, place.DATABASE} <= listening
    ports = sorted(listening | {22, 53, 111, 2375, 2376, 6379, 8001, 8888})
    hosts = [place.LEARNERS, place.STAFF, "127.0.0.1", "192.0.2.1", *others]
    places = [[host, port] for host in hosts for port in ports if (host, port) != ("127.0.0.1", 8888)]
    places += [["169.254.169.254", 80], ["fd00:ec2::254", 80], ["203.0.113.1", 443], ["203.0.113.1", 53]]
    names = [
        "studyhall",
        "hub",
        "postgres",
        "metadata.google.internal",
        "host.docker.internal",
        "gateway.docker.internal",
        f"{'x' * 40}.lea.example.org",
        f"{hall.name}.learner.liam",
    ]
    got = run_inside(hall, "lea", attacks.REACHES, told=json.dumps({"ports": places, "names": names}))
    assert got["open"] == sorted(f"{place.LEARNERS}:{port}" for port in (place.HUB, place.SERVICE))
    # Docker's own resolver tells where a neighbour is, and nothing leads there; it asks nobody else.
    assert set(got["names"]) <= {f"{hall.name}.learner.liam"}
    assert got["raw"] == [False, False]
    assert (got["sockets"], got["ipv6"]) == ([], [])


def listening_ports(hall):
    """Return the TCP ports on which anything listens on the hub's machine."""
    lines = Path(f"/proc/{hall.engine.pid}/net/tcp").read_text().splitlines()[1:]
    return {int(line.split()[1].rpartition(":")[2], 16) for line in lines if line.split()[3] == "0A"}


# ---------------------------------------------------------------- what its token opens


def test_the_hub_gives_a_stolen_token_its_owner_s_name_and_nothing_more(hall, learners):
    group = f"{HUB_API}/groups/course:{COURSE}:graders"
    asked = [
        ("GET", f"{HUB_API}/users", None, {}),
        ("GET", f"{HUB_API}/users/liam", None, {}),
        ("PATCH", f"{HUB_API}/users/lea", {"admin": True}, {}),
        ("POST", f"{HUB_API}/users/mallory", None, {}),
        ("DELETE", f"{HUB_API}/users/liam", None, {}),
        ("GET", f"{HUB_API}/users/liam/tokens", None, {}),
        ("POST", f"{HUB_API}/users/liam/tokens", {}, {}),
        ("POST", f"{HUB_API}/users/ines/tokens", {"scopes": ["custom:studyhall:teach"]}, {}),
        ("GET", f"{HUB_API}/users/lea/tokens", None, {}),
        ("POST", f"{HUB_API}/users/lea/tokens", {}, {}),
        ("POST", f"{HUB_API}/users/lea/tokens", {"scopes": ["custom:studyhall:teach"]}, {}),
        ("POST", f"{HUB_API}/users/liam/server", {}, {}),
        ("DELETE", f"{HUB_API}/users/liam/server", None, {}),
        ("POST", f"{HUB_API}/users/lea/servers/second", {"server": "staff"}, {}),
        ("POST", f"{HUB_API}/users/liam/activity", {"last_activity": "2030-01-01T00:00:00Z"}, {}),
        ("GET", f"{HUB_API}/groups", None, {}),
        ("POST", f"{group}/users", {"users": ["lea"]}, {}),
        ("DELETE", f"{group}/users", {"users": ["gabriel"]}, {}),
        ("POST", f"{HUB_API}/groups/system:admins", {"users": ["lea"]}, {}),
        ("GET", f"{HUB_API}/shares/liam/", None, {}),
        ("POST", f"{HUB_API}/shares/liam/", {"user": "lea"}, {}),
        ("POST", f"{HUB_API}/shares/lea/", {"user": "ines"}, {}),
        ("GET", f"{HUB_API}/services", None, {}),
        ("GET", f"{HUB_API}/proxy", None, {}),
        ("POST", f"{HUB_API}/proxy", None, {}),
        ("POST", f"{HUB_API}/shutdown", {"proxy": True, "servers": True}, {}),
        ("GET", f"{HUB_API}/info", None, {}),
        ("GET", f"{HUB_API[:-4]}/metrics", None, {}),
        ("GET", f"{HUB_API}/users", None, {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}),
        ("GET", f"{HUB_API}/users", None, {"Authorization": "token "}),
        ("GET", f"{HUB_API}/users", None, {"Cookie": "jupyterhub-hub-login=ines; _xsrf=x"}),
    ]
    got = ask_inside(hall, "lea", asked)
    assert {name: what for name, what in got.items() if what[0] not in REFUSED} == {}
    (mine,) = ask_inside(hall, "lea", [("GET", f"{HUB_API}/user", None, {})]).values()
    about = json.loads(mine[1])
    assert about["name"] == "lea"
    assert {
        scope for scope in about["scopes"] if scope.startswith(("admin", "custom", "tokens", "shares"))
    } == {"custom:studyhall:learner"}


def staff_routes(hall):
    """Return every route that is not a learner's, from the API's own description."""
    document = hall.api.get(f"{SERVICE_URL}/api/v1/openapi.json").json()
    return [
        (
            method.upper(),
            f"{API}/api/v1" + re.sub(r"\{course\}", COURSE, re.sub(r"\{(?!course)\w+\}", SOMEBODY, path)),
        )
        for path, methods in document["paths"].items()
        for method in methods
        if re.match(r"/(api/v1/)?(staff|admin|hub)\b", path)
    ]


@pytest.mark.parametrize("name", ["lea", "ines"])
def test_no_server_s_token_opens_a_staff_route_whoever_owns_the_server(hall, learners, name):
    if name not in place.CLASS:
        hall.start_server(name)
        hall.await_server(name)
    routes = staff_routes(hall)
    assert len(routes) > 40
    got = ask_inside(hall, name, [(method, url, {}, {}) for method, url in routes])
    assert {route: what for route, what in got.items() if what[0] not in REFUSED} == {}


def test_the_service_takes_nobody_s_word_for_who_they_are(hall, learners):
    liam = learners["liam"]
    liam.submit(str(uuid.uuid4()))
    wait_until(lambda: graded_once(hall, liam.submitted), seconds=180, what="Liam's attempt is graded")
    ((attempt, user),) = hall.rows("SELECT id::text, user_id::text FROM attempts LIMIT 1")
    claims = {
        "X-Forwarded-User": "ines",
        "X-Remote-User": "ines",
        "X-JupyterHub-User": "ines",
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "X-Forwarded-Host": "127.0.0.1",
        "Cookie": "service-studyhall=ines; jupyterhub-session-id=x",
    }
    asked = [
        (method, f"{API}/api/v1{path}", body, headers)
        for headers in ({}, claims)
        for method, path, body in (
            ("GET", f"/submissions/{attempt}", None),
            ("GET", f"/submissions/{attempt}/ai-review", None),
            ("POST", f"/submissions/{attempt}/ai-review", {}),
            ("GET", f"/exchange/feedback/{attempt}", None),
            ("GET", f"/staff/attempts/{attempt}", None),
        )
    ]
    asked += [
        ("GET", f"{API}/metrics", None, {"X-Real-IP": "127.0.0.1"}),
        ("POST", f"{API}/access", {"code": "BCDF-GHJK", "decision": "approve"}, {}),
    ]
    got = ask_inside(hall, "lea", asked)
    assert {name: what for name, what in got.items() if what[0] not in REFUSED} == {}
    # What a body or a query says of somebody else is refused, or means nothing.
    lists = [
        ("GET", f"{API}/api/v1/submissions?user_id={user}&username=liam", None, {}),
        ("GET", f"{API}/api/v1/submissions", None, claims),
        ("PATCH", f"{API}/api/v1/me", {"timezone": "Europe/Madrid", "username": "liam"}, {}),
        ("GET", f"{API}/api/v1/me", None, claims),
    ]
    by_user, mine, changed, me = ask_inside(hall, "lea", lists).values()
    assert attempt not in by_user[1] + mine[1]
    assert changed[0] == httpx.codes.UNPROCESSABLE_ENTITY
    assert '"username":"lea"' in me[1]


# ---------------------------------------------------------------- what it uses up


def test_whatever_it_uses_up_others_go_on(hall, learners):
    neighbours = [learners[name] for name in ("liam", "gina")]
    ines = hall.token_of("ines")
    slowest = 0.0
    with ThreadPoolExecutor(4) as pool, working_class(neighbours):
        until_all(neighbours, lambda one: one.submitted, seconds=180, what="the neighbours submit")
        begun = {one.name: (len(one.saved_at), len(one.submitted)) for one in neighbours}
        service = hall.part("service").memory_info().rss
        under_way = [
            pool.submit(run_inside, hall, "lea", attacks.EATS_THE_MACHINE, str(SECONDS)),
            pool.submit(run_inside, hall, "lucia", attacks.FILLS_EVERYTHING, str(FILL)),
            pool.submit(run_inside, hall, "ana", attacks.FLOODS, str(SECONDS)),
        ]
        while not all(one.done() for one in under_way):
            began = time.monotonic()
            staff = hall.call("GET", f"/staff/courses/{COURSE}/attempts", token=ines)
            assert staff.status_code == httpx.codes.OK, staff.text
            assert hall.ask("GET", "/users/liam").status_code == httpx.codes.OK
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.1)
        until_all(
            neighbours,
            lambda one: len(one.saved_at) > begun[one.name][0] and len(one.submitted) > begun[one.name][1],
            seconds=180,
            what="the neighbours go on",
        )
    eaten, filled, flooded = (one.result() for one in under_way)
    assert eaten["hogs"] == [-9, -9]
    assert eaten["forks"][0] < place.LIMITS["processes"]
    assert eaten["forks"][1] == "BlockingIOError"
    assert filled["open files"] < 4096
    assert filled["home"][0] in ("ENOSPC", "EDQUOT")
    assert filled["home"][1] <= place.DISK * 2**20
    assert filled["shm"][0] == "ENOSPC"
    logs = Path(
        hall.engine.docker("inspect", "--format", "{{.LogPath}}", f"{hall.name}.learner.lucia").strip()
    )
    assert sum(file.stat().st_size for file in logs.parent.glob("*json.log*")) < 12 * 2**20
    assert flooded["refused"] > 0
    assert flooded["connections"] <= MOST_CONNECTIONS
    # Two of its large requests were read, and none that nobody signed.
    assert hall.part("service").memory_info().rss - service < 300 * 2**20
    assert slowest < 15
    assert not any(one.troubles for one in neighbours), [one.troubles for one in neighbours]
    keys = [key for one in neighbours for key in one.submitted]
    wait_until(lambda: graded_once(hall, keys), seconds=180, what="what they submitted is graded")
    # The attackers themselves can begin afresh, without anybody's help.
    for name in ("lea", "lucia", "ana"):
        learners[name].open()


SECONDS, FILL = 8, 200 * 2**20
MOST_CONNECTIONS = 110


# ---------------------------------------------------------------- what is restarted


def graded_once(hall, keys):
    """Say whether each of these submissions has one report, which says that all was right."""
    wanted = {uuid.UUID(key) for key in keys}
    rows = hall.rows(
        "SELECT a.idempotency_key, count(r.id), min(a.status) FROM attempts a "
        "LEFT JOIN reports r ON r.attempt_id = a.id WHERE a.idempotency_key = ANY(%s) GROUP BY a.id",
        list(wanted),
    )
    assert all(reports <= 1 for _, reports, _ in rows), rows
    return len(rows) == len(wanted) and all(one[1:] == (1, "graded") for one in rows)


def test_a_class_goes_on_whatever_is_restarted(hall, learners, empty_engine):
    everybody = list(learners.values())

    def each_goes_on(what):
        before = {one.name: (len(one.submitted), len(one.saved_at)) for one in everybody}
        for one in everybody:
            one.shall_submit.set()
        until_all(
            everybody,
            lambda one: len(one.submitted) > before[one.name][0] and len(one.saved_at) > before[one.name][1],
            seconds=180,
            what=what,
        )

    with working_class(everybody):
        each_goes_on("everybody is at work")
        for parts in (("service", "worker"), ("valkey", "postgres"), ("hub",)):
            for part in parts:
                hall.kill_part(part)
            each_goes_on(f"{' and '.join(parts)} were killed")
        # Without live-restore the engine's end is the end of its containers: people start their servers again.
        empty_engine.daemon.stop()
        empty_engine.daemon.start("--live-restore")
        each_goes_on("the engine was restarted")
        before = {one.name: one.container()["Id"] for one in everybody}
        empty_engine.daemon.stop()
        empty_engine.daemon.start("--live-restore")
        each_goes_on("the engine was restarted with live-restore")
        assert {one.name: one.container()["Id"] for one in everybody} == before
    submitted = [key for one in everybody for key in one.submitted]
    assert len(submitted) == len(set(submitted))
    wait_until(lambda: graded_once(hall, submitted), seconds=180, what="each submission has its report")
    for one in everybody:
        kept = run_inside(hall, one.name, attacks.READS, *one.saved)
        assert kept == one.saved
    assert hall.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    # The walls stand, too.
    test_of_the_machine_and_of_others_only_two_ports_are_in_reach(hall, learners)
