"""Memory and process limits for a slot as a whole, through control groups (version 1 as root, version 2 delegated).

The fork server joins its slot's group before it makes anything, so everything below it is counted from birth and no
submission pays for joining. Without control groups each process still has its own limits (see
`studyhall_judge.sandbox.executor.set_limits`), but a submission could use them once per process; the self-test says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
PREFIX = "studyhall-judge"
_ROOT = Path("/sys/fs/cgroup")
_EVENTS = {1: "memory.oom_control", 2: "memory.events"}
_claims: list[int] = []
"""Descriptors that hold the locks on our folders."""


@dataclass(frozen=True)
class SlotGroup:
    """One slot's group: a folder per controller in version 1, one folder in version 2."""

    version: int
    memory: Path
    pids: Path

    @property
    def folders(self) -> list[Path]:
        """The folders, each once."""
        return [self.memory] if self.memory == self.pids else [self.memory, self.pids]

    @property
    def members(self) -> tuple[str, ...]:
        """The files that a process writes "0" into to join."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    def set_memory(self, total_bytes: int) -> None:
        """Limit the memory of everything in the slot together. Raises OSError when more is in use already."""
        if self.version == 1:
            (self.memory / "memory.limit_in_bytes").write_text(str(total_bytes))
        else:
            (self.memory / "memory.max").write_text(str(total_bytes))
            with contextlib.suppress(OSError):
                (self.memory / "memory.swap.max").write_text("0")

    def set_pids(self, count: int) -> None:
        """Limit the number of processes and threads in the slot together."""
        (self.pids / "pids.max").write_text(str(count))

    def used_bytes(self) -> int:
        """Return what the slot uses now."""
        name = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        return int((self.memory / name).read_text())

    def kills(self) -> int:
        """Return how often the kernel has killed a process of the slot for want of memory."""
        return memory_kills(self.memory / _EVENTS[self.version])


def memory_kills(events: Path) -> int:
    """Return how often the kernel has killed for want of memory, from the file where it counts; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in events.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0


def events_of(pid: int) -> Path | None:
    """Return the file where the kernel counts such kills in a process's group, or None when it cannot be seen."""
    try:
        own = _groups_of(pid)
    except OSError:
        return None
    if "memory" in own:
        found = _ROOT / "memory" / own["memory"].lstrip("/") / _EVENTS[1]
    else:
        found = _ROOT / own.get("", "").lstrip("/") / _EVENTS[2]
    return found if found.exists() else None


def group_of_events(events: Path) -> SlotGroup:
    """Return the group, to look at, to which a file of `events_of` belongs."""
    version = next(version for version, name in _EVENTS.items() if name == events.name)
    return SlotGroup(version, events.parent, events.parent)


def create(slots: int) -> tuple[list[SlotGroup], str]:
    """Make a group per slot below this process's own group.

    Returns:
        The groups (none where it is not possible) and a sentence that says what they rest on or what is missing.
    """
    name = f"{PREFIX}-{os.getpid()}"
    for make in (_create_version_1, _create_version_2):
        try:
            groups = make(name, slots)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            if groups:
                return (
                    groups,
                    f"cgroup version {groups[0].version}: memory and processes are limited per slot",
                )
            reason = "no writable memory and pids controllers"
    return [], f"no cgroups ({reason}): memory and processes are limited per process only"


def _groups_of(pid: int | str) -> dict[str, str]:
    """Return a process's group by controller; the key of version 2 is the empty string. Raises OSError."""
    groups = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def _create_version_1(name: str, slots: int) -> list[SlotGroup]:
    own = _groups_of("self")
    if "memory" not in own or "pids" not in own:
        return []
    parents = {}
    for controller in ("memory", "pids"):
        base = _ROOT / controller / own[controller].lstrip("/")
        if not base.is_dir():
            base = _ROOT / controller  # a container that sees its own group as the root
        parents[controller] = base / name
        with _alone_in(base):
            remove_stale(base)
            parents[controller].mkdir(exist_ok=True)
            _claim(parents[controller])
    groups = []
    for slot in range(slots):
        memory, pids = parents["memory"] / f"slot-{slot}", parents["pids"] / f"slot-{slot}"
        memory.mkdir(exist_ok=True)
        pids.mkdir(exist_ok=True)
        groups.append(SlotGroup(1, memory, pids))
    return groups


def _create_version_2(name: str, slots: int) -> list[SlotGroup]:
    own = _groups_of("self")
    if "" not in own or not (_ROOT / "cgroup.controllers").exists():
        return []
    base = _ROOT / own[""].lstrip("/")
    available = (base / "cgroup.controllers").read_text().split()
    if not {"memory", "pids"} <= set(available):
        return []
    parent = base / name
    with _alone_in(base):
        remove_stale(base)
        # A group with members may not hand controllers down: this process moves to a leaf of its own first.
        leaf = base / f"{name}-main"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")
        (base / "cgroup.subtree_control").write_text("+memory +pids")
        parent.mkdir(exist_ok=True)
        _claim(parent)
    (parent / "cgroup.subtree_control").write_text("+memory +pids")
    groups = []
    for slot in range(slots):
        folder = parent / f"slot-{slot}"
        folder.mkdir(exist_ok=True)
        groups.append(SlotGroup(2, folder, folder))
    return groups


def remove(groups: list[SlotGroup]) -> None:
    """Remove the groups and their parents. Whatever ran in them must have ended."""
    while _claims:
        os.close(_claims.pop())
    parents = set()
    for group in groups:
        for folder in group.folders:
            parents.add(folder.parent)
            with contextlib.suppress(OSError):
                folder.rmdir()
    for parent in parents:
        with contextlib.suppress(OSError):
            parent.rmdir()


@contextlib.contextmanager
def _alone_in(base: Path) -> Iterator[None]:
    """Keep other judges that start now from taking what is made in here, and not yet claimed, for a left-over."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _claim(folder: Path) -> None:
    """Lock a group's folder for as long as this process lives, so that no other judge takes it for a left-over.

    Process numbers would not do: judges in different process namespaces may share one tree of groups.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _claims.append(descriptor)


def _is_claimed(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_stale(base: Path) -> None:
    """Remove what a judge that was killed has left below ``base``. The kernel refuses where processes still live.

    The groups of a judge that lives are left alone although they may be empty: its fork servers are about to join.
    """
    for folder in base.glob(f"{PREFIX}-*"):
        if _is_claimed(folder):
            continue
        for slot in folder.glob("slot-*"):
            with contextlib.suppress(OSError):
                slot.rmdir()
        with contextlib.suppress(OSError):
            folder.rmdir()


def to_arguments(groups: list[SlotGroup]) -> list[str]:
    """Write groups as command line words, for the process inside the outer wall."""
    return [f"{group.version}:{group.memory}:{group.pids}" for group in groups]


def from_arguments(words: list[str]) -> list[SlotGroup]:
    """Read what `to_arguments` wrote."""
    groups = []
    for word in words:
        version, memory, pids = word.split(":")
        groups.append(SlotGroup(int(version), Path(memory), Path(pids)))
    return groups
