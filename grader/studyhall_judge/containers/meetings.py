"""How a container and its judge find each other: over a socket in a folder that only this container has."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall_judge.containers.engine import Engine, EngineProblem, Order
from studyhall_judge.containers.identity import identity
from studyhall_judge.report import Limits
from studyhall_judge.sandboxes import START_SECONDS, PacketSocket, SandboxFault
from studyhall_judge.standing import WARMING_ENVIRONMENT

PYTHON = "python3"
"""The interpreter of an image's default environment."""

_LOOK_SECONDS = 1.0


@dataclass
class Guest:
    """A container that has come; ``ready`` is the first thing that it said."""

    container: str
    folder: Path
    raw: socket.socket
    commands: PacketSocket
    ready: dict[str, Any]


class Host:
    """Starts containers of the engine's image, lets them in, and sees them off."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self._folder = folder
        self._leaving: set[asyncio.Future[Any]] = set()

    async def invite(
        self, command: list[str], greeting: dict[str, Any], limits: Limits, room_mb: int
    ) -> Guest:
        """Start a container, greet it, and wait until it says that it is ready.

        Raises:
            EngineProblem: the engine made none, it did not come, or it is of another version.
            SandboxFault: it came and failed.
        """
        folder, listener = _meeting(self._folder)
        with listener:
            order = Order(command, folder, limits, room_mb, self.engine.a_user())
            try:
                # One whose judge stops waiting finds nobody to meet, ends, and is removed.
                container = await asyncio.to_thread(self.engine.start, order)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            try:
                return await self._greeted(container, folder, await self._met(listener, container), greeting)
            except BaseException:
                self.leave(self.remove(container, folder))
                raise

    async def _greeted(
        self, container: str, folder: Path, channel: socket.socket, greeting: dict[str, Any]
    ) -> Guest:
        packets = PacketSocket(channel)
        try:
            packets.send(greeting)
            async with asyncio.timeout(START_SECONDS):
                ready, _ = await packets.receive()
            self._check(ready)
        except TimeoutError as error:
            packets.close()
            raise SandboxFault("a sandbox's container did not get warm in time") from error
        except BaseException:
            packets.close()
            raise
        return Guest(container, folder, channel, packets, ready)

    def _check(self, ready: dict[str, Any]) -> None:
        if ready["op"] != "ready":
            raise SandboxFault(str(ready.get("message")))
        ours = identity()
        theirs = {name: ready.get(name) for name in ours}
        if theirs != ours:
            raise EngineProblem(
                f"The image {self.engine.image} holds Python {theirs['python']} and Studyhall {theirs['studyhall']}, "
                f"the judge Python {ours['python']} and Studyhall {ours['studyhall']}. Build the image again from the "
                "judge's version."
            )

    async def _met(self, listener: socket.socket, container: str) -> socket.socket:
        """Wait until the container has come. Raises `EngineProblem` when it ends before."""
        loop = asyncio.get_running_loop()
        coming = asyncio.ensure_future(loop.sock_accept(listener))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    while not coming.done():
                        await asyncio.wait({coming}, timeout=_LOOK_SECONDS)
                        if not coming.done() and not await asyncio.to_thread(
                            self.engine.is_running, container
                        ):
                            break
            if coming.done():
                _close_door(listener)
                return coming.result()[0]
        finally:
            if not coming.done():
                coming.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await coming
        raise EngineProblem(
            f"A container of the image {self.engine.image} ended before it was ready, or was not within "
            f"{START_SECONDS:.0f} s. If the engine is busy, it gets ready when less runs on its host. Else the image "
            "is not one that docker/judge/README.md makes: `docker run --rm --network none IMAGE python3 -m "
            "studyhall_judge --version` shows what is wrong with it."
        )

    def leave(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.ensure_future(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def remove(self, container: str, folder: Path) -> None:
        """Remove a container, whatever it is doing."""
        await asyncio.to_thread(self.engine.remove, container)
        shutil.rmtree(folder, ignore_errors=True)

    def see_off(self, guest: Guest) -> None:
        """Hang up, upon which a container ends, and remove it while nobody waits."""
        guest.commands.close()
        self.leave(self.remove(guest.container, guest.folder))


def command_of(python: str, program: str, *options: str) -> list[str]:
    """Return the words that run a program of ours as a container's process 1, with an environment of ours alone."""
    words = [f"{name}={value}" for name, value in WARMING_ENVIRONMENT.items()]
    return ["/usr/bin/env", "-i", *words, python, "-I", "-B", *options, "-c", program]


def _meeting(below: Path) -> tuple[Path, socket.socket]:
    """Return a folder with a socket in it to which whoever has the folder may connect.

    Others of this machine cannot come near: what it lies in is closed to them. A container has just the folder.
    """
    folder = Path(tempfile.mkdtemp(dir=below))
    folder.chmod(0o755)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = folder / "socket"
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(1)
    listener.setblocking(False)
    return folder, listener


def _close_door(listener: socket.socket) -> None:
    """Let one guest in and no other: whoever runs in the container later finds nothing to connect to."""
    Path(listener.getsockname()).unlink()
