"""Which walls stand between a submission and this machine, found out by looking from inside a sandbox."""

from __future__ import annotations

import json
import platform
from typing import Any

from studyhall_judge.report import Limits, Wall
from studyhall_judge.sandboxes import Sandbox, SandboxFault
from studyhall_judge.slots import Slot
from studyhall_judge.standing import way_out
from studyhall_judge.students import StudentGone

_PROBE = """
def _probe():
    import errno, json, os, socket
    try:
        with open('/proc/self/status') as file:
            status = dict(line.split(':', 1) for line in file)
        with open('/proc/self/uid_map') as file:
            users = file.read().split()
    except FileNotFoundError:
        print(json.dumps({'proc': False}))
        return
    def refused(path):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        except OSError:
            return True
        return False
    with socket.socket() as sock:
        sock.settimeout(1)
        unreachable = sock.connect_ex(('192.0.2.1', 80)) == errno.ENETUNREACH
    print(json.dumps({
        'proc': True,
        'pid': os.getpid(),
        'processes': sorted(int(name) for name in os.listdir('/proc') if name.isdigit()),
        'capabilities': [status[key].strip() for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')],
        'no_new_privs': status['NoNewPrivs'].strip(),
        'seccomp': status['Seccomp'].strip(),
        'unreachable': unreachable,
        'host': socket.gethostname(),
        'root_read_only': refused('/probe') and refused('/usr/probe'),
        'work_writable': not refused('/home/learner/probe'),
        'uid': os.getuid(),
        'users': users,
    }))
_probe()
"""

_ANSWER_LIMIT = 1_000_000


async def measure(slot: Slot, groups_detail: str, *, grouped: bool, outer: bool) -> list[Wall]:
    """Look at a sandbox of the slot from inside; returns every wall with whether it stands."""
    found = [_outer(standing=outer)]
    try:
        async with slot.sandbox(Limits(), None) as sandbox:
            seen = await look(sandbox)
    except SandboxFault as error:
        return [*found, missing("namespaces", str(error))]
    lacking = slot.lacking("default")
    found += _judge(seen, lacking)
    found.append(
        Wall(
            name="cgroups",
            standing=grouped,
            required=False,
            detail=groups_detail or "no cgroups: memory and processes are limited per process only",
        )
    )
    return found


async def look(sandbox: Sandbox) -> dict[str, Any]:
    """Return what a process in a fresh sandbox sees. Raises `SandboxFault`."""
    student = sandbox.student
    try:
        go = {"op": "go", "limits": Limits().model_dump(), "scoring": "default"}
        await student.send(go | {"files": [], "fetched": [], "secret": []})
        await student.receive(_ANSWER_LIMIT)
        await student.send({"op": "cell", "n": 0, "nonce": "", "kind": "learner", "source": _PROBE})
        answer = await student.receive(_ANSWER_LIMIT)
    except StudentGone as error:
        raise SandboxFault("a process in the sandbox ended at once") from error
    for output in answer["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            seen: dict[str, Any] = json.loads(output["text"])
            return seen
    raise SandboxFault(f"the sandbox could not be looked at: {answer['error']}")


def _judge(seen: dict[str, Any], lacking: list[str]) -> list[Wall]:
    if not seen["proc"]:
        return [missing("pid", "a sandbox cannot have a /proc of its own here")]
    pids = seen["pid"] == 2 and seen["processes"] == [1, 2]
    user = seen["uid"] != 0 and len(seen["users"]) == 3 and seen["users"][2] == "1"
    powerless = all(int(one, 16) == 0 for one in seen["capabilities"]) and seen["no_new_privs"] == "1"
    files = seen["root_read_only"] and seen["work_writable"]
    beside = f"; not available: {', '.join(lacking)}" if lacking else ""
    return [
        _wall("user", user, "a user namespace with one powerless user"),
        _wall("pid", pids, "only its own processes are visible"),
        _wall(
            "network",
            seen["unreachable"] and seen["host"] == "studyhall",
            "an empty network and host name of its own",
        ),
        _wall("mount", files, f"a minimal read-only root and a private store with a quota{beside}"),
        _wall("privileges", powerless, "no capabilities and no way to gain any"),
        _wall("seccomp", seen["seccomp"] == "2", f"a system call filter for {platform.machine()}"),
    ]


def _wall(name: str, standing: object, detail: str) -> Wall:
    return Wall(
        name=name, standing=bool(standing), required=True, detail=detail if standing else f"missing: {detail}"
    )


def _outer(*, standing: bool) -> Wall:
    detail = "bubblewrap: empty environment, own processes, read-only files, no network"
    return Wall(
        name="outer_wall",
        standing=standing,
        required=False,
        detail=detail if standing else "switched off: the judge itself sees this machine's files",
    )


def missing(name: str, reason: str) -> Wall:
    """Return a required wall that does not stand, with the way out in its detail."""
    return Wall(name=name, standing=False, required=True, detail=f"{reason}. {way_out()}")


def below_floor(standing: list[Wall]) -> str | None:
    """Return one sentence when a required wall is missing, else None."""
    lost = [one for one in standing if one.required and not one.standing]
    if not lost:
        return None
    said = "; ".join(f"{one.name}: {one.detail}" for one in lost)
    return f"The judge refuses to start, because student code could not be contained here ({said})."
