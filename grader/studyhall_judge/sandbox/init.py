"""Process 1 of a sandbox: sets it up, starts the student's process, collects the dead, and dies with everything.

It never runs student code, but its address space is a copy of the fork server's and student processes are copies of
it, so it holds no secret: no test, no submission text. When it ends, the kernel ends every process in the sandbox.

It makes the first student process before a submission is there, and the one for the next notebook at once with it or
while a notebook runs, so that nobody waits for the copy. Those that it makes at its very beginning it makes before
anything else: each copy marks all of this process's memory as shared again, so that what it has written to by then
would have to be copied once more for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from studyhall_judge.sandbox import copying, linux, root, seccomp, wire

if TYPE_CHECKING:
    from studyhall_judge.sandbox.executor import Executor

INSIDE_ID = 1000
EXIT_FAULT = 70


class BecomeStudent(BaseException):
    """Raised in the copy that becomes a student's process, to leave all of init's and the fork server's frames.

    Student code can walk down its stack. What it must not find there is left before it runs. ``descriptors`` are its
    channel, its output, its errors and its alarm. With one more it was made before init had given up any rights: it
    does that itself, and then says so there. ``waits`` says that nobody waits for this one yet.
    """

    def __init__(
        self,
        executor: Executor,
        descriptors: tuple[int, ...],
        *,
        waits: bool,
    ) -> None:
        super().__init__()
        self.executor = executor
        self.descriptors = descriptors
        self.waits = waits


@dataclass(frozen=True)
class Order:
    """What is wanted of a sandbox: megabytes of private storage, and how many students' processes at its beginning."""

    disk_mb: int
    students: int


@dataclass
class Made:
    """A student's process that has been made: its channel, its two text pipes and its alarm."""

    pid: int
    descriptors: tuple[int, int, int, int]
    ready: int = -1
    """Where one says that it has given up its rights, if it has to do that itself."""

    def close(self) -> None:
        """Close our ends: whoever needs them has copies."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def _channels(*, early: bool) -> tuple[Made, tuple[int, ...]]:
    """Make a student's channels: our ends, and its own. The last of those is to say that it is ready, if ``early``."""
    ours, theirs = socket.socketpair()
    pipes = [os.pipe() for _ in range(4 if early else 3)]
    read, written = zip(*pipes, strict=True)
    made = Made(0, (ours.detach(), read[0], read[1], read[2]), read[3] if early else -1)
    return made, (theirs.detach(), *written)


def _close(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def map_identity(inside: int, outside: int, group_inside: int, group_outside: int) -> None:
    """Give this process's new user namespace its one user and its one group."""
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {outside} 1"),
        ("gid_map", f"{group_inside} {group_outside} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def run(commands: socket.socket, executor: Executor, maker: tuple[int, int], order: Order) -> NoReturn:
    """Be the init process, made by this user and group of the namespace outside; never returns.

    Raises:
        BecomeStudent: in a copy, not in init.
    """
    try:
        linux.die_with_parent()
        init = Init(commands, executor, order.disk_mb)
        made = init.make_students(order.students)
        if executor.init_pages is not None:
            executor.init_pages.take()
        map_identity(INSIDE_ID, maker[0], INSIDE_ID, maker[1])
        _withdraw(executor)
        linux.set_hostname("studyhall")
        linux.bound_capabilities()  # this process keeps its powers until the store is mounted
        init.serve(made)
    except BecomeStudent:
        raise
    except wire.ChannelClosed:
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - the judge must hear of any fault in here
        with contextlib.suppress(OSError):
            wire.send_packet(commands, {"op": "failed", "message": f"{type(error).__name__}: {error}"})
        os._exit(EXIT_FAULT)
    os._exit(0)


def _withdraw(executor: Executor) -> None:
    """Be ended before others when memory runs out, and show nobody our memory or descriptors through /proc."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")  # the kernel ends a sandbox then, and never the fork server
    if executor.shared is None:  # else it is a rehearsal, whose process looks at its own memory
        linux.prctl(linux.PR_SET_DUMPABLE, 0)


def _give_up_rights() -> None:
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install()


class Init:
    """Obeys the judge. A sandbox that somebody else has isolated overrides what makes walls."""

    def __init__(self, commands: socket.socket, executor: Executor, disk_mb: int) -> None:
        self._commands = commands
        self._executor = executor
        self._disk_mb = disk_mb
        self._student = 0
        self._ahead: Made | None = None
        self._proc = True
        self._own: tuple[int, ...] = ()
        """Descriptors of this process that copies close."""

    def make_students(self, count: int) -> list[Made]:
        """Make processes for notebooks before this one has done anything; `serve` takes them over."""
        wanted = [_channels(early=True) for _ in range(count)]
        made = [self._copied(*wanted[0], waits=True)]
        with contextlib.suppress(OSError):  # one is enough
            made += [self._copied(*one, waits=True) for one in wanted[1:]]
        for _made, theirs in wanted[: len(made)]:
            _close(theirs)
        return made

    def serve(self, made: list[Made]) -> None:
        """Obey the judge until it hangs up. ``made`` are the processes for the first notebook, and perhaps the next."""
        self._own = wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._proc = self.show_processes()
        self.make_storage()
        _give_up_rights()
        for one in made:
            # Nothing of a learner's runs in here while a process has rights that another could make use of.
            if os.read(one.ready, 1) != b"r":
                raise ChildProcessError("a student's process ended before it was ready")
            os.close(one.ready)
        first, *more = made or [self._make_student(waits=True)]
        if more and self._proc:
            self._ahead = more[0]
        for one in more[1 if self._proc else 0 :]:
            os.kill(one.pid, signal.SIGKILL)
            one.close()
        self._present(first)
        poll = select.poll()
        poll.register(self._commands.fileno(), select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            for descriptor, _events in poll.poll():
                if descriptor == wake:
                    os.read(wake, 4096)
                    self._collect()
                else:
                    command, descriptors = wire.receive_packet(self._commands)
                    self._obey(command, descriptors)

    def show_processes(self) -> bool:
        """Provide a /proc with the sandbox's own processes; returns whether there is one."""
        try:
            root.mount_private_proc()
        except OSError:
            return False
        return True

    def make_storage(self) -> None:
        """Provide the submission's private storage, empty."""
        root.mount_private_storage(self._disk_mb)

    def _obey(self, command: dict[str, Any], descriptors: list[int]) -> None:
        match command["op"]:
            case "set_up":
                for descriptor in descriptors:
                    _unpack(descriptor)
                    os.close(descriptor)
                ahead = 0 if self._ahead is None else self._ahead.pid
                self._answer({"op": "set_up", "proc": self._proc, "ahead": ahead})
                self._make_ahead(wanted=command["more"])
            case "pages":
                shared = self._executor.shared
                self._answer({"op": "pages", "touched": [] if shared is None else shared.touched()})
            case "interrupt":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(command["pid"], signal.SIGINT)
                self._answer({"op": "interrupted"})
            case "alone":
                self._student = command["keep"]
                self._answer({"op": "alone", "killed": self._leave_alone(command["keep"])})
            case "next":
                self._next_student()
                self._make_ahead(wanted=command["more"])

    def _answer(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        wire.send_packet(self._commands, message, descriptors)

    def _make_ahead(self, *, wanted: bool) -> None:
        """Make the process of the next notebook while this one runs, which may do to it what it may do to itself.

        Without a /proc the others could not be told from it when they have to be ended.
        """
        if not wanted or not self._proc or self._ahead is not None:
            return
        with contextlib.suppress(OSError):  # the notebook that runs has taken all processes or memory
            self._ahead = self._make_student(waits=True)
        self._answer({"op": "ahead", "pid": 0 if self._ahead is None else self._ahead.pid})

    def _next_student(self) -> None:
        """Present a fresh student's process, and say when it is alone: it gets ready while the others end."""
        self._student = 0
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not _is_dead(ahead.pid):
            _stop_everything()  # from here on none of the others does anything any more
            _continue(ahead.pid)
            self._present(ahead)
            self._kill_all_but({ahead.pid})
            self._collect()  # what is dead would still be seen
        else:
            if ahead is not None:
                ahead.close()
            self._kill_everything()
            self._present(self._make_student())
        self._answer({"op": "alone", "killed": 0})

    def _make_student(self, *, waits: bool = False) -> Made:
        wanted, theirs = _channels(early=False)
        made = self._copied(wanted, theirs, waits=waits)
        _close(theirs)
        return made

    def _copied(self, made: Made, theirs: tuple[int, ...], *, waits: bool) -> Made:
        """Make the process that has these ends of its channels."""
        pages = self._executor.hot_pages
        try:
            made.pid = copying.fork(pages.take if waits and pages is not None else None)
        except OSError:
            made.close()
            _close(theirs)
            raise
        if made.pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            made.close()
            _close(self._own)
            self._commands.close()
            raise BecomeStudent(self._executor, theirs, waits=waits)
        return made

    def _present(self, student: Made) -> None:
        self._student = student.pid
        self._answer({"op": "student", "pid": student.pid}, student.descriptors)
        student.close()

    def _collect(self) -> None:
        """Reap whatever ended; tell the judge when it was the student's own process."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._student:
                cpu = (usage.ru_utime + usage.ru_stime) * 1000
                self._answer({"op": "ended", "status": status, "cpu_ms": cpu, "peak_kb": usage.ru_maxrss})
            elif self._ahead is not None and pid == self._ahead.pid:
                # Said and forgotten before its number can belong to another process.
                self._ahead.close()
                self._ahead = None
                self._answer({"op": "ahead", "pid": 0})

    def _leave_alone(self, keep: int) -> int:
        """Kill all processes of the sandbox but this one, ``keep`` and the one made ahead; returns how many."""
        if not self._proc:
            return 0
        kept = {keep} if self._ahead is None else {keep, self._ahead.pid}
        _stop_everything()
        killed = self._kill_all_but(kept)
        for pid in kept:
            _continue(pid)
        return killed

    def _kill_all_but(self, kept: set[int]) -> int:
        """Kill processes that were stopped all at once, so that none could escape by forking, one by one."""
        killed: set[int] = set()
        while others := [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            others = [pid for pid in others if pid != 1 and pid not in kept and not _is_dead(pid)]
            if not others:
                break
            for pid in others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            killed.update(others)  # on a busy machine one may be seen again before it is gone
            for pid in others:
                _wait_for_end(pid)
            self._collect()
        return len(killed)

    def _kill_everything(self) -> None:
        self._student = 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def _stop_everything() -> None:
    """Stop all processes of the sandbox but this one, which the kernel does for every process there is."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGSTOP)


def _continue(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _wait_for_end(pid: int) -> None:
    """Wait until a killed child has given back its memory; what is no child of ours is only looked at again.

    Looking again and again instead would take the processor from the end that is waited for.
    """
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _is_dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in b"ZX"
    except OSError:
        return True


def _unpack(descriptor: int) -> None:
    """Write the assignment's data files, from a sealed memory file that all slots share, into the work folder."""
    size = int.from_bytes(os.pread(descriptor, 8, 0), "big")
    index = json.loads(os.pread(descriptor, size, 8))
    for path, (offset, length) in index.items():
        target = os.path.normpath(os.path.join(root.WORK, path))
        if not target.startswith(root.WORK + "/"):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            done = 0
            while done < length:
                chunk = os.pread(descriptor, min(length - done, 1 << 20), 8 + size + offset + done)
                done += os.write(file, chunk)
        finally:
            os.close(file)


def become_student(student: BecomeStudent) -> tuple[int, int]:
    """Turn this fresh copy into the process that will run the learner's cells.

    Returns:
        The descriptors of its channel and of its alarm.
    """
    channel, output, errors, alarm, *rest = student.descriptors
    if student.waits:
        # What another process of the sandbox may send meanwhile waits, and is forgotten when this one begins.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    channel = os.dup2(channel, 100, inheritable=False)
    alarm = os.dup2(alarm, 101, inheritable=False)
    ready = [os.dup2(one, 102, inheritable=False) for one in rest]
    os.closerange(3, 100)
    os.closerange(102 + len(ready), 4096)
    linux.die_with_parent()
    for one in ready:
        _withdraw(student.executor)
        linux.bound_capabilities()
        _give_up_rights()
        os.write(one, b"r")
        os.close(one)
    return channel, alarm
