"""A part: one process of the installation, how it is started, seen to be ready, and stopped."""

import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from studyhall.supervisor.launch import end

LOOP_DEATHS, LOOP_SECONDS = 3, 30.0
LONGEST_PAUSE = 30.0


class State(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    PAUSED = "paused"


@dataclass
class Part:
    """One process, or with `once` one step that has to succeed before others start."""

    name: str
    title: str
    log: Path
    launch: Callable[[], subprocess.Popen[bytes]]
    is_ready: Callable[[], bool] = lambda: True
    after: tuple[str, ...] = ()
    once: bool = False
    start_seconds: float = 300.0
    signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 2.0),)
    stop_stage: int = 0
    """Parts of a lower stage are stopped first."""
    on_return: Callable[[], None] = lambda: None
    """Called when the part is ready again after it died."""
    on_done: Callable[[], None] = lambda: None
    """Called when a step has succeeded."""
    explain: Callable[[Path], str] | None = None
    """Turns a failed step's log into a sentence for people; without it the log's last lines are shown."""

    state: State = State.WAITING
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    took: float = 0.0
    """Seconds from start to ready, the last time."""
    resume_at: float = 0.0
    restarts: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=16))

    def start(self) -> None:
        """Start the process."""
        self.started = time.monotonic()
        self.state = State.STARTING
        self.process = self.launch()

    def check(self) -> bool:
        """Note whether a part that is starting has become ready; return whether it has just now."""
        if self.state is not State.STARTING or self.once or not self.is_ready():
            return False
        self.state = State.READY
        self.took = time.monotonic() - self.started
        return True

    def is_late(self) -> bool:
        """Return whether the part takes longer to become ready than it ever should."""
        return time.monotonic() - self.started > self.start_seconds

    def exit_code(self) -> int | None:
        """Return the exit code of a process that has ended and was not noticed yet, else None."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is not None:
            # The leader is gone; whatever it left in its session goes too.
            end(self.process)
            self.process = None
        return code

    def finish(self) -> None:
        """Note that a step has succeeded."""
        self.state = State.DONE
        self.took = time.monotonic() - self.started
        self.on_done()

    def died(self, now: float) -> float:
        """Note a death at `now`; return how many seconds to wait before the next start, 0 for at once.

        A part is started again at once, unless it keeps dying: from the third death within half a minute on
        each pause is twice as long as the one before, up to half a minute.
        """
        self.deaths.append(now)
        self.restarts += 1
        recent = sum(1 for death in self.deaths if now - death < LOOP_SECONDS)
        pause = 0.0 if recent < LOOP_DEATHS else min(LONGEST_PAUSE, 2.0 ** (recent - LOOP_DEATHS))
        self.state = State.PAUSED
        self.resume_at = now + pause
        return pause

    def stop(self) -> None:
        """Stop the process, if there is one."""
        if self.process is not None:
            end(self.process, *self.signals)
            self.process = None
        self.state = State.WAITING
