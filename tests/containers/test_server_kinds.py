"""Who gets which kind of server, and what the hub is told about it: without an engine."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from containers.volume_stores import running_store
from docker.errors import APIError, DockerException, NotFound
from pydantic import ValidationError
from studyhall_hub import configure
from studyhall_hub.addresses import public_service_url
from studyhall_hub.container_servers import spawner as spawner_module
from studyhall_hub.container_servers.choice import Refusal
from studyhall_hub.container_servers.culling import why_to_stop
from studyhall_hub.container_servers.policy import (
    StaffOnly,
    UnknownOption,
    kind_of_server,
    may_have_staff_server,
    network_troubles,
)
from studyhall_hub.container_servers.settings import ContainerSettings, CullingSettings
from studyhall_hub.container_servers.spawner import ContainerServerSpawner, host_config, listens_soon
from studyhall_hub.container_servers.volume_store import Device, VolumeStoreError, ask_for_device
from studyhall_hub.settings import HubSettingsError, load_settings
from traitlets.config import Config

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEARNERS = {
    "network": "studyhall-spring-learners",
    "hub_url": "http://10.77.0.1:8081",
    "service_url": "http://10.77.0.1:8015/services/studyhall",
}
STAFF = {
    "network": "studyhall-spring-staff",
    "hub_url": "http://10.78.0.1:8081",
    "service_url": "http://10.78.0.1:8015/services/studyhall",
}
CONTAINERS = {"name": "spring", "learners": LEARNERS, "staff": STAFF}


@pytest.fixture
def settings(tmp_path):
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"lea": "secret"}')
    accounts.chmod(0o600)
    return {
        "profile": "containers",
        "bind_url": "https://hub.example/",
        "hub_url": "http://10.77.0.1:8081",
        "subdomain_host": "https://hub.example",
        "database_url": "postgresql+psycopg://hub:pw@/hub?host=/run",
        "cookie_secret_file": str(tmp_path / "cookie_secret"),
        "proxy": {"api_url": "http://127.0.0.1:8001", "token": "proxy-token"},
        "service": {"url": "http://127.0.0.1:8015", "token": "service-token"},
        "courses": ["python-foundations"],
        "accounts": {"file": str(accounts)},
        "containers": CONTAINERS,
    }


@pytest.fixture
def configured(tmp_path, settings):
    def apply(**changed: object) -> Config:
        file = tmp_path / "hub.json"
        file.write_text(json.dumps(settings | changed))
        c = Config()
        configure(c, file)
        return c

    return apply


@pytest.mark.parametrize(
    ("groups", "may"),
    [
        (["course:python-foundations:graders"], True),
        (["course:python-foundations:instructors"], True),
        (["friends", "course:python-foundations:graders"], True),
        ([], False),
        (["course:python-foundations:learners"], False),
        # A course that this hub does not have, and names that only look alike.
        (["course:other:graders"], False),
        (["course:python-foundations:graders:x"], False),
        (["Course:python-foundations:graders"], False),
    ],
)
def test_only_graders_and_instructors_of_the_hub_s_courses_may_have_a_staff_server(groups, may):
    assert may_have_staff_server(groups, ["python-foundations"]) is may


@pytest.mark.parametrize(
    ("options", "staff", "kind"),
    [
        ({}, False, "learner"),
        ({}, True, "learner"),
        ({"server": "learner"}, False, "learner"),
        ({"server": "learner"}, True, "learner"),
        ({"server": "staff"}, True, "staff"),
    ],
)
def test_who_asks_gets_what_they_may_have(options, staff, kind):
    assert kind_of_server(options, staff=staff) == kind


def test_asking_makes_nobody_staff():
    with pytest.raises(StaffOnly, match="graders and instructors"):
        kind_of_server({"server": "staff"}, staff=False)


@pytest.mark.parametrize(
    "options",
    [
        {"server": "Staff"},
        {"server": ["staff"]},
        {"server": None},
        {"image": "x"},
        {"server": "staff", "image": "x"},
    ],
)
@pytest.mark.parametrize("staff", [True, False])
def test_nothing_else_can_be_asked_for(options, staff):
    with pytest.raises(UnknownOption):
        kind_of_server(options, staff=staff)


CLOSED = {"com.docker.network.bridge.enable_icc": "false"}


@pytest.mark.parametrize(
    ("about", "kind", "troubles"),
    [
        ({"Internal": True, "Options": CLOSED}, "learner", 0),
        ({"Internal": False, "Options": CLOSED}, "learner", 1),
        ({"Internal": True, "Options": None}, "learner", 1),
        (
            {"Internal": True, "Options": {**CLOSED, "com.docker.network.bridge.enable_icc": "true"}},
            "learner",
            1,
        ),
        ({}, "learner", 2),
        # A database on another host needs a way there.
        ({"Internal": False, "Options": CLOSED}, "staff", 0),
        ({"Internal": True, "Options": {}}, "staff", 1),
    ],
)
def test_an_open_network_is_refused(about, kind, troubles):
    assert len(network_troubles(about, kind=kind)) == troubles


@pytest.mark.parametrize(
    ("shape", "listed", "troubles"),
    [
        ("containers listed", True, 0),
        ("host listed", True, 0),
        # Made with an allow-list, of which the hub's settings know nothing.
        ("containers listed", False, 1),
        ("containers closed", True, 1),
        ("", True, 1),
    ],
)
def test_a_way_out_is_one_that_settings_and_network_agree_on(shape, listed, troubles):
    about = {"Internal": False, "Options": CLOSED, "Labels": {"studyhall.shape": shape}}
    assert len(network_troubles(about, kind="learner", listed=listed)) == troubles


def test_learners_and_staff_never_share_a_network():
    with pytest.raises(ValidationError, match="a network each"):
        ContainerSettings.model_validate(CONTAINERS | {"staff": STAFF | {"network": LEARNERS["network"]}})


def test_a_limit_on_disks_needs_somebody_who_keeps_it(tmp_path):
    limited = CONTAINERS | {"learners": LEARNERS | {"disk_mebibytes": 2048}}
    with pytest.raises(ValidationError, match="needs volume_store"):
        ContainerSettings.model_validate(limited)
    assert ContainerSettings.model_validate(
        limited | {"volume_store": "/run/store.sock"}
    ).learners.disk_mebibytes
    with pytest.raises(VolumeStoreError, match="Start it on this host"):
        asyncio.run(ask_for_device(str(tmp_path / "store.sock"), volume="spring.learner.lea", mebibytes=64))


def test_a_store_says_why_it_does_not_make_a_home(tmp_path):
    with running_store(tmp_path / "volumes") as socket:
        for volume, size, why in (
            ("../spring", 64, "letters, digits"),
            ("spring", 8, "a number of mebibytes"),
            ("spring", True, "a number of mebibytes"),
        ):
            with pytest.raises(VolumeStoreError, match=why):
                asyncio.run(ask_for_device(str(socket), volume=volume, mebibytes=size))


def test_who_finds_a_queue_before_the_store_waits_for_their_turn(tmp_path):
    path, homes = str(tmp_path / "store.sock"), [f"home-{number}" for number in range(3)]

    def fill(stack: ExitStack) -> int:
        """Take every place before the store; return how many there are."""
        for taken in count():
            other = stack.enter_context(socket.socket(socket.AF_UNIX))
            other.setblocking(False)
            try:
                other.connect(path)
            except BlockingIOError:
                return taken
        raise AssertionError

    def answer(store: socket.socket, times: int) -> None:
        for _ in range(times):
            connection, _ = store.accept()
            with connection, connection.makefile("rwb") as talk:
                if question := talk.readline():
                    volume = json.loads(question)["volume"]
                    talk.write(json.dumps({"device": volume, "mebibytes": 64}).encode() + b"\n")

    async def class_comes() -> list[Device]:
        with socket.socket(socket.AF_UNIX) as store:
            store.bind(path)
            store.listen(0)
            store.settimeout(60)
            with ExitStack() as first:
                before = fill(first)
                asking = [
                    asyncio.create_task(ask_for_device(path, volume=home, mebibytes=64)) for home in homes
                ]
                await asyncio.sleep(0)
                assert not any(one.done() for one in asking)
            await asyncio.to_thread(answer, store, before + len(homes))
            return await asyncio.gather(*asking)

    assert [home.path for home in asyncio.run(class_comes())] == homes


def test_a_class_that_comes_at_once_finds_room_before_the_store(tmp_path):
    with running_store(tmp_path / "volumes") as place, ExitStack() as everybody:
        for _ in range(300):
            one = everybody.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            one.connect(str(place))


def test_a_home_grows_and_never_shrinks_and_keeps_what_is_in_it(tmp_path):
    def ask(size: int) -> int:
        device = asyncio.run(ask_for_device(str(socket), volume="spring.learner.lea", mebibytes=size))
        home.append(device.path)
        return device.mebibytes

    def debugfs(*words: str) -> str:
        done = subprocess.run(["debugfs", *words], capture_output=True, text=True, check=True)
        return done.stdout

    home: list[str] = []
    work = tmp_path / "work.txt"
    work.write_text("kept")
    with running_store(tmp_path / "volumes") as socket:
        assert ask(64) == 64
        debugfs("-w", "-R", f"write {work} work.txt", home[0])
        assert [ask(size) for size in (96, 64, 128)] == [96, 96, 128]
        assert len(set(home)) == 1, "Docker's volume keeps the device that it was made with"
        assert debugfs("-R", "cat work.txt", home[0]) == "kept"
        assert "lost+found" not in debugfs("-R", "ls", home[0])


@pytest.mark.parametrize("name", ["", "Spring", "spring.term", "-spring", "x" * 40])
def test_names_that_would_get_mixed_up_are_refused(name):
    with pytest.raises(ValidationError, match="name"):
        ContainerSettings.model_validate(CONTAINERS | {"name": name})


@pytest.mark.parametrize(("profile", "part"), [("containers", "containers"), ("try-it", "servers")])
def test_a_profile_without_its_servers_is_refused(tmp_path, settings, profile, part):
    del settings["containers"]
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(settings | {"profile": profile}))
    with pytest.raises(HubSettingsError, match=f"needs the part {part}"):
        load_settings(file)


def test_servers_share_an_origin_only_where_the_settings_say_so(tmp_path, settings):
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(settings | {"subdomain_host": ""}))
    with pytest.raises(HubSettingsError, match="needs subdomain_host"):
        load_settings(file)
    file.write_text(
        json.dumps(settings | {"subdomain_host": "", "containers": CONTAINERS | {"shared_origin": True}})
    )
    assert not load_settings(file).subdomain_host


def test_a_plan_s_numbers_come_before_the_defaults_and_after_what_is_said_of_learners():
    plan = {"memory_mebibytes": 768, "processors": 0.5, "processes": 192, "disk_mebibytes": 1024}
    own = LEARNERS | {"processors": 0.75}
    found = ContainerSettings.model_validate(CONTAINERS | {"plan": plan, "learners": own})
    learners = found.learners
    assert (learners.memory_mebibytes, learners.processors, learners.processes) == (768, 0.75, 192)
    assert learners.disk_mebibytes is None, "nobody keeps it without a store"
    assert found.staff.memory_mebibytes == 2048
    stored = CONTAINERS | {"plan": plan, "learners": own, "volume_store": "/run/store.sock"}
    assert ContainerSettings.model_validate(stored).learners.disk_mebibytes == 1024
    with pytest.raises(ValidationError, match=r"plan\.members"):
        ContainerSettings.model_validate(CONTAINERS | {"plan": {"members": 5}})


def test_the_profile_uses_containers_that_outlive_the_hub(configured):
    c = configured()
    assert c.JupyterHub.spawner_class is ContainerServerSpawner
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.allow_named_servers is False
    assert c.JupyterHub.hub_bind_url == "http://10.77.0.1:8081"
    assert c.ContainerServerSpawner.pull_policy == "never"
    assert "allowed_images" not in c.ContainerServerSpawner
    assert c.Spawner.env_keep == []
    both = configured(containers=CONTAINERS | {"hub_bind_url": "http://0.0.0.0:8081"})
    assert both.JupyterHub.hub_bind_url == "http://0.0.0.0:8081"
    assert both.JupyterHub.hub_connect_url == "http://10.77.0.1:8081"


def test_only_people_in_the_file_may_enter(configured):
    assert configured().Authenticator.allowed_users == {"lea"}


@pytest.mark.parametrize(
    ("bind_url", "subdomain_host", "url"),
    [
        ("https://hub.example/", "", "https://hub.example/services/studyhall"),
        ("http://127.0.0.1:8000", "", "http://127.0.0.1:8000/services/studyhall"),
        ("https://hub.example/spring/", "", "https://hub.example/spring/services/studyhall"),
        (
            "http://10.0.0.1:8000/",
            "https://hub.example:444",
            "https://studyhall--service.hub.example:444/services/studyhall",
        ),
    ],
)
def test_staff_are_sent_to_the_service_s_public_address(bind_url, subdomain_host, url):
    assert public_service_url(bind_url=bind_url, subdomain_host=subdomain_host) == url


@pytest.mark.parametrize(
    ("culling", "runs", "idle", "why"),
    [
        ({}, 10 * HOUR, 59 * MINUTE, None),
        ({}, 10 * HOUR, HOUR, "nothing happened"),
        ({"idle_minutes": 0}, 1000 * HOUR, 900 * HOUR, None),
        # Old, and at work: only when it is twice as old nothing helps.
        ({"longest_hours": 8}, 8 * HOUR, 4 * MINUTE, None),
        ({"longest_hours": 8}, 8 * HOUR, 5 * MINUTE, "is quiet"),
        ({"longest_hours": 8}, 7 * HOUR, 5 * MINUTE, None),
        ({"longest_hours": 8}, 16 * HOUR, 0 * MINUTE, "more than 16 hours"),
        ({"longest_hours": 0.1, "idle_minutes": 0}, 0.1 * HOUR, 5 * MINUTE, "is quiet"),
    ],
)
def test_a_server_that_nobody_needs_is_stopped(culling, runs, idle, why):
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    found = why_to_stop(
        CullingSettings.model_validate(culling), now=now, started=now - runs, active=now - idle
    )
    assert why in found if why else found is None


def test_a_kind_s_limits_reach_the_engine():
    kind = ContainerSettings.model_validate(CONTAINERS).learners
    told = host_config(kind)
    assert told["memswap_limit"] == kind.memory == 1024 * 1024 * 1024
    assert told["pids_limit"] == 256
    assert told["cap_drop"] == ["ALL"]
    assert told["read_only"] is True


def test_a_server_that_starts_to_listen_is_seen_at_once_and_one_that_never_does_is_left_to_the_hub():
    async def look():
        async def hang_up(_, writer):
            writer.close()

        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        seen = asyncio.create_task(listens_soon("127.0.0.1", port, seconds=120))
        await asyncio.sleep(0)
        assert not seen.done()
        async with await asyncio.start_server(hang_up, "127.0.0.1", port):
            assert await seen
        assert not await listens_soon("127.0.0.1", port, seconds=0.3)

    asyncio.run(look())


def engine_says(status):
    kind = NotFound if status == 404 else APIError
    return kind("no", response=SimpleNamespace(status_code=status, url="", reason=""))


@pytest.fixture
def lea(configured, monkeypatch):
    """The spawner of somebody whose engine gives the answers of a list, and the questions that it was asked."""
    monkeypatch.setattr(spawner_module, "ASK_AGAIN_SECONDS", 0)
    user = SimpleNamespace(
        name="lea", id=1, url="/user/lea/", orm_user=SimpleNamespace(groups=[], name="lea"), settings={}
    )
    hub = SimpleNamespace(
        public_host="", url="http://hub/hub/", base_url="/hub/", api_url="http://hub/hub/api"
    )
    made = ContainerServerSpawner(config=configured(), user=user, hub=hub)
    made.become("learner")
    answers, asked = [], []

    async def docker(method, *words, **options):
        asked.append((method, *words, *options))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(made, "docker", docker)
    return SimpleNamespace(spawner=made, answers=answers, asked=asked)


RUNS = {"Id": "a" * 64, "State": {"Running": True}}


@pytest.mark.parametrize(
    "silence",
    [engine_says(500), engine_says(502), ConnectionError("refused"), DockerException("no version")],
    ids=["fails", "door without engine", "away", "starts"],
)
def test_an_engine_that_does_not_answer_has_not_said_that_a_server_is_gone(lea, silence):
    lea.answers += [silence, silence, RUNS]
    assert asyncio.run(lea.spawner.poll()) is None
    assert lea.asked == [("inspect_container", "spring.learner.lea")] * 3


def test_a_server_that_ends_while_it_starts_is_not_waited_for(lea, monkeypatch, caplog):
    monkeypatch.setattr(spawner_module, "ALIVE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        place = unused.getsockname()
    ended = {"Running": False, "ExitCode": 137, "Error": "", "FinishedAt": "2026-11-22T12:00:00Z"}
    lea.answers += [RUNS, RUNS, {"Id": RUNS["Id"], "State": ended}]
    with pytest.raises(Refusal, match="ended while it was starting"):
        asyncio.run(lea.spawner.until_it_listens(place))
    assert "spring.learner.lea ended while it was starting: ExitCode=137" in caplog.text


def test_an_engine_that_is_away_has_not_said_that_a_starting_server_has_ended(lea, monkeypatch):
    monkeypatch.setattr(spawner_module, "ALIVE_SECONDS", 0.1)
    monkeypatch.setattr(spawner_module, "ASKING_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        place = unused.getsockname()
    lea.answers += [ConnectionError("refused")] * 2
    asyncio.run(lea.spawner.until_it_listens(place))
    assert lea.asked


def test_a_server_that_runs_and_does_not_listen_yet_is_left_to_the_hub(lea, monkeypatch):
    monkeypatch.setattr(spawner_module, "ALIVE_SECONDS", 0.1)
    monkeypatch.setattr(spawner_module, "LOOKING_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        place = unused.getsockname()
    lea.answers += [RUNS] * 4
    asyncio.run(lea.spawner.until_it_listens(place))
    assert lea.asked


def test_a_server_is_gone_when_the_engine_says_so(lea):
    lea.answers += [engine_says(404)]
    assert asyncio.run(lea.spawner.poll()) == 0


def test_an_engine_that_never_answers_is_nothing_to_wait_for(lea, monkeypatch):
    monkeypatch.setattr(spawner_module, "ASKING_SECONDS", 0)
    lea.answers += [engine_says(500), RUNS]
    with pytest.raises(APIError):
        asyncio.run(lea.spawner.poll())
    # Refused is an answer.
    monkeypatch.setattr(spawner_module, "ASKING_SECONDS", 60)
    lea.answers[:] = [engine_says(403), RUNS]
    with pytest.raises(APIError):
        asyncio.run(lea.spawner.poll())


def test_a_name_is_free_before_the_next_container_gets_it(lea):
    lea.spawner.object_id = RUNS["Id"]
    # The engine is at it for a hub that was killed.
    lea.answers += [engine_says(409), RUNS, engine_says(404)]
    asyncio.run(lea.spawner.remove_object())
    assert lea.asked == [
        ("remove_container", RUNS["Id"], "v", "force"),
        *[("inspect_container", "spring.learner.lea")] * 2,
    ]
    assert not lea.answers
