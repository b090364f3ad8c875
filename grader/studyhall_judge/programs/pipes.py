"""Reading what a program writes while it runs, and no more of it than it may write."""

from __future__ import annotations

import asyncio
import os


class LimitedPipe:
    """What a program writes to one descriptor, read as it comes, up to a limit."""

    def __init__(self, descriptor: int, limit: int, full: asyncio.Event) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._limit = limit
        self._full = full
        self.data = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._read)
        self._open = True

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._stop()
            return
        self.data += chunk
        if len(self.data) > self._limit:
            self._full.set()
            self._stop()

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)

    def close(self) -> bytes:
        """Take what is still there, and return everything, cut at the limit."""
        while self._open:
            before = len(self.data)
            self._read()
            if len(self.data) == before:
                break
        self._stop()
        os.close(self._descriptor)
        return bytes(self.data[: self._limit])
