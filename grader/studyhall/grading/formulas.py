"""Formulas as MathML, which a browser draws by itself: nothing has to run where a learner's work is shown.

What a learner calls a formula may be anything, so what is converted is bounded in length and may define nothing: a
few definitions that use each other twice grow without end. What is not converted stays as it was written.
"""

import re
from html import escape

from latex2mathml.converter import convert

MAX_LENGTH = 4_000
"""Characters of a formula: about thirty lines of an aligned derivation."""

MAX_OF_A_DOCUMENT = 30_000
"""Characters of all of a document's formulas; converting as many takes a second or two."""

MAX_TEXT = 20_000
"""Characters of one piece of markdown: some three thousand words."""

MAX_SEARCHES = 4_000_000
"""How far a document's formulas may be looked for: openings times the length of the text that each may reach over.

Nbconvert looks from each opening to the end of the text, which takes minutes where somebody wrote openings only.
"""

_DEFINES = re.compile(r"\\(?:[gex]?def|let|(?:re|provide)?newcommand|providecommand|DeclareMathOperator)\b")
_OPENS = re.compile(r"\\\\[\[(]|\\begin\{")
_NUMBERED_BY = re.compile(r"\\(?:label|tag)\*?\{[^{}]*\}|\\(?:nonumber|notag)\b")


class Formulas:
    """Converts the formulas of one document, as long as there are not too many of them."""

    def __init__(self) -> None:
        self._left = MAX_OF_A_DOCUMENT
        self._searches_left = MAX_SEARCHES

    def may_search(self, text: str) -> bool:
        """Say whether a text is one in which formulas can be looked for in reasonable time."""
        # A dollar sign closes what the one before it opened, so it reaches less far.
        openings = len(_OPENS.findall(text)) + text.count("$") / 10
        self._searches_left -= int(openings * len(text))
        return len(text) <= MAX_TEXT and self._searches_left >= 0

    def drawn(self, source: str, *, display: bool) -> str:
        """Return a formula, written without its dollar signs, as MathML; as text where it is none."""
        mathml = self._converted(source, display=display)
        if mathml is not None:
            return mathml
        mark = "$$" if display else "$"
        return f"<code>{escape(mark + source + mark)}</code>"

    def _converted(self, source: str, *, display: bool) -> str | None:
        self._left -= len(source)
        if len(source) > MAX_LENGTH or self._left < 0 or _DEFINES.search(source):
            return None
        try:
            return convert(_NUMBERED_BY.sub("", source), display="block" if display else "inline")
        except Exception:  # noqa: BLE001  # a formula that it cannot read raises nearly any error, RecursionError too
            return None
