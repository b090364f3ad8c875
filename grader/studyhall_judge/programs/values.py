"""Plain values between the judge and a function in another language.

Typed languages need no JSON library: values travel as words. A number is itself, a truth value 0 or 1, a text is ``s``
and the hexadecimal digits of its UTF-8, a list is its length and then its elements.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_BITS = {"int": 31, "long": 63}
"""An int has 32 bits and a long 64, sign included, as in most typed languages."""
NOTHING = "-"
"""Stands for a text or list that is null, which no test expects."""

PLAIN = ("int", "long", "float", "bool", "string")
_LIST = re.compile(r"list\[(.*)\]")


class BadValue(Exception):
    """A value is not of its type, or a type is not known; says so in words."""


@dataclass(frozen=True)
class Type:
    """A type of a function's signature: a plain one, or a list of ``element``."""

    name: str
    element: Type | None = None

    @property
    def depth(self) -> int:
        """How many lists stand around the plain type."""
        return 0 if self.element is None else 1 + self.element.depth

    @property
    def plain(self) -> str:
        """The name of the plain type within all lists."""
        return self.name if self.element is None else self.element.plain


def read_type(text: str) -> Type:
    """Read a type as problems write it. Raises `BadValue`."""
    text = text.strip()
    if text in PLAIN:
        return Type(text)
    found = _LIST.fullmatch(text)
    if found is None or len(text) > 100:
        raise BadValue(
            f"the type {text[:100]!r} is not known: int, long, float, bool, string or list[…] of these"
        )
    return Type("list", read_type(found[1]))


def plain_name(text: str) -> str:
    """Return the name of the plain type within all lists of a type as problems write it; nothing when there is none."""
    try:
        return read_type(text).plain
    except BadValue:
        return ""


def to_words(value: Any, kind: Type) -> list[str]:
    """Write a JSON value down as words. Raises `BadValue`."""
    match kind.name, value:
        case "bool", bool():
            return ["1" if value else "0"]
        case "int" | "long", int() if not isinstance(value, bool) and _fits(value, kind.name):
            return [str(value)]
        case "float", int() | float() if not isinstance(value, bool) and math.isfinite(value):
            return [repr(float(value))]
        case "string", str():
            return ["s" + value.encode("utf-8", "surrogatepass").hex()]
        case "list", list():
            assert kind.element is not None  # noqa: S101 - a list type has an element
            return [str(len(value)), *(word for one in value for word in to_words(one, kind.element))]
    raise BadValue(f"{str(value)[:60]!r} is not a value of type {kind.name}")


def is_deeper_than(value: Any, depth: int) -> bool:
    """Whether a JSON value has more than ``depth`` lists and objects within each other."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, list):
                inner += one
            elif isinstance(one, dict):
                inner += one.values()
        level = inner
    return bool(level)


def _fits(value: int, name: str) -> bool:
    most: int = 1 << _BITS[name]
    return -most <= value < most


def from_words(words: list[str], kind: Type) -> Any:
    """Read a value that came from a sandbox. Raises `BadValue`."""
    rest = iter(words)
    try:
        value = _next(rest, kind)
    except (StopIteration, ValueError, RecursionError) as error:
        raise BadValue("the answer could not be read") from error
    if next(rest, None) is not None:
        raise BadValue("the answer could not be read")
    return value


def _next(rest: Any, kind: Type) -> Any:
    word = next(rest)
    match kind.name:
        case "bool":
            return word != "0"
        case "int" | "long":
            return int(word)
        case "float":
            return float(word)
        case "string":
            if word == NOTHING:
                raise BadValue("the function returned nothing (null) where a text belongs")
            if not word.startswith("s"):
                raise BadValue("the answer could not be read")
            return bytes.fromhex(word[1:]).decode("utf-8", "replace")
    assert kind.element is not None  # noqa: S101 - only lists are left
    if word == NOTHING:
        raise BadValue("the function returned nothing (null) where a list belongs")
    items = []
    for _ in range(int(word)):
        items.append(_next(rest, kind.element))  # noqa: PERF401 - a short list must end it, not an empty one
    return items
