"""The folder that a course moves into: ours alone, renewed in place, and never at the cost of anybody's own file.

What was written is remembered with its hash in ``studyhall-export/files.db``, so that a file that somebody has changed
since is put aside instead of overwritten, and one that is not written any more can be taken away. Every file appears
whole: whoever kills the export may just run it again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from studyhall.moving_out.errors import MovingOutError, Reason

OURS: Final = "studyhall-export"
"""Folder of our bookkeeping inside of an export."""
MARKER: Final = f"{OURS}/export.json"
EARLIER: Final = "earlier-attempts"
PRIVATE: Final = 0o700
READ_ONLY: Final = 0o444
"""As nbgrader leaves files in ``autograded/``."""
SPARE: Final = 1.2
"""How many times the estimate has to be free on the disk."""


@dataclass
class Counted:
    """What became of the files."""

    new: int = 0
    changed: int = 0
    same: int = 0
    removed: int = 0
    put_aside: int = 0
    """Files that somebody else had changed; they are in ``studyhall-export/changed-by-hand/``."""


@dataclass(frozen=True)
class Owner:
    """Whose export a folder is."""

    course: str
    cohort_id: uuid.UUID

    @property
    def told(self) -> dict[str, str]:
        """Return it as the marker has it."""
        return {"course": self.course, "cohort": str(self.cohort_id)}


def examined(root: Path, owner: Owner) -> bool:
    """Say whether a folder has an export of this course already; nothing is written.

    Raises:
        MovingOutError: it holds something else, or can't be read.
    """
    try:
        if not root.exists() and not root.is_symlink():
            return False
        if not root.is_dir():
            raise MovingOutError(
                Reason.NOT_AN_EXPORT, f"{root} is not a folder. Name another place; nothing was written."
            )
        there = {entry.name for entry in root.iterdir()}
        if not there:
            return False
        marker = root / MARKER
        if not marker.is_file():
            # Killed between the first folder and the first file.
            if there == {OURS} and {entry.name for entry in (root / OURS).iterdir()} <= {"lock", "part"}:
                return False
            raise MovingOutError(
                Reason.NOT_AN_EXPORT,
                f"{root} is not empty and not an export of Studyhall, so nothing was written. Name an empty or a new "
                "folder.",
            )
        told = json.loads(marker.read_text(encoding="utf-8"))
        found = {name: told[name] for name in owner.told}
    except OSError as error:
        raise cannot_write(root, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise MovingOutError(
            Reason.NOT_AN_EXPORT, f"{root / MARKER} can't be read, so nothing was written. Name a new folder."
        ) from error
    if found != owner.told:
        raise MovingOutError(
            Reason.OTHER_COURSE,
            f"{root} is the export of {found['course']}, of this cohort or of another one, so nothing was written. "
            "Name a new folder.",
        )
    return True


def cannot_write(root: Path, error: OSError) -> MovingOutError:
    """Return what to tell the operator when the disk refuses."""
    where = error.filename or root
    return MovingOutError(
        Reason.CANNOT_WRITE,
        f"{where} can't be written: {error.strerror or error}. Make room or mend its rights, and run the same command "
        "again: it goes on from there.",
    )


def require_room(root: Path, wanted: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        MovingOutError: there is too little.
    """
    place = root.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < wanted * SPARE:
        raise MovingOutError(
            Reason.NO_SPACE,
            f"About {wanted / 1_000_000:.0f} MB are to be written and {free / 1_000_000:.0f} MB are free at {place}. "
            "Make room or name another place; nothing was written.",
        )


class ExportFolder:
    """An export that is being written. One at a time; use :meth:`opened`."""

    def __init__(self, root: Path, files: sqlite3.Connection, run: int, stamp: str) -> None:
        self.root = root
        self.counted = Counted()
        self._files = files
        self._run = run
        self._aside = root / OURS / "changed-by-hand" / stamp

    @classmethod
    @contextlib.contextmanager
    def opened(cls, root: Path, owner: Owner, now: datetime) -> Iterator[Self]:
        """Take a folder for an export, and mark it as one before anything else is in it.

        Raises:
            MovingOutError: it is something else, another export is writing it, or it can't be written.
        """
        examined(root, owner)
        try:
            root.mkdir(mode=PRIVATE, exist_ok=True)
            root.chmod(PRIVATE)
            ours = root / OURS
            ours.mkdir(mode=PRIVATE, exist_ok=True)
            with (ours / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise MovingOutError(
                        Reason.UNDER_WAY, f"Another export is writing {root}. Wait for its end and try again."
                    ) from error
                told = {**owner.told, "state": "writing", "began_at": now.isoformat()}
                _mark(root, told)
                with closing(_files_of(ours)) as files:
                    run = 1 + int(files.execute("SELECT coalesce(max(run), 0) FROM files").fetchone()[0])
                    folder = cls(root, files, run, f"{now:%Y-%m-%dT%H%M%S}")
                    yield folder
                    files.commit()
                    _mark(root, {**told, "state": "complete"})
        except OSError as error:
            raise cannot_write(root, error) from error
        except sqlite3.Error as error:
            raise MovingOutError(
                Reason.CANNOT_WRITE,
                f"{root / OURS / 'files.db'} can't be used ({error}). Make room on the disk or remove that file, and "
                "run the same command again.",
            ) from error

    @property
    def staging(self) -> Path:
        """Return where the gradebook is built before it takes its place."""
        return self.root / OURS / "gradebook.part"

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, unless it is there as it should be."""
        target = self._place(path)
        digest = hashlib.sha256(data).hexdigest()
        if self._is_same(path, target, digest):
            return
        _put(self.root, target, data, mode)
        self._remember(path, digest)

    def replace(self, path: str, data: bytes) -> None:
        """Write a file that says something else each time, and is counted nowhere."""
        _put(self.root, self._place(path), data, 0o644)

    def take(self, path: str, staged: Path) -> None:
        """Let a file that was built aside take its place."""
        target = self._place(path)
        digest = _digest(staged)
        if not self._is_same(path, target, digest):
            staged.replace(target)
            self._remember(path, digest)

    def keep(self, path: str) -> bool:
        """Keep a file as it was written before; says whether it is still that one."""
        row = self._row(path)
        target = self._place(path)
        if row is None or not _is_file(target) or _digest(target) != row[0]:
            return False
        self.counted.same += 1
        self._remember(path, row[0])
        return True

    def keep_below(self, path: str) -> None:
        """Keep everything below a folder as it was written before."""
        self._files.execute(
            "UPDATE files SET run = ? WHERE substr(path, 1, ?) = ?", (self._run, len(path) + 1, f"{path}/")
        )

    def save(self) -> None:
        """Remember for good what was written so far."""
        self._files.commit()

    def remove_old(self) -> None:
        """Take away what an earlier run wrote and this one did not, unless somebody has changed it since."""
        old = self._files.execute(
            "SELECT path, sha256 FROM files WHERE run < ? ORDER BY path", (self._run,)
        ).fetchall()
        for path, digest in old:
            target = self.root / path
            if _is_file(target) and _digest(target) == digest:
                target.unlink()
                self.counted.removed += 1
                with contextlib.suppress(OSError):  # a folder with something else in it stays
                    for parent in target.relative_to(self.root).parents[:-1]:
                        (self.root / parent).rmdir()
            self._files.execute("DELETE FROM files WHERE path = ?", (path,))
        self._files.commit()

    def told(self, name: str) -> str | None:
        """Return what :meth:`tell` was told last."""
        row = self._files.execute("SELECT value FROM told WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def tell(self, name: str, value: str) -> None:
        """Remember something until the next export into this folder."""
        self._files.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (name, value))

    def _is_ours(self, place: Path) -> bool:
        row = self._row(place.relative_to(self.root).as_posix())
        return row is not None and _digest(place) == row[0]

    def _row(self, path: str) -> tuple[str] | None:
        row: tuple[str] | None = self._files.execute(
            "SELECT sha256 FROM files WHERE path = ?", (path,)
        ).fetchone()
        return row

    def _remember(self, path: str, digest: str) -> None:
        self._files.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (path, digest, self._run))

    def _is_same(self, path: str, target: Path, digest: str) -> bool:
        """Say whether a file is there already; one that is another's is put aside, so that its place is free."""
        if not os.path.lexists(target):
            self.counted.new += 1
            return False
        there = _digest(target) if _is_file(target) else None
        if there == digest:
            self.counted.same += 1
            self._remember(path, digest)
            return True
        row = self._row(path)
        if row is None or row[0] != there:
            aside = self._aside / path
            aside.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            target.replace(aside)
            self.counted.put_aside += 1
        self.counted.changed += 1
        return False

    def _place(self, path: str) -> Path:
        """Return a file's place with its folder made; never through a link that leads elsewhere."""
        parts = path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise ValueError(f"{path!r} is no path inside of an export")
        place = self.root
        for part in parts[:-1]:
            place /= part
            try:
                found = place.lstat()
            except FileNotFoundError:
                place.mkdir()
                continue
            if stat.S_ISREG(found.st_mode) and self._is_ours(place):
                # A learner's file of an earlier attempt where a newer one has a folder.
                place.unlink()
                place.mkdir()
            elif not stat.S_ISDIR(found.st_mode):
                raise MovingOutError(
                    Reason.CANNOT_WRITE,
                    f"{place} is not a folder, or a link to one. Move it out of the export and run the same command "
                    "again.",
                )
        return place / parts[-1]


def _mark(root: Path, told: dict[str, Any]) -> None:
    """Write what says whose export a folder is."""
    _put(root, root / MARKER, (json.dumps(told, indent=1) + "\n").encode(), 0o644)


def _put(root: Path, target: Path, data: bytes, mode: int) -> None:
    """Write a file so that it appears whole or not at all."""
    part = root / OURS / "part"
    part.unlink(missing_ok=True)
    part.write_bytes(data)
    part.chmod(mode)
    part.replace(target)


def _files_of(ours: Path) -> sqlite3.Connection:
    files = sqlite3.connect(ours / "files.db")
    files.execute(
        "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, run INTEGER NOT NULL) "
        "WITHOUT ROWID"
    )
    files.execute("CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    return files


def _is_file(place: Path) -> bool:
    return place.is_file() and not place.is_symlink()


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
