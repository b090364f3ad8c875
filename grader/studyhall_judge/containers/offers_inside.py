"""Process 1 of the container that is asked, when a judge starts, what its image has: languages and kernels."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from studyhall_judge.containers.identity import MEETING, identity
from studyhall_judge.programs.languages import find_languages, to_text
from studyhall_judge.sandbox import root, wire

_ASK_SECONDS = 30
_ABSENT = 3
_LOOK = (
    "import sys, nbclient; from jupyter_client.kernelspec import find_kernel_specs; "
    f"sys.exit(0 if sys.argv[1] in find_kernel_specs() else {_ABSENT})"
)


def main() -> None:
    """Meet the judge and answer its one question."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(MEETING)
    try:
        question, _ = wire.receive_packet(channel)
        for path in (root.WORK, root.TEMPORARY):
            Path(path).mkdir()
        languages = json.loads(to_text(find_languages()))
        reasons = {name: why_not(*words) for name, words in question["kernels"].items()}
        answer: dict[str, Any] = {"op": "ready", "languages": languages, "kernels": reasons}
        wire.send_packet(channel, answer | identity())
        wire.receive_packet(channel)
    except wire.ChannelClosed:
        return


def why_not(python: str, kernel: str) -> str:
    """Return why notebooks of a kernel cannot run here, or nothing when they can."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter that the operator named
            [python, "-I", "-c", _LOOK, kernel], capture_output=True, check=False, timeout=_ASK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"it has no interpreter {python} that answers"
    if done.returncode == _ABSENT:
        return f"its {python} knows no kernel {kernel}"
    return "" if done.returncode == 0 else f"its {python} lacks nbclient, which drives kernels"
