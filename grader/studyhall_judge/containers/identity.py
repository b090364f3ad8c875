"""What judge and container must have in common, and where they meet. Light: every container's process 1 reads it."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path

from studyhall_judge import __version__

MEETING = "/judge/socket"
"""Where a container finds its judge."""

_PACKAGE = Path(__file__).resolve().parent.parent
_INSIDE = (
    "sandbox/*.py",
    "programs/inside/*.py",
    "programs/languages.py",
    "languages.toml",
    "containers/*inside*.py",
)
"""What runs on the inner side, or describes it."""


@functools.cache
def identity() -> dict[str, str]:
    """Return what judge and container must have in common to understand each other."""
    code = hashlib.sha256()
    for pattern in _INSIDE:
        for path in sorted(_PACKAGE.glob(pattern)):
            code.update(path.read_bytes())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "studyhall": f"{__version__} ({code.hexdigest()[:12]})"}


def used_kb() -> int:
    """Return the memory of this process that nothing else shares with it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0
