"""Learners' named tuples that no test names: the tuple is what is compared, the fields are their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from judge.guarding import guard, run_test, told

__all__ = ["guard", "told"]


class State(NamedTuple):
    x: float
    speed: float

    def __add__(self, other):
        return State(self.x + other.x, self.speed + other.speed)

    def __mul__(self, factor):
        return State(self.x * factor, self.speed * factor)

    def __abs__(self):
        return abs(self.x)

    def doubled(self):
        return self * 2


@pytest.mark.parametrize(
    "source",
    [
        "assert max([f(1), f(3)], key=lambda one: one.x).x == 3",
        "first, last = sorted([f(3), f(1)])\nassert first.x == 1 and last.speed == 2 and last.doubled().x == 6",
        "assert (f(1) + f(2)).x == 3 and f(1) + f(2) == (3, 4)",
        "a = f(1)\nassert min([a]) is a and type(max([a])) is type(a) and a in [a] and [f(1)].count(a) == 1",
        "assert f(1) == (1, 2) and f(1) != (1, 3) and {(1, 2): 'a'}[f(1)] == 'a' and list(f(1)) == [1, 2]",
        "assert str(max([f(1)])) == 'State(x=1, speed=2)' and max([f(1)])._asdict() == {'x': 1, 'speed': 2}",
        "import numpy as np\nassert np.allclose([f(1), f(2)], [[1, 2], [2, 2]])",
    ],
)
def test_a_named_tuple_that_calculates_keeps_its_fields(guard, told, source):
    run_test(guard, source, {"f": lambda x: State(x, 2)})
    assert told == []


class Equal(NamedTuple):
    x: int

    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True

    def __le__(self, other):
        return True

    __hash__ = None


class Converted(NamedTuple):
    x: int

    def __array__(self, dtype=None, copy=None):
        return np.array([3])

    def __sub__(self, other):
        return Converted(0)

    __rsub__ = __sub__


@pytest.mark.parametrize("kind", [Equal, Converted])
@pytest.mark.parametrize(
    "source",
    [
        "assert f(7) == (3,)",
        "assert (3,) in [f(7)]",
        "assert f(7).x == 3",
        "import numpy as np\nassert np.allclose(max([f(7)]), [3])",
        "import numpy as np\nassert np.abs(f(7) - np.array([3])).max() == 0",
        "assert all(a <= b for a, b in zip([f(7), f(2)], [f(2), f(3)]))",
        "assert [f(7), f(2)] == sorted([f(7), f(2)])",
    ],
)
def test_what_a_named_tuple_says_of_comparisons_is_not_believed(guard, kind, source):
    with pytest.raises((AssertionError, TypeError, ValueError)):
        run_test(guard, source, {"f": kind})


def test_a_named_tuple_that_compares_itself_is_told_of(guard, told):
    guard.see(Equal(7))
    assert told == ["Equal"]
