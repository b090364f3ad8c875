"""Reads answers that were copied from a web page, a chat or a document, and brought along what Python cannot read.

Nothing is guessed: a text is only changed where it is no Python as it stands and is Python afterwards.
"""

from __future__ import annotations

from studyhall_judge.likeness import compiles

_BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " ")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"), "")
_FENCES = ("```", "~~~")

FENCE = "The marks of a code block around your answer were left out, so that it could run."
INVISIBLE = "Invisible characters that had been copied into your answer were left out, so that it could run."


def readable(source: str) -> tuple[str, str]:
    """Return an answer's text as it can run, and what to tell of it: nothing where nothing was changed."""
    marked = source.lstrip().startswith(_FENCES)
    if (source.isascii() and not marked) or compiles(source):
        return source, ""
    text = source.translate(_BLANKS | _INVISIBLE)
    told = "" if text == source else INVISIBLE
    lines = text.strip().split("\n")
    if marked and len(lines) > 1 and lines[-1].strip() == lines[0].strip()[:3]:
        text, told = "\n".join(lines[1:-1]), FENCE
    return (text, told) if told and compiles(text) else (source, "")
