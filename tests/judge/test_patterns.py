"""What stands in the caches of `re`: honest programs fill them, too."""

from __future__ import annotations

import re

import pytest
from studyhall_judge.sandbox.patterns import forget_false_patterns
from studyhall_judge.sandbox.watched import Record

TEXT = "[a-c]+"


class Named(str):
    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("key", "pattern", "is_false"),
    [
        ((str, TEXT, 0), re.compile(TEXT), False),
        # Python 3.12 and later put a pattern under whichever of two equal texts was asked for last.
        ((str, f" {TEXT}"[1:], 0), re.compile(TEXT), False),
        ((bytes, b"[a-c]+", 0), re.compile(bytes(bytearray(b"[a-c]+"))), False),
        ((str, TEXT, re.IGNORECASE), re.compile(TEXT, re.IGNORECASE), False),
        ((str, TEXT, 0), re.compile(".*"), True),
        ((str, TEXT, re.IGNORECASE), re.compile(TEXT), True),
        ((bytes, b"[a-c]+", 0), re.compile(TEXT), True),
        ((str, Named("[0-9]"), 0), re.compile(TEXT), True),
    ],
)
def test_a_pattern_stands_only_under_its_own_text(key, pattern, is_false):
    cache = {}
    record = Record("re._cache", cache, cache)
    cache[key] = pattern
    assert forget_false_patterns([record]) == (["re._cache"] if is_false else [])
    assert bool(cache) is not is_false
