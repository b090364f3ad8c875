"""Notebooks where nobody looks first: in an archive, under another ending, in Jupyter's checkpoint.

Asked only for a notebook that is not in a student's folder or cannot be read. Whatever is taken says so.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import MAX_BYTES, parse_notebook

from studyhall.offline_grading.course_reader import printable

MAX_ARCHIVE_BYTES: Final = 10_000_000
MAX_ARCHIVE_ENTRIES: Final = 1_000
MAX_TAKEN: Final = 10
"""Notebooks of an archive that are looked at."""

_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_ARCHIVES: Final = (".zip", ".gz")
_NO_NOTEBOOKS: Final = frozenset(
    {
        ".py",
        ".csv",
        ".tsv",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".svg",
        ".pdf",
        ".html",
        ".htm",
        ".xlsx",
        ".xls",
        ".docx",
    }
    | {".db", ".sqlite", ".pkl", ".npy", ".npz", ".yaml", ".yml", ".toml", ".ini", ".so", ".pyc"}
)
_LOOKS_LIKE_ONE = re.compile(rb'"(?:cells|cell_type|nbformat|worksheets)"')
_SNIFFED: Final = 4_000
_LONGEST_NAME: Final = 255
"""What file systems take; an archive may hold names that are far longer."""

_STEM = re.compile(
    r"^[.~#_]*(.*?)(?:-checkpoint)?(?:[._\uff0e](?:ipynb|jpynb|ipnb|nb|json|txt|zip|gz)\b.*)?[~#]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """A notebook's bytes, where they were, and the words for the student."""

    name: str
    data: bytes
    code: str
    told: str

    @property
    def stem(self) -> str:
        """The name as the notebook would have had it."""
        return stem_of(self.name)


def stem_of(name: str) -> str:
    """Return a file's name without what browsers, editors and archives put around a notebook's."""
    found = _STEM.match(PurePosixPath(name).name[:_LONGEST_NAME])
    return found[1] if found is not None else name


def may_hold_one(name: str) -> bool:
    """Whether a file's name leaves open that it is a notebook or an archive with one."""
    return PurePosixPath(name.lower()).suffix not in _NO_NOTEBOOKS


def notebooks_in(
    files: Iterable[tuple[str, Path]], read: Callable[[Path, int], bytes | None]
) -> Iterator[Found]:
    """Yield what can be read as a notebook in files that have no notebook's name. ``read`` gives a file's bytes."""
    for name, path in files:
        data = read(path, MAX_ARCHIVE_BYTES)
        if not data:
            continue
        shown = printable(PurePosixPath(name).name)
        if data.startswith(_ZIP):
            yield from _zipped(shown, data)
        elif data.startswith(_GZIP):
            unpacked = _gunzipped(data)
            if unpacked is not None and _is_notebook(unpacked):
                yield Found(name, unpacked, "archive", f"This notebook was taken out of the archive {shown}.")
        elif not _was_read(name) and _is_notebook(data):
            checkpoint = ".ipynb_checkpoints" in PurePosixPath(name).parts
            told = f"This notebook was named {shown}. It was read as the notebook that it is."
            if checkpoint:
                told = (
                    "The notebook itself was not there or could not be read. The last checkpoint that Jupyter had kept "
                    "of it was read instead; what was written later is not in it."
                )
            yield Found(name, data, "checkpoint" if checkpoint else "other_ending", told)


def _was_read(name: str) -> bool:
    """Whether a file has a notebook's name and was read as one already, unless it is an archive."""
    path = PurePosixPath(name)
    return path.suffix.lower() == ".ipynb" and not any(part.startswith(".") for part in path.parts)


def _is_notebook(data: bytes) -> bool:
    if len(data) > MAX_BYTES or _LOOKS_LIKE_ONE.search(data[:_SNIFFED].replace(b"\x00", b"")) is None:
        return False
    try:
        return bool(parse_notebook(data, salvaging=True).notebook.cells)
    except NotebookError:
        return False


def _zipped(archive: str, data: bytes) -> Iterator[Found]:
    """Yield an archive's notebooks; what is packed larger than a notebook may be is left out."""
    taken = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            for entry in opened.infolist()[:MAX_ARCHIVE_ENTRIES]:
                path = PurePosixPath(entry.filename)
                hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
                if hidden or entry.is_dir() or ".ipynb" not in path.name.lower() or entry.flag_bits & 1:
                    continue
                with opened.open(entry) as file:
                    inside = file.read(MAX_BYTES + 1)
                taken += 1
                if _is_notebook(inside):
                    yield Found(
                        path.as_posix(),
                        inside,
                        "archive",
                        f"This notebook was taken out of the archive {archive}.",
                    )
                if taken >= MAX_TAKEN:
                    return
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, ValueError, RuntimeError):
        return


def _gunzipped(data: bytes) -> bytes | None:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        return None
