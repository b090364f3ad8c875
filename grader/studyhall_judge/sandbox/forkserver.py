"""The warm parent of all sandboxes of one slot and environment.

It imports the course's modules, makes and warms the IPython shell, moves into the minimal root, gives up every right
it has, and then only copies itself: one copy per submission. It never sees a test, a submission or the judge's memory,
so a copy of it holds nothing that could be learnt.

Commands come as packets on one inherited socket: ``spawn`` makes a sandbox, ``reap`` collects a dead one. With a
sandbox goes which memory its students get in advance because they will probably write to it (``pages``: that of
``cells``, or that of ``tests``, too), the size of its private storage, and how many students it begins with.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import resource
import socket
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from studyhall_judge.sandbox import copying, init, linux, pools, root, watched, wire
from studyhall_judge.sandbox.private import load_executor
from studyhall_judge.sandbox.rehearsal import rehearse
from studyhall_judge.sandbox.residence import HotPages

if TYPE_CHECKING:
    from studyhall_judge.sandbox.executor import Executor

NAMESPACES = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)


def main(descriptor: int) -> Iterator[Any]:
    """Serve commands on the inherited socket until it closes.

    Returns:
        In a student's process, which arrives here as a copy, what its main thread has to do; otherwise nothing to do.
    """
    try:
        _run(descriptor)
    except init.BecomeStudent as student:
        try:
            channel, alarm = init.become_student(student)
            return student.executor.stage(channel, alarm)
        except BaseException as error:  # noqa: BLE001 - nothing may return into what was copied
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(init.EXIT_FAULT)
    return iter(())


def _run(descriptor: int) -> None:
    commands = socket.socket(fileno=descriptor)
    settings, _ = wire.receive_packet(commands)
    for path in settings["cgroups"]:
        with open(path, "w", encoding="ascii") as members:
            members.write("0")
    executor, missing = make_executor(settings)
    try:
        lacking = isolate(settings["uid"], root.interpreter_paths())
    except OSError as error:
        wire.send_packet(commands, {"op": "failed", "message": str(error)})
        return
    executor.prepare(library_prefixes(settings.get("notebooks")), settings["environment"])
    executor.settle_down()
    _freeze()
    order = init.Order(settings["limits"]["disk_mb"], 1)
    spawn = partial(_spawn, executor, commands, order)
    pages = {
        name: rehearse(executor, spawn, settings["limits"], scoring)
        for name, scoring in (("cells", "nbgrader"), ("tests", "default"))
    }
    found = {name: [one.count for one in some] for name, some in pages.items()}
    wire.send_packet(commands, {"op": "ready", "missing": missing, "lacking": lacking, "pages": found})
    _serve(commands, executor, pages)


def make_executor(settings: dict[str, Any]) -> tuple[Executor, list[str]]:
    """Import what the settings name and warm the shell; returns the executor and what could not be imported."""
    with copying.heeding_handlers():
        return _make_executor(settings)


def _make_executor(settings: dict[str, Any]) -> tuple[Executor, list[str]]:
    executor = load_executor()
    executor.warm()  # before the libraries: what every cell uses then lies together, on few pages
    missing = _preload(settings["preload"]) + _look_for(settings["sought"])
    beside = [name for library in watched.WITH if library in sys.modules for name in watched.WITH[library]]
    ours = [path for path in [settings.get("notebooks")] if path]
    sys.path += ours
    _preload([*watched.PRELOADED, *beside])
    del sys.path[len(sys.path) - len(ours) :]
    watched.fill_tables()
    pools.copy_processes()
    executor.warm()
    return executor, missing


def _preload(names: list[str]) -> list[str]:
    missing = []
    for name in names:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a course's module may fail in any way; the judge reports it
            missing.append(f"{name} ({type(error).__name__})")
    return missing


def _look_for(names: list[str]) -> list[str]:
    """Return those modules whose package is not installed, worded as `_preload` does."""
    return [f"{name} (ModuleNotFoundError)" for name in names if not _is_installed(name.partition(".")[0])]


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # a package that is broken, or that replaced itself without a spec
        return package in sys.modules


def isolate(uid: int | None, paths: list[str]) -> list[str]:
    """Move into a minimal root that shows ``paths``, and give up all rights.

    ``uid`` is who to become, when this process is root. Returns what could not be provided, in words.

    Raises:
        OSError: namespaces or mounts are not to be had here.
    """
    if uid is None:
        me, group = os.getuid(), os.getgid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        init.map_identity(me, me, group, group)
    else:
        linux.unshare(linux.CLONE_NEWNS)
    lacking = root.enter(paths)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.bound_capabilities()
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    # Changing the user cleared both: children must be able to write their own id maps, and must not outlive us.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)
    linux.die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return lacking


def library_prefixes(notebooks: str | None = None) -> tuple[str, ...]:
    """Return the folders whose code is the interpreter's, a library's or ours, which may lie anywhere."""
    ours = [os.path.dirname(__file__)]
    if notebooks is not None:
        ours.append(os.path.join(notebooks, "studyhall_notebooks"))
    return tuple(sorted({os.path.join(path, "") for path in (*sys.path, *ours) if path} | {"/usr/lib/"}))


def _freeze() -> None:
    """Keep the collector from touching (and so copying) what all sandboxes share."""
    gc.collect()
    gc.freeze()
    linux.collapse_memory()


def _serve(commands: socket.socket, executor: Executor, pages: dict[str, tuple[HotPages, HotPages]]) -> None:
    while True:
        try:
            command, _ = wire.receive_packet(commands)
        except wire.ChannelClosed:
            return
        answer: dict[str, Any]
        descriptors: tuple[int, ...] = ()
        if command["op"] == "spawn":
            executor.hot_pages, executor.init_pages = pages[command["pages"]]
            answer, descriptors = _spawn(
                executor, commands, init.Order(command["disk_mb"], command["students"])
            )
        else:
            answer = reap(command["pid"])
        wire.send_packet(commands, answer, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _spawn(
    executor: Executor, commands: socket.socket, order: init.Order
) -> tuple[dict[str, Any], tuple[int, ...]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    user, group = os.getuid(), os.getgid()  # inside its own namespace the copy cannot see them any more
    try:
        pid = linux.clone(NAMESPACES)
    except OSError as error:
        ours.close()
        theirs.close()
        return {"op": "failed", "message": str(error)}, ()
    if pid == 0:
        commands.close()
        ours.close()
        init.run(theirs, executor, (user, group), order)
    theirs.close()
    return {"op": "spawned", "pid": pid}, (os.pidfd_open(pid), ours.detach())


def reap(pid: int) -> dict[str, Any]:
    """End a sandbox by its init process and collect it; returns what it used."""
    try:
        os.kill(pid, 9)
        _pid, status, usage = os.wait4(pid, 0)
    except (ChildProcessError, ProcessLookupError):
        return {"op": "reaped", "status": 0, "cpu_ms": 0.0, "peak_kb": 0}
    cpu = (usage.ru_utime + usage.ru_stime) * 1000
    return {"op": "reaped", "status": status, "cpu_ms": cpu, "peak_kb": usage.ru_maxrss}
