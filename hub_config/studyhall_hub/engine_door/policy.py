"""What one cohort's hub may ask of the Docker engine: pure functions over requests.

What is let through is listed, everything else is refused, and what goes on to the engine is written anew from what was
understood. So a new option of the engine, or a key in another spelling, is refused until somebody adds it here.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

Kind = Literal["learner", "staff"]

USER = "1000:1000"
HOME = "/home/learner"
NOWHERE = "192.0.2.1"
"""The only resolver that servers get, in a range that is set aside for documentation."""
STORE_OPTIONS = {"type": "ext4", "o": "nosuid,nodev,noatime"}
"""How Docker mounts what docker/volume-store made."""
PORT = "8888/tcp"

_VERSIONED = re.compile(r"(/v1\.(?:4[1-9]|[5-9][0-9]))(/.*)")
_PLACE = r"([A-Za-z0-9][A-Za-z0-9_.-]{0,254})"
_CONTAINER = re.compile(rf"/containers/{_PLACE}(/json|/start|/stop|)")
_ID = re.compile(r"[0-9a-f]{64}")
_TMPFS = re.compile(r"[a-z0-9=,]+")
_LIMIT = 2**53


class Refused(Exception):
    """The hub may not ask this; the sentence is for its log and the door's."""


@dataclass(frozen=True)
class Rules:
    """What belongs to the cohort."""

    name: str
    """Begins the names of its containers and volumes: `spring.learner.lea`."""
    images: Mapping[Kind, str]
    networks: Mapping[Kind, str]
    devices: str = ""
    """Folder in which docker/volume-store names devices, as the host has it; empty where homes have no limit."""

    def kind_of(self, name: object) -> Kind:
        """Return the kind of server whose container or volume has this name.

        Raises:
            Refused: no server of this cohort's people has it.
        """
        if isinstance(name, str):
            found = re.fullmatch(rf"{re.escape(self.name)}\.(learner|staff)\.[A-Za-z0-9_.-]{{1,200}}", name)
            if found:
                return "learner" if found[1] == "learner" else "staff"
        raise Refused(f"The name {name} is not that of a server of {self.name}.")


@dataclass(frozen=True)
class Call:
    """What the engine is asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None = None
    container: str = ""
    """A container that is to be looked up first, by name or id. Its full id then stands for `{}` in the path."""


def decide(rules: Rules, method: str, target: str, body: bytes = b"") -> Call:
    """Return what the engine is asked when a hub asks for `target`, which has a path and perhaps a query.

    Raises:
        Refused: no hub needs that, or it is about something that is not this cohort's.
    """
    path, _, rest = target.partition("?")
    if method == "GET" and path in ("/version", "/_ping") and not rest:
        return Call("GET", path, {})
    found = _VERSIONED.fullmatch(path)
    if found is None:
        raise Refused(f"{method} {path[:100]} is nothing that a hub asks.")
    version, path = found.groups()
    query = _query(rest)
    if method == "GET" and not query:
        _may_be_read(rules, path)
    elif method == "POST" and path == "/containers/create" and query.keys() == {"name"}:
        made = json.dumps(checked_container(rules, query["name"], _read(body))).encode()
        return Call("POST", version + path, query, made)
    elif method == "POST" and path == "/volumes/create" and not query:
        return Call("POST", version + path, {}, json.dumps(checked_volume(rules, _read(body))).encode())
    elif not _is_about_a_container(method, path, query):
        raise Refused(f"{method} {path[:100]} is nothing that a hub asks.")
    container = _CONTAINER.fullmatch(path)
    if container is None:
        return Call(method, version + path, {})
    return Call(method, f"{version}/containers/{{}}{container[2]}", query, container=container[1])


def _may_be_read(rules: Rules, path: str) -> None:
    known = {f"/networks/{network}" for network in rules.networks.values()}
    known |= {f"/images/{image}/json" for image in rules.images.values()}
    if path in known or ((about := _CONTAINER.fullmatch(path)) and about[2] == "/json"):
        return
    if not path.startswith("/volumes/"):
        raise Refused(f"GET {path[:100]} is nothing that a hub asks.")
    rules.kind_of(path.removeprefix("/volumes/"))


def _is_about_a_container(method: str, path: str, query: Mapping[str, str]) -> bool:
    """Say whether a server is started, stopped or removed; with what goes with that only."""
    found = _CONTAINER.fullmatch(path)
    if found is None:
        return False
    if method == "DELETE" and not found[2]:
        words = {"true": True, "1": True, "false": False, "0": False}
        said = {name: words.get(value.lower()) for name, value in query.items()}
        # The third takes away a name that one container has for another.
        return said.keys() <= {"v", "force", "link"} and None not in said.values() and not said.get("link")
    if method != "POST":
        return False
    if found[2] == "/start":
        return not query
    return found[2] == "/stop" and query.keys() <= {"t"} and query.get("t", "0").isdecimal()


def _query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refused("A name stands twice in the query.")
    return query


def _read(body: bytes) -> dict[str, Any]:
    """Return a body of JSON in which no name stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise Refused("A name stands twice in the body.")
        return made

    try:
        found = json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError) as odd:
        raise Refused("The body is no JSON.") from odd
    if not isinstance(found, dict):
        raise Refused("The body is no object.")
    return found


def is_own_container(rules: Rules, about: Mapping[str, Any]) -> str:
    """Return the full id of a container as the engine describes it.

    Raises:
        Refused: it is not one of this cohort's servers.
    """
    rules.kind_of(str(about.get("Name", "")).removeprefix("/"))
    identifier = about.get("Id")
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        raise Refused("The engine gives this container no id.")
    return identifier


Check = Callable[[Any], bool]


def _is(*values: Any) -> Check:
    return lambda found: any(type(found) is type(value) and found == value for value in values)


def _texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _limit(found: Any) -> bool:
    return type(found) is int and 0 < found < _LIMIT


def _tmpfs(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() <= {"/tmp", "/run"}  # noqa: S108 - folders of the container's own
        and all(
            isinstance(words, str) and _TMPFS.fullmatch(words) and {"nosuid", "nodev"} <= {*words.split(",")}
            for words in found.values()
        )
    )


def _ulimits(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(one, dict)
        and one.keys() == {"Name", "Soft", "Hard"}
        and one["Name"] in ("nofile", "core", "nproc")
        and all(type(one[edge]) is int and 0 <= one[edge] < _LIMIT for edge in ("Soft", "Hard"))
        for one in found
    )


def _log(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() == {"Type", "Config"}
        and found["Type"] == "json-file"
        and isinstance(found["Config"], dict)
        and found["Config"].keys() == {"max-size", "max-file"}
        and all(isinstance(value, str) for value in found["Config"].values())
    )


_FLAG = _is(True, False)
_CONTAINER_MAY: Mapping[str, Check] = {
    "Env": _texts,
    "Cmd": _texts,
    "ExposedPorts": _is({PORT: None}, {PORT: {}}),
    "Volumes": _is({HOME: {}}),
    "AttachStdout": _FLAG,
    "AttachStderr": _FLAG,
    **dict.fromkeys(("Tty", "OpenStdin", "StdinOnce", "AttachStdin", "NetworkDisabled"), _is(False)),
    "Labels": _is({}),
}
_HOST_MUST: Mapping[str, Check] = {
    "CapDrop": _is(["ALL"]),
    "SecurityOpt": _is(["no-new-privileges"], ["no-new-privileges:true"]),
    "ReadonlyRootfs": _is(True),
    "IpcMode": _is("private"),
    "Memory": _limit,
    "MemorySwap": _limit,
    "PidsLimit": _limit,
    "Dns": _is([NOWHERE]),
    "LogConfig": _log,
}
_HOST_MAY: Mapping[str, Check] = {
    "CpuQuota": _limit,
    "CpuPeriod": _limit,
    "Init": _FLAG,
    "Tmpfs": _tmpfs,
    "Ulimits": _ulimits,
    "AutoRemove": _is(False),
    "Privileged": _is(False),
    "Links": _is([]),
    "Mounts": _is([]),
}


def _checked(where: str, found: Any, must: Mapping[str, Check], may: Mapping[str, Check]) -> dict[str, Any]:
    """Return what was said of an object; nothing is what null says, and no empty list is nothing: one unmasks /proc."""
    if not isinstance(found, dict):
        raise Refused(f"{where} is no object.")
    said = {name: value for name, value in found.items() if value is not None}
    for name in must:
        if name not in said:
            raise Refused(f"{where} has to say {name}.")
    for name, value in said.items():
        check = must.get(name) or may.get(name)
        if check is None or not check(value):
            raise Refused(f"{where} may not have {name[:100]} as it is.")
    return said


def checked_container(rules: Rules, name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a container that is a server of this cohort, as locked down as servers are.

    Raises:
        Refused: it would be something else.
    """
    kind = rules.kind_of(name)
    made = _checked(
        "The container",
        found,
        {
            "Image": _is(rules.images[kind]),
            "User": _is(USER),
            "HostConfig": lambda host: isinstance(host, dict),
        },
        _CONTAINER_MAY,
    )
    host = _checked(
        "Its HostConfig",
        made["HostConfig"],
        {
            # The home of this person in this kind of server, and nothing else of the host.
            "Binds": _is([f"{name}:{HOME}:rw"]),
            "NetworkMode": _is(rules.networks[kind]),
            **_HOST_MUST,
        },
        _HOST_MAY,
    )
    if host["MemorySwap"] != host["Memory"]:
        raise Refused("Its HostConfig may not have swap.")
    return made | {"HostConfig": host}


def checked_volume(rules: Rules, found: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a volume that is somebody's home folder: Docker's own, or of docker/volume-store.

    Raises:
        Refused: it would be something else, such as a disk of the host.
    """
    name = found.get("Name")
    rules.kind_of(name)
    options = [{}, *([STORE_OPTIONS | {"device": f"{rules.devices}/{name}"}] if rules.devices else [])]
    return _checked(
        "The volume",
        found,
        {"Name": _is(name)},
        {"Driver": _is("local"), "DriverOpts": _is(*options), "Labels": _is({})},
    )


def checked_question(rules: Rules, line: bytes) -> bytes:
    """Return a question to docker/volume-store about a home folder of this cohort.

    Raises:
        Refused: it is about another's, or is no question.
    """
    asked = _read(line)
    if asked.keys() != {"volume", "mebibytes"} or type(asked["mebibytes"]) is not int:
        raise Refused("A question is a line of JSON with a volume and a number of mebibytes.")
    rules.kind_of(asked["volume"])
    return json.dumps(asked).encode() + b"\n"
