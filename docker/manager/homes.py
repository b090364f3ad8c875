"""Homes of a fixed size: the store of this host, docker/volume-store, and what is to be said where there is none."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

from classroom import Classroom, Cohort
from trouble import Trouble

SEEN_BY_HUBS = "/run/studyhall-engine/store.sock"
"""The engine's door, which passes a hub's questions on for its own people's homes."""
IN_THE_DOOR = Path("/run/studyhall-volumes")
HUBS_GROUP = "64102"
SMALLEST = 16
"""Mebibytes; what exists is never made smaller, so that this asks for whatever size it has."""
NO_LIMIT = """
People's homes have no limit: one of them could fill this host's disk. To give each the size of its cohort's plan, start
docker/volume-store (docs/operating.md, Limits on disks) and run docker/up again. To have it so: store = "" in [disk] of
classroom.toml."""


def has_store(classroom: Classroom) -> bool:
    """Return whether homes get a size.

    Raises:
        Trouble: they have to, and the store does not answer.
    """
    store = classroom.store
    if store is None:
        return False
    if answers(store):
        return True
    wanted = [cohort.slug for cohort in classroom.cohorts if was_used(classroom.home, cohort)]
    if classroom.is_store_named or wanted:
        whose = (
            "classroom.toml names it"
            if classroom.is_store_named
            else f"homes of {', '.join(wanted)} are in it"
        )
        raise Trouble(
            f"docker/volume-store does not answer at {store}, and {whose}. Start it: systemctl start "
            'studyhall-volume-store. To go on without a limit for new homes, write store = "" into [disk] of '
            "classroom.toml."
        )
    return False


def was_used(home: Path, cohort: Cohort) -> bool:
    """Return whether a cohort's hub has been told of a store before."""
    file = home / "cohorts" / cohort.slug / "hub" / "hub.json"
    try:
        return bool(json.loads(file.read_text(encoding="utf-8"))["containers"].get("volume_store"))
    except (OSError, ValueError, KeyError):
        return False


def answers(store: Path) -> bool:
    """Return whether somebody listens there."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(store))
    except OSError:
        return False
    return True


def store_environment(classroom: Classroom, engine_group: str) -> dict[str, str]:
    """Return the variables of docker/compose.cohort.yaml that say where the store is; none where there is none."""
    store = classroom.store
    if store is None or not has_store(classroom):
        return {}
    group = str(store.stat()[stat.ST_GID])
    return {
        "STUDYHALL_STORE": str(IN_THE_DOOR / store.name),
        "STUDYHALL_STORE_FOLDER": str(store.parent),
        # No group is named twice; the door is in the hub's one anyway.
        "STUDYHALL_STORE_GROUP": HUBS_GROUP if group == engine_group else group,
    }


def ask_store(store: Path, volume: str, mebibytes: int = SMALLEST) -> dict[str, object]:
    """Return device and size of a home, which is made when it is missing.

    Raises:
        Trouble: the store refuses, or does not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(60)
            asked.connect(str(store))
            asked.sendall(json.dumps({"volume": volume, "mebibytes": mebibytes}).encode() + b"\n")
            with asked.makefile("rb") as said:
                answer: dict[str, object] = json.loads(said.readline())
    except (OSError, ValueError) as problem:
        raise Trouble(
            f"docker/volume-store does not answer at {store} ({problem}), and the home {volume} is in it. Start it: "
            "systemctl start studyhall-volume-store"
        ) from problem
    if "error" in answer:
        raise Trouble(f"docker/volume-store can't provide {volume}: {answer['error']}")
    return answer
