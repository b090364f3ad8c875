import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.notebooknode import from_dict
from studyhall_notebooks.cells import (
    CellRole,
    grade_id,
    is_hidden_test,
    is_locked,
    points,
    quiz_id,
    role_of,
    tests_of,
    title_from_grade_id,
)
from studyhall_notebooks.checksum import compute_checksum, is_unchanged
from studyhall_notebooks.parsing import read_notebook
from studyhall_notebooks.quiz import quiz_ids


@pytest.mark.parametrize(
    ("kind", "settings", "role"),
    [
        ("code", {"solution": True}, CellRole.answer),
        ("code", {"grade": True, "points": 1}, CellRole.test),
        ("code", {"grade": True, "solution": True, "points": 1}, CellRole.manual),
        ("markdown", {"grade": True, "solution": True, "points": 1}, CellRole.manual),
        ("markdown", {"task": True, "points": 1}, CellRole.task),
        ("markdown", {"locked": True}, CellRole.read_only),
        ("code", {}, CellRole.plain),
        ("code", {"grade": True, "grade_id": ""}, CellRole.plain),
        ("code", {"solution": True, "grade_id": "no spaces"}, CellRole.plain),
        ("code", {"solution": "yes"}, CellRole.plain),
        ("code", {"solution": 1}, CellRole.plain),
    ],
)
def test_roles(make, kind, settings, role):
    assert role_of(from_dict(make.cell(kind, "", make.nbgrader("id", **settings)))) is role


def test_a_quiz_cell_is_markdown_with_an_id(make):
    quiz = {"studyhall": {"quiz": {"id": "names-quiz"}}}
    cell = from_dict(make.cell("markdown", "**Quiz**", quiz))
    assert role_of(cell) is CellRole.quiz
    assert quiz_id(cell) == "names-quiz"
    assert role_of(from_dict(make.cell("code", "", quiz))) is CellRole.plain
    locked = from_dict(make.cell("markdown", "", {**quiz, **make.nbgrader("locked-quiz", locked=True)}))
    assert role_of(locked) is CellRole.quiz
    notebook = read_notebook(make.notebook_bytes(cell, make.cell("code", "", quiz), cell, locked))
    assert quiz_ids(notebook) == ["names-quiz"]


def test_locks_follow_nbgrader(make):
    def locked(**settings):
        return is_locked(from_dict(make.cell("code", "", make.nbgrader("id", **settings))))

    assert locked(grade=True)
    assert locked(locked=True)
    assert not locked(solution=True, locked=True)
    assert not locked(grade=True, solution=True)
    assert not locked()


def test_tests_carry_title_hint_points_and_secrecy(make):
    hidden = "### BEGIN HIDDEN TESTS\nassert f() == 1\n### END HIDDEN TESTS"
    told = {"studyhall": {"test": {"title": " One ", "hint": "Look twice."}}}
    notebook = read_notebook(
        make.notebook_bytes(
            make.answer(),
            make.visible_test("test_first-one"),
            make.cell("code", hidden, {**make.nbgrader("second", grade=True, points=1.5), **told}),
            make.cell("markdown", "why", make.nbgrader("essay", grade=True, solution=True, points=3)),
            make.cell("markdown", "do", make.nbgrader("big_task", task=True, points=4)),
            make.visible_test("second"),
        )
    )
    tests = tests_of(notebook, "lesson")
    assert [(test.id, test.title, test.hint, test.points, test.hidden, test.manual) for test in tests] == [
        ("lesson/test_first-one", "First one", "", 2.0, False, False),
        ("lesson/second", "One", "Look twice.", 1.5, True, False),
        ("lesson/essay", "Essay", "", 3.0, False, True),
        ("lesson/big_task", "Big task", "", 4.0, False, True),
    ]
    assert tests[0].notebook == "lesson"
    assert tests[1].grade_id == "second"


@pytest.mark.parametrize(
    ("identifier", "title"),
    [
        ("test_mean-of_list", "Mean of list"),
        ("autotest-7", "7"),
        ("test", "Test"),
        ("tests_", "Tests"),
        ("cell-938593c4a215c6cc", "Cell 938593c4a215c6cc"),
        ("___", "___"),
    ],
)
def test_titles_from_ids(identifier, title):
    assert title_from_grade_id(identifier) == title


def test_hidden_regions_are_seen_with_any_comment_mark():
    assert is_hidden_test("x\n// BEGIN HIDDEN TESTS\ny\n// END HIDDEN TESTS")
    assert not is_hidden_test("assert hidden_tests")


@pytest.mark.parametrize(
    ("settings", "worth"),
    [
        ({"grade": True, "points": 2}, 2.0),
        ({"grade": True, "points": 0.5}, 0.5),
        ({"grade": True, "points": -1}, 0.0),
        ({"grade": True, "points": "5"}, 0.0),
        ({"grade": True, "points": True}, 0.0),
        ({"grade": True, "points": None}, 0.0),
        ({"grade": True}, 0.0),
        ({"points": 3}, 0.0),
        ({"task": True, "points": 3}, 3.0),
    ],
)
def test_points_make_sense_or_are_none(make, settings, worth):
    assert points(from_dict(make.cell("code", "", make.nbgrader("id", **settings)))) == worth


@pytest.mark.parametrize(
    ("kind", "source", "settings", "checksum"),
    [  # from nbgrader's own release of its quickstart course
        (
            "code",
            "# YOUR CODE HERE\nraise NotImplementedError()",
            {"grade_id": "sum_of_squares_application", "grade": True, "solution": True, "points": 2},
            "5a96910dbc324f5565edf92f5c98af1b",
        ),
        (
            "markdown",
            "YOUR ANSWER HERE",
            {"grade_id": "sum_of_squares_equation", "grade": True, "solution": True, "points": 1},
            "f3cc38a3e522c0be10852ebbe2a638b7",
        ),
    ],
)
def test_checksums_are_nbgraders(make, kind, source, settings, checksum):
    identifier = settings.pop("grade_id")
    cell = from_dict(make.cell(kind, source, make.nbgrader(identifier, **settings)))
    assert compute_checksum(cell) == checksum
    assert not is_unchanged(cell)
    cell.metadata.nbgrader.checksum = checksum
    assert is_unchanged(cell)
    cell["source"] += "\n"
    assert not is_unchanged(cell)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
settings_like = st.dictionaries(
    st.sampled_from(
        ["grade", "solution", "locked", "task", "grade_id", "points", "checksum", "schema_version"]
    ),
    anything | st.just(True),
)
studyhall_like = st.fixed_dictionaries(
    {},
    optional={
        "test": anything | st.fixed_dictionaries({"title": anything, "hint": anything}),
        "quiz": anything,
    },
)


@given(
    kind=st.sampled_from(["code", "markdown", "raw"]),
    nbgrader=settings_like | anything,
    studyhall=studyhall_like | anything,
    source=st.text(max_size=20),
)
def test_damaged_metadata_is_never_a_crash(kind, nbgrader, studyhall, source):
    cell = from_dict(
        {"cell_type": kind, "source": source, "metadata": {"nbgrader": nbgrader, "studyhall": studyhall}}
    )
    role = role_of(cell)
    assert role in (CellRole.plain, CellRole.quiz) or grade_id(cell)
    assert points(cell) >= 0
    assert len(compute_checksum(cell)) == 32
    is_unchanged(cell)
    notebook = from_dict({"cells": [cell, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert len(tests_of(notebook, "n")) <= 1
    quiz_ids(notebook)
