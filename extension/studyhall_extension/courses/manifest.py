"""What was fetched into a lesson's folder, so that the learner's own work can be told from it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studyhall_extension.atomic_files import replace_file

MANIFEST_NAME = ".studyhall.json"
MANIFEST_VERSION = 1
MAX_MANIFEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One file as it came from the service."""

    sha256: str
    # Digest of what a notebook holds for people: saving one in Lab changes its bytes. None for data files.
    fingerprint: str | None
    release: int
    # Name (stem) of the released notebook this file is a copy of; None for data files.
    notebook: str | None
    # Path of the learner's own file that this newer version was put beside; None for the file itself.
    beside: str | None = None


@dataclass(slots=True)
class Manifest:
    """All files fetched for a lesson by path in its folder, and the release fetched last."""

    release: int | None = None
    files: dict[str, FetchedFile] = field(default_factory=dict)

    def of_notebook(self, stem: str, release: int) -> str | None:
        """Path of the copy of a notebook to submit: the one of this release, else the learner's first one."""
        copies = {path: file for path, file in self.files.items() if file.notebook == stem}
        for path, file in copies.items():
            if file.release == release:
                return path
        return next((path for path, file in copies.items() if file.beside is None), None)

    def notebooks(self) -> list[str]:
        """Stems of the lesson's notebooks, in the lesson's order."""
        return list(dict.fromkeys(file.notebook for file in self.files.values() if file.notebook is not None))


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest; an empty one when there is none or it can't be understood.

    An empty manifest is the safe side: every file that is there then counts as the learner's own.
    """
    try:
        descriptor = os.open(folder / MANIFEST_NAME, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            document = json.loads(file.read(MAX_MANIFEST_BYTES))
        return Manifest(
            release=_integer_or_none(document["release"]),
            files={str(path): _fetched_file(entry) for path, entry in document["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Manifest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Keep the manifest in a hidden file of the lesson's folder.

    Raises:
        OSError: the disk refuses.
    """
    document = {
        "version": MANIFEST_VERSION,
        "release": manifest.release,
        "files": {path: asdict(file) for path, file in manifest.files.items()},
    }
    replace_file(folder / MANIFEST_NAME, json.dumps(document, indent=1).encode())


def _fetched_file(entry: dict[str, Any]) -> FetchedFile:
    return FetchedFile(
        sha256=str(entry["sha256"]),
        fingerprint=_text_or_none(entry["fingerprint"]),
        release=int(entry["release"]),
        notebook=_text_or_none(entry["notebook"]),
        beside=_text_or_none(entry["beside"]),
    )


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _integer_or_none(value: Any) -> int | None:
    return None if value is None else int(value)
