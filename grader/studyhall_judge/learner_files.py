"""A learner's own data files beside the released ones: what lies in the work folder while a submission runs."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from studyhall_judge.releases import PreparedRelease, pack_files


@contextlib.contextmanager
def with_learners_files(release: PreparedRelease, files: Mapping[str, str]) -> Iterator[int | None]:
    """Lend the memory file to put into a sandbox (see `pack_files`); the release's own when the learner has none.

    Released files win. What can't be put beside them (a path that climbs out, a file where a released folder is)
    is left out: a submission is graded as well as it can be.
    """
    own = usable_files(files, release.file_names)
    if not own:
        yield release.files
        return
    descriptor = pack_files({**own, **_unpacked(release.files)})
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def usable_files(files: Mapping[str, str], released: frozenset[str]) -> dict[str, bytes]:
    """Return those of a learner's files, decoded, that can be put beside the ``released`` ones."""
    taken = {PurePosixPath(name) for name in released}
    folders = {parent for path in taken for parent in path.parents}
    usable: dict[str, bytes] = {}
    for name, content in sorted(files.items()):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\x00" in name:
            continue
        if path in taken or path in folders or taken & set(path.parents):
            continue
        with contextlib.suppress(binascii.Error, ValueError):
            usable[path.as_posix()] = base64.b64decode(content, validate=True)
            taken.add(path)
            folders.update(path.parents)
    return usable


def _unpacked(descriptor: int | None) -> dict[str, bytes]:
    if descriptor is None:
        return {}
    size = int.from_bytes(os.pread(descriptor, 8, 0), "big")
    index: dict[str, tuple[int, int]] = json.loads(os.pread(descriptor, size, 8))
    return {path: _read(descriptor, length, 8 + size + start) for path, (start, length) in index.items()}


def _read(descriptor: int, length: int, start: int) -> bytes:
    """Read all of a piece; one call may give less than asked for."""
    content = bytearray()
    while len(content) < length and (
        chunk := os.pread(descriptor, length - len(content), start + len(content))
    ):
        content += chunk
    return bytes(content)
