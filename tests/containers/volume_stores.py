"""docker/volume-store as a process of the tests' own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from containers.engines import ROOT

PROGRAM = ROOT / "docker" / "volume-store"


def socket_of(folder: Path) -> Path:
    return folder / "store.sock"


@contextmanager
def running_store(folder: Path) -> Iterator[Path]:
    """Keep home folders below `folder`; yields the socket. Afterwards no device of theirs is left behind."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "--folder", folder / "files", "--socket", socket_of(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield socket_of(folder)
    finally:
        process.terminate()
        process.communicate()
        for name in (folder / "devices").iterdir():
            # One that a container still has goes with the container.
            subprocess.run(["losetup", "--detach", os.path.realpath(name)], check=True)
