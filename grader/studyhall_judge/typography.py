"""The signs of word processors and of other keyboards, as the plain ones that Python knows.

Only what stands in the code itself is read so: a comment or a text between plain quotes stays as it was written.
"""

from __future__ import annotations

import re
import unicodedata

_SINGLE = "'\u2018\u2019\u201a\u201b\u2032\u00b4\uff07\u2039\u203a"
_DOUBLE = '"\u201c\u201d\u201e\u201f\u2033\uff02\u00ab\u00bb\u300c\u300d'
_BLANKS = dict.fromkeys(
    [sign for sign in range(0x80, 0x3001) if unicodedata.category(chr(sign)) == "Zs"], " "
)
_SIGNS = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    ord("\u00d7"): "*",
    ord("\u2217"): "*",
    ord("\u00f7"): "/",
    ord("\u2215"): "/",
    ord("\u2264"): "<=",
    ord("\u2265"): ">=",
    ord("\u2260"): "!=",
    ord("\u2026"): "...",
    ord("\u3001"): ",",
    **{sign: chr(sign - 0xFEE0) for sign in range(0xFF01, 0xFF5F)},
}
_PIECES = re.compile(
    r"""(?P<kept>\#[^\n]*|\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    rf"|(?P<three>[{_DOUBLE}]{{3}}(?P<long>.*?)[{_DOUBLE}]{{3}}|[{_SINGLE}]{{3}}(?P<long_too>.*?)[{_SINGLE}]{{3}})"
    rf"|(?P<one>[{_DOUBLE}](?P<in_double>[^{_DOUBLE}\n]*)[{_DOUBLE}]|[{_SINGLE}](?P<in_single>[^{_SINGLE}\n]*)[{_SINGLE}])"
    r"|(?P<code>.)",
    re.DOTALL,
)


def in_ascii(text: str, *, blanks_only: bool = False) -> str:
    """Return a text of Python with plain blanks and, unless ``blanks_only``, plain quotes, dashes and brackets."""
    if blanks_only:
        return text.translate(_BLANKS)
    return _PIECES.sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    if found["code"]:
        return found[0].translate(_SIGNS)
    if found["three"]:
        inside, mark = (found["long"], '"""') if found["long"] is not None else (found["long_too"], "'''")
    else:
        inside, mark = (
            (found["in_double"], '"') if found["in_double"] is not None else (found["in_single"], "'")
        )
    return f"{mark}{inside}{mark}"
