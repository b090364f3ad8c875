"""Which walls stand around a submission's container, found out from inside it and from the engine."""

from __future__ import annotations

import asyncio
import platform
from typing import Any

from studyhall_judge import walls
from studyhall_judge.containers.engine import MEETING_PLACE, Engine
from studyhall_judge.containers.servers import ContainerSandbox
from studyhall_judge.containers.slots import ContainerPool
from studyhall_judge.report import Limits, Wall
from studyhall_judge.sandboxes import SandboxFault


async def measure(pool: ContainerPool) -> list[Wall]:
    """Look at a fresh container of the pool, which has been started; returns every wall with whether it stands."""
    found = [
        Wall(
            name="outer_wall",
            standing=False,
            required=False,
            detail="there is none with this sandbox: the judge commands the container engine, which is as much as "
            "being root on this machine",
        )
    ]
    try:
        async with pool.slots[0].sandbox(Limits(), None) as sandbox:
            seen = await walls.look(sandbox)
            about: dict[str, Any] = {}
            if isinstance(sandbox, ContainerSandbox):
                about = await asyncio.to_thread(pool.engine.describe, sandbox.container)
    except SandboxFault as error:
        return [*found, missing(str(error))]
    return found + _judge(seen, about) + [_cgroups(pool.engine)]


def missing(reason: str) -> Wall:
    """Return the wall that does not stand when no container can be had; the reason says the way out."""
    return Wall(name="container", standing=False, required=True, detail=reason)


def _judge(seen: dict[str, Any], about: dict[str, Any]) -> list[Wall]:
    host = about.get("HostConfig", {})
    mounts = [one.get("Destination") for one in about.get("Mounts", []) if one.get("Type") != "tmpfs"]
    closed = not host.get("Privileged") and host.get("CapDrop") == ["ALL"] and mounts == [MEETING_PLACE]
    alone = seen["proc"] and seen["processes"] == [1, seen["pid"]]
    network = seen["unreachable"] and seen["host"] == "studyhall" and host.get("NetworkMode") == "none"
    powerless = all(int(one, 16) == 0 for one in seen["capabilities"]) and seen["no_new_privs"] == "1"
    return [
        _wall("container", closed, "one container per submission, with nothing of this machine in it"),
        _wall("user", seen["uid"] != 0, "a user number that nobody else has"),
        _wall("pid", alone, "only its own processes are visible"),
        _wall("network", network, "no network, and a host name of its own"),
        _wall(
            "mount",
            seen["root_read_only"] and seen["work_writable"],
            "the image's root, read-only, and a private store with a quota",
        ),
        _wall("privileges", powerless, "no capabilities and no way to gain any"),
        _wall(
            "seccomp",
            seen["seccomp"] == "2",
            f"the engine's system call filter and the judge's own for {platform.machine()}",
        ),
    ]


def _cgroups(engine: Engine) -> Wall:
    version = engine.about.get("CgroupVersion", "1")
    lacking = [
        name
        for key, name in (
            ("MemoryLimit", "memory"),
            ("PidsLimit", "processes"),
            ("CpuCfsQuota", "processors"),
        )
        if not engine.about.get(key)
    ]
    detail = f"cgroup version {version}: memory, processes and processors are limited per container"
    if lacking:
        detail = f"the engine cannot limit {' and '.join(lacking)} here: only each process has its own limits"
    return Wall(name="cgroups", standing=not lacking, required=False, detail=detail)


def _wall(name: str, standing: object, detail: str) -> Wall:
    return Wall(
        name=name, standing=bool(standing), required=True, detail=detail if standing else f"missing: {detail}"
    )
