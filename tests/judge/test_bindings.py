"""What functions are made of is put back, and what honest code does to functions is nobody's concern."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import pytest
from studyhall_judge.sandbox.bindings import Cells, Touched
from studyhall_judge.sandbox.lessons_own import LessonsOwn

LESSON = """
import functools
def deco(function):
    @functools.wraps(function)
    def run(*values, **named): return function(*values, **named)
    return run
@deco
def same(one, other, *, limit=LIMIT): return abs(one - other) < limit
def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
step = counter()
near = functools.partial(same, limit=2)
TABLE = {"same": same}
class Scale:
    def weighs(self, one): return one == 9
scale = Scale()
"""
TOLD = {"bound": ["same", "step", "near", "TABLE", "Scale", "scale"], "spoken": [], "changing": ["count"]}
USED = TOLD["bound"]


def run_cell(source, number, namespace):
    exec(compile(source, f"<ipython-input-{number}-x>", "exec"), namespace)  # noqa: S102 - a cell


@pytest.fixture
def lesson():
    namespace = {"__name__": "__main__", "LIMIT": 1}
    run_cell(LESSON, 1, namespace)
    cells, touched = Cells(), Touched()
    own = LessonsOwn(cells, touched)
    own.note(namespace, TOLD, "<ipython-input-1-")
    return SimpleNamespace(own=own, cells=cells, touched=touched, names=namespace)


def test_calling_what_the_lesson_made_changes_nothing(lesson):
    names = lesson.names
    assert names["step"]() == 1
    assert names["near"](1, 2)
    assert names["scale"].weighs(9)
    names["TABLE"]["mine"] = names["same"]
    names["Scale"].name = "scale"
    assert lesson.cells.put_back() == lesson.own.put_back_parts() == lesson.touched.put_back() == []
    assert list(lesson.own.replaced(names, USED)) == []


def test_a_cell_that_was_emptied_or_filled_is_put_back(lesson):
    (cell,) = lesson.names["same"].__closure__
    before = cell.cell_contents
    for change in (lambda: setattr(cell, "cell_contents", len), lambda: delattr(cell, "cell_contents")):
        change()
        assert len(lesson.cells.put_back()) == 1
        assert cell.cell_contents is before


def test_cells_that_are_sealed_are_looked_at_like_others(lesson):
    lesson.cells.seal()
    assert lesson.cells.put_back() == []
    (cell,) = lesson.names["same"].__closure__
    del cell.cell_contents
    assert len(lesson.cells.put_back()) == 1
    assert lesson.cells.put_back() == []


def test_functions_get_their_defaults_and_code_back(lesson):
    function = lesson.names["same"].__wrapped__
    code, defaults = function.__code__, function.__defaults__
    lesson.touched.note(function, written=True)
    assert lesson.touched.put_back() == []
    function.__kwdefaults__["limit"] = 100
    function.__defaults__ = (1, 2)
    function.__code__ = (lambda one, other, *, limit: True).__code__
    assert len(lesson.touched.put_back()) == 3
    assert function.__code__ is code
    assert function.__defaults__ is defaults
    assert function.__kwdefaults__ == {"limit": 1}


def test_what_was_changed_and_restored_is_not_told_of(lesson):
    names = lesson.names
    same, names["same"] = names["same"], len
    names["same"] = same
    close, (function, arguments, keywords) = (
        names["near"],
        (names["near"].func, names["near"].args, {"limit": 2}),
    )
    close.keywords["limit"] = 3
    close.keywords["limit"] = keywords["limit"]
    assert close.func is function
    assert close.args is arguments
    assert lesson.own.put_back_parts() == []
    assert list(lesson.own.replaced(names, USED)) == []


@pytest.mark.parametrize("name", ["same", "step", "near", "TABLE"])
def test_what_is_replaced_is_put_back_where_a_test_uses_it(lesson, name):
    before = lesson.names[name]
    lesson.names[name] = functools.partial(len)
    assert list(lesson.own.replaced(lesson.names, [])) == []
    assert list(lesson.own.replaced(lesson.names, [name])) == [("replaced_helper", name)]
    assert lesson.names[name] is before


def test_the_lessons_cell_run_again_is_no_replacement(lesson):
    run_cell(LESSON, 2, lesson.names)
    found = set(lesson.own.replaced(lesson.names, ["same", "step", "Scale", "scale"]))
    assert found == set()


def test_a_class_that_only_looks_like_the_lessons_is_told_of(lesson):
    run_cell("class Scale:\n    def weighs(self, one, limit=9): return one == 9", 2, lesson.names)
    assert list(lesson.own.replaced(lesson.names, ["Scale"])) == [("replaced_part", "Scale")]
