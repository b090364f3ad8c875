"""Starting a judge with this back end: finding the engine and the image, and saying in one sentence what lacks."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from studyhall_judge.programs.desk import Desk
from studyhall_judge.programs.languages import Language, from_text
from studyhall_judge.report import Wall
from studyhall_judge.sandboxes import SandboxFault
from studyhall_judge.slots import Environment, SlotPool


class NotInstalled(SandboxFault):
    """The engine's client is not installed; the message says how to get it."""


def make_pool(options: argparse.Namespace, slots: int, environments: list[Environment]) -> SlotPool:
    """Return slots that use the engine which the command line names.

    Raises:
        SandboxFault: the client, the engine or the image is not there; the message is a sentence with the way out.
    """
    try:
        from studyhall_judge.containers.engine import Engine  # noqa: PLC0415 - an extra
        from studyhall_judge.containers.slots import ContainerPool  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise NotInstalled(
            "The client of the container engine is not installed. Install it: pip install 'studyhall[docker]'."
        ) from error
    engine = Engine(options.engine, options.sandbox_image, owner_of(options))
    engine.check_image()
    return ContainerPool(slots, environments, engine, Path(tempfile.mkdtemp(prefix="studyhall-judge-")))


async def measure(pool: SlotPool) -> list[Wall]:
    """Start the pool and look at one of its containers; returns every wall with whether it stands."""
    from studyhall_judge.containers import slots, standing  # noqa: PLC0415 - an extra

    assert isinstance(pool, slots.ContainerPool)  # noqa: S101 - `make_pool` has made it
    try:
        await pool.start()
    except SandboxFault as error:
        return [standing.missing(str(error))]
    return await standing.measure(pool)


async def make_desk(pool: SlotPool) -> Desk:
    """Return what judges programs in containers of the pool, which has been started.

    Raises:
        SandboxFault: the image lacks a kernel that an environment names; the message is a sentence with the way out.
    """
    from studyhall_judge.containers import meetings, programs, slots  # noqa: PLC0415 - an extra

    assert isinstance(pool, slots.ContainerPool)  # noqa: S101 - `make_pool` has made it
    named = [one for one in pool.environments.values() if one.kernel]
    kernels = {
        one.name: [meetings.PYTHON if one.python == sys.executable else one.python, one.kernel]
        for one in named
    }
    offered = await programs.look(pool.host, kernels)
    image = pool.engine.image
    for name, reason in offered["kernels"].items():
        if reason:
            raise SandboxFault(
                f"The image {image} cannot run notebooks of the environment {name}: {reason}. Build the image with "
                "that kernel and nbclient, as docker/judge/README.md says, leave the environment out, or use the "
                "other sandbox: STUDYHALL_JUDGE_SANDBOX=namespaces."
            )
    found = from_text(json.dumps(offered["languages"]))
    return programs.ContainerDesk(pool, {name: _of_image(one, image) for name, one in found.items()})


def _of_image(language: Language, image: str) -> Language:
    """Say of a language that is not there that it is the image which lacks it."""
    if language.available:
        return language
    return replace(language, reason=f"the image {image} has no tools for it ({language.reason})")


def owner_of(options: argparse.Namespace) -> str:
    """Return the name by which a judge knows its containers again: no two living judges have one socket."""
    if options.socket is None:
        return f"self-test {secrets.token_hex(8)}"
    return f"{socket.gethostname()}:{options.socket.resolve()}"
