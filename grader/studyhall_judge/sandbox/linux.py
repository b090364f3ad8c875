"""The few Linux calls that Python's ``os`` does not offer, through ctypes.

``PyDLL`` keeps the interpreter lock during a call: :func:`clone` copies the process in the middle of one, and the copy
must find the lock in its own hands.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

SECBIT_LOCKED_WITHOUT_ROOT_POWERS = 0b101111
"""NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE's neighbours, each with its lock: uid 0 means nothing."""

LAST_CAPABILITY = 63

_MACHINE = platform.machine()
_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "capset": 126, "seccomp": 317},
    "aarch64": {"clone": 220, "pivot_root": 41, "capset": 91, "seccomp": 277},
}
SUPPORTED = _MACHINE in _NUMBERS
_NUMBER = _NUMBERS.get(_MACHINE, _NUMBERS["x86_64"])
_MOUNT_SETATTR = 442
_PROCESS_MADVISE = 440
"""The same number on every architecture, as all calls since Linux 5.1."""

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
_MADV_COLLAPSE = 25
AT_FDCWD = -100
AT_RECURSIVE = 0x8000


def machine() -> str:
    """Return the processor architecture as the kernel names it."""
    return _MACHINE


def _raise(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        _raise(what)
    return result


def clone(flags: int) -> int:
    """Fork with new namespaces in one step; returns 0 in the child, as fork does.

    Only for a process with a single thread, for which nothing is done that Python does after a fork: see `copying`.
    ``os.fork`` followed by ``unshare`` needs one more copy of the process, because ``unshare`` gives a new pid
    namespace only to children.
    """
    pid: int = _libc.syscall(ctypes.c_long(_NUMBER["clone"]), ctypes.c_ulong(flags | 17), 0, 0, 0, 0)
    return _checked(pid, "clone")


def fork() -> int:
    """Copy this process, with what the C library does about it and without what Python does: see `copying`."""
    pid: int = _libc.fork()
    return _checked(pid, "fork")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Attach a file system, or change how one is attached; flags and data are the kernel's."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _checked(result, f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount at once, however busy."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root and put the old one at ``old``."""
    result = _libc.syscall(ctypes.c_long(_NUMBER["pivot_root"]), new.encode(), old.encode())
    _checked(result, "pivot_root")


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def lock_down_mounts(target: str) -> None:
    """Make a mount and all below it read-only, without set-uid and without devices (Linux 5.12)."""
    attributes = _MountAttributes(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        target.encode(),
        ctypes.c_uint(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _checked(result, f"mount_setattr {target}")


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """Set a property of this process, by the kernel's option numbers."""
    result = _libc.prctl(
        ctypes.c_int(option),
        ctypes.c_ulong(first),
        ctypes.c_ulong(second),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    return _checked(result, f"prctl {option}")


def set_hostname(name: str) -> None:
    """Set the host name of this uts namespace."""
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = (("sets", ctypes.c_uint32 * 6),)


def bound_capabilities() -> None:
    """See to it that nothing that this process starts can gain a capability. What it has now it keeps."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # numbers end where this kernel's capabilities end, and without CAP_SETPCAP there is none to drop
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)


def drop_capabilities() -> None:
    """Give up every capability that this process has, for good; see also `bound_capabilities`."""
    header = _CapabilityHeader(0x20080522, 0)
    nothing = _CapabilitySets()
    result = _libc.syscall(ctypes.c_long(_NUMBER["capset"]), ctypes.byref(header), ctypes.byref(nothing))
    _checked(result, "capset")


MADV_POPULATE_READ = 22
MADV_POPULATE_WRITE = 23


def collapse_memory() -> None:
    """Put this process's private memory into huge pages where the kernel can (Linux 6.1).

    A copy of the process then copies a five-hundredth of the page table entries. What a copy writes to still costs a
    small page each.
    """
    huge = 2 << 20
    with open("/proc/self/maps", encoding="ascii") as file:
        lines = file.read().splitlines()
    for line in lines:
        fields = line.split()
        private = fields[1].startswith("rw") and (len(fields) < 6 or fields[5] == "[heap]")
        if not private:
            continue
        start, end = (int(part, 16) for part in fields[0].split("-"))
        for place in range(-(-start // huge) * huge, end - huge + 1, huge):
            # A piece that holds no memory yet is refused; it costs nothing to ask.
            _libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(huge), ctypes.c_int(_MADV_COLLAPSE))


MOST_RANGES = 1024
"""How many ranges the kernel takes in one call."""


def populate(ranges: ctypes.Array[Any], how: int) -> None:
    """Get pages to read or to write to (``how``), where the kernel can: an array of at most `MOST_RANGES` iovec."""
    own = os.pidfd_open(os.getpid())
    try:
        done = _libc.syscall(
            ctypes.c_long(_PROCESS_MADVISE),
            ctypes.c_int(own),
            ranges,
            ctypes.c_size_t(len(ranges)),
            ctypes.c_int(how),
            ctypes.c_uint(0),
        )
    finally:
        os.close(own)
    if done < 0:  # all of them in one call needs Linux 6.13, one by one 5.14
        for one in ranges:
            _libc.madvise(ctypes.c_void_p(one.start), ctypes.c_size_t(one.length), ctypes.c_int(how))


class MemoryRange(ctypes.Structure):
    """A struct iovec."""

    _fields_ = (("start", ctypes.c_size_t), ("length", ctypes.c_size_t))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    prctl(PR_SET_PDEATHSIG, 9)


def load_filter(program: ctypes.Structure) -> None:
    """Install a seccomp filter on this process and all that it will start."""
    result = _libc.syscall(
        ctypes.c_long(_NUMBER["seccomp"]), ctypes.c_uint(1), ctypes.c_uint(0), ctypes.byref(program)
    )
    _checked(result, "seccomp")
