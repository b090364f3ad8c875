"""Says that something happens in this server while a kernel computes or a submission waits, though nobody is there.

The hub stops servers in which nothing happens. Jupyter takes a kernel that computes without a word for an idle one.
"""

import os
from collections.abc import Callable
from typing import Any

from jupyter_server._tz import utcnow
from tornado.ioloop import PeriodicCallback

LONGEST_PAUSE = 60.0
"""Seconds."""


class AtWork:
    """Looks from time to time, as often as the server tells the hub."""

    def __init__(self, serverapp: Any, submission_waits: Callable[[], bool]) -> None:
        self._kernels = serverapp.kernel_manager
        self._times: dict[str, Any] = serverapp.web_app.settings["last_activity_times"]
        self._submission_waits = submission_waits
        told = os.environ.get("JUPYTERHUB_ACTIVITY_INTERVAL", "")
        pause = min(float(told) if told.isdecimal() else LONGEST_PAUSE, LONGEST_PAUSE)
        self._timer = PeriodicCallback(self.look, 1000 * max(pause, 1.0))

    def start(self) -> None:
        """Begin to look."""
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Note the time when something is at work."""
        if self._submission_waits() or any(map(self._computes, self._kernels.list_kernel_ids())):
            self._times["studyhall"] = utcnow()

    def _computes(self, kernel: str) -> bool:
        return getattr(self._kernels.get_kernel(kernel), "execution_state", None) == "busy"
