"""Start a program that cannot outlive whoever started it.

This file is run by path (`python -I -S tether.py …`) and imports the standard library only, so that it costs
about 15 ms. Two ways to be tied:

* by default the program replaces this process after asking the kernel to signal it when its parent dies;
* with `--lifeline FD` this process stays, kills the program when the other end of that pipe is closed, and so
  ties the program to a grandparent: a learner's server outlives a crash of the hub, but never the supervisor.

With `--map-user UID` the program runs in a user namespace of its own in which it is UID instead of root
(PostgreSQL refuses to run as root). Files it makes belong to the real user.
"""

import argparse
import contextlib
import ctypes
import os
import select
import signal
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NO_NAMESPACE = "The kernel refused a user namespace"
CANNOT_START = 127
"""Exit code when the program could not be started at all, as shells have it."""


def die_with_parent(parent: int, number: int) -> None:
    """Have the kernel send signal `number` when the parent ends; exit at once when it already has."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "The kernel refused a parent-death signal")
    if os.getppid() != parent:
        sys.exit(CANNOT_START)


def become(user: int) -> None:
    """Enter a new user namespace in which the caller's user and group are both called `user`."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), NO_NAMESPACE)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {uid} 1"),
        ("gid_map", f"{user} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
            file.write(text)


def keep(command: list[str], lifeline: int) -> int:
    """Run `command` until it ends, we are told to stop or `lifeline` is closed; return its exit code."""
    # A signal only wakes the loop below: the child is killed in one place.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def noted(_number: int, _frame: FrameType | None) -> None:
        """Let the wake-up pipe speak."""

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, noted)
    me = os.getpid()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (reader, writer, lifeline):
            os.close(descriptor)
        die_with_parent(me, signal.SIGKILL)
        replace(command)
    while True:
        ready, _, _ = select.select([reader, lifeline], [], [])
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        told = set(os.read(reader, 64)) if reader in ready else set()
        if lifeline in ready or told & {signal.SIGINT, signal.SIGTERM}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 0


def replace(command: list[str]) -> None:
    """Become `command`; never returns."""
    try:
        os.execvp(command[0], command)  # noqa: S606 - running what our own supervisor asks for is the purpose
    except OSError as problem:
        print(f"{command[0]} could not be started: {problem.strerror}", file=sys.stderr, flush=True)
        os._exit(CANNOT_START)


def main() -> int:
    """Read the options before `--`, tie this process, and start what stands after it."""
    options = argparse.ArgumentParser(prog="tether")
    options.add_argument("--parent", type=int)
    options.add_argument("--signal", type=int, default=int(signal.SIGKILL))
    options.add_argument("--map-user", type=int)
    options.add_argument("--lifeline", type=int)
    options.add_argument("command", nargs="+")
    chosen = options.parse_args()
    try:
        if chosen.map_user is not None:
            become(chosen.map_user)
        # After the namespace: the kernel forgets the death signal when credentials change.
        if chosen.parent is not None:
            die_with_parent(chosen.parent, chosen.signal)
    except OSError as problem:
        print(f"{problem.strerror}.", file=sys.stderr, flush=True)
        return CANNOT_START
    if chosen.lifeline is not None:
        return keep(chosen.command, chosen.lifeline)
    replace(chosen.command)
    return CANNOT_START


if __name__ == "__main__":
    sys.exit(main())
