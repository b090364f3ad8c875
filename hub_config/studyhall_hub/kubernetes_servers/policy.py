"""What a person's pod is. Pure functions; the words are those of Kubernetes' API."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from studyhall_hub.kubernetes_servers.settings import PodSettings

USER = 1000
HOME = "/home/learner"
NOWHERE = "192.0.2.1"
"""A name server that is none, in a range that is set aside for documentation."""

KIND_LABEL = "studyhall-server"
"""The network policies in docker/kubernetes go by this label: `learner` or `staff`."""

POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    # A home with many files is not gone through at each start.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}

CONTAINER_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def volumes(claim: str) -> list[dict[str, Any]]:
    """Return a pod's volumes: its person's files, and two in memory that count as memory of the container."""
    return [
        {"name": "home", "persistentVolumeClaim": {"claimName": claim}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]


MOUNTS: list[dict[str, Any]] = [
    {"name": "home", "mountPath": HOME},
    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a folder of the container's own
    {"name": "run", "mountPath": "/run"},
]


def hosts(kind: PodSettings) -> list[str]:
    """Return the names that these servers have to find."""
    named = (urlsplit(kind.hub_url).hostname, urlsplit(kind.service_url).hostname, *kind.names)
    return sorted({name for name in named if name})


def pod_config(addresses: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return what a pod is told beside its container: the only names that it can look up, and nothing of the cluster.

    A name server answers questions about the whole world, and a question is a way out of a closed network.
    """
    by_address: dict[str, list[str]] = {}
    for name, found in sorted(addresses.items()):
        for address in found:
            by_address.setdefault(address, []).append(name)
    return {
        "enableServiceLinks": False,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": [NOWHERE]},
        "hostAliases": [{"ip": address, "hostnames": names} for address, names in sorted(by_address.items())],
        "restartPolicy": "Never",
    }
