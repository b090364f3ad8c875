"""One HTTP/1.1 connection that is kept open, as cheap as a load generator has to be on the machine that it measures."""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urlsplit


class LineBroken(Exception):
    """The other side went away, or did not answer in time."""


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """A connection to the service below ``url``, made again after a break."""

    def __init__(self, url, *, patience=30.0):
        where = urlsplit(url)
        self._host, self._port, self._prefix = where.hostname, where.port, where.path
        self._patience = patience
        self._streams = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._hang_up()

    async def ask(self, method, path, *, headers, body=b""):
        """Send a request and return the answer.

        Raises:
            LineBroken: there was none.
        """
        lines = [
            f"{method} {self._prefix}{path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        try:
            async with asyncio.timeout(self._patience):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._host, self._port)
                reader, writer = self._streams
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
                return await self._answer(reader)
        except (OSError, EOFError, TimeoutError) as error:
            await self._hang_up()
            raise LineBroken from error

    async def _answer(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            await self._hang_up()
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def _hang_up(self):
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
