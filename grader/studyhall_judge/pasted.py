"""Reads answers that were copied from a web page, a chat or a document, and brought along what Python cannot read.

Nothing is guessed: a text is only changed where it is no Python as it stands and is Python afterwards, and what it says
to a person stays the same. No test is asked which reading it likes.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Callable

from studyhall_notebooks.conflicts import sides, without_marks

from studyhall_judge.likeness import compiles
from studyhall_judge.typography import in_ascii

LONGEST_MENDED = 50_000
"""Characters of an answer that is tried in several ways."""

MOST_FENCES = 20
"""Marks of code blocks among which the one with the answer is looked for."""

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\x00\x1a"), "")
_LINE_ENDS = re.compile("[\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e]\n?")
_FENCED = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)\n?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_LANGUAGE = frozenset({"python", "python3", "Python", "py"})
_BUTTONS = frozenset({"Copy code", "Copy", "Edit"})
_OTHER_CELL = re.compile(
    r"\s*%%(?:bash|cmd|file|html|javascript|js|latex|markdown|perl|ruby|script|sh|svg|writefile)\b"
)
_PROMPT = re.compile(r"^In ?\[[\d *]*\]:[ \t]*\n?", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*(\d{1,9})[.:|]?(?:[ \t](.*))?$")
_PROSE = re.compile(r"^[A-Z][\w']*(?:[,;]? [\w'`.-]+){2,}[.:!?]?[ \t]*$", re.MULTILINE)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d+|#x[0-9a-fA-F]+);")

_SUSPICIOUS = re.compile(
    r"[\t\x00\x0b\x0c\x1a\x1c-\x1e]|```|~~~|^(?:<<<<<<<|=======|>>>>>>>)|^In ?\[|^[ \t]*\d+[.:|]?(?:[ \t]|$)|\\[n\"']"
    rf"|{_PROSE.pattern}|{_ENTITY.pattern}",
    re.MULTILINE,
)
"""What an answer in ASCII holds if anything here can mend it: all others are not even compiled."""

FENCE = "The marks of a code block around your answer were left out, so that it could run."
INVISIBLE = "Invisible characters that had been copied into your answer were left out, so that it could run."
LINES = "The lines of your answer had ends that Python does not know. They were given ordinary ones."
TYPED = (
    "Your answer held signs of a word processor, such as curly quotes or a long dash. They were read as the plain "
    "signs that Python knows."
)
TABS = "Your answer mixed tabs and spaces at the beginning of lines. The tabs were read as spaces."
CONFLICT = (
    "Your answer held two versions that Git could not merge. The first of them that was worked on was used."
)
NUMBERS = "Prompts or line numbers that had been copied into your answer were left out, so that it could run."
ESCAPES = (
    "Your answer held signs as another program writes them, such as &lt; for <. They were read as meant."
)
HEADER = (
    "Words that a web page shows above code (python, Copy code) were left out, so that your answer could run."
)
PROSE = "Sentences between the lines of your answer were left out, so that it could run."


def readable(source: str) -> tuple[str, str]:
    """Return an answer's text as it can run, and what to tell of it: nothing where nothing was changed."""
    begun = _unheaded(source)
    if begun == source:
        return _readable(source)
    text, more = _readable(begun)
    return (text, f"{HEADER} {more}".rstrip()) if _can_run(text) else (source, "")


def _readable(source: str) -> tuple[str, str]:
    if source.isascii() and _SUSPICIOUS.search(source) is None:
        return source, ""
    if len(source) > LONGEST_MENDED or _can_run(source):
        return source, ""
    text = source
    told: list[str] = []
    for mend, what in _MENDS:
        mended = mend(text)
        if mended == text:
            continue
        for spaced in (mended, *_without_tabs(mended)):
            if _can_run(spaced) and spaced.strip():
                return spaced, " ".join([*told, what, *([TABS] if spaced != mended and what != TABS else [])])
        text = mended
        told.append(what)
    return source, ""


def _can_run(text: str) -> bool:
    """Whether a text is Python, or a cell that is handed to a program or written to a file as it stands."""
    return compiles(text) or _OTHER_CELL.match(text) is not None


def _unheaded(text: str) -> str:
    """Return a text without what a chat shows above code. By themselves such words do nothing but fail."""
    lines = text.split("\n")
    place, words = _next_line(lines, 0)
    begin = place
    if words in _LANGUAGE:
        begin, words = _next_line(lines, place + 1)
    while words in _BUTTONS:
        begin, words = _next_line(lines, begin + 1)
    return "\n".join(lines[begin:]) if words and begin != place else text


def _next_line(lines: list[str], place: int) -> tuple[int, str]:
    """Return the next line that is not empty, and its words; the end where there is none."""
    while place < len(lines):
        words = lines[place].strip()
        if words:
            return place, words
        place += 1
    return place, ""


def _choose(text: str) -> str:
    """Return one side of a conflict of Git: the first with an answer that can be read, and the stub has none."""
    versions = sides(text)
    if versions is None:
        return without_marks(text)
    sound = [side for side in versions if compiles(side)]
    return next((one for one in sound if "NotImplementedError" not in one), (sound or versions)[0])


def _unfenced(text: str) -> str:
    if text.count("```") + text.count("~~~") > MOST_FENCES:
        return text
    blocks = _FENCED.findall(text)
    return blocks[0][1] if len(blocks) == 1 else text


def _unnumbered(text: str) -> str:
    text = _PROMPT.sub("", text)
    lines = text.strip("\n").split("\n")
    found = [_NUMBERED.match(line) for line in lines]
    numbers = [int(one[1]) for one in found if one is not None]
    if len(numbers) < len(lines) or numbers != list(range(numbers[0], numbers[0] + len(lines))):
        return text
    return "\n".join(one[2] or "" for one in found if one is not None)


def _unescaped(text: str) -> str:
    with contextlib.suppress(ValueError):  # the number of a sign with more digits than Python reads
        text = html.unescape(text) if _ENTITY.search(text) else text
    if "\n" not in text:
        text = text.replace("\\n", "\n").replace("\\t", "\t")
    return text if compiles(text) else text.replace('\\"', '"').replace("\\'", "'")


def _without_tabs(text: str) -> list[str]:
    """Return a text with spaces for tabs as a notebook shows them, and as wide as Python once counted them."""
    return [text.expandtabs(4), text.expandtabs(8)] if "\t" in text else []


def _spaced(text: str) -> str:
    return next((one for one in _without_tabs(text) if compiles(one)), text)


_MENDS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_spaced, TABS),
    (_choose, CONFLICT),
    (_unfenced, FENCE),
    (lambda text: _LINE_ENDS.sub("\n", text), LINES),
    (lambda text: text.translate(_INVISIBLE), INVISIBLE),
    (lambda text: in_ascii(text, blanks_only=True), INVISIBLE),
    (in_ascii, TYPED),
    (_unnumbered, NUMBERS),
    (_unescaped, ESCAPES),
    (lambda text: _PROSE.sub(lambda found: f"# {found[0]}", text), PROSE),
)
