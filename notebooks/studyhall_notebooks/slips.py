"""What an author very likely meant and did not write: marks, settings and pictures that do nothing where they stand.

Each of them is left alone by nbgrader and by Jupyter without a word, so that only learners would notice.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from posixpath import normpath
from typing import Any, Final
from urllib.parse import unquote

from nbformat.notebooknode import NotebookNode

from studyhall_notebooks.cells import LONGEST_HINT, LONGEST_TITLE, CellRole, quiz_id, role_of
from studyhall_notebooks.release import ReleaseOptions

_COMMENT: Final = re.compile(r"\s*(?:#|//|--|%|<!--|/\*|;)")
_LONGEST_MARK_LINE: Final = 60
_LIKENESS: Final = 0.85
"""Of two texts, from 0 to 1: one letter that is missing or a plural is about 0.95, another word below 0.8."""
_LIKENESS_OF_WORDS: Final = 0.7
"""The same of one word, BEGIN or END."""
_SETTINGS: Final = {"test": ("title", "hint", "text_result"), "quiz": ("id",)}
_PICTURE: Final = re.compile(
    r"!\[[^\]\n]{0,500}\]\(\s*(?:<(?P<pointed>[^>\n]+)>|(?P<plain>[^\s)]+))"
    r"|<img\b[^<>]*?\bsrc\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#|\?", re.IGNORECASE)


@dataclass(frozen=True)
class Slip:
    """One of them in a cell: a machine word, and what is wrong and the way out, for people."""

    code: str
    message: str


def slips_of(cell: NotebookNode, options: ReleaseOptions) -> Iterator[Slip]:
    """Yield what is very likely a mistake in one cell of a source notebook, without its pictures."""
    yield from _marks(cell.source, options)
    yield from _settings(cell)


def missing_pictures(cell: NotebookNode, files: Collection[str]) -> Iterator[Slip]:
    """Yield the pictures that a markdown cell shows and its lesson does not hold.

    Args:
        cell: a cell of a notebook that lies in the lesson's own folder.
        files: the lesson's data files, by their path inside of it.
    """
    if cell.cell_type != "markdown":
        return
    attached = cell.get("attachments") or {}
    for found in _PICTURE.finditer(_CODE.sub("", cell.source)):
        address = next(part for part in found.groups() if part is not None)
        scheme, _, name = address.partition(":")
        if scheme == "attachment" and unquote(name) not in attached:
            yield Slip(
                "missing_picture",
                f"The picture {unquote(name)!r} is not attached to this cell, so learners see none. Drag it into the "
                "cell again.",
            )
        elif not _ELSEWHERE.match(address) and normpath(unquote(re.split(r"[?#]", address)[0])) not in files:
            yield Slip(
                "missing_picture",
                f"The picture {unquote(address)!r} is not in the lesson's folder, so learners see none. Put it beside "
                "the notebook, or mend its name (capital letters count).",
            )


def always_true_assert(source: str) -> int | None:
    """Return the line of an assert that holds whatever a learner wrote: of a tuple, its message inside the brackets."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts
    ]
    return min(lines, default=None)


def _marks(source: str, options: ReleaseOptions) -> Iterator[Slip]:
    """Yield comments that look like a region's mark and are none: in small letters, or with a letter wrong."""
    marks = (
        options.begin_solution,
        options.end_solution,
        options.begin_hidden,
        options.end_hidden,
        options.begin_mark_scheme,
        options.end_mark_scheme,
    )
    for number, line in enumerate(source.split("\n"), start=1):
        if len(line) > _LONGEST_MARK_LINE or not _COMMENT.match(line) or any(mark in line for mark in marks):
            continue
        words = _letters(line)
        meant = max(marks, key=lambda mark: _likeness(words, _letters(mark)))
        firsts = words.partition(" ")[0], _letters(meant).partition(" ")[0]
        if _likeness(words, _letters(meant)) >= _LIKENESS and _likeness(*firsts) >= _LIKENESS_OF_WORDS:
            yield Slip(
                "mark_misspelt",
                f"Line {number}, {line.strip()!r}, is no mark, so learners see what it should take away. Write it as "
                f"### {meant}.",
            )


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.upper().replace("_", " ")))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _settings(cell: NotebookNode) -> Iterator[Slip]:
    """Yield what ``metadata`` says and nobody reads."""
    for key in cell.metadata:
        for known in ("studyhall", "nbgrader"):
            if key != known and _likeness(str(key).lower(), known) >= _LIKENESS:
                yield _unread(f"metadata.{key}", f"Is {known} meant?")
    settings = cell.metadata.get("studyhall", {})
    if not isinstance(settings, dict):
        yield _unread("metadata.studyhall", 'Write it as {"test": {"title": "…"}}.')
        return
    for key, value in settings.items():
        if key not in _SETTINGS:
            yield _unread(f"metadata.studyhall.{key}", f"Known are {_listed(_SETTINGS)}.")
        elif not isinstance(value, dict):
            example = '{"title": "…", "hint": "…"}' if key == "test" else '{"id": "…"}'
            yield _unread(f"metadata.studyhall.{key}", f"Write it as {example}.")
        else:
            yield from _settings_within(cell, key, value)


def _settings_within(cell: NotebookNode, key: str, value: dict[str, Any]) -> Iterator[Slip]:
    for name in value:
        if name not in _SETTINGS[key]:
            yield _unread(f"metadata.studyhall.{key}.{name}", f"Known are {_listed(_SETTINGS[key])}.")
    if key == "test":
        yield from _test_settings(cell, value)
    elif quiz_id(cell) is None:
        yield _unread("metadata.studyhall.quiz", 'Name the quiz: {"id": "…"}.')


def _test_settings(cell: NotebookNode, told: dict[str, Any]) -> Iterator[Slip]:
    if role_of(cell) not in (CellRole.test, CellRole.manual, CellRole.task):
        yield _unread("metadata.studyhall.test", "It belongs to a cell that gives points.")
        return
    for name, longest in (("title", LONGEST_TITLE), ("hint", LONGEST_HINT)):
        value = told.get(name)
        if value is not None and not isinstance(value, str):
            yield _unread(f"metadata.studyhall.test.{name}", "It must be a text.")
        elif value is not None and len(value.strip()) > longest:
            yield Slip("text_too_long", f"Only the first {longest:,} characters of this {name} are shown.")
    if told.get("text_result", "full_marks") != "full_marks":
        yield _unread("metadata.studyhall.test.text_result", 'It can only say "full_marks".')


def _unread(place: str, way_out: str) -> Slip:
    return Slip("setting_not_read", f"Nothing reads {place} as it stands. {way_out}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
