"""What Git leaves in a file when it cannot merge two versions."""

from __future__ import annotations

import re

_MARK = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: .*)?")
_NEXT = {
    "<<<<<<<": ("|||||||", "======="),
    "|||||||": ("=======",),
    "=======": (">>>>>>>",),
    ">>>>>>>": ("<<<<<<<",),
}
_SIDES = {"<<<<<<<": 0, "=======": 1}


def sides(text: str) -> tuple[str, str] | None:
    """Return both versions of a text that holds such places; None where the marks are not there or not complete."""
    if "<<<<<<<" not in text:
        return None
    kept: tuple[list[str], list[str]] = ([], [])
    last = ">>>>>>>"
    for line in text.split("\n"):
        found = _MARK.fullmatch(line.rstrip("\r"))
        if found is not None and found[1] in _NEXT[last]:
            last = found[1]
        elif last == ">>>>>>>":
            kept[0].append(line)
            kept[1].append(line)
        elif last in _SIDES:
            kept[_SIDES[last]].append(line)
    first, second = "\n".join(kept[0]), "\n".join(kept[1])
    return (first, second) if last == ">>>>>>>" and first != text else None


def without_marks(text: str) -> str:
    """Return a text without any such lines."""
    return "\n".join(line for line in text.split("\n") if _MARK.fullmatch(line.rstrip("\r")) is None)
