"""Every statement that Python has in tests; what objects forge by a class's name, by what they hold, or by methods."""

from __future__ import annotations

import collections
import decimal
import fractions
import string
import types
import unittest.mock

import numpy as np
import pandas as pd
import pytest
from judge.guarding import Yes, guard, lesson, run_test, told
from studyhall_judge.sandbox.ownership import own_names

__all__ = ["guard", "told"]


def owning(source):
    own = own_names([(source, source)], [], [], [])
    return lesson(mirrored=own.mirrored, kept=own.kept)


@pytest.mark.parametrize(
    "source",
    [
        "expected: list[int] = [1, 4]\nassert f(2) == expected",
        "expected: list\nexpected = f(2)\nassert expected == [1, 4]",
        "n: int = 2\nassert f(n) == [1, 4]",
        "match f(2):\n    case [int(), int(found)]:\n        pass\n    case _:\n        found = 0\nassert found == 4",
        "match f(2):\n    case list([first, *_]) if first == 1:\n        n = 1\nassert n == 1",
        "match {'a': 1}:\n    case {'a': int(n), **found}:\n        pass\nassert n == 1 and found == {}",
        "found = 1\nwords = [found for i in range(2) if (found := i) >= 0]\nassert found == 1 and words == [0, 1]",
        "if (n := len(f(3))) == 3:\n    words = n\nassert words == 3",
        "tmp = f(2)\ndel tmp\ntry:\n    tmp\n    found = False\nexcept NameError:\n    found = True\nassert found",
        "words = f(3)\nclass A:\n    words = None\n    def read(self):\n        return words\nassert A().read()",
        "limit = 2\ntable = pd.DataFrame({'a': [1, 2, 3]})\nassert list(table.query('a > @limit')['a']) == [3]",
        "for expected, words in zip(f(2), [1, 4]):\n    assert expected == words",
        "with open('/dev/null') as found:\n    words = found.read()\nassert words == ''",
        "try:\n    f('x')\nexcept TypeError as found:\n    n = str(found)\nassert n",
        "words, *found = f(3)\nassert (words, found) == (1, [4, 9])",
    ],
)
def test_what_python_has_runs(guard, source):
    def f(n):
        return [number * number for number in range(1, n + 1)]

    run_test(guard, source, {"f": f, "pd": pd}, owning(source))


class Shape:
    def __eq__(self, other):
        return isinstance(other, Shape)

    __hash__ = None


class Evil(Shape):
    def __eq__(self, other):
        return True

    __hash__ = None


class Formatted:
    def __format__(self, form):
        return type("Text", (str,), {"__eq__": lambda one, other: True, "__hash__": str.__hash__})("x")


class Named:
    def __init__(self):
        self.__class__.__name__ = "EXPECTED"

    def __eq__(self, other):
        return True

    __hash__ = None


def passing_for_a_librarys():
    """Return an object of a class that says it is of a module, which holds it."""
    kind = type(
        "Template2", (), {"__eq__": lambda one, other: True, "__module__": "string", "__hash__": None}
    )
    string.Template2 = kind
    return kind()


def fraction_of(part):
    made = fractions.Fraction(1, 2)
    made._numerator = part
    return made


def objects(*items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@pytest.mark.parametrize(
    ("source", "returned"),
    [
        ("assert f() == 42", Evil),
        ("assert Shape is not None and f() == EXPECTED", Named),
        ("assert f() == [1, 2]", passing_for_a_librarys),
        ("assert f'{f()}' == '3.14'", Formatted),
        ("assert f() == Fraction(7, 2)", lambda: fraction_of(objects(Yes()))),
        ("assert f() == SimpleNamespace(z=1, data=[*range(500)])",
         lambda: types.SimpleNamespace(z=Yes(), data=list(range(500)))),
        ("from pandas.testing import *\nassert_series_equal(f(), named)", lambda: pd.Series([1, 2], name=Yes())),
        ("left = [1, 2]\nleft.remove(f())\nassert left == [2]", Yes),
        ("assert {1, 4, 9}.difference([f()]) == {4, 9}", Yes),
        ("assert (7).__eq__(f()) is True", Yes),
        ("assert expected_series.eq(f()).all()", lambda: objects(Yes(), Yes())),
        ("for a, b in zip(f(), [1, 2]):\n    assert a == b\nassert [a for a in f()] == [1, 2]",
         lambda: type("Hollow", (list,), {"__iter__": lambda one: iter(())})([3, 4])),
        ("match f():\n    case 7:\n        n = 1\n    case _:\n        n = 0\nassert n == 1", Yes),
    ],
)  # fmt: skip
def test_nothing_forged_is_believed(guard, source, returned):
    namespace = {"f": returned, "Shape": Shape, "EXPECTED": 17, "pd": pd, "Fraction": fractions.Fraction}
    namespace |= {
        "SimpleNamespace": types.SimpleNamespace,
        "expected_series": pd.Series([1, 2]),
        "named": pd.Series([1, 2], name="v"),
    }
    with pytest.raises((AssertionError, TypeError, ValueError)):
        run_test(guard, source, namespace)


class Card:
    def __init__(self, rank):
        self._value = rank

    def __eq__(self, other):
        return type(other) is type(self) and self._value == other._value

    def __hash__(self):
        return hash(self._value)

    def __lt__(self, other):
        return self._value < other._value

    def __contains__(self, item):
        return item == self


class Registry(type):
    def __contains__(cls, item):
        return item in ("a", "b")


class Plugin(metaclass=Registry):
    pass


@pytest.mark.parametrize(
    "source",
    [
        "a, b = f(1), f(2)\nassert max([a, b]) is b and min(a, b) is a and sorted([b, a])[0] is a",
        "a = f(1)\nassert next(x for x in [a] if x == a) is a and list(filter(None, [a]))[0] is a",
        "a = f(1)\nassert id(max([a])) == id(a) and type(sorted([a])[0]) is type(a)",
        "a, b = f(1), f(2)\nassert sorted([b, a], key=lambda one: one._value) == [a, b]",
        "a = f(1)\nassert getattr(max([a]), '_value') == 1 and not callable(max([a]))",
        "a = f(1)\nassert a in a",
        "assert isinstance(p, Plugin) and 'a' in Plugin and issubclass(Plugin, object)",
        "from unittest.mock import sentinel as here\nassert g(here.data) is here.data and g(here.data) == here.data",
        "from pytest import approx as app\nassert g(2) == app(2) and [g(2)] == app([2])",
        "import pytest\nnear = pytest.approx\nassert g(2) == near(2)",
        "import asyncio\nasync def wait():\n    return 9\nr = await wait()\nassert r == 9",
    ],
)
def test_honest_objects_are_believed(guard, told, source):
    namespace = {"f": Card, "p": Plugin(), "Plugin": Plugin, "g": lambda value: value}
    run_test(guard, source, namespace)
    assert told == []


def test_a_class_of_an_earlier_test_stays_the_tests_own(guard, told):
    namespace = {}
    source = (
        "class point:\n    def __eq__(self, other):\n        return True\n    __hash__ = None\nhere = point()"
    )
    run_test(guard, source, namespace)
    run_test(guard, "assert here == 7", namespace)
    assert told == []


@pytest.mark.parametrize(
    ("value", "number"),
    [(np.float64(1.5), 1.5), (fractions.Fraction(3, 2), 1.5), (decimal.Decimal("1.5"), 1.5), (np.int8(2), 2)],
)
def test_numbers_of_libraries_count(value, number):
    from studyhall_judge.sandbox.testcell import describe_result

    assert describe_result(value) == {"kind": "number", "value": number}


def test_a_class_that_calls_itself_a_librarys_is_no_number():
    from studyhall_judge.sandbox.testcell import describe_result

    kind = type("Decimal", (str,), {"__module__": "decimal", "__float__": lambda one: 5.0})
    assert describe_result(kind("x")) == {"kind": "text"}
    assert describe_result(collections.UserString("x")) == {"kind": "text"}
    assert describe_result(unittest.mock.Mock()) == {"kind": "text"}
