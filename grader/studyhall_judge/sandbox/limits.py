"""The limits that the kernel keeps for each process of a submission."""

from __future__ import annotations

import resource
from typing import Any

MEBIBYTE = 1024 * 1024
_UNKNOWN = 512 * MEBIBYTE


def set_limits(limits: dict[str, Any]) -> None:
    """Set what the kernel counts per process. Limits on memory come on top of what the warm parent already has."""
    page = resource.getpagesize()
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = [int(field) for field in file.read().split()]
    except OSError:
        pages = [_UNKNOWN // page] * 6  # where there is no /proc: generous, the control group counts exactly
    memory = limits["memory_mb"] * MEBIBYTE
    disk = limits["disk_mb"] * MEBIBYTE
    for kind, value in (
        (resource.RLIMIT_DATA, pages[5] * page + memory),
        (resource.RLIMIT_AS, pages[0] * page + 2 * memory + 512 * MEBIBYTE),
        (resource.RLIMIT_CPU, int(limits["total_seconds"]) + 5),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, limits["pids"]),
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (value, value))
