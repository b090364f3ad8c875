"""What tests look up again and again: each look has to be cheap, and may not be fooled for that."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import heapq

import numpy as np
import pandas as pd
import pytest
from judge.guarding import Yes, guard, lesson, run_test, told

__all__ = ["guard", "told"]


class YesHashed(Yes):
    __hash__ = object.__hash__


@pytest.mark.parametrize(
    "source",
    [
        "seen = set()\nfor n in range(5000):\n    assert n not in seen\n    seen.add(n)",
        "least = {}\nfor n in range(5000):\n    if n < least.get(n, 9999):\n        least[n] = n",
        "for n in range(5000):\n    assert (n, n) in pairs and (n, 9999) not in pairs",
        "for n in range(5000):\n    assert n in found.keys() and counts.get(n) == 1",
        "heap = []\nfor n in range(5000):\n    heapq.heappush(heap, (-n, [n]))\n    assert heap[0] == (-n, [n])",
        "queue = [0]\nn = 1\nwhile queue and n < 5000:\n    queue.append([n])\n    n += 1 if not not queue else 0",
    ],
    ids=["set", "growing", "pairs", "keys", "heap", "queue"],
)
def test_what_is_found_by_its_hash_or_only_rearranged_takes_no_look(guard, source):
    namespace = {
        "pairs": {(n, n) for n in range(5000)},
        "found": {n: [n] for n in range(5000)},
        "counts": collections.Counter(range(5000)),
        "heapq": heapq,
    }
    run_test(guard, source, namespace, lesson(imports={"heapq"}))
    assert guard._looks.left > 7_000_000


def test_numbers_and_dates_of_libraries_are_plain_once_they_were_met(guard):
    values = [np.int64(1), np.float32(2), dt.date(2024, 1, 2), decimal.Decimal(1)]
    assert guard.see(values) is values
    looked = []
    guard._see = lambda value, kind, depth: looked.append(kind) or value
    for value in values:
        assert guard.see(value) is value
    assert guard.see([*values, np.int64(7)]) == [*values, 7]
    assert looked == []


@pytest.mark.parametrize(
    "value",
    [
        [(n, str(n)) for n in range(100)],
        {n: [n, {"day": dt.date(2024, 1, 2)}] for n in range(100)},
        [[[1.5] * 3] * 3, {(1, 2): {3, 4}}, collections.deque([(5,)])],
    ],
    ids=["pairs", "records", "mixed"],
)
def test_containers_in_containers_are_looked_at_together(guard, value):
    guard.see(dt.date(2024, 1, 2))
    see, looked = guard._see, []
    guard._see = lambda one, kind, depth: looked.append(kind) or see(one, kind, depth)
    assert guard.see(value) is value
    assert len(looked) <= 1


@pytest.mark.parametrize(
    "hide",
    [
        lambda one: [(1, 2), (3, one)],
        lambda one: {"a": [1], "b": [(one,)]},
        lambda one: [[[1]], [{2: {"a": one}}]],
        lambda one: [1, (dt.date(2024, 1, 2), fractions.Fraction(1, 2)), [one]],
    ],
    ids=["pair", "value", "deep", "beside a library's"],
)
def test_what_equals_anything_is_found_among_them(guard, told, hide):
    value = hide(YesHashed())
    assert guard.see(value) != hide(7)
    assert told == ["YesHashed"]


def test_a_list_that_holds_itself_is_looked_at_and_stays_as_it_is(guard):
    value = [1, [2]]
    value.append(value)
    assert guard.see(value) is value


def test_a_key_that_equals_anything_is_found_for_no_other_value(guard):
    found = {YesHashed(): 1}
    run_test(
        guard,
        "assert 3 not in f and (3, 4) not in f and f.get(3) is None and 3 not in f.keys()",
        {"f": found},
    )
    with pytest.raises(AssertionError):
        run_test(guard, "assert f == {3: 1}", {"f": found})


class Word(str):
    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def column_with(value, kind):
    texts = [str(n) for n in range(1000)]
    texts[700] = value
    return pd.Series(texts, dtype=kind)


@pytest.mark.parametrize("kind", ["str", "string", object, "category"])
@pytest.mark.parametrize("source", ["assert (c == c).all()", "assert c.equals(c)"])
def test_no_text_of_a_column_compares_itself(guard, told, kind, source):
    with pytest.raises(TypeError, match="compares itself"):
        run_test(guard, source, {"c": column_with(Word("700"), kind)})
    assert told == ["Word"]


def test_a_field_of_what_an_array_holds_is_looked_at(guard, told):
    pair = np.array([(1, Yes())], dtype=[("a", int), ("b", object)])[0]
    held = np.empty(1, dtype=object)
    held[0] = pair
    with pytest.raises(TypeError, match="compares itself"):
        run_test(guard, "assert (h == h).all()", {"h": held})
    assert told == ["Yes"]


@pytest.mark.parametrize("kind", ["str", "string", object, "category"])
def test_a_column_that_was_looked_at_often_is_taken_for_what_it_was(guard, kind):
    table = pd.DataFrame({"word": [f"{n:06}" for n in range(60_000)]}, dtype=kind)
    run_test(guard, "for n in range(100):\n    assert t.word.equals(t.word)", {"t": table})
    assert -1_000_000 < guard._looks.left < 0


def test_what_is_made_to_be_looked_for_is_made_once_and_found_by_its_hash(guard):
    cells = {(x, y) for x in range(60) for y in range(60)}
    made = []
    source = (
        "def one(x):\n    made.append(x)\n    return x\n"
        "for x, y in cells:\n    assert (x + 1, y) in cells or x == 59\n    assert (x - 99, 0) not in cells\n"
        "assert one(3) in {3: 1} and one(4) not in {3: 1}\n"
        "sought = 5\nassert [sought + n in [6, 7] for n in (1, 2, 3)] == [True, True, False]"
    )
    run_test(guard, source, {"cells": cells, "made": made})
    assert made == [3, 4]
    assert guard._looks.left > 7_000_000


def test_what_is_made_and_not_plain_is_looked_for_among_what_was_looked_at(guard, told):
    run_test(guard, "assert (1 + 1, 2) not in f() and len('ab') not in f()", {"f": lambda: [YesHashed()]})
    run_test(guard, "assert f() not in {3: 1} and f() not in [3]", {"f": YesHashed})
    assert told == ["YesHashed"]
