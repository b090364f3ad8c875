"""Messages between the judge and its sandboxes.

Two kinds of channel. A *stream* carries a 4-byte length and JSON, any size up to the reader's limit: cells and their
outcomes. A *packet* socket carries one small JSON message per packet, with file descriptors: commands.
"""

from __future__ import annotations

import json
import posix
import socket
from typing import Any

MAX_PACKET = 64 * 1024
MAX_DESCRIPTORS = 8

_read = posix.read
_write = posix.write


class ChannelClosed(Exception):
    """The other side of a channel is gone."""


def encode(message: dict[str, Any]) -> bytes:
    """Turn a message into the bytes of a stream."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


# The student's side of a stream uses nothing that student code could have patched: C functions, taken before it ran.
_encode_value = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # the C encoder has no published type
    None, None, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, True
)
_decode_value: Any = vars(json.JSONDecoder())["scan_once"]


def encode_plain(message: dict[str, Any]) -> bytes:
    """Turn a message of plain types into JSON."""
    return "".join(_encode_value(message, 0)).encode()


def send_to(descriptor: int, message: dict[str, Any]) -> None:
    """Send one message, whole, on a descriptor. The message holds plain types only."""
    body = encode_plain(message)
    data = len(body).to_bytes(4, "big") + body
    while data:
        data = data[_write(descriptor, data) :]


def receive_from(descriptor: int) -> dict[str, Any]:
    """Wait for one message on a descriptor.

    Raises:
        ChannelClosed: the other side closed.
    """
    size = int.from_bytes(_exactly(descriptor, 4), "big")
    message: dict[str, Any] = _decode_value(_exactly(descriptor, size).decode(), 0)[0]
    return message


def _exactly(descriptor: int, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = _read(descriptor, min(size - len(chunks), 1 << 20))
        if not chunk:
            raise ChannelClosed
        chunks += chunk
    return bytes(chunks)


def send_packet(channel: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet, lending copies of ``descriptors`` to the other side."""
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive_packet(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Wait for one packet; returns the message and the descriptors that came with it.

    Raises:
        ChannelClosed: the other side closed.
        BlockingIOError: the socket does not block and there is nothing yet.
    """
    data, descriptors, _flags, _address = socket.recv_fds(channel, MAX_PACKET, MAX_DESCRIPTORS)
    if not data:
        raise ChannelClosed
    message: dict[str, Any] = json.loads(data)
    return message, descriptors
