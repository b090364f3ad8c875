"""The caches in which `re` looks for a pattern before it makes it: one could be put there under another one's name."""

from __future__ import annotations

import re
from typing import Any

from studyhall_judge.sandbox.watched import Record

_re: Any = re


def pattern_caches() -> list[Record]:
    """Remember the caches in which `re` looks for a pattern before it makes it."""
    caches = {name: getattr(_re, name, None) for name in ("_cache", "_cache2")}
    return [Record(f"re.{name}", cache, cache) for name, cache in caches.items() if type(cache) is dict]


def forget_false_patterns(caches: list[Record]) -> list[str]:
    """Take patterns out of the caches of `re` that are not what they stand for there; returns those, in words."""
    found = []
    for record in caches:
        if record.is_unchanged():
            continue
        cache = record.namespace
        wrong = [key for key, value in cache.items() if not _is_of(value, key)]
        found += [record.name for key in wrong if cache.pop(key, None) is not None]
        record.settle()
    return found


def _is_of(pattern: Any, key: Any) -> bool:
    if type(pattern) is not re.Pattern or type(key) is not tuple:
        return False
    flags = next((one for one in reversed(key) if isinstance(one, int)), 0)
    return any(_is_same(one, pattern.pattern) for one in key) and not flags & ~pattern.flags


def _is_same(one: Any, text: Any) -> bool:
    """Whether two texts are one. From Python 3.12 on a pattern may stand under another text that is equal to its."""
    return one is text or (type(one) is type(text) and type(one) in (str, bytes) and one == text)
