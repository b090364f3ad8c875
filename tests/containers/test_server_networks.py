"""docker/server-networks where hub, service and database are containers, and what its allow-list lets out."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from containers.engines import BASE, ROOT, Engine, build_base, wait_for
from containers.people_in_containers import wait_until

PROGRAM = ROOT / "docker" / "server-networks"
UNIT = ROOT / "docker" / "server-networks.service"
AUTUMN = ("autumn", "10.87.0.0/24", "10.88.0.0/24")
HUB, SERVICE, PROXY = "10.87.0.2", "10.87.0.3", "10.87.0.5"
STAFF_HUB, STAFF_SERVICE, DATABASE = "10.88.0.2", "10.88.0.3", "10.88.0.4"
HOST = "198.51.100.1"
"""The engine's machine, seen from outside."""
METADATA = "169.254.169.254:80"
MIRROR, ELSEWHERE = "203.0.113.1:443", "203.0.113.2:443"

# The kernel accepts for a program that only listens. Few modules, since the base image has none of them compiled.
LISTENS = """
import signal, socket, sys
doors = [socket.create_server(("0.0.0.0", int(port)), backlog=1000) for port in sys.argv[1:]]
print("listens", flush=True)
signal.pause()
"""

# A first packet that is lost is sent again after a second.
REACHES = """
import socket, sys, threading
reached = []
def ask(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        reached.append(place)
    except OSError:
        pass
threads = [threading.Thread(target=ask, args=(place,)) for place in sys.argv[1:]]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(*reached)
"""


@pytest.fixture(scope="module")
def engine(empty_engine):
    """An engine with the base image alone, whose machine has an outside with a mirror and a metadata address."""
    wait_for(*build_base(empty_engine))
    with outside(empty_engine):
        yield empty_engine


@contextmanager
def listening(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program that listens behind `words`; what it needs beside them comes as its last words."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def outside(engine: Engine) -> Iterator[None]:
    """A network beyond the engine's machine, and a listener on every address of that machine itself."""
    listens = (sys.executable, "-c", LISTENS)
    with (
        listening("unshare", "--net", *listens, "80", "443") as there,
        listening(*engine.on_its_machine(*listens, "8081", "8015", "5432", "22")),
    ):

        def ip(words: str, *, beyond: bool = False) -> None:
            pid = there.pid if beyond else engine.pid
            subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *words.split()], check=True)

        ip(f"link add out type veth peer name machine netns {there.pid}")
        ip(f"address add {HOST}/24 dev out")
        ip("link set out up")
        ip("address add 198.51.100.2/24 dev machine", beyond=True)
        for place in (MIRROR, ELSEWHERE, METADATA):
            ip(f"address add {place.split(':')[0]}/32 dev lo", beyond=True)
        for device in ("lo", "machine"):
            ip(f"link set {device} up", beyond=True)
        ip("route add default via 198.51.100.2")
        try:
            yield
        finally:
            ip("link delete out")


def server_networks(engine: Engine, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        engine.on_its_machine(str(PROGRAM), *words),
        env=os.environ | {"DOCKER_HOST": engine.url},
        capture_output=True,
        text=True,
        check=False,
    )


class People:
    """Containers that play hub, service, database, proxy, and people's servers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.names: list[str] = []

    def start(self, name: str, network: str, *ports: int, address: str = "", also: str = "") -> None:
        place = ("--ip", address) if address else ()
        self.engine.docker(
            *("run", "--detach", "--name", name, "--cap-drop", "ALL", "--network", network, *place),
            *(BASE, "python3", "-c", LISTENS, *map(str, ports)),
        )
        self.names.append(name)
        if also:
            second, at = also.split("=")
            self.engine.docker("network", "connect", "--ip", at, second, name)
        wait_until(lambda: "listens" in self.engine.docker("logs", name), what=f"{name} listens")

    def address(self, name: str) -> str:
        about = self.engine.inspect(name)
        assert about is not None
        return next(iter(about["NetworkSettings"]["Networks"].values()))["IPAddress"]

    def reach(self, name: str, *places: str) -> set[str]:
        return set(self.engine.docker("exec", name, "python3", "-c", REACHES, *places).split())

    def reach_all(self, asked: dict[str, list[str]]) -> dict[str, set[str]]:
        with ThreadPoolExecutor(len(asked)) as pool:
            found = pool.map(lambda one: self.reach(one[0], *one[1]), asked.items())
        return dict(zip(asked, found, strict=True))


@contextmanager
def class_room(engine: Engine, *words: str) -> Iterator[People]:
    made = server_networks(engine, "--containers", *words, *AUTUMN)
    assert made.returncode == 0, made.stdout + made.stderr
    people = People(engine)
    learners, staff = "studyhall-autumn-learners", "studyhall-autumn-staff"
    try:
        with ThreadPoolExecutor(4) as pool:
            # The servers first: no address of hub or service is free for them.
            servers = [
                pool.submit(people.start, "lea", learners, 8888, 9999),
                pool.submit(people.start, "liam", learners, 8888),
                pool.submit(people.start, "gabriel", staff, 8888),
            ]
            for one in servers:
                one.result()
            others = [
                pool.submit(
                    people.start, "hub", learners, 8081, 22, address=HUB, also=f"{staff}={STAFF_HUB}"
                ),
                pool.submit(
                    people.start,
                    "service",
                    learners,
                    8015,
                    22,
                    address=SERVICE,
                    also=f"{staff}={STAFF_SERVICE}",
                ),
                pool.submit(people.start, "database", staff, 5432, 22, address=DATABASE),
                pool.submit(people.start, "proxy", learners, 8000, address=PROXY),
            ]
            for one in others:
                one.result()
        yield people
    finally:
        if people.names:
            engine.docker("rm", "--force", *people.names)
        removed = server_networks(engine, "--remove", "autumn")
        assert removed.returncode == 0, removed.stderr


def places(people: People) -> list[str]:
    """Everything that there is to reach, in and around the networks."""
    inside = [
        *(f"{at}:{port}" for at in (HUB, STAFF_HUB) for port in (8081, 22)),
        *(f"{at}:{port}" for at in (SERVICE, STAFF_SERVICE) for port in (8015, 22)),
        *(f"{DATABASE}:{port}" for port in (5432, 22)),
        f"{PROXY}:8000",
        *(f"{people.address(name)}:8888" for name in ("lea", "liam", "gabriel")),
        f"{people.address('lea')}:9999",
    ]
    host = [f"{at}:{port}" for at in (HOST, "10.87.0.1", "10.88.0.1") for port in (8081, 8015, 5432, 22)]
    return [*inside, *host, MIRROR, ELSEWHERE, "203.0.113.1:80", METADATA]


LEARNERS_REACH = {f"{HUB}:8081", f"{SERVICE}:8015"}
STAFF_REACH = {f"{STAFF_HUB}:8081", f"{STAFF_SERVICE}:8015", f"{DATABASE}:5432"}


def test_servers_reach_hub_and_service_in_containers_and_nothing_else(engine):
    engine.docker("network", "create", "anything-goes")
    ordinary = People(engine)
    with class_room(engine) as people:
        ordinary.start("ordinary", "anything-goes", 9999)
        try:
            everywhere = {MIRROR, ELSEWHERE, METADATA, f"{HOST}:22"}
            assert ordinary.reach("ordinary", *everywhere) == everywhere, "the places to be closed are there"
            lea, gabriel = people.address("lea"), people.address("gabriel")
            assert ordinary.reach("ordinary", f"{lea}:8888", f"{HUB}:8081") == set()
        finally:
            engine.docker("rm", "--force", "ordinary")
            engine.docker("network", "rm", "anything-goes")
        doors = [f"{lea}:8888", f"{lea}:9999"]
        everything = places(people)
        reached = people.reach_all(
            {"lea": everything, "gabriel": everything, "hub": [*doors, f"{gabriel}:8888"]}
            | dict.fromkeys(("proxy", "service"), doors)
        )
        # Its own address is the server itself.
        assert reached["lea"] == LEARNERS_REACH | set(doors)
        assert reached["gabriel"] == STAFF_REACH | {f"{gabriel}:8888"}
        # Hub and proxy come to a server's door, and nobody else does.
        assert reached["hub"] == {f"{lea}:8888", f"{gabriel}:8888"}
        assert reached["proxy"] == {f"{lea}:8888"}
        assert reached["service"] == set()


def test_the_allow_list_opens_one_address_and_no_other(engine, tmp_path):
    allowed = tmp_path / "allowed"
    allowed.write_text(f"# packages\n{MIRROR}   # a mirror\n")
    with class_room(engine, "--allow", str(allowed)) as people:
        itself = {f"{people.address('lea')}:{port}" for port in (8888, 9999)}
        assert people.reach("lea", *places(people)) == LEARNERS_REACH | itself | {MIRROR}
        assert MIRROR not in people.reach("gabriel", MIRROR, f"{DATABASE}:5432"), "staff's servers hold more"
        # As the host starts anew: Docker makes its bridge, and no rule of ours is there yet.
        bridge = engine.docker(
            "network", "inspect", "--format", "{{json .Options}}", "studyhall-autumn-learners"
        )
        name = json.loads(bridge)["com.docker.network.bridge.name"]
        for words in (
            f"iptables -D DOCKER-USER -i {name} -j FROM-{name}",
            f"iptables -D DOCKER-USER -o {name} -j TO-{name}",
            f"ip address flush dev {name}",
        ):
            subprocess.run(engine.on_its_machine(*words.split()), check=True)
        assert people.reach("lea", MIRROR, ELSEWHERE, METADATA) == set()
        # As the unit does then, which has a line for each cohort.
        unit = configparser.ConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's own documentation does
        unit.read(UNIT)
        program, option, _file = unit["Service"]["ExecStart"].split()
        assert program.endswith("/studyhall-server-networks")
        lines = tmp_path / "server-networks"
        lines.write_text(f"# cohorts\n\n--containers --allow {allowed} {' '.join(AUTUMN)}\n")
        again = server_networks(engine, option, str(lines))
        assert again.returncode == 0, again.stderr
        assert people.reach("lea", MIRROR, ELSEWHERE, METADATA) == {MIRROR}
        other = server_networks(engine, "--containers", *AUTUMN)
        assert other.returncode == 1
        assert "exists already, and not as it is asked for now" in other.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("169.254.169.254", "no place for servers to reach"),
        ("127.0.0.1:80", "no place for servers to reach"),
        ("0.0.0.1", "no place for servers to reach"),
        ("255.255.255.255", "no place for servers to reach"),
        (f"{HOST}:443", "is this host"),
        ("0251.254.169.254", "not an IPv4 address"),
        ("203.0.113.0/24", "not an IPv4 address"),
        ("203.0.113.256", "not an IPv4 address"),
        ("example.org:443", "not an IPv4 address"),
        ("203.0.113.1:0", "does not end with a port"),
        ("203.0.113.1:70000", "does not end with a port"),
        ("203.0.113.1:80,443", "does not end with a port"),
    ],
)
def test_a_line_that_opens_more_than_is_meant_is_refused(engine, tmp_path, line, why):
    allowed = tmp_path / "allowed"
    allowed.write_text(f"203.0.113.1:443\n{line}\n")
    refused = server_networks(engine, "--containers", "--allow", str(allowed), *AUTUMN)
    assert refused.returncode == 1, refused.stdout
    assert why in refused.stderr
    assert "autumn" not in engine.docker("network", "ls")


def test_a_subnet_without_room_is_refused(engine):
    refused = server_networks(engine, "--containers", "autumn", "10.87.0.0/30", "10.88.0.0/24")
    assert refused.returncode == 1
    assert "too small for servers" in refused.stderr
