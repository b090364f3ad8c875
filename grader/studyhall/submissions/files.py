"""A learner's own data files in a submission: what may be sent, and how they are kept."""

import base64
import binascii
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.submissions.errors import FileInvalid, FilesTooLarge
from studyhall.submissions.models import Snapshot

MAX_PATH = 300
"""Characters of a file's path."""
MAX_DEPTH = 20


def checked_path(path: str) -> PurePosixPath:
    """Return a relative path that stays inside of whatever folder it is put into.

    Raises:
        FileInvalid: it is absolute, climbs out, or holds what a path may not.
    """
    parts = PurePosixPath(path).parts
    wrong = (
        not parts
        or len(path) > MAX_PATH
        or len(parts) > MAX_DEPTH
        or path != "/".join(parts)
        or path.startswith("/")
        or any(part in {".", ".."} for part in parts)
        or "\\" in path
        or not path.isprintable()
    )
    if wrong:
        raise FileInvalid(
            f"{path[:80]!r} is not a plain path inside of the assignment's folder. Rename the file and submit again."
        )
    return PurePosixPath(path)


def check_files(files: Mapping[str, str], *, max_bytes: int) -> None:
    """Refuse files that can't be kept or put beside a notebook.

    Raises:
        FileInvalid: a path is no plain one, stands in another's way, or a content is not base64.
        FilesTooLarge: together they are larger than ``max_bytes``.
    """
    paths = {checked_path(path) for path in files}
    size = 0
    for path, content in files.items():
        above = [parent for parent in PurePosixPath(path).parents if parent in paths]
        if above:
            raise FileInvalid(f"{path!r} can't lie below {above[0].as_posix()!r}, which is a file itself.")
        try:
            size += len(base64.b64decode(content, validate=True))
        except (binascii.Error, ValueError) as error:
            raise FileInvalid(f"The content of {path!r} is not base64.") from error
    if size > max_bytes:
        raise FilesTooLarge(
            f"The files beside your notebooks are {size / 1_000_000:.1f} MB together; {max_bytes / 1_000_000:g} MB can "
            "be submitted. Remove what the assignment does not need and submit again; your copy is safe."
        )


def packed(files: Mapping[str, str]) -> bytes | None:
    """Return files as they are kept; None when there are none."""
    if not files:
        return None
    return zlib.compress(json.dumps(dict(files), separators=(",", ":")).encode(), level=3)


def unpacked(kept: bytes | None) -> dict[str, str]:
    """Return what :func:`packed` made, ``{path: base64}``."""
    files: dict[str, str] = json.loads(zlib.decompress(kept)) if kept is not None else {}
    return files


async def files_of(
    session: AsyncSession, attempt_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, str]]:
    """Return the learners' own files by attempt; attempts without any are left out."""
    rows = await session.execute(
        select(Snapshot.attempt_id, Snapshot.files).where(
            Snapshot.attempt_id.in_(attempt_ids), Snapshot.files.is_not(None)
        )
    )
    return {attempt_id: unpacked(kept) for attempt_id, kept in rows}
