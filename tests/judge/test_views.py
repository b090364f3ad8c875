"""Forged values inside of honest ones, and learners' own classes that no test names."""

from __future__ import annotations

import contextlib
import fractions
import gc
import types

import numpy as np
import pandas as pd
import pytest
from judge.guarding import Yes, guard, run_test, told
from studyhall_judge.sandbox.view import View

__all__ = ["guard", "told"]


# Values that compare by what they hold


def forged_fraction():
    value = fractions.Fraction(1, 2)
    value._numerator = Yes()
    return value


class YesHashed(Yes):
    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("forged", "honest"),
    [
        (forged_fraction(), fractions.Fraction(5, 2)),
        (types.SimpleNamespace(a=Yes()), types.SimpleNamespace(a=1)),
        (slice(Yes(), Yes(), Yes()), slice(1, 2, 3)),
        ({YesHashed(): 1}.items(), {3: 1}.items()),
        ({YesHashed(): 1}.keys(), {3: 1}.keys()),
    ],
    ids=["fraction", "namespace", "slice", "items", "keys"],
)
def test_what_compares_by_forged_parts_equals_nothing(guard, forged, honest):
    seen = guard.see(forged)
    assert not seen == honest  # noqa: SIM201 - the operator is what is tested
    with contextlib.suppress(TypeError):  # a fraction asks the other one for its numerator, which is refused
        assert not honest == seen  # noqa: SIM201 - as above
    assert guard.see(honest) == honest


def test_a_table_is_looked_into_down_to_its_categories_and_names(guard, told):
    yes = pd.Index([YesHashed()], dtype=object)
    for table in (
        pd.Series(pd.Categorical.from_codes([0, 0], yes)),
        pd.DataFrame({"a": [1]}, index=yes),
        pd.DataFrame([[1]], columns=yes),
        pd.Series([YesHashed()], dtype=object),
    ):
        with pytest.raises(TypeError):
            guard.see(table)
    assert told


def test_a_table_of_a_learners_class_answers_as_the_librarys(guard, told):
    class Table(pd.DataFrame):
        def equals(self, other):
            return True

    seen = guard.receiver(Table({"a": [1, 2]}), "equals")
    assert type(seen) is pd.DataFrame
    assert not seen.equals(pd.DataFrame({"a": [3]}))
    assert told == ["Table"]


def test_a_table_of_the_class_that_a_test_names_stays_what_it_is(guard, told):
    class Table(pd.DataFrame):
        def equals(self, other):
            return True

    run_test(
        guard,
        "t = f()\nassert isinstance(t, Table) and t.equals(3)",
        {"f": lambda: Table([1]), "Table": Table},
    )
    assert told == []


def test_an_array_of_a_class_by_a_librarys_name_is_seen_through(guard, told):
    class NumpyExtensionArray(type(pd.array([1, 2]))):
        def __eq__(self, other):
            return np.array([True, True])

        __hash__ = None

    column = pd.Series(NumpyExtensionArray(np.array([1, 2]), np.array([False, False])))
    assert type(column.array) is NumpyExtensionArray
    with pytest.raises(TypeError):
        guard.see(column)
    assert told == ["NumpyExtensionArray"]


def test_masked_elements_are_equal_to_nothing_in_an_assertion(guard):
    masked = np.ma.masked_all(3)
    with pytest.raises((AssertionError, TypeError)):
        run_test(
            guard, "import numpy as np\nnp.testing.assert_allclose(f(), [1, 2, 3])", {"f": lambda: masked}
        )
    partly = np.ma.array([1, 9], mask=[False, True])
    source = "import numpy as np\nnp.testing.assert_array_equal(f(), np.ma.array([1, 2], mask=[False, True]))"
    run_test(guard, source, {"f": lambda: partly})


# Learners' own classes


class Money:
    def __init__(self, amount):
        self.amount = amount

    def __eq__(self, other):
        return type(other) is Money and self.amount == other.amount

    def __hash__(self):
        return hash(self.amount)

    def __lt__(self, other):
        return self.amount < other.amount

    def __add__(self, other):
        return Money(self.amount + (other.amount if type(other) is Money else other))

    def __float__(self):
        return float(self.amount)


@pytest.mark.parametrize(
    "source",
    [
        "assert f(1) == f(1) and f(1) != f(2) and f(1) < f(2)",
        "assert sorted([f(2), f(1)])[0].amount == 1",
        "assert (f(1) + f(2)).amount == 3 and f(1) + f(2) == f(3)",
        "assert float(f(2)) == 2.0",
        "assert f(1) in [f(1)] and [f(1), f(2)].index(f(2)) == 1 and [f(1)].count(f(1)) == 1",
        "assert {f(1): 'one'}[f(1)] == 'one' and {f(1): 'one'}.get(f(1)) == 'one'",
        "assert len({f(1), f(1)}) == 1 and {f(1)} <= {f(1), f(2)}",
        "from collections import Counter\nassert Counter([f(1), f(1)])[f(1)] == 2",
        "x = f(1)\nassert x is x and not x is f(1)",
        "assert type(f(1)).__name__ == 'Money' and type(f(1)) is type(f(2))",
        "from copy import deepcopy\nassert deepcopy(f(1)) == f(1)",
    ],
)
def test_objects_of_a_class_that_no_test_names_are_their_own_among_themselves(guard, told, source):
    run_test(guard, source, {"f": Money})
    assert told == []


class Zero(int):
    """Says of every difference that it is nothing."""

    def __sub__(self, other):
        return Zeros()

    __rsub__ = __sub__


class Zeros:
    def __abs__(self):
        return 0.0

    def __float__(self):
        return 0.0

    def __str__(self):
        return "0.0"

    def __getitem__(self, place):
        return [0.0, 0.0][place]

    def __len__(self):
        return 2

    def max(self):
        return 0.0


class Nothing(Zeros):
    def __sub__(self, other):
        return Zeros()

    __rsub__ = __sub__


@pytest.mark.parametrize(
    "source",
    [
        "assert abs(f() - 3) < 1e-9",
        "assert float(f() - 3) == 0",
        "assert (f() - 3)[0] == 0",
        "assert (f() - 3).max() == 0",
        "assert str(f() - 3) == '0.0'",
        "assert list(f() - 3) == [0.0, 0.0]",
        "import numpy as np\nassert np.allclose(f() - np.array([1, 2]), 0)",
        "import math\nassert math.isclose(f() - 3, 0)",
    ],
)
@pytest.mark.parametrize("forged", [Nothing(), Zero(7)], ids=["object", "number"])
def test_what_came_of_a_value_of_the_tests_is_asked_for_nothing(guard, source, forged):
    with pytest.raises((AssertionError, TypeError, AttributeError)):
        run_test(guard, source, {"f": lambda: forged})


def test_a_view_leads_a_learners_function_nowhere(guard):
    met = []
    run_test(guard, "sorted([f()], key=g)", {"f": Yes, "g": lambda one: met.append(one) or 1})
    (view,) = met
    ask = View.__dict__["_ask"].__get__(view)
    assert type(ask.__self__).__name__ == "generator"
    assert guard not in gc.get_referents(ask)
