"""Reading a notebook that nobody vouches for.

The bytes may come from a learner's disk, another editor, a mail programme or an attacker. Size and depth are
checked before the JSON is parsed whole, and whatever comes back is a valid nbformat 4.5 notebook whatever
the file left out.
"""

import codecs
import json
import math
import re
from typing import Any, Final

from nbformat.notebooknode import NotebookNode
from nbformat.v4.nbjson import JSONWriter

from studyhall_notebooks.errors import (
    NotANotebookError,
    NotJsonError,
    TooDeepError,
    TooLargeError,
)
from studyhall_notebooks.salvage import salvage
from studyhall_notebooks.structure import ParseRepair, notebook_from_json

MAX_BYTES: Final = 10_000_000
MAX_DEPTH: Final = 100
MAX_CONTAINERS: Final = 400_000

# One string (possibly unterminated, then up to the end of the text) or one bracket. Possessive quantifiers
# keep it linear: a text of a million escaped quotes is scanned once.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"|\\?\Z)|(?P<open>[\[{])|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# Integers beyond this many digits cannot become a float either, which points and checksums need.
_MAX_INTEGER_DIGITS: Final = 300


_START: Final = 200
"""Characters by which another kind of file is known."""

_BLANK = re.compile(r"[ \t\r\n]*")


class ParsedNotebook:
    """A notebook and what had to be repaired to make it one (``repairs`` is empty for a sound file)."""

    def __init__(self, notebook: NotebookNode, repairs: list[ParseRepair]) -> None:
        self.notebook = notebook
        self.repairs = repairs


def read_notebook(
    data: bytes | bytearray | str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> NotebookNode:
    """Return the notebook in ``data`` as valid nbformat 4.5, every cell with an id of its own.

    Accepts nbformat 3 and 4.x, a byte order mark, any line ends, missing fields and repeated ids.

    Args:
        data: the file's bytes, or its text.
        max_bytes: refuse more than this many bytes of UTF-8.
        max_depth: refuse lists and objects nested more deeply than this.

    Raises:
        NotebookError: one of its subclasses (``not_json``, ``too_large``, ``too_deep``, ``not_a_notebook``,
            ``unsupported_version``); nothing else, whatever the data is.
    """
    return parse_notebook(data, max_bytes=max_bytes, max_depth=max_depth).notebook


_EXPORT = re.compile(r"\s*+(?:#(?:!|[ \t%]|\n)|import\s|from\s+\w|def\s|class\s)")
"""How a program begins, or a text in Markdown: what a notebook can be exported as."""


def parse_notebook(
    data: bytes | bytearray | str,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    salvaging: bool = False,
) -> ParsedNotebook:
    """As `read_notebook`, and also say what was repaired. Raises the same errors.

    With ``salvaging``, what is left of a broken file is read: for a learner's work, which nobody can ask for again.
    """
    start = data[:_START] if isinstance(data, str) else bytes(data[:_START]).decode("latin-1")
    if (other := _what_else(start)) is not None:
        raise NotJsonError(other)
    text = _decode(data, max_bytes)
    try:
        return _parsed(text, max_depth)
    except (NotJsonError, NotANotebookError) as error:
        found = salvage(text, max_depth) if salvaging else None
        if found is None:
            if _EXPORT.match(text) is None:
                raise
            raise NotJsonError(
                "This file is a program or a text, and not the notebook itself. Hand in the file that ends in .ipynb."
            ) from error
    notebook, repairs = notebook_from_json(_without_lone_surrogates(found.content))
    return ParsedNotebook(notebook, [ParseRepair("damaged_file", None, found.told), *repairs])


def _parsed(text: str, max_depth: int) -> ParsedNotebook:
    _check_shape(text, max_depth)
    try:
        content, end = _DECODER.raw_decode(text, _BLANK.match(text).end())  # type: ignore[union-attr]  # matches always
    except (ValueError, RecursionError) as error:
        if _has_conflict(text):
            raise NotJsonError(
                "This file holds the marks of two versions that Git could not merge (lines that begin with "
                "<<<<<<<). Choose one of the versions and hand it in."
            ) from error
        raise NotJsonError(_where_json_breaks(error)) from error
    rest = _BLANK.match(text, end)
    followed = rest is not None and rest.end() < len(text)
    if followed and not (isinstance(content, dict) and content.get("cells")):
        raise NotJsonError(_where_json_breaks(json.JSONDecodeError("Extra data", text, end)))
    if _ESCAPED_SURROGATE.search(text):
        content = _without_lone_surrogates(content)
    if not isinstance(content, dict):
        raise NotANotebookError
    notebook, repairs = notebook_from_json(content)
    if followed:
        # A shorter notebook was written over a longer one, or two programs wrote at once.
        repairs.append(ParseRepair("trailing_text", None, "The file went on after the notebook's end."))
    return ParsedNotebook(notebook, repairs)


def write_notebook(notebook: NotebookNode) -> str:
    """Return the notebook as Jupyter writes it: sorted keys, a line per source line, final newline."""
    text: str = JSONWriter().writes(notebook)  # type: ignore[no-untyped-call] # nbformat has no annotations
    return text if text.endswith("\n") else text + "\n"


def _decode(data: bytes | bytearray | str, max_bytes: int) -> str:
    if isinstance(data, str):
        # A character is one to four bytes: most texts need no second copy to know their size.
        if len(data) > max_bytes or (
            len(data) * 4 > max_bytes and len(data.encode("utf-8", "surrogatepass")) > max_bytes
        ):
            raise TooLargeError(_too_large(max_bytes))
        text = _SURROGATE.sub("\ufffd", data)
    else:
        if len(data) > max_bytes:
            raise TooLargeError(_too_large(max_bytes))
        encoding = "utf-8"
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        try:
            text = bytes(data).decode(encoding)
        except UnicodeDecodeError as error:
            raise NotJsonError(
                "This file is not UTF-8 text, so it is not a notebook that can be read. It was probably "
                "saved by a "
                "program that changed it; restore an earlier copy or start again from the lesson."
            ) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise NotJsonError("This file is empty, so there is no notebook in it.")
    return text


def _what_else(start: str) -> str | None:
    """Say what a file is that begins as no notebook does, with the way out; None where it may be one."""
    word = start.lstrip("\ufeff\u00ef\u00bb\u00bf \t\r\n").lower()
    if word.startswith(("<!doctype html", "<html", "<?xml")):
        return (
            "This file is a web page and not the notebook itself. Download the notebook (in JupyterLab: File, "
            "Download; on other sites: the button for the raw file) and hand that in."
        )
    if start.startswith(("PK\x03\x04", "\x1f\x8b", "\x1f\u2039", "Rar!")):
        return "This file is a packed archive under a notebook's name. Unpack it and hand in the notebook inside."
    if word.startswith("%pdf-"):
        return "This file is a PDF and not the notebook itself. Hand in the file that ends in .ipynb."
    return None


def _has_conflict(text: str) -> bool:
    """Whether Git's marks of a conflict stand in a text, one after the other."""
    place = 0
    for mark in ("\n<<<<<<< ", "\n=======", "\n>>>>>>> "):
        place = text.find(mark, place)
        if place < 0:
            return False
    return True


def _too_large(max_bytes: int) -> str:
    size = f"{max_bytes / 1_000_000:g} MB" if max_bytes >= 100_000 else f"{max_bytes} bytes"
    return (
        f"This notebook is larger than {size}. Clear its outputs (Edit, Clear Outputs of All Cells), save "
        "it and "
        "try again."
    )


def _check_shape(text: str, max_depth: int) -> None:
    """Refuse nesting and counts that would cost too much to parse, in one pass and without parsing."""
    depth = containers = 0
    for token in _TOKEN.finditer(text):
        if token["open"]:
            depth += 1
            containers += 1
            if depth > max_depth:
                raise TooDeepError
            if containers > MAX_CONTAINERS:
                raise TooLargeError(
                    "This notebook holds too many pieces of data. Clear its outputs (Edit, Clear Outputs of "
                    "All "
                    "Cells), save it and try again."
                )
        elif token["end"] is None:
            depth -= 1
        elif not token["end"].endswith('"'):
            raise NotJsonError(
                "This file ends in the middle of a text, so it was not saved completely. Restore an earlier "
                "copy or "
                "save it again."
            )


def _nothing(_name: str) -> None:
    """Stand for NaN and infinities, which JSON does not have."""


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits


def _number(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


# Not strict: a control character that some program wrote as it is costs nobody a notebook.
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_nothing, strict=False)


def _where_json_breaks(error: Exception) -> str | None:
    if isinstance(error, json.JSONDecodeError):
        return (
            f"This file is not a notebook that can be read: its JSON text breaks at line {error.lineno}, "
            "column "
            f"{error.colno}. Restore an earlier copy or save it again in JupyterLab."
        )
    return None


def _without_lone_surrogates(value: Any) -> Any:
    """Replace halves of characters, which JSON can spell but no text can hold, by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value
