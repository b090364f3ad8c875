"""The time that a submission has."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from studyhall_judge.report import Limits


@dataclass
class Clock:
    """One submission's time: all of its notebooks, restarts and replays together."""

    limits: Limits
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that the submission still has."""
        return self.started + self.limits.total_seconds - time.monotonic()
