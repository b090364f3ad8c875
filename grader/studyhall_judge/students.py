"""The student's process as the judge's event loop sees it: a channel, two pipes of text and one of alarms.

Nothing that comes from it is trusted beyond its size, and nothing it writes can keep the loop busy: what nobody has
asked for stays in its pipe, and a flood is read at walking pace.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from typing import Any

from studyhall_judge.sandbox import wire

_CHUNK = 1 << 16
_HEADER = 4
_UNASKED = 1 << 16
"""Bytes on the channel that are read while nobody waits for them."""

_PACE_SECONDS = 0.05
"""Pause between two chunks of a pipe that has said all that is kept."""

_LATE_SECONDS = 0.05
"""From here on this process was too late to notice that a time was up."""

_LOOK_SECONDS = 0.2
"""How long it then takes to read what has come meanwhile."""

_LAST_CHUNKS = 16
"""Chunks that are read from a pipe when a cell is over."""


class StudentGone(Exception):
    """The student's process ended, was ended, or broke the protocol (then the message says how)."""


class _Pipe:
    """One pipe that is emptied while the process works; ``limit`` bytes are kept until they are taken."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._descriptor = descriptor
        self._kept = bytearray()
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._open = True
        self.limit = limit
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._on_readable)

    def _on_readable(self) -> None:
        if not self._read():
            self._loop.remove_reader(self._descriptor)
        elif len(self._kept) >= self.limit:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(_PACE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._open:
            self._loop.add_reader(self._descriptor, self._on_readable)

    def _read(self) -> bool:
        """Read one chunk; returns whether there was one."""
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except OSError:
            return False
        self._kept += chunk[: max(0, self.limit - len(self._kept))]
        return bool(chunk)

    def take(self) -> bytes:
        """Return what was kept and what is there now, and forget it."""
        for _ in range(_LAST_CHUNKS):
            if not self._read():
                break
        kept = bytes(self._kept)
        self._kept.clear()
        return kept

    def close(self) -> None:
        """Close our end."""
        if self._open:
            self._open = False
            if self._pause is not None:
                self._pause.cancel()
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)


class Student:
    """The process that runs one notebook's cells."""

    def __init__(self, pid: int, channel: socket.socket, output: int, errors: int, alarm: int) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._channel = channel
        self._received = bytearray()
        self._allowed = _UNASKED
        self._reading = False
        self._over = False
        self._waiting: asyncio.Future[None] | None = None
        self._pipes = (_Pipe(output, 1 << 20), _Pipe(errors, 1 << 20), _Pipe(alarm, 1 << 14))
        channel.setblocking(False)
        self._read_on()

    def limit_output(self, size: int) -> None:
        """Keep at most ``size`` bytes of each text pipe per cell."""
        self._pipes[0].limit = self._pipes[1].limit = size

    def _read_on(self) -> None:
        if not self._reading and not self._over:
            self._reading = True
            self._loop.add_reader(self._channel.fileno(), self._on_readable)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._channel.fileno())

    def _on_readable(self) -> None:
        try:
            chunk = self._channel.recv(4 * _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._received += chunk
        if not chunk:
            self._over = True
        if self._over or len(self._received) >= self._allowed:
            self._stop_reading()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message. Raises `StudentGone`."""
        data = wire.encode(message)
        try:
            sent = self._channel.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise StudentGone from error
        if sent < len(data):
            try:
                await self._loop.sock_sendall(self._channel, memoryview(data)[sent:])
            except OSError as error:
                raise StudentGone from error

    async def receive(self, limit: int) -> dict[str, Any]:
        """Wait for a message of at most ``limit`` bytes. Raises `StudentGone`, also for anything malformed."""
        body = await self._next_body(limit)
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise StudentGone("malformed") from error
        if not isinstance(message, dict):
            raise StudentGone("malformed")
        return message

    async def receive_within(
        self, seconds: float, limit: int, message: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Send a message, if there is one, and wait for a message; None when the time is up. Raises `StudentGone`.

        An answer that has come counts although the judge itself was too busy to look until the time was up.
        """
        due = self._loop.time() + seconds
        try:
            async with asyncio.timeout_at(due):
                if message is not None:
                    await self.send(message)
                return await self.receive(limit)
        except TimeoutError:
            late = self._loop.time() - due
        try:
            async with asyncio.timeout(_LOOK_SECONDS if late > _LATE_SECONDS else 0):
                return await self.receive(limit)
        except TimeoutError:
            return None

    async def _next_body(self, limit: int) -> bytes:
        self._allowed = limit + _HEADER
        try:
            while True:
                size = int.from_bytes(self._received[:_HEADER], "big")
                if len(self._received) >= _HEADER and size > limit:
                    raise StudentGone("oversized")
                if len(self._received) >= _HEADER + size and len(self._received) >= _HEADER:
                    body = bytes(self._received[_HEADER : _HEADER + size])
                    del self._received[: _HEADER + size]
                    return body
                if self._over:
                    raise StudentGone
                self._read_on()
                self._waiting = self._loop.create_future()
                await self._waiting
        finally:
            self._waiting = None
            self._allowed = _UNASKED

    def drain(self) -> tuple[bytes, bytes, bytes]:
        """Return what the process wrote past Python since the last time: outputs, errors, and alarms."""
        output, errors, alarm = self._pipes
        return output.take(), errors.take(), alarm.take()

    def close(self) -> None:
        """Close our ends of everything."""
        self._stop_reading()
        self._over = True
        self._channel.close()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()
