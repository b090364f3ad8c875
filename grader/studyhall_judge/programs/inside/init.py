"""Process 1 of a program's sandbox: sets it up, starts one program, watches it, and ends everything with it.

It never runs a learner's code and holds no secret. A shell stands between it and the program for one reason: the
kernel counts, as a program's peak memory, also what the process was before it became the program. The shell is small,
starts the program and leaves; the program is then a child of this process, which reads its true figures.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time
from typing import Any, NoReturn

from studyhall_judge.programs.inside import parcel
from studyhall_judge.sandbox import linux, root, seccomp, wire
from studyhall_judge.sandbox.init import INSIDE_ID, map_identity

_SHELL = "/bin/sh"
STEP_ASIDE = 'exec 9<&0; "$@" <&9 9<&- & exit 0'
_EXIT_FAULT = 70
_MEBIBYTE = 1024 * 1024
STACK = 32 * _MEBIBYTE
"""How far a program's stack may grow."""


def run(commands: socket.socket, user: int, group: int) -> NoReturn:
    """Be the init process, made by ``user`` and ``group`` of the namespace outside; never returns."""
    try:
        linux.die_with_parent()
        map_identity(INSIDE_ID, user, INSIDE_ID, group)
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")  # when memory runs out, the kernel ends a sandbox and never the fork server
        linux.prctl(linux.PR_SET_DUMPABLE, 0)  # nobody inside may open this process's memory through /proc
        linux.set_hostname("studyhall")
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # what process 1 has no handler for, a program cannot send it
        Init(commands).serve()
    except wire.ChannelClosed:
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - the judge must hear of any fault in here
        with contextlib.suppress(OSError):
            wire.send_packet(commands, {"op": "failed", "message": f"{type(error).__name__}: {error}"})
        os._exit(_EXIT_FAULT)
    os._exit(0)


class Init:
    """Runs one program. A sandbox that somebody else has isolated overrides what makes walls."""

    script = STEP_ASIDE
    """What the shell does that starts a program."""

    def __init__(self, commands: socket.socket) -> None:
        self._commands = commands
        self._program = 0
        self._shell = 0
        self._cpu_ms = 0.0
        self._peak_kb = 0
        self._started = 0.0

    def serve(self) -> None:
        """Offer the pipes, wait for the program, run it, and report its end."""
        with contextlib.suppress(OSError):
            root.mount_private_proc()
        self.step()

    def make_storage(self, disk_mb: int) -> None:
        """Provide the program's private storage, empty."""
        root.mount_private_storage(disk_mb)

    def close_in(self, *, kernel: bool) -> None:
        """Give up all powers for good; ``kernel`` leaves what a notebook's kernel needs."""
        if kernel:
            root.mount_private_terminals()
        linux.bound_capabilities()
        linux.drop_capabilities()
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.install(interfaces=kernel)

    def obey(self, command: dict[str, Any]) -> int | None:  # noqa: ARG002 - there is but one question
        """Answer what is asked while the program runs; a status that is returned ends it."""
        wire.send_packet(self._commands, {"op": "usage"} | self._usage())
        return None

    def step(self) -> None:
        """Run one program, from the offer of its pipes to the report of its end."""
        pipes = [os.pipe() for _ in range(3)]
        wire.send_packet(self._commands, {"op": "offer"}, tuple(read for read, _ in pipes))
        for read, _write in pipes:
            os.close(read)
        command, descriptors = self._next_command()
        stdin, files = descriptors
        self.make_storage(command["disk_mb"])
        os.chdir(root.WORK)
        parcel.write(files, root.WORK)
        os.close(files)
        os.makedirs("out", exist_ok=True)
        self.close_in(kernel=command["kernel"])
        status = self._run(command, stdin, [write for _, write in pipes])
        wall_ms = (time.monotonic() - self._started) * 1000
        self._end_all()
        harvest = b"" if not command["harvest"] or status else parcel.collect("out", command["harvest"])
        wire.send_packet(
            self._commands,
            {
                "op": "ended",
                "status": status,
                "wall_ms": wall_ms,
                "cpu_ms": self._cpu_ms,
                "peak_kb": self._peak_kb,
                "harvest": None if harvest is None else len(harvest),
            },
        )
        if harvest:
            self._commands.setblocking(True)
            self._hand_over(harvest)

    def _next_command(self) -> tuple[dict[str, Any], list[int]]:
        """Wait for a program. What was said to one that had ended already is not for the next one."""
        while True:
            command, descriptors = wire.receive_packet(self._commands)
            if command["op"] == "run":
                return command, descriptors

    def _hand_over(self, harvest: bytes) -> None:
        for start in range(0, len(harvest), wire.MAX_PACKET):
            self._commands.send(harvest[start : start + wire.MAX_PACKET])

    def _run(self, command: dict[str, Any], stdin: int, pipes: list[int]) -> int:
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        try:
            self._start(command, stdin, pipes)
            return self._wait(wake)
        finally:
            signal.set_wakeup_fd(-1)
            os.close(wake)
            os.close(waker)

    def _start(self, command: dict[str, Any], stdin: int, pipes: list[int]) -> None:
        self._started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _become_program(command, self.script, stdin, pipes)
        for descriptor in (stdin, *pipes):
            os.close(descriptor)
        if os.path.exists(_SHELL):
            self._shell = pid
            self._program = pid + 1  # numbers are given in order, and nobody else is here yet
        else:
            self._program = pid

    def _wait(self, wake: int) -> int:
        """Wait until the program has ended, or has to; returns its status."""
        poll = select.poll()
        poll.register(self._commands.fileno(), select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            for descriptor, _events in poll.poll():
                if descriptor == wake:
                    os.read(wake, 4096)
                    status = self._collect()
                else:
                    question, _ = wire.receive_packet(self._commands)
                    status = self.obey(question)
                if status is not None:
                    return status

    def _collect(self) -> int | None:
        """Reap whatever ended; returns the program's status when it has ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return 127 << 8 if self._program else 0
            if pid == 0:
                return None
            self._count(pid, usage)
            if pid == self._program:
                return status

    def _count(self, pid: int, usage: resource.struct_rusage) -> None:
        self._cpu_ms += (usage.ru_utime + usage.ru_stime) * 1000
        if pid != self._shell:
            self._peak_kb = max(self._peak_kb, usage.ru_maxrss)

    def _end_all(self) -> None:
        """Kill whatever the program has left behind, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _status, usage = os.wait4(-1, 0)
                self._count(pid, usage)

    def _usage(self) -> dict[str, float]:
        """Return the processor time used so far by all, the program's age, and how long it was kept waiting.

        A compiler's work is done by processes that it starts, and those wait for a processor in its place: of all that
        are there, the longest wait counts. What came before the program is no part of its age.
        """
        ticks = os.sysconf("SC_CLK_TCK")
        cpu_ms = self._cpu_ms
        delay_ms = 0.0
        wall_ms = (time.monotonic() - self._started) * 1000
        for name in os.listdir("/proc"):
            if not name.isdigit() or name == "1":
                continue
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b") ")[2].split()
                cpu_ms += (int(fields[11]) + int(fields[12])) * 1000 / ticks
                if int(name) == self._program:
                    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / ticks
                    wall_ms = max(0.0, min(wall_ms, age * 1000))
                delay_ms = max(delay_ms, _longest_delay(int(name)))
        return {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "delay_ms": delay_ms}


def _longest_delay(pid: int) -> float:
    """Return how long, in milliseconds, the thread that was kept waiting the longest waited for a processor."""
    longest = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
            longest = max(longest, int(file.read().split()[1]))
    return longest / 1e6


def _become_program(command: dict[str, Any], script: str, stdin: int, pipes: list[int]) -> NoReturn:
    """Turn this fresh copy of init into the shell that starts the program; never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for place, descriptor in enumerate((stdin, *pipes)):
            os.dup2(descriptor, 200 + place)
        for place in range(4):
            os.dup2(200 + place, place)
        os.closerange(4, 4096)
        _set_limits(command)
        argv: list[str] = command["argv"]
        if os.path.exists(_SHELL):
            argv = [_SHELL, "-c", script, "sh", *argv]
        os.execvpe(argv[0], argv, command["environment"])  # noqa: S606 - no shell reads the words
    except BaseException as error:  # noqa: BLE001 - nothing may return into the copied init
        os.write(2, f"{type(error).__name__}: {error}".encode())
    os._exit(_EXIT_FAULT)


def _set_limits(command: dict[str, Any]) -> None:
    """Set what the kernel counts per process; memory as a whole is the control group's affair where there is one."""
    disk = command["disk_mb"] * _MEBIBYTE
    seconds = command["cpu_ms"] // 1000 + 2
    limits = [
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, command["pids"] + 2),  # this process and the shell are two
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_STACK, STACK),
    ]
    if command["data_mb"] is not None:
        limits.append((resource.RLIMIT_DATA, command["data_mb"] * _MEBIBYTE))
    for kind, value in limits:
        resource.setrlimit(kind, (value, value))
