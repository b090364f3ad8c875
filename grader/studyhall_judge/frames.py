"""Frames on the judge's socket: a 4-byte big-endian length and that many bytes of UTF-8 JSON.

A conversation, one per connection::

    client  {"type": "grade", "request": {…}}           server  {"type": "need_release", "hash": "…"}
    client  {"type": "release", "release": {…}}         server  {"type": "progress", "progress": {…}}
                                                        server  {"type": "report", "report": {…}}
    client  {"type": "run_program", "request": {…}}      … the same, without releases
    client  {"type": "status"}                          server  {"type": "status", "status": {…}}
                                           server  {"type": "refused", "code", "message"}

``progress`` comes any number of times; ``refused`` may come anywhere instead. ``need_release`` is asked only
when the release is not in the judge's memory. Closing the connection cancels.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel

MAX_FRAME = 64 * 1024 * 1024
HEADER_SIZE = 4


class FrameError(Exception):
    """The other side of the judge's socket sent something that is not a frame."""


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one frame. Returns None when the other side closed between two frames.

    Raises:
        FrameError: the frame is too large, broken off, not JSON or not an object with a ``type``.
    """
    try:
        header = await reader.readexactly(HEADER_SIZE)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise FrameError("the connection ended inside a frame") from error
        return None
    except ConnectionError:
        return None
    size = int.from_bytes(header, "big")
    if size > MAX_FRAME:
        raise FrameError(f"a frame of {size} bytes is above the limit of {MAX_FRAME}")
    try:
        frame = json.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise FrameError("the connection ended inside a frame") from error
    except (ValueError, RecursionError) as error:
        raise FrameError("a frame does not hold JSON") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise FrameError("a frame must be an object with a type")
    return frame


async def write_frame(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    """Write one frame and wait until it may be forgotten.

    Raises:
        FrameError: the frame is above 64 MB.
        ConnectionError: the other side is gone.
    """
    data = framed(frame)
    writer.write(data)
    await writer.drain()


def framed(frame: dict[str, Any]) -> bytes:
    """Return a frame's bytes. Raises `FrameError` above 64 MB."""
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _with_header(body)


def framed_model(kind: str, model: BaseModel) -> bytes:
    """Return the bytes of a frame of ``kind`` that holds a model under that name. Raises `FrameError` above 64 MB."""
    try:
        body = model.model_dump_json().encode()
    except ValueError:  # text with lone surrogates, which a learner's output may hold
        return framed({"type": kind, kind: model.model_dump(mode="json")})
    return _with_header(b'{"type":"%b","%b":%b}' % (kind.encode(), kind.encode(), body))


def _with_header(body: bytes) -> bytes:
    if len(body) > MAX_FRAME:
        raise FrameError(f"a frame of {len(body)} bytes is above the limit of {MAX_FRAME}")
    return len(body).to_bytes(HEADER_SIZE, "big") + body
