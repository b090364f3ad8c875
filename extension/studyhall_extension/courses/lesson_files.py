"""Storing a lesson in the learner's folder without ever touching their work."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studyhall_extension.atomic_files import create_file, replace_file
from studyhall_extension.courses.manifest import FetchedFile, Manifest, read_manifest, write_manifest
from studyhall_extension.courses.policy import Action, beside_name, decide, digest, fingerprint
from studyhall_extension.errors import (
    FolderBlockedError,
    LessonDamagedError,
    LessonUnsafeError,
    NotFoundError,
    disk_errors,
)
from studyhall_extension.safe_paths import is_safe_name, make_folder, safe_relative_path

NOTEBOOK_SUFFIX = ".ipynb"
MAX_FILES = 1000


@dataclass(frozen=True, slots=True)
class LessonFile:
    """One file of a release, checked: path relative to the lesson's folder."""

    path: str
    content: bytes

    @property
    def notebook(self) -> str | None:
        """Stem of the notebook, if this is one of the lesson's (they lie at the top of its folder)."""
        if "/" not in self.path and self.path.endswith(NOTEBOOK_SUFFIX):
            return self.path.removesuffix(NOTEBOOK_SUFFIX)
        return None


@dataclass(frozen=True, slots=True)
class ReleasedLesson:
    """A lesson as the service hands it out."""

    title: str
    release: int
    files: Sequence[LessonFile]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What became of one file: created, kept, updated or put beside."""

    path: str
    status: str


@dataclass(frozen=True, slots=True)
class StoredLesson:
    """The lesson on the learner's disk: notebook to open, from the server's root, and every file's fate."""

    path: str
    release: int
    files: Sequence[StoredFile]
    message: str


def read_release(data: Any) -> ReleasedLesson:
    """Check what the service sent before anything is written.

    Raises:
        LessonUnsafeError: a file name is dangerous or comes twice.
        LessonDamagedError: something is missing or a file's checksum is wrong.
    """
    try:
        files = [_read_file(entry) for entry in data["files"]]
        title, release = str(data["title"]), int(data["release"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LessonDamagedError from error
    if not files or len(files) > MAX_FILES:
        raise LessonDamagedError
    # Two names that differ only in case are one file on some disks.
    if len({file.path.casefold() for file in files}) < len(files):
        raise LessonUnsafeError(
            "This lesson holds two files of the same name. Nothing was written; tell your instructor."
        )
    return ReleasedLesson(title=title, release=release, files=files)


def _read_file(entry: dict[str, Any]) -> LessonFile:
    path = str(safe_relative_path(entry["path"]))
    content = entry["content"]
    if entry["encoding"] == "base64":
        try:
            raw = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise LessonDamagedError from error
    else:
        raw = content.encode()
    if digest(raw) != entry["sha256"]:
        raise LessonDamagedError
    return LessonFile(path=path, content=raw)


def lesson_folder(root: Path, course: str, lesson: str) -> Path:
    """Where a lesson's files live (made if need be).

    Raises:
        NotFoundError: the names can't be folders.
        FolderBlockedError: something else is there.
        OSError: the disk refuses.
    """
    if not (is_safe_name(course) and is_safe_name(lesson)):
        raise NotFoundError
    return make_folder(root, course, lesson)


def store_lesson(
    root: Path, course: str, lesson: str, release: ReleasedLesson, *, update: bool
) -> StoredLesson:
    """Put a release into `root/course/lesson`; what the learner changed is kept, whatever `update` says.

    Raises:
        FolderBlockedError: something else is where a folder should be.
        DiskFullError, DiskUnusableError: the disk refuses; every file is then either whole or as it was.
    """
    with disk_errors():
        folder = lesson_folder(root, course, lesson)
        manifest = read_manifest(folder)
        # Folders first, so that a blocked one stops everything before the first file is written.
        for file in release.files:
            make_folder(folder, *file.path.split("/")[:-1])
        before = manifest.release
        stored: list[StoredFile] = []
        try:
            stored.extend(
                _store_file(folder, manifest, file, release.release, update=update) for file in release.files
            )
            manifest.release = _release_in_use(manifest, release)
        finally:
            # What was written is noted even when a later file could not be.
            write_manifest(folder, manifest)
    opened = _file_to_open(release, stored)
    return StoredLesson(
        path=f"{course}/{lesson}/{opened}",
        release=release.release,
        files=stored,
        message=_message(release, stored, before, update=update),
    )


def _store_file(
    folder: Path, manifest: Manifest, file: LessonFile, release: int, *, update: bool
) -> StoredFile:
    target = folder / file.path
    new_digest = digest(file.content)
    fetched = manifest.files.get(file.path)
    current = _read_regular(target)
    fresh = FetchedFile(
        sha256=new_digest, fingerprint=fingerprint(file.content), release=release, notebook=file.notebook
    )
    same = current is not None and digest(current) == new_digest
    known = fetched is not None and is_untouched(file.content, fetched)
    action = decide(
        exists=target.exists() or target.is_symlink(),
        same=same,
        untouched=current is not None and fetched is not None and is_untouched(current, fetched),
        known=known,
        update=update,
    )
    if action is Action.CREATE and create_file(target, file.content):
        manifest.files[file.path] = fresh
        return StoredFile(file.path, "created")
    if action is Action.REPLACE:
        replace_file(target, file.content)
        manifest.files[file.path] = fresh
        return StoredFile(file.path, "updated")
    if action is Action.BESIDE:
        path = _store_beside(folder, manifest, file, fresh)
        return StoredFile(path, "beside")
    if same:
        manifest.files[file.path] = fresh
    elif fetched is not None and known and update:
        # The new release changed nothing in this file, so the learner's work is work on the new release.
        manifest.files[file.path] = replace(fetched, release=release)
    return StoredFile(file.path, "kept")


def _store_beside(folder: Path, manifest: Manifest, file: LessonFile, fresh: FetchedFile) -> str:
    for attempt in range(MAX_FILES):
        path = beside_name(file.path, fresh.release, attempt)
        fetched = manifest.files.get(path)
        if fetched is not None and fetched.sha256 == fresh.sha256 and (folder / path).is_file():
            return path  # It was put there before and may hold the learner's work by now.
        if create_file(folder / path, file.content):
            manifest.files[path] = replace(fresh, beside=file.path)
            return path
    raise FolderBlockedError


def is_untouched(current: bytes, fetched: FetchedFile) -> bool:
    """Whether a file is as it was fetched; a notebook that was only opened and saved still is."""
    if digest(current) == fetched.sha256:
        return True
    return fetched.fingerprint is not None and fingerprint(current) == fetched.fingerprint


def _read_regular(file: Path) -> bytes | None:
    """A regular file's content; None for nothing, folders and links (the learner's own doing: kept)."""
    if file.is_symlink() or not file.is_file():
        return None
    return file.read_bytes()


def _release_in_use(manifest: Manifest, release: ReleasedLesson) -> int:
    """The newest release of which the learner has every notebook, or the one they had before."""
    notebooks = [file for file in release.files if file.notebook is not None] or list(release.files)
    has_all = all(
        any(
            fetched.release == release.release and file.path in (path, fetched.beside)
            for path, fetched in manifest.files.items()
        )
        for file in notebooks
    )
    return release.release if has_all or manifest.release is None else manifest.release


def _file_to_open(release: ReleasedLesson, stored: Sequence[StoredFile]) -> str:
    """The first notebook; where its new version was put beside the learner's, that one was asked for."""
    for file, result in zip(release.files, stored, strict=True):
        if file.notebook is not None:
            return result.path
    return stored[0].path


def _message(
    release: ReleasedLesson, stored: Sequence[StoredFile], before: int | None, *, update: bool
) -> str:
    beside = [file.path for file in stored if file.status == "beside"]
    if beside:
        names = ", ".join(f"“{path}”" for path in beside)
        return f"Your own work was kept. The new version lies beside it as {names}."
    if update and any(file.status == "updated" for file in stored):
        return f"“{release.title}” was updated to release {release.release}."
    if not update and before is not None and before < release.release:
        return (
            f"A newer version of “{release.title}” is there (release {release.release}; yours is "
            f"release {before}). Choose Update to get it; your own work stays."
        )
    if all(file.status == "created" for file in stored):
        return f"“{release.title}” is in your folder now."
    if any(file.status == "created" for file in stored):
        return "Files that were missing were fetched again; everything else was kept as you left it."
    return "Your files were kept as you left them."
