"""Puts servers in a swarm into the hub's configuration."""

from typing import Any

from studyhall_hub.container_servers.profile import apply_container_servers
from studyhall_hub.swarm_servers.policy import FORGET_ADDRESSES
from studyhall_hub.swarm_servers.settings import SwarmSettings
from studyhall_hub.swarm_servers.spawner import SwarmServerSpawner


def apply_swarm_servers(
    c: Any,
    settings: SwarmSettings,
    *,
    program: str,
    courses: tuple[str, ...],
    public_url: str,
) -> None:
    """Run each person's server as a service of a swarm; `program` is the Python that starts a server in it.

    What holds for servers in containers holds for them too.
    """
    command = ["python3", "-c", FORGET_ADDRESSES + program]
    apply_container_servers(c, settings, command=command, courses=courses, public_url=public_url)
    c.JupyterHub.spawner_class = SwarmServerSpawner
    # Each host has the images, or fetches them from where the hosts' own settings say.
    c.ContainerServerSpawner.pull_policy = "skip"
    # A swarm's service is always removed.
    del c.ContainerServerSpawner["remove"]
    c.SwarmServerSpawner.swarm = settings
