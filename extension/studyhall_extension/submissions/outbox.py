"""Snapshots on their way: one file each, whole before anything is sent, gone when the service has it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from logging import Logger
from pathlib import Path
from typing import Any

from studyhall_extension.atomic_files import create_file, remove_left_over, replace_file
from studyhall_extension.errors import disk_errors
from studyhall_extension.safe_paths import make_folder
from studyhall_extension.submissions.policy import UNREACHABLE
from studyhall_extension.submissions.snapshot import Snapshot

FOLDER = (".studyhall", "outbox")
FORMAT_VERSION = 1
WAITING = "waiting"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One snapshot in the outbox, without its notebooks (those stay on disk until they are sent)."""

    idempotency_key: str
    course: str
    lesson: str
    created_at: str
    state: str = WAITING
    message: str = UNREACHABLE.message
    # Of a refusal: the service's code and status, so that the same key gets the same answer again.
    code: str = ""
    status: int = 0

    def public(self) -> dict[str, Any]:
        """What the learner's browser is told."""
        return {
            "idempotency_key": self.idempotency_key,
            "course": self.course,
            "lesson": self.lesson,
            "created_at": self.created_at,
            "state": self.state,
            "message": self.message,
        }


class Outbox:
    """The outbox folder `root/.studyhall/outbox` and what is in it. Methods that touch the disk block."""

    def __init__(self, root: Path, log: Logger) -> None:
        self.root = root
        self.log = log
        self._entries: dict[str, Entry] = {}

    def load(self) -> None:
        """Read what an earlier run of this server left; files that can't be understood are left alone.

        Raises:
            OSError: the folder can't be read.
        """
        folder = self.root.joinpath(*FOLDER)
        if not folder.is_dir():
            return
        remove_left_over(folder)
        for file in sorted(folder.glob("*.json")):
            try:
                entry = _read_entry(json.loads(file.read_bytes()))
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                self.log.warning("Studyhall: left %s alone, it is no submission", file)
                continue
            if file.stem == entry.idempotency_key:
                self._entries.setdefault(entry.idempotency_key, entry)

    def entries(self) -> Sequence[Entry]:
        """All entries, oldest first."""
        return sorted(self._entries.values(), key=lambda entry: entry.created_at)

    def get(self, key: str) -> Entry | None:
        """The entry of a key."""
        return self._entries.get(key)

    def waiting(self, course: str, lesson: str) -> Sequence[Entry]:
        """A lesson's entries that still have to be sent, oldest first."""
        return [
            entry
            for entry in self.entries()
            if entry.state == WAITING and (entry.course, entry.lesson) == (course, lesson)
        ]

    def add(self, key: str, snapshot: Snapshot, now: datetime) -> Entry:
        """Keep a snapshot. When this returns, it survives a crash of the server and of the machine.

        Raises:
            DiskFullError, DiskUnusableError: it could not be kept; nothing half-written stays.
        """
        entry = Entry(
            idempotency_key=key, course=snapshot.course, lesson=snapshot.lesson, created_at=now.isoformat()
        )
        with disk_errors():
            make_folder(self.root, *FOLDER)
            create_file(self._file(key), _document(entry, asdict(snapshot)), mode=0o600)
        self._entries[key] = entry
        return entry

    def submission(self, key: str) -> bytes:
        """The request body for the service.

        Raises:
            OSError: the file is gone or can't be read.
            ValueError, KeyError, TypeError: it was changed by hand.
        """
        return json.dumps(json.loads(self._file(key).read_bytes())["submission"]).encode()

    def note(self, key: str, message: str) -> Entry:
        """Remember why an entry is still waiting (not on disk: the next run finds out by itself)."""
        entry = replace(self._entries[key], message=message)
        self._entries[key] = entry
        return entry

    def refuse(self, key: str, *, message: str, code: str, status: int) -> Entry:
        """Keep a snapshot that the service will never take, with its reason, until the learner removes it.

        Raises:
            OSError, ValueError, KeyError: the file is gone or can't be written; the entry is refused anyway.
        """
        entry = replace(self._entries[key], state=REFUSED, message=message, code=code, status=status)
        try:
            submission = json.loads(self._file(key).read_bytes())["submission"]
            replace_file(self._file(key), _document(entry, submission), mode=0o600)
        finally:
            # Not before the file is written: what is refused may be thrown away, and its file would come back.
            self._entries[key] = entry
        return entry

    def forget(self, key: str) -> None:
        """Drop an entry from the list whose file is gone or useless; the disk is not touched."""
        self._entries.pop(key, None)

    def remove(self, key: str) -> None:
        """Let go of a snapshot.

        Raises:
            OSError: the disk refuses; the entry is gone from the list all the same.
        """
        self._entries.pop(key, None)
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.root.joinpath(*FOLDER, f"{key}.json")


def _document(entry: Entry, submission: dict[str, Any]) -> bytes:
    return json.dumps({"version": FORMAT_VERSION, "entry": asdict(entry), "submission": submission}).encode()


def _read_entry(document: dict[str, Any]) -> Entry:
    entry = Entry(**document["entry"])
    uuid.UUID(entry.idempotency_key)
    datetime.fromisoformat(entry.created_at)
    if document["version"] != FORMAT_VERSION or entry.state not in (WAITING, REFUSED):
        raise ValueError("unknown format")
    submission = document["submission"]
    if (submission["course"], submission["lesson"]) != (entry.course, entry.lesson):
        raise ValueError("entry and submission differ")
    return entry
