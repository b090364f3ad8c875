"""The file of a back-up: what is in it, and whether it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trouble import Trouble

FORMAT = 1
MANIFEST = "manifest.json"
ROLES = "roles.sql"


@dataclass
class Manifest:
    """What a back-up holds."""

    made_at: str
    format: int = FORMAT
    has_secrets: bool = False
    databases: list[str] = field(default_factory=list)
    tables: str = ""
    """The version of the service's tables: the last migration."""
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each volume's driver, options and labels, and its size in mebibytes where it has one."""
    sums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each part."""


class Packed:
    """A back-up that is read."""

    def __init__(self, file: Path, opened: tarfile.TarFile, manifest: Manifest) -> None:
        self.file = file
        self.opened = opened
        self.manifest = manifest

    def size(self, name: str) -> int:
        """Return the size of a part in bytes."""
        return self.opened.getmember(name).size

    def pour(self, name: str, words: list[str]) -> None:
        """Give a part to a command.

        Raises:
            Trouble: the command failed.
        """
        part = self.opened.extractfile(name)
        if part is None:
            raise Trouble(f"{self.file} is damaged: {name} is no file.")
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            if process.stdin is None or process.stderr is None:
                raise RuntimeError("the process was opened without its pipes")
            try:
                shutil.copyfileobj(part, process.stdin)
                process.stdin.close()
            except BrokenPipeError:
                # What it says of that comes with its end.
                process.stdin = None
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode != 0:
            raise Trouble(f"{name} can't be put back: {said[-600:]}")

    def unpack_home(self, folder: Path) -> None:
        """Write the files of the installation's folder into another one."""
        for member in self.opened.getmembers():
            if member.name.startswith("home/"):
                self.opened.extract(member, folder, filter="data")


@contextmanager
def opened_back_up(file: Path) -> Iterator[Packed]:
    """Open a back-up and see that every part is what was written; nothing is unpacked.

    Raises:
        Trouble: it can't be read, or a part is missing, damaged, or nothing that a back-up has.
    """
    if not file.is_file():
        raise Trouble(f"There is no {file}.")
    try:
        with tarfile.open(file, "r:") as packed:
            members = {member.name: member for member in packed.getmembers()}
            manifest = _manifest(file, packed)
            _see_that_it_is_whole(file, packed, members, manifest)
            yield Packed(file, packed, manifest)
    except (tarfile.TarError, EOFError) as error:
        raise Trouble(f"{file} is no back-up of Studyhall, or is damaged: {error}") from error


def _manifest(file: Path, packed: tarfile.TarFile) -> Manifest:
    try:
        part = packed.extractfile(MANIFEST)
        said = json.load(part) if part else None
    except (KeyError, ValueError) as error:
        raise Trouble(
            f"{file} is no back-up of Studyhall, or its end is missing: it has no list of what is in it."
        ) from error
    number = said.get("format") if isinstance(said, dict) else None
    if number != FORMAT:
        raise Trouble(
            f"{file} is of another version of Studyhall (format {number}; this one reads {FORMAT}). Restore it with "
            "the version that made it."
        )
    try:
        return Manifest(**said)
    except TypeError as error:
        raise Trouble(f"{file} is no back-up of Studyhall, or is damaged: {error}") from error


def _see_that_it_is_whole(
    file: Path, packed: tarfile.TarFile, members: dict[str, tarfile.TarInfo], manifest: Manifest
) -> None:
    expected = {
        ROLES,
        *(f"databases/{name}.dump" for name in manifest.databases),
        *(f"volumes/{name}.tar" for name in manifest.volumes),
    }
    if manifest.sums.keys() != expected:
        raise Trouble(f"{file} is damaged: its list of parts does not fit its list of sums.")
    wrong = [
        name
        for name in sorted(expected)
        if name not in members or sum_of(packed, name) != manifest.sums[name]
    ]
    if wrong:
        raise Trouble(f"{file} is damaged: {', '.join(wrong)}.")
    strange = [
        name
        for name, member in members.items()
        if name not in {MANIFEST, *expected}
        and not (
            name.startswith("home/") and ".." not in name.split("/") and (member.isfile() or member.isdir())
        )
    ]
    if strange or "home/classroom.toml" not in members:
        raise Trouble(
            f"{file} is no back-up of Studyhall: it {'has ' + strange[0] if strange else 'has no classroom.toml'}."
        )


def sum_of(packed: tarfile.TarFile, name: str) -> str:
    """Return the SHA-256 of a part."""
    part = packed.extractfile(name)
    if part is None:
        return ""
    summed = hashlib.sha256()
    while piece := part.read(1024 * 1024):
        summed.update(piece)
    return summed.hexdigest()
