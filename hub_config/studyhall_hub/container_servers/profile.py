"""Puts servers in containers into the hub's configuration."""

from typing import Any

from studyhall_hub.container_servers.settings import ContainerSettings
from studyhall_hub.container_servers.spawner import ContainerServerSpawner
from studyhall_hub.tokens import revoke_server_tokens


def apply_container_servers(
    c: Any,
    settings: ContainerSettings,
    *,
    command: list[str],
    courses: tuple[str, ...],
    public_url: str,
) -> None:
    """Run each person's server in a container; `command` starts a server in it.

    Servers outlive the hub: one that is restarted takes up those that run.
    """
    if settings.hub_bind_url:
        c.JupyterHub.hub_bind_url = settings.hub_bind_url
    c.JupyterHub.spawner_class = ContainerServerSpawner
    c.JupyterHub.cleanup_servers = False
    # One server per person at a time: a name would be one more container.
    c.JupyterHub.allow_named_servers = False
    c.ContainerServerSpawner.courses = list(courses)
    c.ContainerServerSpawner.learners = settings.learners
    c.ContainerServerSpawner.staff = settings.staff
    c.ContainerServerSpawner.public_service_url = public_url
    c.ContainerServerSpawner.volume_store = settings.volume_store
    c.ContainerServerSpawner.culling = settings.culling
    c.ContainerServerSpawner.prefix = settings.name
    c.ContainerServerSpawner.client_kwargs = {"base_url": settings.engine}
    # Images are built here; none is fetched because somebody pressed a button.
    c.ContainerServerSpawner.pull_policy = "never"
    # A stopped container is gone, and what it wrote outside of its volume with it.
    c.ContainerServerSpawner.remove = True
    c.ContainerServerSpawner.use_internal_ip = True
    c.ContainerServerSpawner.cmd = command
    c.Spawner.default_url = "/lab"
    c.Spawner.env_keep = []
    # A whole class that starts at once waits for its turn on the processors.
    c.Spawner.start_timeout = 300
    c.Spawner.http_timeout = 300
    c.Spawner.poll_interval = 10
    c.Spawner.post_stop_hook = revoke_server_tokens
