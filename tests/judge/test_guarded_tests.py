"""What a compiled test sees: forged values unmasked, honest ones untouched, builtins that cannot be shadowed."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import fractions
import json
import sys
import unittest.mock
import weakref

import numpy as np
import pandas as pd
import pytest
from judge.guarding import Yes, guard, lesson, run_test, told
from studyhall_judge.compiling import TestCompiler, UnusableTest
from studyhall_judge.sandbox.compiler import compile_test
from studyhall_judge.sandbox.describing import describe_error
from studyhall_judge.sandbox.testcell import describe_result
from studyhall_judge.sandbox.view import View
from studyhall_judge.sandbox.watched import COUNTS_CHANGES, Record

__all__ = ["guard", "told"]


class YesNumber(int):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0

    __hash__ = int.__hash__


class YesText(str):
    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class YesList(list):
    def __eq__(self, other):
        return True

    __hash__ = None


class YesMapping(dict):
    def __eq__(self, other):
        return True

    __hash__ = None


class YesArray(np.ndarray):
    def __eq__(self, other):
        return np.ones(self.shape, dtype=bool)

    __hash__ = None


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = 1


class PlainNumber(int):
    pass


class Bag:
    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.5,
        "text",
        b"bytes",
        True,
        None,
        [1, [2, (3,)]],
        {"a": {1, 2}},
        range(3),
        len,
        fractions.Fraction(1, 2),
        decimal.Decimal(1),
        np.float64(1),
        np.arange(3),
        Colour.RED,
        PlainNumber(3),
        Bag(1),
        pd.Series([1, 2]),
        pd.DataFrame({"a": [1, "x"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_honest_values_pass_as_they_are(guard, told, value):
    assert guard.see(value) is value
    assert told == []


@pytest.mark.parametrize(
    ("forged", "plain"),
    [
        (YesNumber(3), 3),
        (YesText("a"), "a"),
        (YesList([1]), [1]),
        (YesMapping(a=1), {"a": 1}),
        ([YesNumber(3)], [3]),
        ((1, [YesNumber(3)]), (1, [3])),
        ({"a": YesNumber(3)}, {"a": 3}),
    ],
)
def test_subclasses_of_plain_types_are_read_past_their_own_methods(guard, told, forged, plain):
    seen = guard.see(forged)
    assert type(seen) is type(plain)
    assert repr(seen) == repr(plain)
    assert told


def test_an_array_subclass_becomes_an_array(guard):
    assert type(guard.see(np.zeros(2).view(YesArray))) is np.ndarray


@pytest.mark.parametrize(
    "value",
    [Yes(), unittest.mock.ANY, unittest.mock.MagicMock()],
    ids=lambda value: type(value).__name__,
)
def test_objects_that_equal_anything_equal_nothing(guard, told, value):
    seen = guard.see(value)
    assert not seen == 3  # noqa: SIM201 - both operators are what is tested
    assert seen != 3
    assert seen is not value
    assert told


def test_a_proxy_of_a_forged_object_is_seen_through(guard):
    kept = Yes()
    assert guard.see(weakref.proxy(kept)) != 3


def test_an_array_that_holds_forged_objects_is_refused(guard):
    with pytest.raises(TypeError):
        guard.see(np.array([Yes()], dtype=object))


def test_a_view_still_shows_the_object(guard):
    forged = Yes()
    forged.name = "x"
    view = guard.see(forged)
    assert type(view) is View
    assert isinstance(view, Yes)
    assert view.name == "x"
    assert view == guard.see(forged)


def test_data_classes_compare_among_themselves(guard):
    one, other, third = guard.see(Point(1)), guard.see(Point(1)), guard.see(Point(2))
    assert one == other
    assert one != third


def test_classes_that_the_exercise_is_about_are_exempt(guard, told):
    guard.start(frozenset({"Yes"}))
    assert guard.see(Yes()) == 3
    assert told == []


def test_a_method_put_on_a_table_is_taken_off(guard, told):
    table = pd.DataFrame({"a": [1]})
    object.__setattr__(table, "equals", lambda other: True)
    guard.see(table)
    assert not table.equals(pd.DataFrame({"a": [2]}))
    assert told == ["DataFrame.equals"]


def test_a_long_list_is_scanned_once(guard):
    values = list(range(5000))
    assert guard.see(values) is values
    assert guard.see(values) is values


# Compiled tests


@pytest.mark.parametrize(
    "source",
    [
        "assert f() == 3",
        "assert 3 == f()",
        "assert not f() != 3",
        "assert [f()] == [3]",
        "assert (f() == 3) is True",
        "assert abs(f() - 3) < 1",
        "assert f() in [3]",
        "assert all(f() == n for n in [3])",
        "assert sorted([f()]) == [3]",
        "match f():\n    case 3:\n        pass\n    case _:\n        raise AssertionError",
        "def check(value):\n    assert value == 3\ncheck(f())",
        "total = 0\ntotal += f()\nassert total == 3",
        "assert 3 if f() == 3 else 0",
        "import operator\nassert operator.eq(f(), 3)",
        "from operator import eq\nassert eq(f(), 3)",
    ],
)
@pytest.mark.parametrize("forged", [Yes(), YesNumber(7)], ids=["object", "number"])
def test_no_way_of_comparing_believes_a_forged_value(guard, source, forged):
    with pytest.raises((AssertionError, TypeError)):
        run_test(guard, source, {"f": lambda: forged})


@pytest.mark.parametrize("source", ["assert f() == 3", "assert abs(f() - 3) < 1", "assert f() in [3]"])
def test_the_same_tests_believe_an_honest_value(guard, source):
    run_test(guard, source, {"f": lambda: 3})


def test_shadowed_builtins_do_not_decide(guard):
    namespace = {"all": lambda values: True, "abs": lambda value: 0, "f": lambda: 7}
    with pytest.raises(AssertionError):
        run_test(guard, "assert all([f() == 3])", namespace)
    with pytest.raises(AssertionError):
        run_test(guard, "assert abs(f()) == 0", namespace)


def test_a_builtin_that_the_exercise_defines_is_the_learners(guard):
    namespace = {"max": lambda values: 99}
    run_test(guard, "assert max([1]) == 99", namespace, lesson(names=["max"], functions=["max"]))


def test_names_that_a_test_binds_are_its_own(guard):
    namespace = {}
    run_test(guard, "sum = 3\nassert sum == 3", namespace)
    assert namespace["sum"] == 3


def test_the_last_value_is_the_result(guard):
    assert run_test(guard, "x = 2\nx * 1.5", {}) == 3
    assert run_test(guard, "x = 2\nx * 1.5;", {}) is None
    assert run_test(guard, "x = 2\nx * 1.5; # done", {}) is None
    assert run_test(guard, "x = 2", {}) is None
    assert run_test(guard, "", {}) is None


def test_a_top_level_await_is_awaited(guard):
    source = "import asyncio\nvalue = await asyncio.sleep(0, result=4)\nassert value == 4\n"
    source += "await asyncio.sleep(0, result=5)"
    assert run_test(guard, source, {}) == 5


def test_the_failing_line_is_told(guard):
    with pytest.raises(AssertionError) as caught:
        run_test(guard, "x = 1\n\nassert x == 2, 'no'", {})
    assert describe_error(caught.value) == {
        "name": "AssertionError",
        "message": "no",
        "line": 3,
        "from_test": True,
    }


def test_an_exception_that_cannot_be_described_is_described():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert describe_error(Mute())["message"] == ""


def test_learners_functions_get_their_values_untouched(guard):
    seen = []
    run_test(guard, "g(f())", {"f": Yes, "g": seen.append}, lesson(functions=["f", "g"], names=["f", "g"]))
    assert type(seen[0]) is Yes


def test_what_a_test_is_about():
    source = (
        "import math\nassert Vector(1) == Vector(1)\nassert squares(2)\nmath.pi = 3\npatch('builtins.input')"
    )
    compiled = compile_test(source, lesson(functions=["squares"], classes=["Stack"], imports=["np", "math"]))
    assert compiled.exempt == {"Vector", "Stack"}
    assert {"pi", "input"} <= compiled.patches
    assert compiled.imports == frozenset()
    assert compile_test("np.sum(1)", lesson(imports=["np"])).imports == {"np"}


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (None, None),
        (True, {"kind": "bool", "value": True}),
        (np.True_, {"kind": "bool", "value": True}),
        (3, {"kind": "number", "value": 3.0}),
        (np.float32(0.5), {"kind": "number", "value": 0.5}),
        (fractions.Fraction(1, 4), {"kind": "number", "value": 0.25}),
        (decimal.Decimal("0.5"), {"kind": "number", "value": 0.5}),
        (10**400, {"kind": "number", "value": 1e308}),
        (float("nan"), {"kind": "text"}),
        (float("inf"), {"kind": "number", "value": 1e308}),
        (np.arange(3), {"kind": "text"}),
        ("full", {"kind": "text"}),
    ],
    ids=repr,
)
def test_results_are_numbers_or_not(value, described):
    assert describe_result(value) == described


@pytest.mark.asyncio
async def test_another_interpreter_compiles_the_same():
    source, about = "assert f(1) == 2", lesson(functions=["f"], names=["f"])
    own = await TestCompiler(sys.executable).compile(source, about)
    # The same interpreter by another name: asked as a process, because code may differ between versions.
    other = await TestCompiler(f"{sys.prefix}/bin/../bin/python").compile(source, about)
    assert other == own
    with pytest.raises(UnusableTest):
        await TestCompiler(f"{sys.prefix}/bin/../bin/python").compile("assert (", about)


# Watched namespaces


def test_a_changed_name_is_found_and_an_added_one_is_not(tmp_path):
    module = type(sys)("made")
    module.value = one = object()
    record = Record("made", module, vars(module))
    assert record.is_unchanged() or not COUNTS_CHANGES
    module.extra = 1
    assert record.is_intact()
    module.value = object()
    assert not record.is_intact()
    assert list(record.changes()) == [("value", one)]
    del module.value
    assert list(record.changes()) == [("value", one)]
    module.len = lambda value: 0
    assert record.overriding() == ["len"]


def test_a_method_added_to_a_class_is_found_when_it_hides_one():
    class Base:
        def method(self):
            return 1

    class Child(Base):
        pass

    record = Record("Child", Child, vars(Child))
    Child.other = 1
    assert record.overriding() == []
    Child.method = lambda self: 2
    assert record.overriding() == ["method"]


def test_messages_of_plain_types_survive_the_wire():
    from studyhall_judge.sandbox import wire

    message = {"text": "é\u2028", "numbers": [1, 2.5, None, True]}
    assert json.loads(wire.encode_plain(message)) == message


@pytest.fixture
def tired(monkeypatch):
    """Guards that have looked at so much already that they rely on what they have seen."""
    monkeypatch.setattr("studyhall_judge.sandbox.looks.FREE_LOOKS", 0)


@pytest.mark.usefixtures("tired")
@pytest.mark.parametrize(
    "forged",
    [
        [Yes() for _ in range(100)],
        [1, [Yes()], *range(98)],
        {number: Yes() for number in range(100)},
        {number: [Yes()] for number in range(100)},
    ],
    ids=["list", "nested", "dict", "dict of lists"],
)
def test_what_was_found_forged_stays_forged(guard, forged):
    for _ in range(3):
        assert guard.see(forged) != (dict.fromkeys(range(100), 1) if isinstance(forged, dict) else [1] * 100)


@pytest.mark.usefixtures("tired")
def test_a_container_that_has_changed_is_looked_at_anew(guard):
    grown = list(range(100))
    held = [[Yes()] for _ in range(100)]
    assert guard.see(grown) == list(range(100))
    assert guard.see(held) != [[1]] * 100
    grown.append(Yes())
    held[:] = [[1] for _ in range(100)]
    assert guard.see(grown) != list(range(101))
    assert guard.see(held) == [[1]] * 100


@pytest.mark.usefixtures("tired")
def test_another_container_at_the_same_place_in_memory_is_looked_at(guard):
    for _ in range(20):
        assert guard.see([1] * 100) == [1] * 100
        assert guard.see([Yes() for _ in range(100)]) != [1] * 100


def test_looking_up_in_something_big_does_not_look_at_all_of_it_for_ever(guard):
    big = {f"w{number}": [number] for number in range(5000)}
    source = "for word in big:\n    assert word in big and big.get(word) is not None and len(big) == 5000"
    looked = []
    see = guard._see
    guard._see = lambda *asked: looked.append(1) or see(*asked)
    run_test(guard, source, {"big": big})
    assert len(looked) < 600_000, "each of 10,000 look-ups would look at 10,000 elements"


def nested(depth, last):
    found = last
    for number in range(depth):
        found = (number, found)
    return found


def test_what_lies_deep_is_looked_at_too(guard, told):
    assert guard.see(nested(200, None)) == nested(200, None)
    assert guard.see(nested(200, {"last": Yes()})) != nested(200, {"last": 1})
    assert told
    round_and_round = []
    round_and_round.append(round_and_round)
    assert guard.see(round_and_round) is round_and_round
