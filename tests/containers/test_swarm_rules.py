"""What a swarm is told about servers, and what stops a hub from starting any: rules without an engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from containers.engines import ROOT
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from studyhall_hub.swarm_servers import policy
from studyhall_hub.swarm_servers.settings import HomeSettings, SwarmSettings

SWARM = {"Swarm": {"ControlAvailable": True, "Nodes": 3}}
DOORS = ("hub", "proxy", "service")
SEEN = {"hub_url": "http://hub:8081", "service_url": "http://service:8015/services/studyhall", "doors": DOORS}
# As Swarm itself checks it.
DNS_NAME = re.compile(r"^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$")


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,120}[a-z0-9]", fullmatch=True))
def test_a_service_s_name_fits_a_swarm_and_stays_unique(person):
    full = f"spring_learner_{person}"
    name = policy.service_name(full)
    assert len(name) <= policy.LONGEST_NAME
    assert DNS_NAME.match(name)
    assert (name == full) == (len(full) <= policy.LONGEST_NAME)
    assert policy.service_name(f"{full}x") != name


def test_homes_of_one_host_are_refused_where_there_are_several():
    troubles = policy.swarm_troubles(SWARM, HomeSettings(), doors=DOORS, running=DOORS)
    assert len(troubles) == 1
    assert "stay behind" in troubles[0]
    for homes in (
        HomeSettings(folder=Path("/srv/homes")),
        HomeSettings(driver="nfs"),
        HomeSettings(options={"type": "nfs", "device": ":/homes/{name}"}),
    ):
        assert not policy.swarm_troubles(SWARM, homes, doors=DOORS, running=DOORS)
    assert not policy.swarm_troubles(
        {"Swarm": {"ControlAvailable": True, "Nodes": 1}}, HomeSettings(), doors=DOORS, running=DOORS
    )


def test_an_engine_that_is_no_manager_and_a_door_that_does_not_run_are_told():
    homes = HomeSettings(driver="nfs")
    (trouble,) = policy.swarm_troubles(
        {"Swarm": {"LocalNodeState": "inactive"}}, homes, doors=DOORS, running=()
    )
    assert "no manager" in trouble
    (trouble,) = policy.swarm_troubles(SWARM, homes, doors=DOORS, running=("hub", "service", "other"))
    assert "proxy" in trouble


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Driver": "bridge"}, "not one that the hub made"),
        ({"Internal": False}, "reach other networks"),
        ({"Options": {}}, "could be read"),
    ],
)
def test_an_open_network_is_refused(changed, said):
    closed = {"Driver": "overlay", "Attachable": True, "Internal": True, "Options": {"encrypted": ""}}
    assert policy.network_troubles(closed) == []
    assert said in policy.network_troubles(closed | changed)[0]


def test_a_volume_of_a_driver_gets_its_options_by_name():
    homes = HomeSettings(options={"type": "nfs", "o": "addr=10.0.0.9,rw", "device": ":/homes/{name}"})
    mount = policy.home_mount(
        homes, name="spring_learner_lea", kind="learner", person="lea", home="/home/learner"
    )
    assert mount["VolumeOptions"]["DriverConfig"] == {
        "Name": "local",
        "Options": {"type": "nfs", "o": "addr=10.0.0.9,rw", "device": ":/homes/spring_learner_lea"},
    }
    plain = policy.home_mount(HomeSettings(), name="n", kind="staff", person="lea", home="/home/learner")
    assert plain == {"Type": "volume", "Source": "n", "Target": "/home/learner"}


def test_what_keeps_programs_from_gaining_rights_is_seen_where_it_is():
    kept = {"Spec": {"TaskTemplate": {"ContainerSpec": {"Privileges": {"NoNewPrivileges": True}}}}}
    forgot = {"Spec": {"TaskTemplate": {"ContainerSpec": {"Privileges": None}}}}
    assert policy.keeps_no_new_privileges(kept, {})
    assert policy.keeps_no_new_privileges(
        forgot, {"SecurityOptions": ["name=seccomp", "name=no-new-privileges"]}
    )
    assert not policy.keeps_no_new_privileges(forgot, {"SecurityOptions": ["name=seccomp,profile=default"]})


@pytest.mark.parametrize(
    "homes",
    [
        {"folder": "homes"},
        {"folder": "/srv", "driver": "nfs"},
        {"folder": "/srv", "options": {"type": "nfs"}},
    ],
)
def test_homes_are_in_one_place(homes):
    with pytest.raises(ValidationError):
        HomeSettings.model_validate(homes)


def test_staff_have_every_door_of_learners():
    about = {"name": "spring", "learners": SEEN, "staff": {**SEEN, "doors": ("hub", "service")}}
    with pytest.raises(ValidationError, match="proxy"):
        SwarmSettings.model_validate(about)
    about["staff"] = {**SEEN, "doors": (*DOORS, "database")}
    assert SwarmSettings.model_validate(about).staff.doors[-1] == "database"


@pytest.mark.parametrize("file", ["front.yaml", "judge.yaml"])
def test_every_plain_container_is_locked_down(file):
    for name, service in yaml.safe_load((ROOT / "docker" / "swarm" / file).read_text())["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["pids_limit"], name
        assert service["mem_limit"], name


def test_the_judge_of_a_host_is_the_one_that_compose_starts():
    ours, theirs = (
        yaml.safe_load((ROOT / "docker" / name).read_text())["services"]["judge"]
        for name in ("swarm/judge.yaml", "compose.yaml")
    )
    assert {"init": False} | ours == theirs
