"""Puts servers in a Kubernetes cluster into the hub's configuration."""

from typing import Any

from studyhall_hub.kubernetes_servers.settings import KubernetesSettings
from studyhall_hub.kubernetes_servers.spawner import KubernetesServerSpawner
from studyhall_hub.tokens import revoke_server_tokens


def apply_kubernetes_servers(
    c: Any,
    settings: KubernetesSettings,
    *,
    command: list[str],
    courses: tuple[str, ...],
    public_url: str,
) -> None:
    """Run each person's server in a pod; `command` starts a server in it.

    It comes after Zero-to-JupyterHub's own configuration, whose namespace, labels and scheduler stay. Servers outlive
    the hub: one that is restarted takes up those that run.
    """
    c.JupyterHub.hub_bind_url = settings.hub_bind_url
    c.JupyterHub.spawner_class = KubernetesServerSpawner
    c.JupyterHub.cleanup_servers = False
    # One server per person at a time: a name would be one more pod.
    c.JupyterHub.allow_named_servers = False
    c.KubernetesServerSpawner.kubernetes = settings
    c.KubernetesServerSpawner.courses = list(courses)
    c.KubernetesServerSpawner.public_service_url = public_url
    c.KubernetesServerSpawner.culling = settings.culling
    c.KubernetesServerSpawner.cmd = command
    c.KubernetesServerSpawner.storage_pvc_ensure = True
    c.KubernetesServerSpawner.storage_access_modes = ["ReadWriteOnce"]
    if settings.storage_class:
        c.KubernetesServerSpawner.storage_class = settings.storage_class
    c.KubernetesServerSpawner.node_selector = settings.node_selector
    # The name is made of the kind and the person at each start.
    c.KubernetesServerSpawner.remember_pvc_name = False
    # A person's files outlive their account: somebody removes them on purpose.
    c.KubernetesServerSpawner.delete_pvc = False
    c.KubernetesServerSpawner.delete_stopped_pods = True
    c.Spawner.default_url = "/lab"
    c.Spawner.env_keep = []
    # A node that is fetched for a class takes minutes.
    c.Spawner.start_timeout = 600
    c.Spawner.http_timeout = 300
    c.Spawner.poll_interval = 30
    c.Spawner.post_stop_hook = revoke_server_tokens
