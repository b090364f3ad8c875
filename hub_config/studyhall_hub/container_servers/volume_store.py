"""Asks docker/volume-store, a program of this host, for home folders of a fixed size."""

import asyncio
import json
import socket as sockets
from dataclasses import dataclass

SMALLEST = 16
"""Mebibytes; what exists is never made smaller than it is, so that this asks for whatever size it has."""

_PATIENCE = 280.0
"""Seconds. A new file system takes less than one, a large one that is mended and grows takes some, and a whole class
that comes for the first time waits in a row. Less than a start may take in all, so that the log says what it was."""

_ASK_AGAIN_SECONDS = 0.05
"""How soon somebody tries again who found everybody else waiting there already."""


class VolumeStoreError(Exception):
    """The store of volumes does not answer."""


@dataclass(frozen=True)
class Device:
    """What Docker mounts as somebody's home folder."""

    path: str
    mebibytes: int


async def ask_for_device(socket: str, *, volume: str, mebibytes: int) -> Device:
    """Return the device of a volume that has this size at least; one that is larger already keeps its size.

    Raises:
        VolumeStoreError: the store does not answer, or can't provide it; the message is for the hub's log.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _ask(socket, {"volume": volume, "mebibytes": mebibytes})
    except TimeoutError as late:
        raise VolumeStoreError(
            f"docker/volume-store did not answer within {_PATIENCE:.0f} s at {socket}."
        ) from late
    except OSError as problem:
        raise VolumeStoreError(
            f"docker/volume-store does not answer at {socket} ({problem.strerror}). Start it on this host."
        ) from problem
    except (ValueError, KeyError) as odd:
        raise VolumeStoreError(f"What answers at {socket} is not docker/volume-store.") from odd


async def _ask(socket: str, question: dict[str, object]) -> Device:
    reader, writer = await asyncio.open_unix_connection(sock=await _connected(socket))
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline())
    finally:
        writer.close()
    if "error" in answer:
        raise VolumeStoreError(answer["error"])
    return Device(answer["device"], answer["mebibytes"])


async def _connected(path: str) -> sockets.socket:
    """Return a connection to a socket; wait while the queue in front of it is full.

    A full queue refuses at once, which asyncio's own way to connect takes for a connection that is being made.
    """
    door = sockets.socket(sockets.AF_UNIX)
    try:
        door.setblocking(False)
        while True:
            try:
                door.connect(path)
            except BlockingIOError:
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            else:
                return door
    except BaseException:
        door.close()
        raise


def volume_options(device: Device) -> dict[str, str]:
    """Return what Docker's own `local` volumes are made with; fixed for as long as the volume exists."""
    return {"type": "ext4", "device": device.path, "o": "nosuid,nodev,noatime"}
