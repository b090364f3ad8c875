"""The container engine: what is asked of it, in which words, and what a person can do when it does not work.

Everything here blocks; the event loop calls it in threads. The engine's client comes with the extra ``docker``.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Mount, Ulimit

from studyhall_judge.cgroups import MEBIBYTE
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import SandboxFault

LABEL = "studyhall.judge"
"""The label of our containers. Its value names the judge that they belong to."""

MEETING_PLACE = "/judge"
"""Where a container finds the folder with its judge's socket."""

SHARED_MEMORY_MB = 1
SPARE_PIDS = 16
"""Processes and threads of a container that are not the submission's, those of its start included."""

PROCESSORS = 1.0
_HIDDEN = ("/run", "/sys")
"""Folders that a container has although no submission needs them: covered by empty ones."""

_FIRST_USER, _FIRST_REMAPPED_USER, _USERS = 70_000, 10_000, 50_000
"""User numbers of containers: of no user of the machine or, where the engine remaps users, of its usual range."""

_LEFT_OVER_SECONDS = 3600
_ANSWER_SECONDS = 60


class EngineProblem(SandboxFault):
    """The engine cannot do what is wanted; the message is a sentence for the operator, with the way out."""


@dataclass(frozen=True)
class Order:
    """What a container is made for. ``room_mb`` is memory beside the submission's own, ``user`` who it runs as."""

    command: list[str]
    folder: Path
    limits: Limits
    room_mb: int
    user: int


class Engine:
    """A Docker engine on this machine, seen by the judge called ``owner``."""

    def __init__(self, url: str, image: str, owner: str) -> None:
        """Connect.

        Raises:
            EngineProblem: there is no engine, or it may not be used.
        """
        self.image = image
        self._owner = owner
        self._url = url
        if not url.startswith("unix://"):
            raise EngineProblem(
                f"The judge speaks to containers over files, so the engine has to be on this machine: {url} is not "
                "an address that begins with unix://."
            )
        try:
            self._client = docker.DockerClient(base_url=url, timeout=_ANSWER_SECONDS)
            self.about: dict[str, Any] = self._client.info()
        except (DockerException, OSError) as error:
            raise EngineProblem(self._why_unreachable(error)) from error
        self._first = first_user(self.about.get("SecurityOptions") or [])
        self._next = secrets.randbelow(_USERS)

    def _why_unreachable(self, error: Exception) -> str:
        path = Path(self._url.removeprefix("unix://"))
        if "Permission" in str(error):
            return (
                f"The judge may not use the container engine at {path}. Start the judge as a user of the group "
                "docker, which is as much as being root."
            )
        return (
            f"No container engine answers at {path}. Start Docker, name its socket with STUDYHALL_JUDGE_ENGINE, or "
            "use the other sandbox: STUDYHALL_JUDGE_SANDBOX=namespaces."
        )

    def check_image(self) -> None:
        """Look for the image. Raises `EngineProblem`."""
        try:
            self._client.images.get(self.image)
        except ImageNotFound as error:
            raise EngineProblem(
                f"The engine has no image {self.image}. Build it as docker/judge/README.md says, or name another one "
                "with STUDYHALL_JUDGE_SANDBOX_IMAGE."
            ) from error
        except (DockerException, OSError) as error:
            raise EngineProblem(f"The container engine failed: {error}.") from error

    def a_user(self) -> int:
        """Return a user number of its own for a container: the kernel counts processes per user."""
        self._next = (self._next + 1) % _USERS
        return self._first + self._next

    def start(self, order: Order) -> str:
        """Make and start a container; returns its id. Raises `EngineProblem`."""
        made = None
        try:
            made = self._client.containers.create(self.image, **self._options(order))
            made.start()
        except (DockerException, OSError) as error:
            if made is not None:
                self.remove(str(made.id))
            said = getattr(error, "explanation", None) or error
            raise EngineProblem(f"The container engine could not start a sandbox: {said}") from error
        return str(made.id)

    def _options(self, order: Order) -> dict[str, Any]:
        memory = (order.limits.memory_mb + order.room_mb) * MEBIBYTE
        user = order.user
        storage = f"rw,exec,nosuid,nodev,size={order.limits.disk_mb}m,nr_inodes=16384,mode=755,uid={user},gid={user}"
        return {
            "entrypoint": order.command[:1],
            "command": order.command[1:],
            "labels": {LABEL: self._owner},
            "user": f"{user}:{user}",
            "working_dir": "/",
            "hostname": "studyhall",
            "network_mode": "none",
            "read_only": True,
            "tmpfs": {"/home": storage} | dict.fromkeys(_HIDDEN, "ro,nosuid,nodev,noexec,size=4k,mode=555"),
            "mounts": [Mount(MEETING_PLACE, str(order.folder), type="bind", read_only=True)],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "pids_limit": order.limits.pids + SPARE_PIDS,
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": int(PROCESSORS * 1e9),
            "ipc_mode": "private",
            "shm_size": SHARED_MEMORY_MB * MEBIBYTE,
            "oom_score_adj": 500,
            "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=1024, hard=1024)],
            "log_config": LogConfig(type="none"),
            "healthcheck": {"test": ["NONE"]},
            "auto_remove": True,
        }

    def limit_memory(self, identifier: str, limit_bytes: int) -> None:
        """Set a running container's memory limit. Raises `EngineProblem`."""
        try:
            self._client.api.update_container(identifier, mem_limit=limit_bytes, memswap_limit=limit_bytes)
        except (DockerException, OSError) as error:
            raise EngineProblem(f"The container engine could not limit a sandbox: {error}") from error

    def process_of(self, identifier: str) -> int:
        """Return a container's first process, as this machine counts. Raises `EngineProblem`."""
        return int(self.describe(identifier)["State"]["Pid"])

    def is_running(self, identifier: str) -> bool:
        """Say whether a container is there and runs; an engine too busy to answer has not said that it has gone."""
        try:
            return bool(self._client.api.inspect_container(identifier)["State"]["Running"])
        except NotFound:
            return False
        except (DockerException, OSError):
            return True

    def describe(self, identifier: str) -> dict[str, Any]:
        """Return the engine's own description of a container. Raises `EngineProblem`."""
        try:
            about: dict[str, Any] = self._client.api.inspect_container(identifier)
        except (DockerException, OSError) as error:
            raise EngineProblem(f"The container engine does not know the sandbox: {error}") from error
        return about

    def memory_kills(self, identifier: str) -> int:
        """Return how often, as the engine has noticed, the kernel has killed in a container for want of memory."""
        about = {"container": identifier, "event": "oom"}
        now = int(datetime.now(UTC).timestamp()) + 1
        try:
            return sum(1 for _ in self._client.api.events(since=0, until=now, filters=about, decode=True))
        except (DockerException, OSError):
            return 0

    def remove(self, identifier: str) -> None:
        """End a container and remove it, whatever it is doing; that it is gone already is well."""
        with contextlib.suppress(NotFound, APIError, OSError):
            self._client.api.remove_container(identifier, force=True, v=True)

    def sweep(self) -> int:
        """Remove what an earlier judge of this name, or long ago any judge, has left; returns how many there were.

        A judge that is killed takes its running containers with it, because they end when their channel does. Left
        are those that were made and not yet started.
        """
        swept = 0
        try:
            found = self._client.api.containers(all=True, filters={"label": LABEL})
        except (DockerException, OSError):
            return swept
        now = datetime.now(UTC).timestamp()
        for one in found:
            ours = one["Labels"][LABEL] == self._owner
            stale = one["State"] != "running" and now - one["Created"] > _LEFT_OVER_SECONDS
            if ours or stale:
                self.remove(one["Id"])
                swept += 1
        return swept

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def first_user(security: list[str]) -> int:
    """Return the lowest user number for containers of an engine with these security options.

    An engine that remaps users, or runs without root, has 65,536 of them, and none of them is one of the machine's.
    """
    remapped = any("name=userns" in one or "name=rootless" in one for one in security)
    return _FIRST_REMAPPED_USER if remapped else _FIRST_USER
