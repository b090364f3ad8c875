"""Rebuilding is a function from (release, anything) to a notebook whose tests are exactly the release's."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studyhall_judge.likeness import compiles, plain, similarity, without
from studyhall_judge.rebuild import CellKind, rebuild
from studyhall_judge.releases import prepare
from studyhall_notebooks.parsing import read_notebook


@pytest.fixture(scope="module")
def squares(request):
    return request.getfixturevalue("assignment")("squares")


@pytest.fixture(scope="module")
def released(squares):
    return prepare(squares.release).notebooks["squares"]


def submitted(squares, submit, *changes, **case):
    return read_notebook(submit(squares, {"changes": list(changes), **case})["squares"])


def sources(rebuilt, kind):
    return [cell.source for cell in rebuilt.cells if cell.kind is kind]


def test_an_undamaged_submission_needs_no_repair(squares, released, submit):
    rebuilt = rebuild(released, submitted(squares, submit), "default")
    assert rebuilt.repairs == []
    assert rebuilt.flags == []
    assert [cell.index for cell in rebuilt.cells] == list(range(len(rebuilt.cells)))


def test_tests_are_the_releases_own_in_order(squares, released, submit):
    changes = [
        {"source": "test_squares", "code": "pass"},
        {"delete": "test_mean"},
        {"move": "test_vector", "to": 0},
    ]
    rebuilt = rebuild(released, submitted(squares, submit, *changes), "default")
    wanted = [cell.source for cell in released.cells if cell.grade_id in released.tests and cell.is_code]
    assert sources(rebuilt, CellKind.test) == wanted
    codes = {repair.code for repair in rebuilt.repairs}
    assert {"changed_test", "missing_test", "reordered"} <= codes


def test_a_test_that_a_formatter_or_a_comment_has_changed_is_put_back_and_nobody_flagged(
    squares, released, submit
):
    def flags_for(code):
        rebuilt = rebuild(
            released, submitted(squares, submit, {"source": "test_mean", "code": code}), "default"
        )
        assert "changed_test" in {repair.code for repair in rebuilt.repairs}
        return [flag.test_id for flag in rebuilt.flags]

    shown = next(cell.shown for cell in released.cells if cell.grade_id == "test_mean")
    assert flags_for(f"#%%\n{shown}\n\n# it works!") == []
    assert flags_for(shown.replace("(", "(\n    ").replace(", ", ",\n    ")) == []
    assert flags_for(f"{shown}\nx = 1") == ["squares/test_mean"]
    assert flags_for("assert (") == ["squares/test_mean"]


def test_own_cells_stay_behind_the_cell_that_they_followed(squares, released, submit):
    changes = [
        {"insert_after": "mean", "code": "after = 'mean'"},
        {"insert_before": "squares", "code": "before = 'squares'"},
    ]
    rebuilt = rebuild(released, submitted(squares, submit, *changes), "default")
    order = [cell.released.grade_id if cell.released else cell.source for cell in rebuilt.cells]
    assert order[order.index("mean") + 1] == "after = 'mean'"
    assert order[order.index("before = 'squares'") + 1] == "squares"


def test_the_first_copy_of_an_answer_wins_and_the_last_for_nbgrader(squares, released, submit):
    change = {"copy": "mean", "code": "def mean(values):\n    return 'second'\n"}
    first = rebuild(released, submitted(squares, submit, change), "default")
    last = rebuild(released, submitted(squares, submit, change), "nbgrader")
    assert "second" not in answer(first, "mean")
    assert "second" in answer(last, "mean")


def test_a_deleted_answer_is_not_replaced_by_its_stub(squares, released, submit):
    rebuilt = rebuild(released, submitted(squares, submit, {"delete": "mean"}), "default")
    assert answer(rebuilt, "mean") is None
    assert "missing_answer" in {repair.code for repair in rebuilt.repairs}


def test_an_answer_without_label_is_found_by_the_names_it_defines(squares, released, submit):
    changes = [
        {"delete": "mean"},
        {"insert_after": "vector", "code": "def mean(values):\n    return 'elsewhere'\n", "id": "x"},
    ]
    rebuilt = rebuild(released, submitted(squares, submit, *changes), "default")
    assert "elsewhere" in answer(rebuilt, "mean")
    assert "lost_label" in {repair.code for repair in rebuilt.repairs}


def test_halves_are_joined_only_when_they_are_halves(squares, released, submit):
    split = rebuild(released, submitted(squares, submit, {"split": "mean", "line": 1}), "default")
    assert "return" in answer(split, "mean")
    copied = rebuild(
        released,
        submitted(squares, submit, {"copy": "mean", "next": True, "code": "def mean(v): return 0"}),
        "default",
    )
    assert "return 0" not in answer(copied, "mean")


def test_nothing_submitted_means_the_release_as_it_is(released):
    rebuilt = rebuild(released, None, "default")
    assert [cell.node for cell in rebuilt.cells] == [cell.node for cell in released.cells]
    assert rebuilt.missing == set()


def test_nbgrader_mode_keeps_the_submissions_order_and_puts_nothing_back(squares, released, submit):
    changes = [{"delete": "test_mean"}, {"move": "test_vector", "to": 0}]
    rebuilt = rebuild(released, submitted(squares, submit, *changes), "nbgrader")
    ids = [cell.released.grade_id for cell in rebuilt.cells if cell.released is not None]
    assert ids[0] == "test_vector"
    assert "test_mean" not in ids
    assert rebuilt.missing == {"test_mean"}


def answer(rebuilt, grade_id):
    for cell in rebuilt.cells:
        if cell.released is not None and cell.released.grade_id == grade_id:
            return cell.source
    return None


# Any damage at all

operations = st.lists(
    st.tuples(
        st.sampled_from(
            ["delete", "copy", "swap", "unlabel", "no_id", "retype", "empty", "text", "relabel", "own"]
        ),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=12,
)


def damage(cells, steps):  # noqa: C901 - a table of damages
    for what, first, second in steps:
        if not cells:
            break
        place, other = first % len(cells), second % len(cells)
        cell = cells[place]
        if what == "delete":
            del cells[place]
        elif what == "copy":
            cells.insert(other, json.loads(json.dumps(cell)))
        elif what == "swap":
            cells[place], cells[other] = cells[other], cells[place]
        elif what == "unlabel":
            cell["metadata"] = {}
        elif what == "no_id":
            cell.pop("id", None)
        elif what == "retype":
            cell["cell_type"] = ["code", "markdown", "raw"][second % 3]
        elif what == "empty":
            cell["source"] = ""
        elif what == "text":
            cell["source"] = ["def squares(n: return", "1/0", "%%time\nx", "\x00", "é漢😀"][second % 5]
        elif what == "relabel":
            cell["metadata"] = {"nbgrader": cells[other]["metadata"].get("nbgrader", {"grade_id": 3})}
        else:
            cells.insert(
                other, {"cell_type": "code", "metadata": {}, "source": f"own = {first}", "outputs": []}
            )


SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=150, suppress_health_check=SUPPRESSED)
@given(steps=operations, scoring=st.sampled_from(["default", "nbgrader"]))
def test_whatever_the_damage_the_tests_are_the_releases(squares, released, submit, steps, scoring):
    notebook = json.loads(submit(squares, {})["squares"])
    damage(notebook["cells"], steps)
    rebuilt = rebuild(released, read_notebook(json.dumps(notebook)), scoring)
    wanted = {cell.grade_id: cell.source for cell in released.cells if cell.grade_id in released.tests}
    found = [cell for cell in rebuilt.cells if cell.kind is CellKind.test]
    assert all(cell.source == wanted[cell.released.grade_id] for cell in found)
    ids = [cell.released.grade_id for cell in found]
    assert len(ids) == len(set(ids))
    if scoring == "default" and notebook["cells"]:
        assert ids == [name for name in wanted if not released.tests[name].manual]
    if steps == []:
        assert rebuilt.repairs == []


@settings(max_examples=60, suppress_health_check=SUPPRESSED)
@given(steps=st.lists(st.tuples(st.just("own"), st.integers(0, 40), st.integers(0, 40)), max_size=8))
def test_own_cells_are_all_kept_in_their_order(squares, released, submit, steps):
    notebook = json.loads(submit(squares, {})["squares"])
    damage(notebook["cells"], steps)
    before = [cell["source"] for cell in notebook["cells"] if "".join(cell["source"]).startswith("own =")]
    rebuilt = rebuild(released, read_notebook(json.dumps(notebook)), "default")
    assert [cell.source for cell in rebuilt.cells if cell.source.startswith("own =")] == before
    assert rebuilt.repairs == []


# The comparisons beneath


def test_plain_forgets_what_editors_change():
    assert plain("a = 1  \r\n\tb\n\n") == plain("a = 1\n\tb")


def test_similarity_is_one_for_equal_texts_and_zero_for_others():
    assert similarity("def f(x):\n    return x", "def f(x):\n    return x") == 1
    assert similarity("def f(x): return x", "7") == 0


def test_without_takes_out_a_text_line_by_line():
    assert without("own\na\nb\nmore", "a\nb") == "own\nmore"


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        ("x = 1", True),
        ("%matplotlib inline\nx = 1", True),
        ("await f()", True),
        ("def f(:", False),
        ("if x:", False),
    ],
)
def test_compiles(source, complete):
    assert compiles(source) == complete
