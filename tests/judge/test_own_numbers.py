"""Learners' own numbers, texts and collections that no test names: read as what they are, told of where it matters."""

from __future__ import annotations

import collections
import datetime as dt
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from judge.guarding import Yes, guard, lesson, run_test, told

__all__ = ["guard", "told"]


class Score(float):
    def __add__(self, other):
        return Score(float(self) + other)

    __radd__ = __add__

    def __sub__(self, other):
        return Score(float(self) - other)


class Money(Decimal):
    def __str__(self):
        return Decimal.__str__(self) + " EUR"

    def __add__(self, other):
        return Money(Decimal.__add__(self, Decimal(other)))


class Exact(Fraction):
    def __truediv__(self, other):
        return Exact(Fraction.__truediv__(self, other))


class Token(str):
    __slots__ = ("start",)

    def lower(self):
        return Token(str.lower(self))

    def __add__(self, other):
        return Token(str.__add__(self, other))


class Moment(dt.datetime):
    def __sub__(self, other):
        return super().__sub__(other)


class Bag(collections.Counter):
    def __missing__(self, key):
        return 0


class Stack(collections.UserList):
    def __add__(self, other):
        return Stack(self.data + list(other))


class Room(str, Enum):  # noqa: UP042 - as courses write it
    HALL = "hall"

    def __add__(self, other):
        return self.value + other


class Bill(NamedTuple):
    net: Money
    gross: Money


class Row(tuple):
    __slots__ = ()

    def __lt__(self, other):
        return self[1] < other[1]


MADE = {
    "score": Score(0.5),
    "money": Money("2.50"),
    "exact": Exact(1, 2),
    "word": Token("Word"),
    "moment": Moment(2024, 1, 2),
    "bag": Bag([Token("a"), Token("a"), Token("b")]),
    "words": collections.OrderedDict([(Token("a"), Score(1))]),
    "stack": Stack([1, 2]),
    "room": Room.HALL,
    "bill": Bill(Money(1), Money(2)),
    "row": Row((1, 2)),
}


@pytest.mark.parametrize(
    "source",
    [
        "assert score == 0.5 and score < 1 and score in [0.5] and [score] == [0.5] and max([score, 0.1]) == 0.5",
        "assert money == Decimal('2.5') and sorted([money, Decimal(1)])[0] == 1 and str(money) == '2.50 EUR'",
        "assert exact == Fraction(1, 2) and exact == 0.5 and [exact] == [Fraction(1, 2)] and exact < 1",
        "assert word == 'Word' and word in {'Word': 1} and [word].count('Word') == 1 and word.upper() == 'WORD'",
        "assert moment == datetime(2024, 1, 2) and moment.year == 2024",
        "assert bag == Counter('aab') and bag['zz'] == 0 and bag['a'] == 2 and bag.most_common(1) == [('a', 2)]",
        "assert dict(bag) == {'a': 2, 'b': 1}",
        "assert words == {'a': 1} and words == OrderedDict([('a', 1.0)]) and list(words.values()) == [1]",
        "assert stack == [1, 2] and len(stack) == 2 and 1 in stack and [stack] == [[1, 2]]",
        "assert room == 'hall' and [room] == ['hall'] and room in ('hall', 'cellar')",
        "assert bill == (1, 2) and bill.net == 1 and [bill] == [(1, 2)] and bill in [(1, 2)]",
        "assert row == (1, 2) and [row] == [(1, 2)] and row in [(1, 2)] and len(row) == 2",
        "import numpy as np\nassert list(np.array([word])) == ['Word'] and Counter([word]) == {'Word': 1}",
    ],
)
def test_own_numbers_and_texts_count_for_what_they_are_and_nobody_hears_of_them(guard, told, source):
    names = {"Decimal": Decimal, "Fraction": Fraction, "datetime": dt.datetime, "np": np}
    names |= {"Counter": collections.Counter, "OrderedDict": collections.OrderedDict}
    run_test(guard, source, MADE | names, lesson(imports=names))
    assert told == []


def test_counts_of_own_texts_are_added_as_counts(guard):
    run_test(
        guard,
        "assert bag + bag == {'a': 4, 'b': 2} and bag - bag == {} and bag == {'a': 2, 'b': 1}",
        dict(MADE),
    )
    counts = collections.Counter(MADE["bag"].elements())
    run_test(guard, "assert c + c == {'a': 4, 'b': 2} and c['zz'] == 0", {"c": counts})


class Near(float):
    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__


class Small(Fraction):
    def __lt__(self, other):
        return True

    def __sub__(self, other):
        return Fraction(0)


class Loose(str):
    __slots__ = ()

    def startswith(self, *_):
        return True


class Later(tuple):
    __slots__ = ()

    def __lt__(self, other):
        return True


class AnyCounter(collections.Counter):
    def __eq__(self, other):
        return True

    __hash__ = None

    def __sub__(self, other):
        return collections.Counter()


class AnyList(collections.UserList):
    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (Near(1), "assert abs(v - 5) < 1e-6"),
        (Near(1), "import math\nassert math.isclose(v, 5)"),
        (Near(1), "import numpy as np\nassert np.allclose([v], [5])"),
        (Near(1), "assert sum([v, 4]) - v == 6"),
        (Small(7, 2), "assert v < 1"),
        (Small(7, 2), "assert v - 1 == 0"),
        (Loose("x"), "assert v.startswith('abc')"),
        (Later((1, 2)), "assert v < (0, 0)"),
        (Later((1, 2)), "assert sorted([v, (0, 0)])[0] == (1, 2)"),
        (AnyCounter("a"), "assert v == Counter('b')"),
        (AnyCounter("a"), "assert v - Counter('b') == Counter()"),
        (AnyList([1]), "assert v == [2]"),
        (collections.UserList([Yes()]), "assert v == [2]"),
        (Bag([Token("a")]), "assert v == Counter('b')"),
        (collections.Counter({"a": Yes()}), "assert v == Counter('a')"),
    ],
)
def test_one_that_decides_what_is_asked_is_told_of_and_not_believed(guard, told, value, source):
    names = {"Counter": collections.Counter}
    with pytest.raises(AssertionError):
        run_test(guard, source, names | {"v": value}, lesson(imports=names))
    assert told or type(value) is Bag
