"""What a hub may ask of the Docker engine: the rules over all kinds of requests, and the program between the two."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import socket
import socketserver
import threading
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound
from hypothesis import given
from hypothesis import strategies as st
from studyhall_hub.container_servers.settings import LearnerServerSettings
from studyhall_hub.container_servers.spawner import HOME, host_config
from studyhall_hub.container_servers.volume_store import (
    Device,
    VolumeStoreError,
    ask_for_device,
    volume_options,
)
from studyhall_hub.engine_door.door import EngineDoor, StoreDoor
from studyhall_hub.engine_door.policy import Refused, Rules, decide

RULES = Rules(
    name="spring",
    images={"learner": "registry.example:5000/single-user:1", "staff": "studyhall-staff"},
    networks={"learner": "studyhall-spring-learners", "staff": "studyhall-spring-staff"},
    devices="/run/studyhall-volumes/devices",
)
LEA, OTHERS = "spring.learner.lea", "autumn.learner.noor"
KIND = LearnerServerSettings(
    image=RULES.images["learner"],
    network=RULES.networks["learner"],
    hub_url="http://h",
    service_url="http://s",
)
IDS = {LEA: "a" * 64, OTHERS: "b" * 64, "studyhall-postgres-1": "c" * 64}


@functools.cache
def spawned() -> str:
    """Return what DockerSpawner has sent for lea's server, as JSON."""
    client = docker.APIClient(base_url="unix:///nowhere", version="1.48")
    body = client.create_container_config(
        KIND.image,
        ["jupyterhub-singleuser"],
        environment={"JUPYTERHUB_USER": "lea"},
        volumes=[HOME],
        ports={"8888/tcp": None},
        user="1000:1000",
        host_config=client.create_host_config(
            binds={LEA: {"bind": HOME, "mode": "rw"}},
            links={},
            mounts=[],
            mem_limit=KIND.memory,
            cpu_period=100_000,
            cpu_quota=100_000,
            network_mode=KIND.network,
            **host_config(KIND),
        ),
    )
    client.close()
    return json.dumps(body)


def created(**changes: object) -> dict[str, Any]:
    """Return a request for lea's server with other parts of HostConfig."""
    body: dict[str, Any] = json.loads(spawned())
    body["HostConfig"] |= changes
    return body


def sent(body: object, name: str = LEA) -> bytes | None:
    return decide(RULES, "POST", f"/v1.48/containers/create?name={name}", json.dumps(body).encode()).body


def test_a_server_is_created_as_the_spawner_asks_for_it():
    asked = created()
    made = json.loads(sent(asked) or b"")
    assert made["HostConfig"] == asked["HostConfig"]
    assert made == {name: value for name, value in asked.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"Privileged": True},
        {"Binds": ["/:/home/learner:rw"]},
        {"Binds": [f"{LEA}:/home/learner:rw", "/:/host"]},
        {"Binds": ["spring.learner.noor:/home/learner:rw"]},
        {"Binds": [f"{OTHERS}:/home/learner:rw"]},
        {"Binds": []},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        {"VolumesFrom": ["studyhall-postgres-1"]},
        {"NetworkMode": "host"},
        {"NetworkMode": "container:studyhall-postgres-1"},
        {"NetworkMode": "studyhall-spring-staff"},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"UsernsMode": "host"},
        {"CgroupnsMode": "host"},
        {"CgroupParent": "/"},
        {"CapAdd": ["SYS_ADMIN"]},
        {"CapDrop": []},
        {"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}]},
        {"DeviceCgroupRules": ["b *:* rwm"]},
        {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]},
        {"SecurityOpt": []},
        {"MaskedPaths": []},
        {"ReadonlyPaths": []},
        {"ReadonlyRootfs": False},
        {"Sysctls": {"net.ipv4.ip_forward": "1"}},
        {"Runtime": "other"},
        {"Memory": 0},
        {"MemorySwap": -1},
        {"PidsLimit": 0},
        {"PidsLimit": -1},
        {"Memory": True},
        {"Dns": ["10.0.0.1"]},
        {"ExtraHosts": ["service:10.0.0.1"]},
        {"PortBindings": {"8888/tcp": [{"HostPort": "80"}]}},
        {"PublishAllPorts": True},
        {"LogConfig": {"Type": "syslog", "Config": {"max-size": "5m", "max-file": "2"}}},
        {"Tmpfs": {"/etc": "rw,nosuid,nodev"}},
        {"Tmpfs": {"/tmp": "rw,nosuid,nodev,bind /"}},
        {"Tmpfs": {"/tmp": "rw"}},
        {"privileged": True},
        {"OomScoreAdj": -1000},
    ],
    ids=str,
)
def test_nothing_more_than_a_server_is_created(changes):
    with pytest.raises(Refused):
        sent(created(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"Image": "studyhall-staff"},
        {"Image": "postgres:17"},
        {"User": "0:0"},
        {"User": None},
        {"Entrypoint": ["/bin/sh"]},
        {"HostConfig": None},
        {"hostconfig": {"Privileged": True}},
        {"HostConfig ": {"Privileged": True}},
        {"NetworkingConfig": {"EndpointsConfig": {"studyhall-database": {}}}},
        {"Volumes": {"/etc": {}}},
        {"Healthcheck": {"Test": ["NONE"]}},
        {"Labels": {"com.docker.compose.project": "studyhall"}},
        {"Cmd": "sh"},
    ],
    ids=str,
)
def test_nothing_but_a_person_s_server_is_created(changes):
    with pytest.raises(Refused):
        sent(created() | changes)


@pytest.mark.parametrize(
    "name", [OTHERS, "spring", "spring.owner.lea", "springs.learner.lea", "spring.learner.", ""]
)
def test_no_name_of_others_is_taken(name):
    with pytest.raises(Refused):
        sent(created(), name)


def test_a_name_that_stands_twice_is_refused():
    body = json.dumps(created()).replace(
        '"HostConfig": {', '"HostConfig": {"Privileged": true}, "HostConfig": {', 1
    )
    with pytest.raises(Refused, match="twice"):
        decide(RULES, "POST", f"/v1.48/containers/create?name={LEA}", body.encode())
    with pytest.raises(Refused, match="twice"):
        decide(RULES, "POST", f"/v1.48/containers/create?name={LEA}&name=x", json.dumps(created()).encode())


@given(
    st.sampled_from(["Host", "whole"]),
    st.text(min_size=1, max_size=20),
    st.one_of(
        st.booleans(), st.integers(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
    ),
)
def test_a_key_that_nobody_knows_is_refused_whatever_it_says(place, key, value):
    known = created()
    known_host = known["HostConfig"]
    if key in known or key in known_host or key == "Labels":
        return
    with pytest.raises(Refused):
        sent(created(**{key: value}) if place == "Host" else known | {key: value})


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/version"),
        ("GET", "/_ping"),
        ("GET", "/v1.48/networks/studyhall-spring-learners"),
        ("GET", "/v1.48/images/registry.example:5000/single-user:1/json"),
        ("GET", f"/v1.48/volumes/{LEA}"),
        ("GET", f"/v1.48/containers/{LEA}/json"),
        ("POST", f"/v1.48/containers/{LEA}/start"),
        ("POST", f"/v1.48/containers/{LEA}/stop?t=10"),
        ("DELETE", f"/v1.48/containers/{LEA}?v=True&link=False&force=False"),
    ],
)
def test_what_a_hub_asks_goes_on(method, target):
    call = decide(RULES, method, target, b"null")
    assert call.method == method
    assert call.body is None
    assert bool(call.container) == ("/containers/" in target)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1.48/containers/json"),
        ("GET", "/v1.48/info"),
        ("GET", "/v1.48/secrets"),
        ("GET", "/v1.48/networks/studyhall-database"),
        ("GET", "/v1.48/images/json"),
        ("GET", f"/v1.48/volumes/{OTHERS}"),
        ("GET", f"/v1.48/containers/{LEA}/archive?path=/"),
        ("GET", f"/v1.48/containers/{LEA}/json?size=1"),
        ("GET", f"/v1.24/containers/{LEA}/json"),
        ("GET", f"/containers/{LEA}/json"),
        ("GET", f"/v1.48/containers/{LEA}/../studyhall-postgres-1/json"),
        ("GET", f"/v1.48/containers/{LEA}%2F..%2Fx/json"),
        ("POST", f"/v1.48/containers/{LEA}/exec"),
        ("POST", f"/v1.48/containers/{LEA}/attach"),
        ("POST", f"/v1.48/containers/{LEA}/update"),
        ("POST", f"/v1.48/containers/{LEA}/rename?name=x"),
        ("POST", f"/v1.48/containers/{LEA}/start?detachKeys=x"),
        ("PUT", f"/v1.48/containers/{LEA}/archive?path=/"),
        ("DELETE", f"/v1.48/containers/{LEA}?link=1"),
        ("POST", "/v1.48/exec/abc/start"),
        ("POST", "/v1.48/build"),
        ("POST", "/v1.48/images/create?fromImage=x"),
        ("POST", "/v1.48/commit?container=x"),
        ("POST", "/v1.48/networks/studyhall-database/connect"),
        ("POST", "/v1.48/networks/create"),
        ("DELETE", f"/v1.48/volumes/{LEA}"),
        ("POST", "/v1.48/plugins/pull"),
        ("POST", "/v1.48/swarm/init"),
        ("POST", "/session"),
        ("POST", "http://x/v1.48/build"),
    ],
)
def test_what_no_hub_asks_is_refused(method, target):
    with pytest.raises(Refused):
        decide(RULES, method, target, b"{}")


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]), st.text(max_size=60), st.binary(max_size=60)
)
def test_no_request_breaks_it(method, target, body):
    try:
        call = decide(RULES, method, target, body)
    except Refused:
        return
    assert call.path.startswith(("/version", "/_ping", "/v1."))


@pytest.mark.parametrize(
    "body",
    [
        {"Name": LEA, "DriverOpts": {"type": "ext4", "device": "/dev/sda1", "o": "nosuid,nodev,noatime"}},
        {"Name": LEA, "DriverOpts": {"type": "none", "device": "/", "o": "bind"}},
        {"Name": LEA, "DriverOpts": volume_options(Device(f"{RULES.devices}/{OTHERS}", 64))},
        {"Name": LEA, "Driver": "sshfs"},
        {"Name": OTHERS},
        {"Name": LEA, "ClusterVolumeSpec": {}},
        {},
    ],
    ids=str,
)
def test_no_volume_is_a_disk_of_the_host(body):
    with pytest.raises(Refused):
        decide(RULES, "POST", "/v1.48/volumes/create", json.dumps(body).encode())


class FakeEngine(http.server.BaseHTTPRequestHandler):
    """Knows three containers, and writes down what is done to them."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = self.path.partition("?")[0].split("/")
        if self.path == "/version":
            return self.say(200, {"ApiVersion": "1.48", "MinAPIVersion": "1.24"})
        if self.path.endswith("/json") and parts[2] == "containers":
            found = [name for name, identifier in IDS.items() if parts[3] in (name, identifier)]
            return (
                self.say(200, {"Id": IDS[found[0]], "Name": f"/{found[0]}"}) if found else self.say(404, {})
            )
        self.server.done.append((self.command, self.path, body))  # type: ignore[attr-defined] # the fake's own list
        return self.say(201, {"Id": "d" * 64, "Warnings": []}) if body else self.say(204, None)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - names that http.server looks for

    def say(self, status: int, found: object) -> None:
        said = b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *words: object) -> None:
        pass


class FakeStore(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        answer = {"device": f"/devices/{asked['volume']}", "mebibytes": asked["mebibytes"]}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@pytest.fixture
def at_the_door(tmp_path):
    """A door before an engine that writes down what it is asked; yields the folder, Docker's client and that list."""
    with (
        socketserver.ThreadingUnixStreamServer(str(tmp_path / "engine.sock"), FakeEngine) as engine,
        socketserver.ThreadingUnixStreamServer(str(tmp_path / "volumes.sock"), FakeStore) as volumes,
        EngineDoor(tmp_path / "docker.sock", engine=str(tmp_path / "engine.sock"), rules=RULES) as door,
        StoreDoor(tmp_path / "store.sock", store=str(tmp_path / "volumes.sock"), rules=RULES) as store,
    ):
        done: list[tuple[str, str, bytes]] = []
        engine.done = done  # type: ignore[attr-defined] # the fake's own list
        servers = (engine, volumes, door, store)
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        client = docker.APIClient(base_url=f"unix://{tmp_path}/docker.sock", version="auto")
        yield tmp_path, client, done
        client.close()
        for server in servers:
            server.shutdown()


def test_docker_s_own_client_works_through_it(at_the_door):
    _, client, done = at_the_door
    assert client.create_container_from_config(created(), LEA)["Id"] == "d" * 64
    client.start(LEA)
    client.stop(IDS[LEA], timeout=3)
    client.remove_container(LEA, v=True)
    assert [(method, path.partition("/v1.48")[2]) for method, path, _ in done] == [
        ("POST", f"/containers/create?name={LEA}"),
        ("POST", f"/containers/{IDS[LEA]}/start"),
        ("POST", f"/containers/{IDS[LEA]}/stop?t=3"),
        ("DELETE", f"/containers/{IDS[LEA]}?v=True&link=False&force=False"),
    ]
    assert (at_the_door[0] / "docker.sock").stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("other", [OTHERS, IDS[OTHERS], "studyhall-postgres-1", "nobody"])
def test_containers_of_others_are_not_there(at_the_door, other):
    _, client, done = at_the_door
    for attack in (client.inspect_container, client.start, client.stop, client.remove_container):
        with pytest.raises(NotFound, match="this cohort has none"):
            attack(other)
    assert not done


def test_attacks_never_reach_the_engine(at_the_door, caplog):
    _, client, done = at_the_door
    for attack in (
        lambda: client.create_container_from_config(created(Privileged=True), LEA),
        lambda: client.create_container_from_config(created(Binds=["/:/host"]), LEA),
        lambda: client.create_container_from_config(created(NetworkMode="host"), LEA),
        lambda: client.exec_create(LEA, "sh"),
        lambda: client.pull("busybox", "latest"),
        lambda: list(client.build(fileobj=io.BytesIO(b"FROM scratch"))),
        client.containers,
    ):
        with pytest.raises(APIError) as refused:
            attack()
        assert refused.value.status_code in (403, 413)
    assert not done
    assert "refused POST" in caplog.text


def test_what_has_no_length_is_not_read(at_the_door):
    folder, _, done = at_the_door
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(folder / "docker.sock"))
        raw.sendall(
            b"POST /v1.48/containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        with raw.makefile("rb") as said:
            answers = said.read()
    assert answers.startswith(b"HTTP/1.1 413 ")
    assert answers.count(b"HTTP/1.1") == 1
    assert not done


async def asked(folder: Path, volume: str) -> Device:
    return await ask_for_device(str(folder / "store.sock"), volume=volume, mebibytes=64)


@pytest.mark.asyncio
async def test_home_folders_are_this_cohort_s_only(at_the_door):
    assert await asked(at_the_door[0], LEA) == Device(f"/devices/{LEA}", 64)
    for other in (OTHERS, "studyhall-postgres", "../x"):
        with pytest.raises(VolumeStoreError, match="not that of a server of spring"):
            await asked(at_the_door[0], other)


def test_a_class_that_comes_at_once_finds_room_before_the_doors(tmp_path):
    with (
        EngineDoor(tmp_path / "docker.sock", engine="none", rules=RULES) as engine,
        StoreDoor(tmp_path / "store.sock", store="none", rules=RULES) as store,
        contextlib.ExitStack() as everybody,
    ):
        for door in [engine, store] * 300:
            one = everybody.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            one.connect(door.server_address)


def test_an_engine_that_is_away_is_said(tmp_path):
    with EngineDoor(tmp_path / "docker.sock", engine=str(tmp_path / "none.sock"), rules=RULES) as door:
        status, said = door.answer("GET", "/version", b"")
    assert (status, json.loads(said)) == (502, {"message": "Docker does not answer."})


def test_an_engine_that_fails_has_not_said_that_a_container_is_gone(at_the_door, monkeypatch):
    _, client, done = at_the_door
    monkeypatch.setattr(FakeEngine, "do_GET", lambda fake: fake.say(500, {"message": "busy"}))
    for asked_for in (client.inspect_container, client.stop):
        with pytest.raises(APIError, match="Docker does not answer") as failed:
            asked_for(LEA)
        assert failed.value.status_code == 502
    assert not done
