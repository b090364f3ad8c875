"""How a person's Ctrl-C ends a command that has a judge of its own."""

import asyncio
import signal

from studyhall.offline_grading.errors import Interrupted


class stopped_by_signals:  # noqa: N801 - it reads as a sentence where it is used
    """Turns the first SIGINT, SIGTERM or SIGHUP into an orderly end; later ones do not disturb it.

    Raises:
        Interrupted: at the end, when a signal came.
    """

    def __init__(self) -> None:
        self._told = 0

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def on_signal(number: int) -> None:
            if not self._told and task is not None:
                self._told = number
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, on_signal, number)

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if self._told:
            raise Interrupted(self._told)
