"""Starts a person's server as a service of a swarm, on a network of its own.

An overlay network cannot keep two servers on it apart, so each server has one for itself, and hub, proxy and service
are put on all of them. Only a container that Swarm did not place can be put on a network later: an engine gives a task
of a service an address that somebody else on that network may have already. So these doors are plain containers on the
hub's host, and everything else may be anywhere.
"""

import asyncio
import os
from typing import Any, ClassVar

from docker.errors import APIError, NotFound
from dockerspawner import SwarmSpawner
from jupyterhub.utils import exponential_backoff
from traitlets import Instance, default

from studyhall_hub.container_servers.choice import Refusal
from studyhall_hub.container_servers.settings import ServerKindSettings
from studyhall_hub.container_servers.spawner import (
    HOME,
    NOWHERE,
    REMOVAL_SECONDS,
    USER,
    ContainerServerSpawner,
)
from studyhall_hub.swarm_servers.policy import (
    Place,
    address_of,
    home_mount,
    keeps_no_new_privileges,
    missing_doors,
    network_troubles,
    service_name,
    swarm_troubles,
    task_template,
)
from studyhall_hub.swarm_servers.settings import SwarmSettings

OWNER = int(USER.partition(":")[0])
LABEL = "studyhall.hub"

NOT_READY = (
    "Your server can't be started, because the hosts for servers are not set up. Please tell whoever runs this "
    "classroom; the hub's log says what is missing."
)


class SwarmServerSpawner(ContainerServerSpawner, SwarmSpawner):  # type: ignore[misc]  # dockerspawner ships no types
    """One service, one network and one home per person and kind of server."""

    swarm = Instance(SwarmSettings, help="How servers are in this swarm.").tag(config=True)

    said_what_is_missing: ClassVar[bool] = False
    """Whether the hub's log says already what this swarm cannot do."""

    @default("name_template")
    def _default_name_template(self) -> str:
        # Swarm's names know no dots. An underscore is in no part of it.
        return "{prefix}_{kind}_{username}"

    @default("object_name")
    def _object_name_default(self) -> str:
        return service_name(self._render_templates(self.name_template))

    @property
    def chosen(self) -> ServerKindSettings:
        """The settings of the kind of server that this is."""
        found: ServerKindSettings = self.swarm.staff if self.kind == "staff" else self.swarm.learners
        return found

    @property
    def doors(self) -> tuple[str, ...]:
        """The containers that this server may reach."""
        return self.swarm.staff.doors if self.kind == "staff" else self.swarm.learners.doors

    # ------------------------------------------------------------------ before a start

    async def check_network(self) -> None:
        """Refuse a swarm in which servers would lack their doors or lose people's files.

        Raises:
            Refusal: the person reads that there is a trouble, the log says which.
        """
        engine = await self.docker("info")
        running = await self.docker("containers", filters={"status": "running"})
        names = {name.lstrip("/") for one in running for name in one["Names"]}
        troubles = swarm_troubles(engine, self.swarm.homes, doors=self.doors, running=names)
        if troubles:
            self.refuse(troubles)

    def refuse(self, troubles: list[str]) -> None:
        """Start nothing, and say why where whoever runs this reads it.

        Raises:
            Refusal: always.
        """
        self.log.error("No server is started in the swarm: %s.", " and ".join(troubles))
        raise Refusal(503, NOT_READY)

    async def own_network(self) -> str:
        """Make this server's network, with the doors on it; return its name.

        Raises:
            Refusal: there is one already under its name that is open.
        """
        name: str = self.object_name
        try:
            about = await self.docker("inspect_network", name)
        except NotFound:
            await self.docker(
                "create_network",
                name,
                driver="overlay",
                options={"encrypted": ""},
                internal=True,
                attachable=True,
                labels={LABEL: self.prefix},
            )
            await exponential_backoff(
                self.network_is_made, f"Swarm did not make the network {name}", timeout=self.start_timeout
            )
            about = await self.docker("inspect_network", name)
        troubles = network_troubles(about)
        if troubles:
            self.refuse([f"the network {name} is open: {' and '.join(troubles)}"])
        await self.open_doors(about)
        return name

    async def network_is_made(self) -> bool:
        """Return whether Swarm, which does so in its own time, has given the network all that it was asked for."""
        about = await self.docker("inspect_network", self.object_name)
        return bool(about.get("Driver") and about.get("Options") and (about.get("IPAM") or {}).get("Config"))

    async def open_doors(self, about: dict[str, Any]) -> None:
        """Put the doors on this server's network that are not on it; a container that was made anew never is."""
        for door in missing_doors(about, self.doors):
            await self.docker("connect_container_to_network", door, about["Id"], aliases=[door])
            self.log.info("%s is on the network %s", door, about["Name"])

    async def own_home(self) -> dict[str, Any]:
        """Return how this person's home gets into their server, after making its folder where that is needed.

        Raises:
            Refusal: the folder cannot be made, or belongs to somebody else.
        """
        homes = self.swarm.homes
        mount = home_mount(homes, name=self.object_name, kind=self.kind, person=self.escaped_name, home=HOME)
        if homes.folder is not None:
            try:
                await asyncio.to_thread(make_home, mount["Source"])
            except OSError as problem:
                self.refuse([f"the home {mount['Source']} cannot be made ({problem.strerror})"])
        return mount

    # ------------------------------------------------------------------ a service's life

    async def create_object(self) -> dict[str, Any]:
        """Make the network, the home and the service."""
        home = await self.own_home()
        network = await self.own_network()
        template = task_template(
            self.chosen,
            Place(
                user=USER,
                home=HOME,
                network=network,
                nowhere=NOWHERE,
                constraints=self.swarm.constraints,
            ),
            command=await self.get_command(),
            environment=self.get_env(),
            home=home,
        )
        # No port is published: the proxy is on the server's own network.
        service: dict[str, Any] = await self.docker(
            "create_service",
            task_template=template,
            name=self.service_name,
            labels={LABEL: self.prefix},
            endpoint_spec={"Mode": "dnsrr"},
        )
        await self.say_what_is_missing(service["ID"])
        return service

    async def start_object(self) -> None:
        """Wait until the service's task runs, which Swarm makes in its own time."""
        await exponential_backoff(
            self.has_task, "Swarm made no task of this service", timeout=self.start_timeout
        )
        await super().start_object()

    async def has_task(self) -> bool:
        """Return whether Swarm has made the service's task."""
        return bool(await self.docker("tasks", filters={"service": self.service_name}))

    async def say_what_is_missing(self, service: str) -> None:
        """Log, once, what this swarm did not take over of a server's walls."""
        if SwarmServerSpawner.said_what_is_missing:
            return
        about = await self.docker("inspect_service", service)
        if not keeps_no_new_privileges(about, await self.docker("info")):
            SwarmServerSpawner.said_what_is_missing = True
            self.log.warning(
                "This swarm does not keep servers' programs from gaining rights by themselves (no-new-privileges): its "
                'engines are older than 25. Write {"no-new-privileges": true} into every host\'s '
                "/etc/docker/daemon.json. Servers have no capabilities in any case."
            )

    async def get_ip_and_port(self) -> tuple[str, int]:
        """Return where the proxy finds the server."""
        task = await self.get_task()
        address = address_of(task or {}, self.object_name)
        if address is None:
            raise RuntimeError(f"Service {self.service_name} has no address on its network")
        return address, self.port

    async def poll(self) -> int | str | None:
        """Return None while the server runs, after seeing to it that its doors are open."""
        status: int | str | None = await super().poll()
        if status is None:
            try:
                await self.open_doors(await self.docker("inspect_network", self.object_name))
            except APIError as problem:
                # The next look tries again; until then the server is one that cannot be reached.
                self.log.warning("The doors of %s cannot be opened: %s", self.service_name, problem)
        return status

    async def remove_object(self) -> None:
        """Remove the service, and its network as soon as nothing of it runs any more."""
        try:
            # That of a service: a container's is between the two.
            await SwarmSpawner.remove_object(self)
        except NotFound:
            self.log.info("Service %s is gone already", self.service_name)
        await self.remove_network()

    async def remove_network(self) -> None:
        """Take the doors off the network and remove it; one that stays is used again at the next start."""
        deadline = asyncio.get_running_loop().time() + REMOVAL_SECONDS
        while True:
            try:
                about = await self.docker("inspect_network", self.object_name)
                for one in (about.get("Containers") or {}).values():
                    if one.get("Name") in self.doors:
                        await self.docker(
                            "disconnect_container_from_network", one["Name"], about["Id"], force=True
                        )
                await self.docker("remove_network", about["Id"])
            except NotFound:
                return
            except APIError as problem:
                # Its task is still ending.
                if asyncio.get_running_loop().time() > deadline:
                    self.log.warning("The network %s stays: %s", self.object_name, problem)
                    return
                await asyncio.sleep(0.3)


def make_home(folder: str) -> None:
    """Make a person's home so that only their server may look into it.

    Raises:
        OSError: it cannot be made, or not be given to them.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - the path is a word of the engine's API
    if os.stat(folder).st_uid != OWNER:  # noqa: PTH116 - as above
        os.chown(folder, OWNER, OWNER)
