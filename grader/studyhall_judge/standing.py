"""What the judge stands on: this machine's permissions, the users of the slots, and the one environment inside."""

from __future__ import annotations

import os
from pathlib import Path

FIRST_UID = 60_100
"""Slots run as users of their own, from this number on, where the judge is root."""

PRIVATE = "/tmp"  # noqa: S108 - of the outer wall or of one sandbox, never of the machine

ENVIRONMENT = {
    "HOME": "/home/learner",
    "IPYTHONDIR": "/home/tmp/ipython",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/home/tmp/matplotlib",
    "NBGRADER_EXECUTION": "autograde",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INDEX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TERM": "dumb",
    "TMPDIR": PRIVATE,
    "TZ": "UTC",
    "USER": "learner",
}
"""The whole environment of student code; nothing of the judge's own is passed on.

Without its index ``pip install`` says at once that it finds nothing, in place of trying for the time of a cell.
"""

WARMING_ENVIRONMENT = ENVIRONMENT | {
    "HOME": PRIVATE,
    "MPLCONFIGDIR": f"{PRIVATE}/matplotlib",
    "XDG_CACHE_HOME": f"{PRIVATE}/cache",
    "XDG_CONFIG_HOME": f"{PRIVATE}/config",
}
"""The environment of fork servers while they import: the same, with writable folders that no submission sees."""


FEWEST_NAMESPACES = 16
"""User namespaces that a judge needs at the least: its own, and one per sandbox."""


def can_change_user() -> bool:
    """Whether this process may become another user: root with its powers, not root of a bare user namespace."""
    fields = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return os.geteuid() == 0 and len(fields) >= 3 and int(fields[2]) > FIRST_UID


def way_out() -> str:
    """Return what to do on this machine so that unprivileged namespaces work."""
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() != "0":
        return "Allow user namespaces: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    clone = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if clone.exists() and clone.read_text().strip() == "0":
        return "Allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    most = Path("/proc/sys/user/max_user_namespaces")
    if most.exists() and int(most.read_text()) < FEWEST_NAMESPACES:
        return "Allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000"
    return (
        "Allow unprivileged user namespaces on this machine; in a container, start it with Studyhall's seccomp "
        "profile and --security-opt systempaths=unconfined"
    )
