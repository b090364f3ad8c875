"""Starts a person's server in a container that is locked down, on the network of its kind."""

import asyncio
import contextlib
from typing import Any

from docker.errors import APIError, DockerException, NotFound
from dockerspawner import DockerSpawner
from jupyterhub.utils import exponential_backoff
from traitlets import Instance, Unicode, default

from studyhall_hub.container_servers.choice import KindChooser, Refusal
from studyhall_hub.container_servers.policy import Kind, network_troubles
from studyhall_hub.container_servers.quiet import StopsWhenQuiet
from studyhall_hub.container_servers.settings import LearnerServerSettings, ServerKindSettings
from studyhall_hub.container_servers.volume_store import (
    SMALLEST,
    VolumeStoreError,
    ask_for_device,
    volume_options,
)

USER = "1000:1000"
HOME = "/home/learner"
LOOK_SECONDS, LOOKING_SECONDS = 0.1, 20.0
"""How often, and for how long, a container that starts is looked at; then the hub waits in its own way."""
ALIVE_SECONDS = 4.0
"""How often the engine is asked meanwhile whether the container has ended."""
ASK_AGAIN_SECONDS, ASKING_SECONDS = 0.5, 30.0
"""How often, and for how long, an engine is asked again that fails, or is away while it starts anew."""

REMOVAL_SECONDS = 60.0
"""A bound on waiting for what the engine is removing already."""

# In a range that is set aside for documentation. Docker's own resolver answers for names on the network; what it does
# not know it must not look up elsewhere, since a question is a way out of a closed network too.
NOWHERE = "192.0.2.1"


def host_config(kind: ServerKindSettings) -> dict[str, Any]:
    """Return what the engine is told about a container beside its image and its network."""
    return {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        # What is written there counts as memory of the container.
        "tmpfs": {
            "/tmp": "rw,nosuid,nodev,size=256m,mode=1777",  # noqa: S108 - a folder of the container's own
            "/run": "rw,nosuid,nodev,noexec,size=16m",
        },
        # The hub removes them. Docker would do it also when it starts again itself, to servers that outlived it.
        "auto_remove": False,
        # A first process that clears away what ended, since people's programs often do not.
        "init": True,
        "ipc_mode": "private",
        "pids_limit": kind.processes,
        "memswap_limit": kind.memory,
        "ulimits": [
            {"Name": "nofile", "Soft": 4096, "Hard": 4096},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "log_config": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
        "dns": [NOWHERE],
    }


async def listens_soon(address: str, port: int, *, seconds: float = LOOKING_SECONDS) -> bool:
    """Wait until something listens there, but not for ever; return whether it does.

    The hub itself waits for a server in steps that grow, and so sees it a second after it is there.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(address, port)
                    writer.close()
                    return True
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return False


class ContainerServerSpawner(KindChooser, StopsWhenQuiet, DockerSpawner):  # type: ignore[misc]  # dockerspawner ships no types
    """One container and one volume per person and kind of server.

    The volumes of the two kinds are apart: what code of a learner's lesson leaves behind in an instructor's own
    server is never there in their server for staff.
    """

    learners = Instance(LearnerServerSettings, help="How learners' servers are.").tag(config=True)
    staff = Instance(ServerKindSettings, help="How staff's servers are.").tag(config=True)
    volume_store = Unicode(help="Socket of docker/volume-store; empty where no disk is limited.").tag(
        config=True
    )
    public_service_url = Unicode(help="Address of the service in people's browsers.").tag(config=True)

    @default("name_template")
    def _default_name_template(self) -> str:
        # A dot is in no part of it.
        return "{prefix}.{kind}.{username}"

    @default("volumes")
    def _default_volumes(self) -> dict[str, str]:
        return {"{prefix}.{kind}.{username}": HOME}

    @default("extra_create_kwargs")
    def _default_extra_create_kwargs(self) -> dict[str, str]:
        return {"user": USER}

    def template_namespace(self) -> dict[str, str]:
        """Add the kind to what names of containers and volumes are made of."""
        names: dict[str, str] = super().template_namespace()
        return names | {"kind": self.kind}

    def become(self, kind: Kind) -> None:
        """Take over everything in which one kind differs from the other."""
        super().become(kind)
        chosen = self.staff if kind == "staff" else self.learners
        self.image = chosen.image
        self.network_name = chosen.network
        self.hub_connect_url = chosen.hub_url
        self.mem_limit = chosen.memory
        self.cpu_limit = chosen.processors
        self.extra_host_config = host_config(chosen)
        self.object_name = self._object_name_default()

    def get_env(self) -> dict[str, str]:
        """Add where the service is."""
        # What a server notes of itself has room in memory when its owner's disk is full, so that it starts.
        env: dict[str, str] = super().get_env() | {
            "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",  # noqa: S108 - a folder of the container's own
        }
        if self.kind == "learner":
            return env | {"STUDYHALL_SERVICE_URL": self.learners.service_url}
        return env | {
            "STUDYHALL_SERVICE_URL": self.staff.service_url,
            # For `studyhall login`: what the terminal calls, and what the person opens in a browser.
            "STUDYHALL_URL": self.staff.service_url,
            "STUDYHALL_PUBLIC_URL": self.public_service_url,
        }

    async def start(self) -> tuple[str, int]:
        """Start the container; return where its server listens.

        Raises:
            Refusal: its network is not there, or is open; its home folder can't be had; or it has ended already.
        """
        await self.check_network()
        await self.prepare_volume()
        place: tuple[str, int] = await super().start()
        await self.until_it_listens(place)
        return place

    async def until_it_listens(self, place: tuple[str, int]) -> None:
        """Wait until the server listens, for some time.

        Raises:
            Refusal: its container has ended. The hub itself would wait for it as long as for one that is slow.
        """
        for _ in range(int(LOOKING_SECONDS / ALIVE_SECONDS)):
            if await listens_soon(*place, seconds=ALIVE_SECONDS):
                return
            try:
                ended = await self.poll()
            except (DockerException, OSError) as problem:
                self.log.warning("Docker says nothing of %s, which may run: %s", self.object_name, problem)
                return
            if ended is not None:
                self.log.error("%s ended while it was starting: %s", self.object_name, ended)
                raise Refusal(
                    500,
                    "Your server ended while it was starting. Your files are safe. Please try once more; if it ends "
                    "again, tell whoever runs this classroom: the hub's log says how it ended.",
                )

    async def get_object(self) -> dict[str, Any] | None:
        """Return what the engine knows of the server; None only where it says that there is none.

        An engine that fails, or that is away for a moment, has said nothing: it is asked again. The hub would take
        silence for the server's end, and give up one in which somebody works.

        Raises:
            DockerException: it goes on to fail, or refuses.
            OSError: nobody answers.
        """
        until = 0.0
        while True:
            try:
                found: dict[str, Any] = await self.docker(f"inspect_{self.object_type}", self.object_name)
            except NotFound:
                self.log.info("%s is gone", self.object_name)
                self.object_id = ""
                return None
            except (DockerException, OSError) as problem:
                now = asyncio.get_running_loop().time()
                until = until or now + ASKING_SECONDS
                if now >= until or (isinstance(problem, APIError) and problem.is_client_error()):
                    raise
                self.log.warning(
                    "Docker says nothing of %s, and is asked again: %s", self.object_name, problem
                )
                await asyncio.sleep(ASK_AGAIN_SECONDS)
            else:
                self.object_id = found[self.object_id_key]
                return found

    async def remove_object(self) -> None:
        """Remove the container, also one that runs still; its name is free for the next one afterwards."""
        try:
            await self.docker("remove_container", self.object_id, v=True, force=True)
        except NotFound:
            self.log.info("%s is gone already", self.object_name)
        except APIError as problem:
            if problem.status_code != 409:
                raise
            # The engine is at it already, for a hub that was started again meanwhile.
            await exponential_backoff(
                self.is_gone, f"Docker does not remove {self.object_name}", timeout=REMOVAL_SECONDS
            )

    async def is_gone(self) -> bool:
        """Return whether the engine says that there is no such container."""
        return await self.get_object() is None

    async def check_network(self) -> None:
        """Refuse a network on which servers would reach what they must not.

        Raises:
            Refusal: it is missing or open. The person reads that there is a trouble, the log says which.
        """
        try:
            about = await self.docker("inspect_network", self.network_name)
            troubles = network_troubles(
                about,
                kind="staff" if self.kind == "staff" else "learner",
                listed=self.learners.egress == "listed",
            )
        except NotFound:
            troubles = ["it does not exist"]
        if troubles:
            self.log.error(
                "No server is started on Docker's network %s: %s. docker/server-networks makes it as it has to be.",
                self.network_name,
                " and ".join(troubles),
            )
            raise Refusal(
                503,
                "Your server can't be started, because the network for servers is not set up. Please tell whoever "
                "runs this classroom; the hub's log says what is missing.",
            )

    async def prepare_volume(self) -> None:
        """Have the home folder made in the size that the settings say; what exists is kept whatever they say.

        Raises:
            Refusal: it can't be had. The person reads that there is a trouble, the log says which.
        """
        if not self.volume_store:
            return
        (name,) = self.volume_binds
        try:
            about = await self.docker("inspect_volume", name)
        except NotFound:
            about = None
        limit = (self.staff if self.kind == "staff" else self.learners).disk_mebibytes
        if about is None and limit is None:
            return
        if about is not None and "device" not in (about.get("Options") or {}):
            if limit is not None:
                self.log.warning(
                    "%s was made when disks had no limit, and stays so until its files are moved", name
                )
            return
        try:
            device = await ask_for_device(self.volume_store, volume=name, mebibytes=limit or SMALLEST)
        except VolumeStoreError as trouble:
            self.log.error("The home folder %s can't be had: %s", name, trouble)  # noqa: TRY400 - it says all there is
            raise Refusal(
                503,
                "Your server can't be started, because your files can't be reached just now. They are safe. Please "
                "tell whoever runs this classroom; the hub's log says what is missing.",
            ) from trouble
        if limit is not None and device.mebibytes > limit:
            self.log.info("%s keeps its %d MiB: nothing is made smaller", name, device.mebibytes)
        if about is None:
            await self.docker("create_volume", name, driver="local", driver_opts=volume_options(device))
