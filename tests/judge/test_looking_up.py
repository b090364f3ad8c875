"""What tests look up again and again: each look has to be cheap, and may not be fooled for that."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import heapq

import numpy as np
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
    assert guard._looks_left > 7_000_000


def test_numbers_and_dates_of_libraries_are_plain_once_they_were_met(guard):
    values = [np.int64(1), np.float32(2), dt.date(2024, 1, 2), decimal.Decimal(1)]
    assert guard.see(values) is values
    looked = []
    guard._see = lambda value, kind, depth: looked.append(kind) or value
    for value in values:
        assert guard.see(value) is value
    assert guard.see([*values, np.int64(7)]) == [*values, 7]
    assert looked == []


def test_a_key_that_equals_anything_is_found_for_no_other_value(guard):
    found = {YesHashed(): 1}
    run_test(
        guard,
        "assert 3 not in f and (3, 4) not in f and f.get(3) is None and 3 not in f.keys()",
        {"f": found},
    )
    with pytest.raises(AssertionError):
        run_test(guard, "assert f == {3: 1}", {"f": found})
