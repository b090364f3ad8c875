"""The limits that the kernel keeps for each process of a submission."""

from __future__ import annotations

import resource
from typing import Any, NamedTuple

MEBIBYTE = 1024 * 1024
_UNKNOWN = 512 * MEBIBYTE


class Size(NamedTuple):
    """Memory of a process, in bytes: all that it has addresses for, and of that its own data."""

    addresses: int
    data: int


def size_of_process() -> Size:
    """Return this process's size."""
    page = resource.getpagesize()
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = [int(field) for field in file.read().split()]
    except OSError:
        pages = [_UNKNOWN // page] * 6  # where there is no /proc: generous, the control group counts exactly
    return Size(pages[0] * page, pages[5] * page)


def set_limits(limits: dict[str, Any], size: Size) -> None:
    """Set what the kernel counts per process. Limits on memory come on top of what it already has, ``size``."""
    memory = limits["memory_mb"] * MEBIBYTE
    disk = limits["disk_mb"] * MEBIBYTE
    for kind, value in (
        (resource.RLIMIT_DATA, size.data + memory),
        (resource.RLIMIT_AS, size.addresses + 2 * memory + 512 * MEBIBYTE),
        (resource.RLIMIT_CPU, int(limits["total_seconds"]) + 5),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, limits["pids"]),
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (value, value))
