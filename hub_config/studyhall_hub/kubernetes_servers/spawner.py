"""Starts a person's server in a pod that is locked down."""

import asyncio
import socket
from typing import Any

from kubespawner import KubeSpawner
from traitlets import Instance, Unicode

from studyhall_hub.container_servers.choice import KindChooser, Refusal
from studyhall_hub.container_servers.policy import Kind
from studyhall_hub.container_servers.quiet import StopsWhenQuiet
from studyhall_hub.kubernetes_servers.policy import (
    CONTAINER_SECURITY,
    KIND_LABEL,
    MOUNTS,
    POD_SECURITY,
    USER,
    hosts,
    pod_config,
    volumes,
)
from studyhall_hub.kubernetes_servers.settings import KubernetesSettings, PodSettings


class KubernetesServerSpawner(KindChooser, StopsWhenQuiet, KubeSpawner):  # type: ignore[misc]  # kubespawner ships no types
    """One pod and one volume per person and kind of server.

    What Zero-to-JupyterHub's values say of servers holds as far as nothing here says otherwise.
    """

    kubernetes = Instance(KubernetesSettings, help="How servers are in this cluster.").tag(config=True)
    public_service_url = Unicode(help="Address of the service in people's browsers.").tag(config=True)

    extra_labels: Any  # kubespawner's own

    @property
    def chosen(self) -> PodSettings:
        """The settings of the kind of server that this is."""
        found: PodSettings = self.kubernetes.staff if self.kind == "staff" else self.kubernetes.learners
        return found

    def become(self, kind: Kind) -> None:
        """Take over everything in which one kind differs from the other."""
        super().become(kind)
        chosen, name = self.chosen, f"{self.kubernetes.name}-{kind}-{{user_server}}"
        self.pod_name_template = self.pvc_name_template = name
        self.pod_name = self.pvc_name = self._expand_user_properties(name)
        self.dns_name = self.dns_name_template.format(namespace=self.namespace, name=self.pod_name)
        # A volume of the other kind was looked for by its own name.
        self._pvc_exists = False
        self.image = chosen.image
        self.hub_connect_url = chosen.hub_url
        self.mem_limit = chosen.memory
        self.mem_guarantee = f"{chosen.memory_reserved_mebibytes}M"
        self.cpu_limit = chosen.processors
        self.cpu_guarantee = chosen.processors_reserved
        self.storage_capacity = f"{chosen.disk_mebibytes}Mi"
        self.volumes = volumes(self.pvc_name)
        self.volume_mounts = MOUNTS
        self.extra_labels = {**self.extra_labels, KIND_LABEL: kind}
        self.lock_down()

    def lock_down(self) -> None:
        """Set a pod's walls, whatever the configuration said of them."""
        self.uid = self.gid = self.fs_gid = USER
        self.privileged = False
        self.allow_privilege_escalation = False
        self.automount_service_account_token = False
        self.service_account = None
        self.pod_security_context = POD_SECURITY
        self.container_security_context = CONTAINER_SECURITY
        nothing: list[dict[str, Any]] = []
        self.init_containers = self.extra_containers = nothing

    def get_env(self) -> dict[str, str]:
        """Add where the service is."""
        env: dict[str, str] = super().get_env()
        # What a server notes of itself has room in memory when its owner's volume is full, so that it starts.
        env["JUPYTER_RUNTIME_DIR"] = "/tmp/jupyter"  # noqa: S108 - a folder of the container's own
        env["STUDYHALL_SERVICE_URL"] = self.chosen.service_url
        if self.kind == "staff":
            # For `studyhall login`: what the terminal calls, and what the person opens in a browser.
            env["STUDYHALL_URL"] = self.chosen.service_url
            env["STUDYHALL_PUBLIC_URL"] = self.public_service_url
        return env

    async def get_pod_manifest(self) -> Any:
        """Return the pod, which knows the addresses of its few names as they are now.

        Raises:
            Refusal: the hub itself can't find one of them.
        """
        try:
            found = await asyncio.to_thread(lambda: {name: addresses_of(name) for name in hosts(self.chosen)})
        except OSError as problem:
            self.log.exception("No pod is made: the names that it needs cannot be looked up.")
            raise Refusal(
                503,
                "Your server can't be started, because a part of this classroom can't be found. Please tell whoever "
                "runs it; the hub's log says what is missing.",
            ) from problem
        self.extra_pod_config = pod_config(found)
        return await super().get_pod_manifest()


def addresses_of(name: str) -> list[str]:
    """Return a host's addresses.

    Raises:
        OSError: it has none.
    """
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
