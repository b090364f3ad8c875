"""What a student's folder holds, read so that nothing in it can lead anywhere else or cost more than it may.

A folder comes from a student's machine, a zip or a repository: it may hold links, pipes, gigabytes and any encoding.
Nothing here raises for what it finds; what cannot be used is said in a sentence.
"""

import errno
import fnmatch
import importlib.util
import json
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studyhall_judge.report import IntegrityFlag, Repair
from studyhall_notebooks.cells import CellRole, grade_id, role_of
from studyhall_notebooks.course_files import IGNORED
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.outputs import MAX_BYTES_WITH_OUTPUTS, without_outputs
from studyhall_notebooks.parsing import MAX_BYTES, parse_notebook, read_notebook

from studyhall.offline_grading import last_resorts
from studyhall.offline_grading.course_reader import Assignment, printable

MAX_OTHER_NOTEBOOKS: Final = 10
"""Notebooks under names that the assignment does not have: one of them may be a renamed one."""

MAX_CANDIDATES: Final = 5
"""Files of one name, in several folders, of which the first that can be read is taken."""

MAX_SEARCHED_BYTES: Final = 100_000_000
"""How much of many notebooks under other names is searched for grade ids."""

MAX_EXTRA_BYTES: Final = 16_000_000
MAX_EXTRA_FILES: Final = 200
MAX_DEPTH: Final = 5
MAX_ENTRIES: Final = 5_000

_ENDING: Final = re.compile(
    r"\.ipynb(?:\.(?:txt|json|download|bak|orig|old|save|backup|tmp|part|crdownload|ipynb|\d{1,3}))*[~_ ]?$",
    re.IGNORECASE,
)
"""How notebooks' names end; browsers, mail programmes and editors add endings of their own."""

_LEFT_OUT: Final = (*IGNORED, "timestamp.txt", "submission_secret.txt", "*.pyo", "*.pth", "*.so", "*.pyd")
_STEERING_MODULES: Final = frozenset({"sitecustomize", "usercustomize", "conftest"})


class _Unusable(Exception):
    """A file cannot be used; the message is a sentence for its author."""


@dataclass
class ReadFolder:
    """A student's work as it goes to the judge.

    ``held_back`` says, by notebook, why a file that is there was not sent. ``extras`` are the student's own files
    beside the assignment's. ``refusal`` is set when nothing of the folder could be read.
    """

    notebooks: dict[str, str] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    extras: dict[str, bytes] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    flags: list[IntegrityFlag] = field(default_factory=list)
    refusal: str = ""

    def repair(self, code: str, notebook: str, message: str) -> None:
        """Note something that was mended, for the learner."""
        self.repairs.append(Repair(code=code, notebook=notebook, grade_id=None, message=message))

    def flag(self, code: str, message: str) -> None:
        """Note something for staff."""
        self.flags.append(IntegrityFlag(code=code, test_id=None, message=message))


def read_folder(path: Path, assignment: Assignment) -> ReadFolder:
    """Read a student's folder for the assignment."""
    read = ReadFolder()
    if path.is_symlink():
        read.refusal = (
            "The folder is a link to another place, which is not followed. Hand in the files themselves."
        )
        read.flag("link", "The student's folder for the assignment is a link.")
        return read
    try:
        files = _files_below(path, read)
    except OSError as error:
        read.refusal = f"The folder could not be opened ({_reason(error)})."
        return read
    notebooks = {name: file for name, file in files.items() if _ENDING.search(name)}
    _read_notebooks(read, notebooks, assignment)
    _look_further(read, path, files, assignment)
    others = {name: file for name, file in files.items() if name not in notebooks}
    _read_extras(read, others, assignment)
    return read


def _files_below(path: Path, read: ReadFolder) -> dict[str, Path]:
    """Return what the folder holds by relative path; folders behind links are not entered. Raises `OSError`.

    Notebooks and other files are counted apart: whatever lies beside it, a notebook is found.
    """
    notebooks: dict[str, Path] = {}
    others: dict[str, Path] = {}
    left_out = folders = 0
    waiting: list[tuple[Path, int]] = [(path, 0)]
    while waiting:
        folder, depth = waiting.pop(0)
        entries = _entries(folder, read) if depth else _sorted_entries(folder)
        for entry in entries:
            is_notebook = _ENDING.search(entry.name) is not None
            if entry.is_dir(follow_symlinks=False) and not is_notebook:
                folders += 1
                if folders > MAX_ENTRIES:
                    left_out += 1
                elif depth < MAX_DEPTH:
                    waiting.append((Path(entry.path), depth + 1))
                continue
            found = notebooks if is_notebook else others
            if len(found) < MAX_ENTRIES:
                found[Path(entry.path).relative_to(path).as_posix()] = Path(entry.path)
            else:
                left_out += 1
    if left_out:
        read.flag("many_files", f"The folder holds more than {MAX_ENTRIES} files; the rest was left out.")
    return notebooks | others


def _entries(folder: Path, read: ReadFolder) -> list[os.DirEntry[str]]:
    """Return what an inner folder holds; one that stays closed costs only itself."""
    try:
        return _sorted_entries(folder)
    except OSError as error:
        read.flag(
            "closed_folder", f"The folder {printable(folder.name)} could not be opened ({_reason(error)})."
        )
        return []


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    return sorted((one for one in os.scandir(folder) if not _is_left_out(one.name)), key=lambda one: one.name)


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or any(fnmatch.fnmatch(name, pattern) for pattern in _LEFT_OUT)


# Notebooks


def _read_notebooks(read: ReadFolder, files: dict[str, Path], assignment: Assignment) -> None:
    """Read the assignment's notebooks from the folder itself, else from a folder in it, then some of the others."""
    candidates: dict[str, list[str]] = {}
    for name in sorted(files, key=lambda one: (one.count("/"), one)):
        stem = unicodedata.normalize("NFC", _ENDING.sub("", Path(name).name))
        known = next((one for one in assignment.notebooks if unicodedata.normalize("NFC", one) == stem), None)
        if known is not None:
            candidates.setdefault(known, []).append(name)
    wanted: set[str] = set()
    for known, names in candidates.items():
        name = names[0]
        if len(names) > 1:
            name = _best_of(names[:MAX_CANDIDATES], files, assignment.notebooks[known])
        wanted.add(name)
        _read_notebook(read, known, files[name])
        if not name.lower().endswith(".ipynb"):
            read.repair(
                "other_ending",
                known,
                f"This notebook was named {printable(Path(name).name)}. It was read as the notebook that it is.",
            )
        if "/" in name:
            read.repair(
                "moved_notebook",
                known,
                f"This notebook lay in the folder {printable(str(Path(name).parent))} and was taken from there.",
            )
    # A notebook in a folder that has a name of the assignment's is an older copy, and not the one to look at.
    known_files = {name for names in candidates.values() for name in names}
    others = [
        name for name in sorted(files, key=lambda one: (one.count("/"), one)) if name not in known_files
    ]
    if len(others) > MAX_OTHER_NOTEBOOKS:
        others = _those_with_ids_first(others, files, assignment)
        read.flag("many_notebooks", f"{len(others) - MAX_OTHER_NOTEBOOKS} more notebooks were left out.")
    for name in others[:MAX_OTHER_NOTEBOOKS]:
        _read_notebook(read, printable(_ENDING.sub("", name)), files[name])


def _best_of(names: list[str], files: dict[str, Path], released: str) -> str:
    """Return the first of several that can be read, of those one that was worked on if there is any."""
    readable = [one for one in names if _can_be_read(files[one])]
    if len(readable) > 1:
        given = {
            grade_id(cell): cell.source.strip()
            for cell in read_notebook(released).cells
            if role_of(cell) in (CellRole.answer, CellRole.manual)
        }
        worked = (one for one in readable if _is_worked_on(files[one], given))
        return next(worked, readable[0])
    return next(iter(readable), names[0])


def _is_worked_on(path: Path, given: dict[str | None, str]) -> bool:
    cells = parse_notebook(_decoded(_read_file(path, MAX_BYTES))[0], salvaging=True).notebook.cells
    mine = {grade_id(cell): cell.source.strip() for cell in cells}
    shared = mine.keys() & given.keys()
    return not shared or any(mine[one] not in ("", given[one]) for one in shared)


def _can_be_read(path: Path) -> bool:
    try:
        return _is_readable(_decoded(_read_file(path, MAX_BYTES))[0])
    except _Unusable:
        return False


def _is_readable(text: str, *, salvaging: bool = False) -> bool:
    try:
        parse_notebook(text, salvaging=salvaging)
    except NotebookError:
        return False
    return True


def _look_further(read: ReadFolder, folder: Path, files: dict[str, Path], assignment: Assignment) -> None:
    """Where a notebook is missing or broken, look into archives, files with other endings and Jupyter's checkpoints."""
    places = [one for one in files.items() if last_resorts.may_hold_one(one[0])] + list(_checkpoints(folder))
    if not places:
        return
    sound = {name for name, text in read.notebooks.items() if _is_readable(text)}
    missing = set(assignment.notebooks) - sound
    if not missing or len(sound) >= len(assignment.notebooks):
        return  # one under another name is the one that is missing
    known = {name.lower(): name for name in missing}
    places.sort(key=lambda one: last_resorts.stem_of(one[0]).lower() not in known)
    for found in last_resorts.notebooks_in(places, _bytes_or_none):
        name = known.get(found.stem.lower(), printable(_ENDING.sub("", found.name)))
        left_of_it = name in read.notebooks and _is_readable(read.notebooks[name], salvaging=True)
        if (
            name in missing and not (found.code == "checkpoint" and left_of_it)
        ) or name not in read.notebooks:
            read.notebooks[name] = _decoded(found.data)[0]
            read.held_back.pop(name, None)
            read.repairs = [one for one in read.repairs if one.notebook != name]
            read.repair(found.code, name, found.told)
            missing.discard(name)
        if not missing or len(read.notebooks) > MAX_OTHER_NOTEBOOKS:
            break


def _checkpoints(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what Jupyter keeps beside notebooks, and hidden files that may be one."""
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)[:MAX_ENTRIES]
        hidden = [one for one in entries if one.name.startswith(".")]
        for entry in hidden:
            if entry.name == ".ipynb_checkpoints" and entry.is_dir(follow_symlinks=False):
                inside = sorted(os.scandir(entry.path), key=lambda one: one.name)[:MAX_EXTRA_FILES]
                yield from ((f"{entry.name}/{one.name}", Path(one.path)) for one in inside)
            elif ".ipynb" in entry.name and not entry.name.startswith("._"):
                yield entry.name, Path(entry.path)
    except OSError:
        return


def _bytes_or_none(path: Path, max_bytes: int) -> bytes | None:
    try:
        return _read_file(path, max_bytes)
    except _Unusable:
        return None


def _those_with_ids_first(names: list[str], files: dict[str, Path], assignment: Assignment) -> list[str]:
    """Return the notebooks in order of how many of the assignment's grade ids stand in them."""
    sources = [read_notebook(text) for text in assignment.notebooks.values()]
    ids = {json.dumps(grade_id(cell)).encode() for one in sources for cell in one.cells if grade_id(cell)}
    left = MAX_SEARCHED_BYTES
    found: dict[str, int] = {}
    for name in names:
        try:
            data = _read_file(files[name], min(MAX_BYTES, left))
        except _Unusable:
            continue
        left -= len(data)
        found[name] = sum(one in data for one in ids)
    return sorted(names, key=lambda name: -found.get(name, 0))


def _read_notebook(read: ReadFolder, name: str, path: Path) -> None:
    try:
        data = _read_file(path, MAX_BYTES_WITH_OUTPUTS)
    except _Unusable as error:
        read.held_back[name] = str(error)
        return
    text, guessed = _decoded(data)
    if len(data) > MAX_BYTES:
        text = without_outputs(text)
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            read.held_back[name] = _too_large(MAX_BYTES)
            return
        read.repair(
            "outputs_left_out",
            name,
            f"This notebook was {len(data) / 1_000_000:.1f} MB with what its cells had put out. It was read without "
            "that, and run anew.",
        )
    if guessed and b"\x00" not in data[:100] and not data.startswith((b"PK", b"\x1f\x8b")):
        read.repair(
            "encoding",
            name,
            "This notebook was not saved as UTF-8. It was read as Western European text; letters with accents may "
            "differ.",
        )
    read.notebooks[name] = text


def _decoded(data: bytes) -> tuple[str, bool]:
    """Return the text of a notebook file and whether its encoding had to be guessed. Line ends stay."""
    try:
        # The rule of JSON itself: UTF-8, -16 or -32, told apart by a byte order mark or by where the zeros are.
        return data.decode(json.detect_encoding(data)), False
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), True


def _read_file(path: Path, max_bytes: int) -> bytes:
    """Return an ordinary file's bytes. Raises `_Unusable`."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Unusable("This file is a link to another place, which is not followed.") from error
        raise _Unusable(f"This file could not be opened ({_reason(error)}).") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _Unusable("This is not an ordinary file.")
        with open(descriptor, "rb", closefd=False) as file:
            data = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
    except OSError as error:
        raise _Unusable(f"This file could not be read ({_reason(error)}).") from error
    finally:
        os.close(descriptor)
    if status.st_size > max_bytes or len(data) > max_bytes:
        raise _Unusable(_too_large(max_bytes))
    return data


def _too_large(max_bytes: int) -> str:
    return (
        f"This file is larger than {max_bytes / 1_000_000:g} MB. Clear the outputs (Edit, Clear Outputs of All Cells), "
        "save it and hand it in again."
    )


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "an error of the disk"


# The student's own files


def _read_extras(read: ReadFolder, files: dict[str, Path], assignment: Assignment) -> None:
    """Read the files that the student's code may need; the assignment's own win over a student's copy."""
    total = 0
    kept_out: list[str] = []
    folders = {str(parent) for path in assignment.files for parent in Path(path).parents}
    for name, path in files.items():
        if (
            name in assignment.files
            or name in folders
            or any(str(p) in assignment.files for p in Path(name).parents)
        ):
            continue
        if not _is_text(name):
            kept_out.append(printable(name))
            continue
        if hides_library(name):
            read.flag("module", f"{printable(name)} has the name of a library; it was left out.")
            continue
        try:
            data = _read_file(path, MAX_EXTRA_BYTES - total)
        except _Unusable:
            kept_out.append(printable(name))
            continue
        if len(read.extras) >= MAX_EXTRA_FILES:
            kept_out.append(printable(name))
            continue
        read.extras[name] = data
        total += len(data)
        if name.endswith(".py"):
            read.flag("own_module", f"The submission brought a module of its own: {printable(name)}.")
    if kept_out:
        read.flag(
            "files_left_out",
            f"Left out of the student's own files (a link, unreadable, or more than {MAX_EXTRA_BYTES // 1_000_000} MB "
            f"or {MAX_EXTRA_FILES} files): {', '.join(kept_out[:10])}"
            + (f" and {len(kept_out) - 10} others." if len(kept_out) > 10 else "."),
        )


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return name.isprintable()


def hides_library(name: str) -> bool:
    """Whether a file beside the notebook could be imported in the place of a library or change how Python starts."""
    first = Path(name).parts[0]
    if not name.endswith(".py"):
        return False
    # Never a dotted name: looking for one imports its package, and with it code that may end this process.
    module = first.partition(".")[0]
    if module.startswith("_") or module in _STEERING_MODULES or module in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return True
    # Any folder that happens to lie where this command was called is a package without an origin; a library has one.
    return spec is not None and spec.origin is not None
