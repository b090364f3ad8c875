"""The system calls that student code may not make: a classic BPF program, put together by hand.

A list of what is refused rather than of what is allowed, so that any library runs; refused is what reaches other
processes, mounts, namespaces, keys, kernel facilities with a history of holes, and memory that no limit counts.
Refusal is an error number, not a killed process: honest code that probes falls back.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from studyhall_judge.sandbox import linux

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

_AT_NUMBER = 0
_AT_ARCHITECTURE = 4
_AT_ARGUMENTS = 16

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWCGROUP
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | 0x80  # CLONE_NEWTIME
)

# name: (x86_64, aarch64); None where the architecture does not have it.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    # reaching into other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    # keys
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # kernel facilities that an exercise never needs
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "seccomp": (317, 277),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "personality": (135, 92),
    "lookup_dcookie": (212, 18),
    "vhangup": (153, 58),
    "nfsservctl": (180, 42),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "create_module": (174, None),
    "get_kernel_syms": (177, None),
    "query_module": (178, None),
    # the clock, and where memory lies
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "set_mempolicy": (238, 237),
    # memory that neither the data limit nor the disk quota counts
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "memfd_secret": (447, 447),
}

_MISSING = {"clone3": (435, 435), "memfd_create": (319, 279)}
"""Answered with ENOSYS: clone3 hides its flags behind a pointer, and callers fall back to clone."""

_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_PRCTL = {"x86_64": 157, "aarch64": 167}
_IOCTL = {"x86_64": 16, "aarch64": 29}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}

_ALLOWED_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6: the empty network namespace holds these. AF_VSOCK would reach the host through it."""

_AF_NETLINK = 16

_REFUSED_PRCTL = (linux.PR_SET_DUMPABLE, 0x59616D61, 35)
"""PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_MM: they would open this process's memory files again."""

_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _return_if_number(number: int, verdict: int) -> bytes:
    return _instruction(_JUMP_IF_EQUAL, number, 0, 1) + _instruction(_RETURN, verdict)


def _refuse_values(number: int, argument: int, values: tuple[int, ...], verdict: int) -> bytes:
    """Refuse a call when its argument's low half is one of ``values``."""
    check = _instruction(_LOAD, _AT_ARGUMENTS + 8 * argument)
    for place, value in enumerate(values):
        check += _instruction(_JUMP_IF_EQUAL, value, len(values) - place, 0)
    check += _instruction(_RETURN, _ALLOW) + _instruction(_RETURN, verdict)
    return _only_for(number, check)


def _allow_values(number: int, argument: int, values: tuple[int, ...], verdict: int) -> bytes:
    """Refuse a call unless its argument's low half is one of ``values``."""
    check = _instruction(_LOAD, _AT_ARGUMENTS + 8 * argument)
    for place, value in enumerate(values):
        check += _instruction(_JUMP_IF_EQUAL, value, len(values) - place, 0)
    check += _instruction(_RETURN, verdict) + _instruction(_RETURN, _ALLOW)
    return _only_for(number, check)


def _refuse_bits(number: int, argument: int, bits: int, verdict: int) -> bytes:
    """Refuse a call when its argument's low half has any of ``bits``."""
    check = (
        _instruction(_LOAD, _AT_ARGUMENTS + 8 * argument)
        + _instruction(_AND, bits)
        + _instruction(_JUMP_IF_EQUAL, 0, 1, 0)
        + _instruction(_RETURN, verdict)
        + _instruction(_RETURN, _ALLOW)
    )
    return _only_for(number, check)


def _refuse_limits_of_others(number: int, verdict: int) -> bytes:
    """Refuse to set limits by a process's number: process 1 has the same user, and without files or memory it fails."""
    process, limit = _AT_ARGUMENTS, _AT_ARGUMENTS + 16
    check = (
        _instruction(_LOAD, process)
        + _instruction(_JUMP_IF_EQUAL, 0, 4, 0)  # whoever asks, themselves
        + _instruction(_LOAD, limit)
        + _instruction(_JUMP_IF_EQUAL, 0, 0, 3)
        + _instruction(_LOAD, limit + 4)
        + _instruction(_JUMP_IF_EQUAL, 0, 0, 1)  # no new limit: only a look
        + _instruction(_RETURN, _ALLOW)
        + _instruction(_RETURN, verdict)
    )
    return _only_for(number, check)


def _only_for(number: int, check: bytes) -> bytes:
    return _instruction(_JUMP_IF_EQUAL, number, 0, len(check) // 8) + check


def build(machine: str, *, interfaces: bool = False) -> bytes:
    """Put the filter together for an architecture; ``interfaces`` allows to list network interfaces.

    Messaging libraries of kernels do that and give up without. It needs AF_NETLINK, which in an empty network
    namespace and without capabilities has nothing else to offer.

    Raises:
        KeyError: the architecture is not known.
    """
    families = (*_ALLOWED_FAMILIES, _AF_NETLINK) if interfaces else _ALLOWED_FAMILIES
    column = 0 if machine == "x86_64" else 1
    refuse = _ERRNO | errno.EPERM
    missing = _ERRNO | errno.ENOSYS
    program = (
        _instruction(_LOAD, _AT_ARCHITECTURE)
        + _instruction(_JUMP_IF_EQUAL, _ARCHITECTURES[machine], 1, 0)
        + _instruction(_RETURN, _KILL_PROCESS)
        + _instruction(_LOAD, _AT_NUMBER)
    )
    if machine == "x86_64":
        program += _instruction(_JUMP_IF_AT_LEAST, _X32_BIT, 0, 1) + _instruction(_RETURN, missing)
    for numbers in _CALLS.values():
        number = numbers[column]
        if number is not None:
            program += _return_if_number(number, refuse)
    for numbers in _MISSING.values():
        program += _return_if_number(numbers[column], missing)
    program += _refuse_bits(_CLONE[machine], 0, _NEW_NAMESPACES, refuse)
    program += _allow_values(_SOCKET[machine], 0, families, _ERRNO | errno.EAFNOSUPPORT)
    program += _refuse_limits_of_others(_PRLIMIT[machine], refuse)
    program += _refuse_values(_PRCTL[machine], 0, _REFUSED_PRCTL, refuse)
    program += _refuse_values(_IOCTL[machine], 1, (_TIOCSTI, _TIOCLINUX), refuse)
    return program + _instruction(_RETURN, _ALLOW)


def install(*, interfaces: bool = False) -> None:
    """Put the filter on this process; see `build`. ``no_new_privs`` must be set before.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    program = _PROGRAMS.get(interfaces) or build(linux.machine(), interfaces=interfaces)
    linux.load_filter(_Program(len(program) // 8, program))


_PROGRAMS = {False: build(linux.machine())} if linux.SUPPORTED else {}
"""Put together before anything is copied."""
