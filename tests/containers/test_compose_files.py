"""What the compose files and `classroom.toml` say, and what is refused: without an engine."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from containers.engines import ROOT
from jsonschema import Draft7Validator
from studyhall.administration.hub_folder import CONFIG, SETTINGS, Place, hub_settings, write_folder
from studyhall.organizations.policy import LIMITS, Plan
from studyhall_hub.settings import load_settings

sys.path.insert(0, str(ROOT / "docker" / "manager"))

from ipaddress import IPv4Network

import bring_up
import cohorts
import front
import machine
from bring_up import judge_command
from classroom import free_subnets, read_classroom
from demo import write_demo
from front import make_certificate, reload_front, site, write_front
from trouble import Trouble

SHARED, COHORT = (
    yaml.safe_load((ROOT / "docker" / name).read_text()) for name in ("compose.yaml", "compose.cohort.yaml")
)
SPRING = {
    "organization": "acme",
    "url": "https://spring.school.example",
    "learners": "10.177.0.0/22",
    "staff": "10.178.0.0/24",
}


def written(home: Path, **cohorts: dict[str, str]) -> Path:
    lines = []
    for slug, table in cohorts.items():
        lines += [f"[cohorts.{slug}]", *(f'{name} = "{value}"' for name, value in table.items())]
    (home / "classroom.toml").write_text("\n".join(lines))
    return home


@pytest.mark.parametrize("name", [*SHARED["services"], *COHORT["services"]])
def test_every_container_is_locked_down(name):
    service = (SHARED["services"] | COHORT["services"])[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "mem_limit" in service
    assert "pids_limit" in service
    assert not {"privileged", "devices", "pid", "ipc"} & service.keys()
    assert ("ports" in service) == (name == "front")
    given = service.get("environment", {})
    assert not any(
        word in variable for variable in given for word in ("TOKEN", "KEY", "DATABASE_URL", "REDIS_URL")
    )


def test_the_judge_started_by_hand_is_the_one_of_the_file():
    judge = SHARED["services"]["judge"]
    words = judge_command({"STUDYHALL_JUDGE_IMAGE": "studyhall-judge"})
    options = dict(pairwise(words))
    for option in judge["security_opt"]:
        assert option.replace("${STUDYHALL_CHECKOUT}", str(ROOT)) in words
    assert options["--network"] == judge["network_mode"] == "none"
    assert options["--pids-limit"] == str(judge["pids_limit"])
    assert f":-{options['--memory']}}}" in judge["mem_limit"]
    assert options["--volume"] == f"studyhall-judge:{judge['volumes'][0].partition(':')[2]}"
    assert SHARED["volumes"]["judge"]["name"] == "studyhall-judge"
    assert options["--restart"] == judge["restart"]
    assert "--read-only" in words
    assert words[-2:] == ["--slots", "2"]


@pytest.mark.parametrize("file", [SHARED, COHORT], ids=["shared", "cohort"])
def test_compose_2_takes_the_files(file):
    schema = json.loads((ROOT / "tests" / "containers" / "compose_spec.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(file)] == []
    odd = file | {"services": {"odd": {"image": "x", "pids_limitt": 3}}}
    assert list(Draft7Validator(schema).iter_errors(odd))


def test_only_the_door_has_the_engine_s_socket():
    have = {
        name for name, service in COHORT["services"].items() if "docker.sock" in str(service.get("volumes"))
    }
    assert have == {"engine-door"}
    assert not any("docker.sock" in str(service) for service in SHARED["services"].values())
    door, hub = COHORT["services"]["engine-door"], COHORT["services"]["hub"]
    assert door["network_mode"] == "none"
    assert "group_add" not in hub
    assert "engine-door:/run/studyhall-engine:ro" in hub["volumes"]
    user, _, group = door["user"].partition(":")
    assert f"uid={user},gid={group},mode=0750" in COHORT["volumes"]["engine-door"]["driver_opts"]["o"]


def test_no_network_is_shared_by_cohorts_but_two():
    own = {name for name, about in COHORT["networks"].items() if "${COHORT}" in about["name"]}
    assert own == {"inner", "learners", "staff"}
    assert set(COHORT["services"]["hub"]["networks"]) == {*own, "outward"}
    assert set(COHORT["services"]["service"]["networks"]) == {*own, "outward"}
    assert set(COHORT["services"]["proxy"]["networks"]) == {*own, "front"}
    assert SHARED["networks"]["outward"]["driver_opts"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert all(SHARED["networks"][name]["internal"] for name in ("front", "database", "cache"))


def test_the_demo_is_two_cohorts_of_different_organisations(tmp_path):
    write_demo(tmp_path)
    cohorts = read_classroom(tmp_path).cohorts
    assert len({cohort.organization for cohort in cohorts}) == len(cohorts) == 2
    assert all(cohort.roster and cohort.roster.is_file() and cohort.courses[0].is_dir() for cohort in cohorts)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"url": "http://spring.school.example"}, "url is an address"),
        ({"url": "https://spring.school.example/hub"}, "url is an address"),
        ({"url": "https://10.0.0.1:8000/x"}, "url is an address"),
        ({"organization": ""}, "says no organization"),
        ({"learners": "10.177.0.1/22"}, "is a subnet such as"),
        ({"learners": "10.178.0.0/16"}, "overlap"),
        ({"plan": "golden"}, "plan is one of"),
        ({"colour": "green"}, "knows no colour"),
    ],
)
def test_what_can_t_be_is_refused_with_a_sentence(tmp_path, changed, says):
    with pytest.raises(Trouble, match=says):
        read_classroom(written(tmp_path, spring=SPRING | changed))


@pytest.mark.parametrize("host", ["lea.spring.school.example", "spring.school.example"])
def test_no_hub_is_where_another_s_servers_are(tmp_path, host):
    other = SPRING | {"url": f"https://{host}", "learners": "10.177.4.0/22", "staff": "10.178.1.0/24"}
    with pytest.raises(Trouble, match="Give each cohort a host beside"):
        read_classroom(written(tmp_path, spring=SPRING, autumn=other))


def test_a_new_cohort_gets_subnets_that_nobody_has(tmp_path):
    learners, staff = free_subnets(read_classroom(written(tmp_path, spring=SPRING)))
    assert (str(learners), str(staff)) == ("10.177.4.0/22", "10.178.1.0/24")


def test_the_front_needs_a_certificate_that_fits(tmp_path):
    classroom = read_classroom(
        written(
            tmp_path,
            spring=SPRING,
            autumn=SPRING
            | {
                "url": "https://autumn.school.example:8443",
                "learners": "10.177.4.0/22",
                "staff": "10.178.1.0/24",
            },
        )
    )
    with pytest.raises(Trouble, match=r"spring has no certificate.*\*\.spring\.school\.example"):
        write_front(classroom)
    for cohort in classroom.cohorts:
        make_certificate(cohort)
    write_front(classroom)
    spring, autumn = classroom.cohorts
    assert "https://spring.school.example, https://*.spring.school.example {" in site(spring)
    assert "redir https://{host}:8443{uri} 308" in site(autumn)
    spring.key.write_bytes(autumn.key.read_bytes())
    with pytest.raises(Trouble, match="don't fit"):
        write_front(classroom)


def test_a_certificate_of_ours_for_a_host_of_before_is_made_anew(tmp_path, capsys):
    (before,) = read_classroom(written(tmp_path, spring=SPRING)).cohorts
    make_certificate(before)
    first = before.certificate.read_bytes()
    make_certificate(before)
    assert (before.certificate.read_bytes(), capsys.readouterr().out) == (first, "")
    renamed = SPRING | {"url": "https://lenz.school.example"}
    (cohort,) = read_classroom(written(tmp_path, spring=renamed)).cohorts
    make_certificate(cohort)
    second = cohort.certificate.read_bytes()
    assert second != first
    assert "a new one is made for lenz.school.example" in capsys.readouterr().out
    make_certificate(cohort)
    assert cohort.certificate.read_bytes() == second
    write_front(read_classroom(tmp_path))


def test_a_certificate_that_was_not_made_here_stays(tmp_path, capsys, monkeypatch):
    (cohort,) = read_classroom(written(tmp_path, spring=SPRING)).cohorts
    monkeypatch.setattr(front, "FOR_TRYING_OUT", "by somebody else")
    make_certificate(cohort)
    monkeypatch.undo()
    theirs = cohort.certificate.read_bytes()
    (renamed,) = read_classroom(
        written(tmp_path, spring=SPRING | {"url": "https://lenz.school.example"})
    ).cohorts
    make_certificate(renamed)
    assert renamed.certificate.read_bytes() == theirs
    assert "so it stays" in capsys.readouterr().out


def answering(monkeypatch, *answers):
    """Have the engine give these answers, one after the other: exit code, what is printed, what it complains of."""
    left = [SimpleNamespace(returncode=code, stdout=said, stderr=why) for code, said, why in answers]
    monkeypatch.setattr(
        machine,
        "subprocess",
        SimpleNamespace(run=lambda *_, **__: left.pop(0), DEVNULL=None),
    )
    return left


GONE = (1, "[]\n", "Error response from daemon: No such container: x\n")
BUSY = (1, "", "Error response from daemon: context deadline exceeded\n")


def test_an_engine_that_does_not_answer_has_not_said_that_nothing_is_there(monkeypatch):
    answering(monkeypatch, GONE, (1, "[]", "Error response from daemon: network x not found"), BUSY)
    assert machine.inspect("container", "x") is None
    assert machine.inspect("network", "x") is None
    with pytest.raises(Trouble, match=r"does not say.*\n.*deadline exceeded"):
        machine.inspect("image", "x")


def test_a_container_that_goes_while_they_are_looked_at_is_none(monkeypatch):
    labels = {machine.SERVICE: "postgres"}
    there = json.dumps([{"Id": "a", "Config": {"Labels": labels}}])
    answering(
        monkeypatch,
        (0, "a b", ""),
        (1, there, "Error: No such object: b\n"),
        (0, "a", ""),
        (*BUSY[:1], "[]", BUSY[2]),
    )
    assert machine.containers_of("studyhall").keys() == {"postgres"}
    with pytest.raises(Trouble, match="deadline exceeded"):
        machine.containers_of("studyhall")


def test_a_container_that_is_being_removed_is_waited_for(monkeypatch):
    is_there, is_at_it = (0, '[{"Id": "a"}]', ""), (1, "", "removal of container a is already in progress")
    monkeypatch.setattr(machine.time, "sleep", lambda _: None)
    left = answering(monkeypatch, is_there, is_at_it, is_there, is_at_it, GONE)
    machine.remove("studyhall-operator")
    assert not left


def test_a_front_that_does_not_listen_yet_is_waited_for(monkeypatch):
    answers = [Trouble("dial tcp 127.0.0.1:2019: connect: connection refused")] * 2 + [""]

    def run(*words, **_):
        assert "reload" in words
        answer = answers.pop(0)
        if isinstance(answer, Trouble):
            raise answer
        return answer

    monkeypatch.setattr(front, "run", run)
    monkeypatch.setattr(front.time, "sleep", lambda _: None)
    monkeypatch.setattr(front, "containers_of", lambda _: {"front": {"Id": "f", "State": {"Running": True}}})
    reload_front("studyhall")
    assert answers == []
    answers.append(Trouble("adapting config: unrecognized directive"))
    with pytest.raises(Trouble, match="unrecognized"):
        reload_front("studyhall")


def test_a_judge_that_was_started_again_and_answers_is_none_that_refuses(monkeypatch):
    seen = []

    def looked_at(restarts, *, is_well):
        seen.append(is_well)
        return {"RestartCount": restarts}

    monkeypatch.setattr(bring_up, "is_compose_2", lambda: False)
    monkeypatch.setattr(bring_up, "is_well", lambda *_: seen[-1])
    monkeypatch.setattr(bring_up, "last_words", lambda *_: "no namespaces here")
    monkeypatch.setattr(bring_up.time, "sleep", lambda _: None)
    looks = [(1, False), (1, False), (1, True)]
    monkeypatch.setattr(bring_up, "inspect", lambda *_: looked_at(looks[0][0], is_well=looks.pop(0)[1]))
    bring_up.wait_for_judge()
    assert looks == []
    looks += [(2, False), (3, False)]
    with pytest.raises(Trouble, match="no namespaces here"):
        bring_up.wait_for_judge()


def test_a_cohort_that_the_file_has_no_more_is_named_while_its_containers_go_on(tmp_path, monkeypatch):
    for slug in ("spring", "autumn"):
        (tmp_path / "cohorts" / slug).mkdir(parents=True)
    projects = "studyhall\nstudyhall-judge\nstudyhall-spring\nstudyhall-autumn\nstudyhall-autumn\nother\n"
    monkeypatch.setattr(cohorts, "run", lambda *_: projects)
    (line,) = cohorts.left_out(read_classroom(written(tmp_path, spring=SPRING)))
    assert line.startswith("  autumn is not in classroom.toml any more.")
    assert "docker stop" in line


def test_a_hub_s_settings_are_renewed_and_keep_what_an_operator_wrote(tmp_path):
    place = Place(
        url="https://spring.school.example",
        database_url="postgresql+psycopg://hub_spring:pw@postgres/hub_spring",
        learners=IPv4Network("10.177.0.0/22"),
        staff=IPv4Network("10.178.0.0/24"),
        engine="unix:///run/studyhall-engine/docker.sock",
        images={"learners": "studyhall-single-user", "staff": "studyhall-staff"},
    )
    first = hub_settings("spring", place, LIMITS[Plan.BASIC], courses=["python"], before={})
    assert write_folder(tmp_path / "hub", first)
    read = load_settings(tmp_path / "hub" / SETTINGS)
    assert read.membership
    assert read.containers is not None
    assert read.containers.learners.memory == LIMITS[Plan.BASIC].memory_mebibytes * 1024 * 1024
    assert read.containers.learners.hub_url == "http://10.177.0.2:8081"
    assert "configure(c" in (tmp_path / "hub" / CONFIG).read_text()
    assert (tmp_path / "hub" / SETTINGS).stat().st_mode & 0o077 == 0

    written_by_hand = first | {"sign_in": {"local": {"sign_up": False}}}
    again = hub_settings(
        "spring", place, LIMITS[Plan.FREE], courses=["python", "sql"], before=written_by_hand
    )
    assert again["sign_in"] == {"local": {"sign_up": False}}
    assert again["proxy"]["token"] == first["proxy"]["token"]
    assert again["courses"] == ["python", "sql"]
    assert not write_folder(tmp_path / "hub", first)
    assert write_folder(tmp_path / "hub", again)


def test_what_can_t_be_replaced_is_taken_away_and_nothing_else(monkeypatch):
    said = []

    def run(*words, **_):
        said.append([word for word in words if not word.startswith("-")])
        if len(said) == 1:
            raise Trouble("KeyError: 'ContainerConfig'")

    monkeypatch.setattr(machine, "run", run)
    monkeypatch.setattr(machine, "compose", lambda: ["docker-compose"])
    machine.compose_in("studyhall", "compose.yaml", {}, "up", "--detach", "--no-deps", "worker")
    assert [words[3:] for words in said] == [["up", "worker"], ["rm", "worker"], ["up", "worker"]]
