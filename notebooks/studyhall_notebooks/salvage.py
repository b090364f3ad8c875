"""Reading what is left of a notebook whose JSON is broken, wrapped up or written as another program writes it.

For what learners hand in: an author's broken file is refused, as nobody would notice what is missing. Whatever is found
goes through the same mending as any other notebook, and that it was damaged is said.
"""

import ast
import base64
import binascii
import contextlib
import html
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Final

from studyhall_notebooks import conflicts
from studyhall_notebooks.errors import TooDeepError

MAX_TOKENS: Final = 100_000
"""Pieces of JSON that are looked at one by one: thousands of cells, or a third of a second."""

MAX_WRAPPINGS: Final = 3
MAX_CELLS_APART: Final = 2_000

_TOKEN = re.compile(
    r"""(?P<text>"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|(?P<quoted>'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z))"""
    r"""|(?P<sign>[\[\]{}:,])|(?P<comment>//[^\n]*|/\*.*?\*/|\#[^\n]*)|(?P<word>[\w.+-]+)""",
    re.DOTALL,
)
_TOKEN_ON_LINES = re.compile(_TOKEN.pattern.replace(r"[^'\\]", r"[^'\\\n]").replace(r'[^"\\]', r'[^"\\\n]')
                             .replace(r"|\\?\Z)", r"|\\?\Z|(?=\n))"), re.DOTALL)  # fmt: skip
"""The same where each text of a file stands on one line: a lost quote then costs that line only."""

_ON_LINES = re.compile(r"\n[ \t]+[\"']")
_CELL_START = re.compile(r'\{\s*"(?:attachments|cell_type|id)"\s*:')
_ENCODED = re.compile(r"(?:data:[\w/+.;=-]*,)?([A-Za-z0-9+/\s]{40,}={0,2})")
_QUOTING = re.compile(r"^(?:> ?|\+)", re.MULTILINE)
_WORDS: Final = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_INNER: Final = ("content", "notebook", "ipynb", "nb", "data", "body")

CONFLICT: Final = (
    "The file held two versions that Git could not merge. Where they differ, the first of them was read: look whether "
    "it is the one that you meant."
)
CUT: Final = (
    "The file ends in the middle, as if it had not been saved completely. What came before that was read."
)
BROKEN: Final = "The file was damaged or written by another program. What could be read of it was used."
WRAPPED: Final = "The notebook was wrapped into other text. It was taken out and read."


@dataclass
class Salvaged:
    """What was found of a notebook, and a sentence about it."""

    content: dict[str, Any]
    told: str


def salvage(text: str, max_depth: int) -> Salvaged | None:
    """Return what is left of a notebook in a text; None where there is none. Raises `TooDeepError`."""
    for told, candidate in _candidates(text):
        found, note = _read(candidate, max_depth)
        content = _notebook_in(found, max_depth, MAX_WRAPPINGS)
        pieces = _cell_by_cell(candidate, _count(content), max_depth)
        if pieces is not None:
            return Salvaged(
                {**(content or {"nbformat": 4, "nbformat_minor": 5}), "cells": pieces}, told or BROKEN
            )
        if content is not None:
            return Salvaged(content, told or note)
    return None


def _count(content: dict[str, Any] | None) -> int:
    cells = None if content is None else content.get("cells")
    return sum(map(_is_cell, cells)) if isinstance(cells, list) else 0


def _cell_by_cell(text: str, known: int, max_depth: int) -> list[Any] | None:
    """Return the cells as each of them can be read by itself, where those are more than are ``known``.

    One wrong bracket can make a text of all that follows, or end the list of cells.
    """
    starts = [found.start() for found in _CELL_START.finditer(text)]
    if not known < len(starts) <= MAX_CELLS_APART:
        return None
    cells: list[Any] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        found = _read(text[start:end], max_depth)[0]
        if isinstance(found, dict) and ("source" in found or "input" in found):
            cells.append(found)
    return cells if len(cells) > known else None


def _candidates(text: str) -> list[tuple[str, str]]:
    """Return the text as it stands and without what it may be wrapped into, what is likeliest first."""
    candidates: list[tuple[str, str]] = []
    merged = conflicts.sides(text)
    if merged is not None:
        candidates += [(CONFLICT, side) for side in merged]
    encoded = _ENCODED.fullmatch(text.strip())
    if encoded is not None:
        with contextlib.suppress(binascii.Error, ValueError):
            candidates.append((WRAPPED, base64.b64decode(encoded[1]).decode("utf-8")))
    if text.lstrip().lower().startswith("%7b"):
        candidates.append((WRAPPED, urllib.parse.unquote(text)))
    if "&quot;" in text[:2000]:
        candidates.append((WRAPPED, html.unescape(text)))
    head = text[:2000]
    if "\u201ccell" in head or "\u201dcell" in head:
        candidates.append((BROKEN, re.sub("[\u201c\u201d\u201e]", '"', text)))
    lines = text.strip().split("\n")
    if len(lines) > 1 and all(_QUOTING.match(line) for line in lines):
        candidates.append((WRAPPED, _QUOTING.sub("", text)))
    candidates.append(("", text))
    return candidates


def _read(text: str, max_depth: int) -> tuple[Any, str]:
    """Return the JSON value that a text holds, as far as it can be read, and a sentence about it."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=0)
    if text.lstrip()[:1] in ("'", '"'):
        start = 0
    try:
        return json.loads(text[start:], strict=False), WRAPPED
    except (ValueError, RecursionError):
        pass
    reader = _Reader(max_depth)
    on_lines = len(_ON_LINES.findall(text, start, start + 20_000)) > 3
    pattern = _TOKEN_ON_LINES if on_lines else _TOKEN
    for number, token in enumerate(pattern.finditer(text, start)):
        if number > MAX_TOKENS:
            return None, ""
        reader.take(token)
    return reader.root, CUT if reader.is_open else BROKEN


def _notebook_in(found: Any, max_depth: int, wrappings: int) -> dict[str, Any] | None:
    if wrappings < 0:
        return None
    if isinstance(found, str) and "cell" in found:
        return _notebook_in(_read(found, max_depth)[0], max_depth, wrappings - 1)
    if isinstance(found, list):
        if any(_is_cell(one) for one in found):
            return {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {},
                "cells": [one for one in found if _is_cell(one)],
            }
        found = found[0] if found and isinstance(found[0], dict) else None
    if not isinstance(found, dict):
        return None
    cells = found.get("cells")
    if isinstance(cells, dict):
        found = {**found, "cells": list(cells.values())}
    if _holds_cells(found):
        return _without_torn_cell(found)
    return next(
        (
            inner
            for key in _INNER
            if isinstance(found.get(key), dict | str)
            and (inner := _notebook_in(found[key], max_depth, wrappings - 1)) is not None
        ),
        None,
    )


def _holds_cells(found: dict[str, Any]) -> bool:
    cells = found.get("cells")
    if isinstance(cells, list):
        return any(_is_cell(one) for one in cells)
    sheets = found.get("worksheets")
    return isinstance(sheets, list) and any(isinstance(one, dict) and one.get("cells") for one in sheets)


def _is_cell(value: Any) -> bool:
    return isinstance(value, dict) and "cell_type" in value and ("source" in value or "input" in value)


def _without_torn_cell(found: dict[str, Any]) -> dict[str, Any]:
    cells = found.get("cells")
    if isinstance(cells, list) and cells and not _is_cell(cells[-1]):
        return {"nbformat": 4, "nbformat_minor": 5, **found, "cells": cells[:-1]}
    return {"nbformat": 4, "nbformat_minor": 5, **found} if isinstance(cells, list) else found


@dataclass
class _Reader:
    """Puts JSON together from its pieces, whatever is missing between them."""

    max_depth: int
    root: Any = None
    _open: list[dict[str, Any] | list[Any]] = field(default_factory=list)
    _keys: list[str | None] = field(default_factory=list)
    _ended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the text ended before its value did."""
        return bool(self._open)

    def take(self, token: re.Match[str]) -> None:
        """Take the next piece; what comes after the value's end is passed over."""
        sign = token["sign"]
        if self._ended or token["comment"]:
            return
        if sign in ("{", "["):
            made: dict[str, Any] | list[Any] = {} if sign == "{" else []
            self._add(made)
            self._open.append(made)
            self._keys.append(None)
            if len(self._open) > self.max_depth:
                raise TooDeepError
        elif sign in ("}", "]"):
            self._close(dict if sign == "}" else list)
        elif sign == ",":
            if self._keys:
                self._keys[-1] = None
        elif sign is None and (self._open or token["word"] is None):
            self._add(_value(token))

    def _add(self, value: Any) -> None:
        if not self._open:
            if self.root is None:
                self.root = value
                self._ended = not isinstance(value, dict | list)
            return
        holder = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif self._keys[-1] is None:
            self._keys[-1] = value if isinstance(value, str) else None
        else:
            holder[str(self._keys[-1])] = value
            self._keys[-1] = None

    def _close(self, kind: type[Any]) -> None:
        """End what was opened last; a bracket of the other kind ends what it belongs to, if that is there."""
        if not any(isinstance(one, kind) for one in self._open):
            return
        while self._open:
            ended = self._open.pop()
            self._keys.pop()
            if isinstance(ended, kind):
                break
        self._ended = not self._open


def _value(token: re.Match[str]) -> Any:
    word = token["word"]
    if word is not None:
        if word in _WORDS:
            return _WORDS[word]
        for kind in (int, float) if len(word) < 20 and word[-1:].isdigit() else ():
            with contextlib.suppress(ValueError):
                return kind(word)
        return word
    text = token[0]
    mark = text[0]
    if len(text) < 2 or not text.endswith(mark) or _is_escaped(text):
        text = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?$", "", text) + mark
    try:
        value = json.loads(text, strict=False) if mark == '"' else ast.literal_eval(text.replace("\n", "\\n"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text[1:-1]
    return value


def _is_escaped(text: str) -> bool:
    """Whether the mark at the end of a text belongs to it."""
    before = text[1:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
