"""Classes whose metaclass has the hash of another class and equals it: sets and dictionaries take one for the other."""

from __future__ import annotations

import abc
import collections
import enum
import fractions

import numpy as np
import pandas as pd
import pytest
from judge.guarding import guard, run_test, told
from studyhall_judge.sandbox.testcell import describe_result

__all__ = ["guard", "told"]


def always(cls, other):
    return True


def type_hash(cls):
    return hash(type)


def passing_for(kind, above=type):
    """Return an object of a class that passes for ``kind``, and is equal to everything."""

    words = {"__eq__": lambda cls, other: True, "__hash__": lambda cls: hash(kind)}
    meta = type("Meta", (above,), words)
    return meta("Passing", (), {"__eq__": lambda self, other: True, "__hash__": lambda self: 0})()


@pytest.mark.parametrize("kind", [int, str, list, dict, tuple, set, range, type(None), np.int64, type])
@pytest.mark.parametrize(
    "source",
    [
        "assert f == 3",
        "assert [f] == [3]",
        "assert [f, 1] == [3, 1]",
        "assert {1: f} == {1: 3}",
        "assert {1: [f]} == {1: [3]}",
        "assert 3 in [f]",
        "assert [[f]] == [[3]]",
        "assert (f, [f]) == (3, [3])",
        "assert (np.array([f, 1], dtype=object) == np.array([3, 1])).all()",
        "assert pd.Series([f, 1]).equals(pd.Series([3, 1], dtype=object))",
        "assert not [f].count(3) == 0",
    ],
)
def test_an_object_that_passes_for_another_kind_is_equal_to_nothing(guard, told, source, kind):
    with pytest.raises((AssertionError, TypeError)):
        run_test(guard, source, {"f": passing_for(kind), "np": np, "pd": pd})
    assert told


def test_a_number_that_asks_whether_the_other_one_is_rational_gets_no_yes(guard):
    with pytest.raises(AttributeError):
        run_test(guard, "assert fractions.Fraction(3) == f", {"f": passing_for(int), "fractions": fractions})


def test_the_class_of_a_metaclass_may_lie_as_well(guard, told):
    class Above(type):
        __eq__ = always
        __hash__ = type_hash

    class Meta(type, metaclass=Above):
        pass

    value = Meta("Passing", (), {"__eq__": lambda self, other: True, "__hash__": lambda self: 0})()
    with pytest.raises(AssertionError):
        run_test(guard, "assert f == 3 and [f] == [3]", {"f": value})
    assert told


@pytest.mark.parametrize("passing", ["Shape", "Colour"])
def test_a_librarys_metaclass_that_was_given_another_word_is_not_believed(guard, monkeypatch, passing):
    value = {"Shape": Yes(), "Colour": YesColour.RED}[passing]
    kinds = guard._kinds.metaclasses
    assert kinds.kind_of(value) is type(value)
    monkeypatch.setattr(type(type(value)), "__hash__", lambda cls: hash(int), raising=False)
    assert kinds.kind_of(value) is not type(value)
    with pytest.raises((AssertionError, TypeError)):
        run_test(guard, "assert f == 3", {"f": value})


def test_no_points_come_of_a_result_that_passes_for_a_number():
    class Number(float):
        pass

    lying = passing_for(float)
    assert describe_result(lying) == describe_result(Number(1)) == {"kind": "text"}
    named = type("bool_", (), {"__module__": "numpy", "__bool__": lambda self: True})()
    assert describe_result(named) == {"kind": "text"}
    assert describe_result(np.bool_(True)) == describe_result(True) == {"kind": "bool", "value": True}


class Silent(type):
    """A metaclass that has nothing to say of its classes' hash."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        cls.registered = True


class Colour(enum.Enum):
    RED = 1


class Shape(abc.ABC):
    @property
    @abc.abstractmethod
    def area(self):
        """Return a number."""


class Square(Shape):
    area = 1


class Yes(Square):
    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


class YesColour(enum.Enum):
    RED = 1

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


class Plugin(metaclass=Silent):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Square(),
        Plugin(),
        Colour,
        Shape,
        Plugin,
        collections.OrderedDict(a=[Colour.RED]),
        [Plugin(), 1],
    ],
    ids=lambda value: type(value).__name__,
)
def test_honest_metaclasses_cost_nothing(guard, told, value):
    assert guard.see(value) is value
    run_test(guard, "assert f == g and [f] == [g] and f in [g]", {"f": value, "g": value})
    assert told == []
