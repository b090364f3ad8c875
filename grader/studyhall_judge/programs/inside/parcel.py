"""Several small files in one: how sources go into a sandbox and compiled programs come out of it."""

from __future__ import annotations

import contextlib
import json
import os
import stat


def pack(files: dict[str, bytes]) -> bytes:
    """Return the files, by relative path, as one parcel."""
    index = json.dumps({path: len(content) for path, content in files.items()}).encode()
    return b"".join((len(index).to_bytes(4, "big"), index, *files.values()))


def unpack(parcel: bytes, most: int) -> dict[str, bytes]:
    """Return the files of a parcel that comes from a sandbox, of at most ``most`` bytes.

    Raises:
        ValueError: it is no parcel, or names files outside of its folder.
    """
    if len(parcel) > most:
        raise ValueError("a parcel is too large")
    size = int.from_bytes(parcel[:4], "big")
    index = json.loads(parcel[4 : 4 + size])
    if not isinstance(index, dict):
        raise ValueError("a parcel has no index")  # noqa: TRY004 - it is a value from outside, not a programmer's slip
    files: dict[str, bytes] = {}
    place = 4 + size
    for path, length in index.items():
        if os.path.isabs(path) or ".." in path.split("/") or type(length) is not int or length < 0:
            raise ValueError("a parcel names a file outside of its folder")
        files[path] = parcel[place : place + length]
        place += length
    if place != len(parcel):
        raise ValueError("a parcel is broken off")
    return files


def write(descriptor: int, folder: str) -> None:
    """Write the files of a trusted parcel, behind a descriptor, into ``folder``; all may be executed."""
    size = int.from_bytes(os.pread(descriptor, 4, 0), "big")
    index = json.loads(os.pread(descriptor, size, 4))
    place = 4 + size
    for path, length in index.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755)
        try:
            done = 0
            while done < length:
                done += os.sendfile(file, descriptor, place + done, length - done)
        finally:
            os.close(file)
        place += length


def collect(folder: str, most: int) -> bytes | None:
    """Return a parcel of the plain files below ``folder``, or None when they are more than ``most`` bytes.

    Links are left out: a learner's compiler may have been made to leave some.
    """
    files: dict[str, bytes] = {}
    total = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(descriptor, "rb") as file:
                    about = os.fstat(descriptor)
                    total += about.st_size + len(path)
                    if not stat.S_ISREG(about.st_mode):
                        continue
                    if total > most:
                        return None
                    files[os.path.relpath(path, folder)] = file.read()
    return pack(files)
