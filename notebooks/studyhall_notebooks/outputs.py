"""Leaving out of a notebook's file what earlier runs left in it, where the file would be too large with that.

Whoever grades a notebook runs it anew and looks at none of its outputs, so plots that were saved with it are no reason
to refuse it.
"""

import re
from typing import Final

MAX_BYTES_WITH_OUTPUTS: Final = 100_000_000
"""Files beyond this are not looked into."""

_MAX_TOKENS: Final = 2_000_000
"""Texts and brackets that are looked at, in some two seconds. A picture is one, a line of text another."""

# As in parsing: linear whatever the text is, and a text that is not ended goes up to the end.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_VALUE = re.compile(r"[ \t\r\n]*:[ \t\r\n]*([\[{])")
_LEFT_OUT: Final = {('"outputs"', "["): "[]", ('"widgets"', "{"): "{}"}
"""What cells put out, and what widgets were set to when the notebook was saved."""


def without_outputs(text: str) -> str:
    """Return a notebook's text with empty outputs and without the state of its widgets; the rest stays as it is.

    It never raises. A text that has too many parts to be looked at comes back as it is, one that is no notebook as it
    is or with less in it.
    """
    kept: list[str] = []
    start = depth = 0
    left_out_from: int | None = None
    for number, token in enumerate(_TOKEN.finditer(text)):
        if number == _MAX_TOKENS:
            return text
        word = token.group()
        if left_out_from is None:
            value = _VALUE.match(text, token.end()) if word in _KEYS else None
            instead = value and _LEFT_OUT.get((word, value.group(1)))
            if value and instead:
                kept += [text[start : value.start(1)], instead]
                left_out_from, depth = value.start(1), 0
        elif token.start() >= left_out_from:
            depth += (word in _OPENING) - (word in _CLOSING)
            if depth == 0:
                start, left_out_from = token.end(), None
    return "".join(kept) if left_out_from is not None else "".join([*kept, text[start:]])


_KEYS: Final = frozenset(key for key, _ in _LEFT_OUT)
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")
