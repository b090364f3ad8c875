"""Checks of the `docker` sandbox: does its engine answer, has it the image, and what can it limit?

The engine is asked over its own socket, so that this also works where its client is not installed.
"""

import http.client
import importlib.util
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from studyhall.doctor.findings import Finding, fail, ok, warn

OLDEST_ENGINE = (20, 10)
ANSWER_SECONDS = 10.0
README = "docker/judge/README.md"
INSTALL = "pip install 'studyhall[docker]'"

MEMORY_LINE = (
    "Add `cgroup_enable=memory swapaccount=1` to the kernel's command line (GRUB_CMDLINE_LINUX), run "
    "`sudo update-grub`, and restart the machine; or use a system with control groups of version 2."
)
GROUP_LINE = (
    "Use a kernel with this control group; for an engine without root let systemd hand it down "
    "(Delegate=cpu memory pids)."
)

# What the engine says it can limit: its word for it, ours, and what to do where it cannot.
LIMITS = (
    ("MemoryLimit", "memory", MEMORY_LINE),
    ("SwapLimit", "swap", MEMORY_LINE),
    ("PidsLimit", "processes", GROUP_LINE),
    ("CpuCfsQuota", "processors", GROUP_LINE),
)

# What to do about a wall of the docker sandbox that does not stand; the rest is the image's or the engine's making.
WAYS_OUT = {
    "outer_wall": "Keep the judge's machine to the judge: let nothing else of value run there.",
    "cgroups": "See what is said about the engine's limits: `studyhall doctor` where the judge runs.",
    "seccomp": "Start the engine without `seccomp=unconfined`, on a kernel with CONFIG_SECCOMP_FILTER.",
}
ANY_WALL = f"Build the image from this version, as {README} says, and look at what the engine's log says."


@dataclass(frozen=True)
class Chosen:
    """The engine and the image that settings choose; None of it means the other sandbox."""

    engine: str
    image: str

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Chosen | None":
        """Return what `studyhall judge` would use, or None when it would make namespaces."""
        if environment.get("STUDYHALL_JUDGE_SANDBOX", "namespaces") != "docker":
            return None
        return cls(
            engine=environment.get("STUDYHALL_JUDGE_ENGINE") or "unix:///var/run/docker.sock",
            image=environment.get("STUDYHALL_JUDGE_SANDBOX_IMAGE") or "studyhall-sandbox",
        )

    @property
    def socket(self) -> Path:
        """Where the engine listens."""
        return Path(self.engine.removeprefix("unix://"))

    @property
    def words(self) -> list[str]:
        """The judge's options that choose this sandbox."""
        return ["--sandbox", "docker", "--engine", self.engine, "--sandbox-image", self.image]

    def ask(self, path: str) -> tuple[int, Any]:
        """Ask the engine for something; returns the status and what the answer says.

        Raises:
            OSError: nobody answers, or not to this user.
            ValueError: what answers does not speak as an engine does.
        """
        connection = _Connection(self.socket)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except http.client.HTTPException as problem:
            raise ValueError(str(problem)) from problem
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def check_engine(chosen: Chosen) -> Iterator[Finding]:
    """The engine and its image are there, and it can limit what a container uses.

    It ends with the first thing without which no container could be made.
    """
    if importlib.util.find_spec("docker") is None:
        yield fail("engine", "The client of the container engine is not installed.", INSTALL)
    if not chosen.engine.startswith("unix://"):
        yield fail(
            "engine",
            f"The judge needs an engine on its own machine, and {chosen.engine} is an address elsewhere.",
            "Set STUDYHALL_JUDGE_ENGINE to an address such as unix:///var/run/docker.sock.",
        )
        return
    try:
        status, about = chosen.ask("/info")
    except (OSError, ValueError) as problem:
        yield why_silent(chosen, problem)
        return
    if status != HTTPStatus.OK:
        yield why_silent(chosen, ValueError(status))
        return
    yield engine_version(str(about.get("ServerVersion", "")), chosen)
    yield from check_image(chosen)
    security = [str(one) for one in about.get("SecurityOptions") or []]
    yield from check_filter(security)
    yield from check_limits(about)
    yield check_users(security)


def why_silent(chosen: Chosen, problem: Exception) -> Finding:
    """Say why the engine cannot be asked."""
    if isinstance(problem, PermissionError):
        return fail(
            "engine",
            f"This user may not use the engine at {chosen.socket}.",
            "Start the judge as a user of the group docker, which is as much as being root: "
            "sudo usermod --append --groups docker USER, then sign in again.",
        )
    if isinstance(problem, FileNotFoundError | ConnectionRefusedError | TimeoutError):
        return fail(
            "engine",
            f"No container engine answers at {chosen.socket}.",
            "Start it (sudo systemctl start docker), name its socket with STUDYHALL_JUDGE_ENGINE, or use the "
            "other sandbox: STUDYHALL_JUDGE_SANDBOX=namespaces.",
        )
    return fail(
        "engine",
        f"What answers at {chosen.socket} does not speak as a container engine does.",
        "Look whether STUDYHALL_JUDGE_ENGINE names the engine's own socket, and what the engine's log says.",
    )


def engine_version(version: str, chosen: Chosen) -> Finding:
    """Say which engine it is, and whether it is one that is tried."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_ENGINE:
        oldest = ".".join(str(part) for part in OLDEST_ENGINE)
        return warn(
            "engine",
            f"Its version {version or 'is not known'} is older than {oldest}, the oldest that is tried.",
            "Install a newer Docker engine.",
        )
    return ok("engine", f"version {version} answers at {chosen.socket}")


def check_image(chosen: Chosen) -> Iterator[Finding]:
    """The engine has the image. Whether it is of this version the judge's self-test finds out."""
    status, about = chosen.ask(f"/images/{chosen.image}/json")
    if status == HTTPStatus.OK:
        yield ok("image", f"{chosen.image}, made {str(about.get('Created', ''))[:10]}")
    else:
        yield fail(
            "image",
            f"The engine has no image {chosen.image}.",
            f"Build it as {README} says, or name another one with STUDYHALL_JUDGE_SANDBOX_IMAGE.",
        )


def check_filter(security: Sequence[str]) -> Iterator[Finding]:
    """The engine filters system calls."""
    found = [one for one in security if "name=seccomp" in one]
    if not found:
        yield warn(
            "seccomp",
            "The engine has no system call filter; only the judge's own holds.",
            "Use a kernel with CONFIG_SECCOMP_FILTER and an engine that is built with seccomp.",
        )
    elif "unconfined" in found[0]:
        yield warn(
            "seccomp",
            "The engine's system call filter is switched off; only the judge's own holds.",
            'Take "seccomp-profile": "unconfined" out of /etc/docker/daemon.json, and restart Docker.',
        )
    else:
        yield ok("seccomp", "the engine filters system calls")


def check_limits(about: Mapping[str, object]) -> Iterator[Finding]:
    """Memory, swap, processes and processors of a container can be limited."""
    version = about.get("CgroupVersion", "1")
    lacking = [(name, line) for key, name, line in LIMITS if not about.get(key)]
    for name, line in lacking:
        yield warn("limits", f"The engine cannot limit {name} here (control groups version {version}).", line)
    if not lacking:
        names = ", ".join(name for _, name, _ in LIMITS)
        yield ok("limits", f"{names} (control groups version {version})")


def check_users(security: Sequence[str]) -> Finding:
    """Root of a container is nobody on the machine."""
    if any("name=rootless" in one for one in security):
        return ok("users", "the engine itself runs without root")
    if any("name=userns" in one for one in security):
        return ok("users", "root of a container is nobody on this machine")
    return warn(
        "users",
        "Root of a container is root of this machine. Submissions run as users that nobody is, without capabilities; "
        "behind a hole in the kernel there would be no further wall.",
        'For one more put {"userns-remap": "default"} into /etc/docker/daemon.json, restart Docker, and build the '
        "image again. It is not required.",
    )
