"""Plain values of driven tests: on the channel, and through a real judge."""

from __future__ import annotations

import collections
import enum
import json
import math
import typing

import numpy as np
import pandas as pd
import pytest
from driven_notebooks import IMPORT, answered, build
from hypothesis import given
from hypothesis import strategies as st
from studyhall_judge.driven import DrivenRun
from studyhall_judge.sandbox import plain
from studyhall_judge.scoring import CellOutcome, Ending
from studyhall_notebooks.driven import Unplain, parse_driven, to_plain
from studyhall_notebooks.driven.values import same


class Shade(enum.IntEnum):
    DARK = 3


class Word(str):
    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Point(typing.NamedTuple):
    x: int
    y: int


VALUES = [
    *(None, True, False, 0, -7, 2**61, 2**62, -(2**62), 10**4000, 2**200_000),
    *(0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 1e308, 1 + 2j, complex(math.nan, 1)),
    *("", "abc", "\ud800", "å\x00", b"", b"\xff\x00", "x" * 10_000),
    *([], [1, [2, (3,)]], (), (1,), set(), {1, 2}, frozenset({1}), {}, {"a": [1]}, {(1, 2): {3}}),
    *(Shade.DARK, Word("x"), Point(1, 2), collections.OrderedDict(a=1), collections.Counter("aab")),
    *(np.int64(3), np.float64(1.5), np.bool_(1), np.str_("s"), np.array([1]), pd.DataFrame({"a": [1]})),
    *(object(), int, len, [object()], {"a": object()}, iter([1]), range(3), ..., collections.deque([1])),
    *([0] * 200_000, ["x" * 1000] * 10_000),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_is_compared_in_a_kernel(value):
    came = plain.decode(json.loads(json.dumps(plain.encode(value))), Unplain)
    expected = to_plain(value)
    assert type(came) is type(expected)
    assert repr_of(came) == repr_of(expected)


def repr_of(value):
    return hex(value) if type(value) is int else repr(value)


def test_what_is_nested_too_deeply_is_not_plain():
    value = []
    for _ in range(60):
        value = [value]
    value[0].append(value)
    assert plain.decode(plain.encode(value), Unplain) == to_plain(value)
    assert "deep" in to_plain(value).why


LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False)
HASHABLE = LEAVES | st.tuples(LEAVES, LEAVES) | st.frozensets(LEAVES, max_size=3)
PLAIN = st.recursive(
    HASHABLE | st.floats() | st.sets(HASHABLE, max_size=3),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(LEAVES, inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_values_survive_the_channel(value):
    came = plain.decode(json.loads(json.dumps(plain.encode(value))))
    assert type(came) is type(value)
    assert same(came, value)
    assert same(to_plain(value), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(st.sampled_from("ltszdifcb?"), inner).map(list)
    ),
)


@given(JSON)
def test_whatever_a_sandbox_sends_is_a_value_or_malformed(written):
    try:
        value = plain.decode(written, Unplain)
    except plain.Malformed:
        return
    to_plain(value)


CLASHING = [i * ((1 << 61) - 1) for i in range(1, 16_000)]
"""Numbers that all have the hash 0: each is compared with all before it when a set or dictionary is made of them."""


@pytest.mark.parametrize("letter", ["s", "z", "d"])
def test_values_whose_hashes_are_equal_are_not_gathered(letter):
    items = [plain.encode(number) for number in CLASHING]
    written = [letter, [[item, 1] for item in items] if letter == "d" else items]
    made = []
    value = plain.decode(written, lambda name, why: made.append((name, why)) or Unplain(name, why))
    assert isinstance(value, Unplain)
    assert made == [({"s": "set", "z": "frozenset", "d": "dict"}[letter], value.why)]
    assert "hashes" in value.why
    with pytest.raises(plain.Malformed, match="hashes"):
        plain.decode(written)


def test_few_values_of_one_hash_are_a_set_like_any_other():
    value = set(CLASHING[: plain.MOST_ALIKE])
    assert plain.decode(plain.encode(value)) == value
    value.add(CLASHING[plain.MOST_ALIKE])
    assert isinstance(plain.decode(plain.encode(value), Unplain), Unplain)


def test_what_is_larger_than_any_value_that_is_written_is_malformed():
    assert len(plain.decode(["l", [0] * (plain.MAX_UNITS - 1)])) == plain.MAX_UNITS - 1
    for written in (
        ["l", [0] * plain.MAX_UNITS],
        "x" * 5 * plain.MAX_UNITS,
        ["b", "00" * 5 * plain.MAX_UNITS],
    ):
        with pytest.raises(plain.Malformed, match="too large"):
            plain.decode(written)


def test_a_set_of_clashing_numbers_from_a_learner_is_no_value(judge):
    answer = "S = set(i * ((1 << 61) - 1) for i in range(1, 2000))\ndef f(x):\n    return S"
    cells = [("answer", "def f(x):\n    ...", 0), ("test", IMPORT + 'check.call("f", 1).equals({1})', 1)]
    release, learner = build(cells)
    report = judge.grade(release, answered(learner, {"answer": answer})).report
    assert str(report.tests[0].status) == "failed"
    assert "hashes are equal" in report.tests[0].staff_message


DEEP = """
def lists(depth):
    return [lists(depth - 1)] if depth else []

def dictionaries(depth):
    return {"a": dictionaries(depth - 1)} if depth else {}

def table(depth):
    return {(1,): [table(depth - 2)]} if depth > 0 else {}
"""


def deep(depth, before, after, middle):
    """Return a value that is nested so deeply, as constants of a test cell: Python reads no more than 200 brackets."""
    return before * depth + middle + after * depth


@pytest.mark.parametrize(
    ("name", "before", "after", "middle"),
    [("lists", "[", "]", "[]"), ("dictionaries", '{"a": ', "}", "{}"), ("table", "{(1,): [", "]}", "{}")],
)
def test_what_is_nested_as_deeply_as_a_value_may_be_comes_back(judge, name, before, after, middle):
    levels = 25 if name == "table" else 50
    tests = [
        f'check.call("{name}", 50).equals({deep(levels, before, after, middle)})',
        f'check.call("{name}", 52).equals({deep(levels + 2, before, after, middle)})',
        f'check.call("{name}", 40).equals(None)',
        f'check.call("{name}", 400).equals(None)',
    ]
    cells = [(f"test_{number}", IMPORT + test, 1) for number, test in enumerate(tests)]
    release, learner = build([("answer", "...", 0), *cells])
    report = judge.grade(release, answered(learner, {"answer": DEEP})).report
    assert [test.points for test in report.tests] == [1, 0, 0, 0]
    assert "nested too deeply" in report.tests[1].staff_message
    assert not report.flags


def test_an_answer_without_a_value_is_not_none():
    run = DrivenRun(parse_driven(IMPORT + 'check.call("f").equals(None)'))
    run.add(run.test.checks[0], CellOutcome(Ending.finished), {"error": None, "outputs": [], "seconds": 0.0})
    assert run.seen[0][2].held is False


def test_large_and_deep_arguments_arrive(judge):
    nested = "[" * 51 + "]" * 51
    tests = [
        'check.call("size", [7] * 100_000, [8] * 100_000).equals([100_000, 100_000])',
        'check.call("size", "\N{SNOWMAN}" * 100_000).equals([100_000])',
        'check.call("same", NESTED).equals(NESTED)'.replace("NESTED", nested),
        'def fits(value):\n    return value == NESTED\ncheck.call("same", NESTED).satisfies(fits)'.replace(
            "NESTED", nested
        ),
    ]
    answer = "def size(*items):\n    return [len(item) for item in items]\ndef same(value):\n    return value"
    cells = [(f"test_{number}", IMPORT + test, 1) for number, test in enumerate(tests)]
    release, learner = build([("answer", "...", 0), *cells])
    report = judge.grade(release, answered(learner, {"answer": answer})).report
    assert {test.kind for test in report.tests} == {"driven"}
    assert [test.points for test in report.tests] == [1] * len(tests), report.tests
