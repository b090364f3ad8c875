"""What a swarm is told about a person's server. Pure functions; the words are those of the engine's API."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from studyhall_hub.container_servers.settings import MEBIBYTE, ServerKindSettings
from studyhall_hub.swarm_servers.settings import HomeSettings

LONGEST_NAME = 63
"""Swarm uses a service's name as a name in its networks."""

FORGET_ADDRESSES = "import sys\nsys.modules['aiodns'] = None\n"
"""Put before the program that starts a server. A door's container that is made anew has another address; the library
that is left out here keeps the old one for ten minutes, and without it the system is asked."""

STOP_NANOSECONDS = 10 * 10**9
NANO = 10**9


@dataclass(frozen=True)
class Place:
    """Where a server runs and what of it lasts."""

    user: str
    """User and group as numbers: `1000:1000`."""
    home: str
    """Path of the home folder in the container."""
    network: str
    nowhere: str
    """Address of a name server that is none: Swarm's own answers for the doors, and no question goes further."""
    constraints: tuple[str, ...] = ()


def service_name(name: str) -> str:
    """Return `name`, or something as unique that is short enough for a swarm."""
    if len(name) <= LONGEST_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - len(mark) - 1]}-{mark}"


def home_mount(homes: HomeSettings, *, name: str, kind: str, person: str, home: str) -> dict[str, Any]:
    """Return how a person's home gets into their server."""
    if homes.folder is not None:
        return {"Type": "bind", "Source": str(homes.folder / kind / person), "Target": home}
    mount: dict[str, Any] = {"Type": "volume", "Source": name, "Target": home}
    if homes.driver != "local" or homes.options:
        options = {key: value.replace("{name}", name) for key, value in homes.options.items()}
        mount["VolumeOptions"] = {"DriverConfig": {"Name": homes.driver, "Options": options}}
    return mount


def task_template(
    kind: ServerKindSettings,
    place: Place,
    *,
    command: list[str],
    environment: Mapping[str, str],
    home: dict[str, Any],
) -> dict[str, Any]:
    """Return what a service's one task is: as locked down as Swarm has words for."""
    return {
        "ContainerSpec": {
            "Image": kind.image,
            "Args": command,
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "User": place.user,
            "CapabilityDrop": ["ALL"],
            # Engines before 25 forget this word; see `SwarmServerSpawner.say_what_is_missing`.
            "Privileges": {"NoNewPrivileges": True},
            "ReadOnly": True,
            # A first process that clears away what ended, since people's programs often do not.
            "Init": True,
            "Mounts": [
                home,
                # What is written there counts as memory of the container.
                {
                    "Type": "tmpfs",
                    "Target": "/tmp",  # noqa: S108 - a folder of the container's own
                    "TmpfsOptions": {"SizeBytes": 256 * MEBIBYTE, "Mode": 0o1777},
                },
                {
                    "Type": "tmpfs",
                    "Target": "/run",
                    "TmpfsOptions": {"SizeBytes": 16 * MEBIBYTE, "Mode": 0o755},
                },
            ],
            "Ulimits": [
                {"Name": "nofile", "Soft": 4096, "Hard": 4096},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            "DNSConfig": {"Nameservers": [place.nowhere], "Options": ["timeout:1", "attempts:1"]},
            "StopGracePeriod": STOP_NANOSECONDS,
        },
        "Resources": {
            "Limits": {
                "MemoryBytes": kind.memory,
                "NanoCPUs": int(kind.processors * NANO),
                "Pids": kind.processes,
            }
        },
        # The hub starts servers, when somebody wants one. One that ended stays ended.
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": list(place.constraints)},
        "Networks": [{"Target": place.network}],
        "LogDriver": {"Name": "json-file", "Options": {"max-size": "5m", "max-file": "2"}},
    }


def keeps_no_new_privileges(service: Mapping[str, Any], engine: Mapping[str, Any]) -> bool:
    """Return whether a server's programs can never gain rights: by what the swarm kept, or by the engine's default."""
    container = service.get("Spec", {}).get("TaskTemplate", {}).get("ContainerSpec", {})
    if (container.get("Privileges") or {}).get("NoNewPrivileges"):
        return True
    return any("no-new-privileges" in option for option in engine.get("SecurityOptions") or ())


def swarm_troubles(
    engine: Mapping[str, Any], homes: HomeSettings, *, doors: Iterable[str], running: Iterable[str]
) -> list[str]:
    """Return what stands against starting servers in the swarm, as the engine describes it."""
    swarm = engine.get("Swarm") or {}
    if not swarm.get("ControlAvailable"):
        return ["this engine is no manager of a swarm (docker swarm init)"]
    troubles = []
    absent = sorted(set(doors) - set(running))
    if absent:
        troubles.append(f"no container runs on this host under the name {' or '.join(absent)}")
    if swarm.get("Nodes", 1) > 1 and not homes.shared:
        troubles.append(
            "the swarm has several hosts and people's files would stay behind on one of them: set swarm.homes"
        )
    return troubles


def network_troubles(about: Mapping[str, Any]) -> list[str]:
    """Return what stands against putting somebody's server on a network that is there already."""
    troubles = []
    if about.get("Driver") != "overlay" or not about.get("Attachable"):
        troubles.append("it is not one that the hub made")
    if not about.get("Internal"):
        troubles.append("servers on it could reach other networks")
    if "encrypted" not in (about.get("Options") or {}):
        troubles.append("what passes between hosts could be read")
    return troubles


def missing_doors(about: Mapping[str, Any], doors: Iterable[str]) -> list[str]:
    """Return which of the doors are not on a network, as the engine on their host describes it."""
    there = {one.get("Name") for one in (about.get("Containers") or {}).values()}
    return [door for door in doors if door not in there]


def address_of(task: Mapping[str, Any], network: str) -> str | None:
    """Return the task's address on a network, without the network's size; None while it has none."""
    for attached in task.get("NetworksAttachments") or ():
        if attached["Network"]["Spec"]["Name"] == network and attached.get("Addresses"):
            return str(attached["Addresses"][0]).partition("/")[0]
    return None
