"""Starts the parts in order, keeps them running, and stops them in order."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Protocol, Self

from studyhall.supervisor.errors import StartError
from studyhall.supervisor.launch import tail
from studyhall.supervisor.orphans import adopt_orphans, kill_all, reap_orphans
from studyhall.supervisor.parts import Part, State

TICK = 0.05
REST = 0.5
"""Longest seconds between two looks at the parts, while they start and when they run."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked for everything to stop."""


class Display(Protocol):
    """What is told to the person at the terminal."""

    def starting(self, parts: Sequence[Part]) -> None:
        """Show how far the parts are; called often while they start."""

    def say(self, sentence: str) -> None:
        """Tell something that happened."""


class Runner:
    """Runs one set of parts, as a context manager in the main thread: leaving it stops everything."""

    def __init__(self, parts: Sequence[Part], display: Display) -> None:
        """Prepare; nothing is started."""
        self.parts = parts
        self.display = display
        self.asked_to_stop = False
        self._wake_up: tuple[int, int] = (-1, -1)
        self._old_handlers: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        adopt_orphans()
        self._wake_up = os.pipe()
        for end in self._wake_up:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake_up[1], warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            self._old_handlers[number] = signal.signal(number, self._ask_to_stop)
        # Without a handler of ours the wake-up pipe would say nothing when a child ends.
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            for end in self._wake_up:
                os.close(end)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def _wait(self, seconds: float) -> None:
        """Wait for a signal (a child's end is one) or `seconds`.

        Raises:
            Stopped: somebody asked for everything to stop.
        """
        select.select([self._wake_up[0]], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_up[0], 1024):
                pass
        self._obey()

    def _obey(self) -> None:
        if self.asked_to_stop:
            raise Stopped

    # ------------------------------------------------------------------ start

    def start(self) -> None:
        """Start every part as soon as those it needs are ready; return when all are.

        Raises:
            StartError: one did not start.
            Stopped: somebody asked for everything to stop.
        """
        while not all(part.state in (State.READY, State.DONE) for part in self.parts):
            for part in self._startable():
                self.display.starting(self.parts)
                self._start(part)
            for part in self.parts:
                self._look_at_start(part)
                # A part that takes connections and answers none keeps each look waiting.
                self._obey()
            self.display.starting(self.parts)
            self._wait(TICK)

    def _start(self, part: Part) -> None:
        try:
            part.start()
        except StartError:
            # Ctrl-C at a terminal reaches what prepares a part, too: what fails then did not fail by itself.
            self._obey()
            raise

    def _startable(self) -> Iterator[Part]:
        standing = {part.name for part in self.parts if part.state in (State.READY, State.DONE)}
        return (
            part for part in self.parts if part.state is State.WAITING and standing.issuperset(part.after)
        )

    def _look_at_start(self, part: Part) -> None:
        if part.process is None:
            return
        code = part.exit_code()
        if code == 0 and part.once:
            part.finish()
        elif code is not None:
            reason = part.explain(part.log) if part.explain else tail(part.log)
            raise StartError(
                reason
                if part.explain
                else f"The {part.title} {'failed' if part.once else 'did not start'}; its log is {part.log}:\n{reason}"
            )
        elif part.state is State.STARTING and not part.check() and part.is_late():
            raise StartError(
                f"The {part.title} was not ready within {part.start_seconds:.0f} s; its log is {part.log}:\n"
                f"{tail(part.log)}"
            )

    # ------------------------------------------------------------------ watch

    def watch(self) -> None:
        """Keep the parts running until somebody asks for everything to stop."""
        with contextlib.suppress(Stopped):
            while True:
                for part in self.parts:
                    self._look_at_run(part)
                reap_orphans({part.process.pid for part in self.parts if part.process is not None})
                settled = all(part.state in (State.READY, State.DONE) for part in self.parts)
                self._wait(REST if settled else TICK)

    def _look_at_run(self, part: Part) -> None:
        now = time.monotonic()
        code = part.exit_code()
        if code is not None and not part.once:
            self._note_death(part, f"ended ({describe_exit(code)})", now)
        if part.state is State.PAUSED and now >= part.resume_at:
            try:
                part.start()
            except (StartError, OSError) as problem:
                self._note_death(part, f"could not be started ({problem})", now)
        if part.check():
            part.on_return()
            self.display.say(f"The {part.title} is back.")

    def _note_death(self, part: Part, what: str, now: float) -> None:
        pause = part.died(now)
        next_try = f"it is started again in {pause:.0f} s" if pause else "it is started again now"
        self.display.say(f"The {part.title} {what}; {next_try}. Its log is {part.log}.")

    # ------------------------------------------------------------------ stop

    def stop(self) -> None:
        """Stop every part, stage by stage, and then whatever else is left below this process."""
        for stage in sorted({part.stop_stage for part in self.parts}):
            stop_together([part for part in self.parts if part.stop_stage == stage])
        if not kill_all(seconds=1.0):
            self.display.say("Some processes could not be stopped; see: ps")


def stop_together(parts: Sequence[Part]) -> None:
    """Stop `parts` side by side, each by its own signals and patience."""
    began = time.monotonic()
    waiting = {part.name: list(part.signals) for part in parts if part.process is not None}
    next_signal = dict.fromkeys(waiting, began)
    running = [part for part in parts if part.process is not None]
    while running:
        now = time.monotonic()
        for part in running:
            if part.process is not None and part.process.poll() is None and now >= next_signal[part.name]:
                if not waiting[part.name]:
                    part.process.kill()
                    continue
                number, seconds = waiting[part.name].pop(0)
                next_signal[part.name] = now + seconds
                part.process.send_signal(number)
        running = [part for part in running if part.process is not None and part.process.poll() is None]
        time.sleep(0.01)
    for part in parts:
        part.stop()


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
