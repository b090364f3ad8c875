"""The file system that a sandbox sees: the interpreter, its libraries and little else, all read-only.

It is built once per fork server, which moves into it; every submission's mount namespace starts as a copy and adds one
private tmpfs (working directory, /tmp and /dev/shm together, under one quota) and its own /proc.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from studyhall_judge.sandbox import linux

HOME = "/home"
WORK = "/home/learner"
TEMPORARY = "/home/tmp"
SHARED_MEMORY = "/home/shm"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/matplotlibrc",
    "/etc/mime.types",
)
_PRIVATE = (f"{HOME}/", "/tmp/")
_KEPT = "/kept"
_kept: dict[str, str] = {}
"""The interpreter's folders that lie where sandboxes have their private storage, and where else they are."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
_USERS = "learner:x:1000:1000:learner:/home/learner:/bin/sh\n"
_GROUPS = "learner:x:1000:\n"
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


def interpreter_paths() -> list[str]:
    """Return the folders that this interpreter needs: its prefixes and whatever else it imports from."""
    wanted = {os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix, sys.exec_prefix}
    wanted |= {os.path.realpath(sys.prefix), os.path.dirname(os.path.realpath(sys.executable))}
    outside = [path for path in sorted(wanted) if not path.startswith(SYSTEM)]
    return [path for path in outside if not any(path.startswith(other + "/") for other in outside)]


def enter(paths: list[str]) -> list[str]:
    """Build the minimal root from ``paths`` beside the system's libraries, and make it this process's root.

    The process needs a mount namespace of its own and the right to mount in it.

    Returns:
        What could not be provided, in words (empty when nothing is missing).

    Raises:
        OSError: this process may not mount or pivot here.
    """
    linux.mount("none", "/", None, linux.MS_PRIVATE | linux.MS_REC)
    new = tempfile.mkdtemp(prefix="judge-root-")
    linux.mount("tmpfs", new, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=4m,mode=755")
    for path in SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), new + path)
        elif os.path.isdir(path):
            _bind(path, new)
    for path in (*CONFIGURATION, *paths):
        if os.path.exists(path):
            _bind(path, new)
    _write_configuration(new)
    missing = _devices(new)
    for path in (HOME, "/proc", "/old"):
        os.makedirs(new + path, exist_ok=True)
    if not os.path.isdir(f"{new}/tmp"):
        os.symlink(TEMPORARY, f"{new}/tmp")
    _keep_in_sight([path for path in paths if path.startswith(_PRIVATE) and os.path.isdir(path)], new)
    _mount_proc(new, missing)
    linux.pivot_root(new, f"{new}/old")
    os.chdir("/")
    with contextlib.suppress(OSError):
        os.rmdir(f"/old{new}")  # each warm process would leave an empty folder behind where no outer wall is
    linux.unmount("/old")
    os.rmdir("/old")
    linux.mount(
        "none",
        "/",
        None,
        linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV,
    )
    return missing


def _keep_in_sight(paths: list[str], new: str) -> None:
    """Bind folders of the interpreter a second time where no submission's private storage will lie over them.

    People keep their environments below /home, and tests theirs below /tmp: just where a sandbox has its own store.
    """
    _kept.clear()
    for number, path in enumerate(sorted(paths)):
        again = f"{_KEPT}/{number}"
        os.makedirs(new + again)
        linux.mount(path, new + again, None, linux.MS_BIND | linux.MS_REC)
        _read_only(new + again)
        _kept[path] = again


def _bring_back() -> None:
    """Show the interpreter's folders again at their own paths, below folders that nobody can move or write."""
    by_top: dict[str, list[str]] = {}
    for path in _kept:
        by_top.setdefault("/".join(path.split("/")[:3]), []).append(path)
    flags = linux.MS_NOSUID | linux.MS_NODEV
    for top, paths in by_top.items():
        os.makedirs(top, exist_ok=True)
        if paths != [top]:
            linux.mount("tmpfs", top, "tmpfs", flags, "size=64k,mode=755")
        for path in paths:
            os.makedirs(path, exist_ok=True)
            linux.mount(_kept[path], path, None, linux.MS_BIND | linux.MS_REC)
        if paths != [top]:
            linux.mount("none", top, None, linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | flags)


def _bind(path: str, new: str) -> None:
    target = new + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    linux.mount(path, target, None, linux.MS_BIND | linux.MS_REC)
    _read_only(target)


def _read_only(target: str) -> None:
    """Make a mount read-only, without set-uid and devices, with all below it where the kernel can (5.12)."""
    try:
        linux.lock_down_mounts(target)
    except OSError:
        # A user namespace may not take away flags that the mount already has: ask for them again.
        kept = os.statvfs(target).f_flag & (linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        flags = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | kept
        linux.mount("none", target, None, flags)


def _write_configuration(new: str) -> None:
    os.makedirs(f"{new}/etc", exist_ok=True)
    for name, text in (("passwd", _USERS), ("group", _GROUPS), ("hosts", _HOSTS)):
        Path(f"{new}/etc/{name}").write_text(text, encoding="ascii")


def _devices(new: str) -> list[str]:
    os.mkdir(f"{new}/dev")
    missing = []
    for name in _DEVICES:
        target = f"{new}/dev/{name}"
        Path(target).touch()
        try:
            linux.mount(f"/dev/{name}", target, None, linux.MS_BIND)
        except OSError:
            missing.append(f"/dev/{name}")
    for name, goal in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(goal, f"{new}/dev/{name}")
    os.symlink(SHARED_MEMORY, f"{new}/dev/shm")
    os.mkdir(f"{new}/dev/pts")
    os.symlink("pts/ptmx", f"{new}/dev/ptmx")
    return missing


def _mount_proc(new: str, missing: list[str]) -> None:
    """Give the fork server a /proc. Sandboxes may mount their own only where a whole one is visible."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("proc", f"{new}/proc", "proc", flags)
    except OSError:
        try:
            linux.mount("/proc", f"{new}/proc", None, linux.MS_BIND | linux.MS_REC)
        except OSError:
            missing.append("/proc")


def mount_private_storage(disk_mb: int) -> None:
    """Mount the submission's tmpfs: working directory, /tmp and /dev/shm share one quota of ``disk_mb``."""
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("tmpfs", HOME, "tmpfs", flags, f"size={disk_mb}m,nr_inodes=16384,mode=755")
    for path, mode in ((WORK, 0o755), (TEMPORARY, 0o1777), (SHARED_MEMORY, 0o1777)):
        os.mkdir(path)
        os.chmod(path, mode)
    if not os.path.islink("/tmp"):
        linux.mount(TEMPORARY, "/tmp", None, linux.MS_BIND)
    if _kept:
        _bring_back()


def mount_private_terminals() -> None:
    """Give a sandbox pseudo-terminals of its own. Raises OSError where the kernel has none for it."""
    flags = linux.MS_NOSUID | linux.MS_NOEXEC
    linux.mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620")


def mount_private_proc() -> None:
    """Show a sandbox its own processes and nothing else of the kernel.

    Raises:
        OSError: the kernel refuses it here, for instance below a container's masked /proc.
    """
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("proc", "/proc", "proc", flags, "subset=pid")
    except OSError:
        try:
            linux.mount("proc", "/proc", "proc", flags)
        except OSError:
            # Whatever is there now shows the judge's own processes: nothing at all is better.
            linux.mount("tmpfs", "/proc", "tmpfs", flags | linux.MS_RDONLY, "size=4k,mode=555")
            raise
