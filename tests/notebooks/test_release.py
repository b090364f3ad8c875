import copy
import json

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from studyhall_notebooks.cells import tests_of
from studyhall_notebooks.course import load_course
from studyhall_notebooks.errors import ReleaseError
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import ReleaseOptions, graded_source, learner_version

SECRET = "CANARY_a81f"


def release(notebook, options=None):
    options = options or ReleaseOptions()
    graded = graded_source(notebook, options)
    return graded, learner_version(graded, course="c", lesson="l", release=3, notebook="n", options=options)


@pytest.mark.parametrize("name", ["nbgrader-quickstart", "nbgrader-default", "nbgrader-configured"])
def test_releases_equal_nbgraders_own(fixtures_folder, name):
    """Source, type, metadata (with checksums), outputs and attachments of every cell, and all data files."""
    root = fixtures_folder / name
    bundle = load_course(root)
    cells = 0
    for lesson in bundle.course.lessons:
        folder = root / "release" / lesson.source_folder
        content = bundle.lessons[lesson.slug]
        truth_notebooks = {path.stem for path in folder.glob("*.ipynb")}
        assert set(content.notebooks) == truth_notebooks
        assert content.files == {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".ipynb"
        }
        for stem, data in content.notebooks.items():
            _graded, ours = release(read_notebook(data), bundle.options)
            truth = json.loads((folder / f"{stem}.ipynb").read_text(encoding="utf-8"))
            assert len(ours.cells) == len(truth["cells"])
            for our_cell, true_cell in zip(ours.cells, truth["cells"], strict=True):
                cells += 1
                metadata = {key: value for key, value in our_cell.metadata.items() if key != "studyhall"}
                assert our_cell.source == "".join(true_cell["source"])
                assert our_cell.cell_type == true_cell["cell_type"]
                assert metadata == true_cell["metadata"]
                assert our_cell.get("outputs") == true_cell.get("outputs")
                assert our_cell.get("attachments") == true_cell.get("attachments")
            assert {key: value for key, value in ours.metadata.items() if key != "studyhall"} == truth[
                "metadata"
            ]
    assert cells > 40


def test_the_judge_keeps_hidden_tests_and_mark_schemes(fixtures_folder):
    bundle = load_course(fixtures_folder / "nbgrader-default")
    graded, learner = release(read_notebook(bundle.lessons["edge"].notebooks["edge"]), bundle.options)
    kept = write_notebook(graded)
    assert "assert f(2)" in kept
    assert "2 points for style" in kept
    assert "whole = " not in kept
    shown = write_notebook(learner)
    assert "assert f(2)" not in shown
    assert "2 points for style" not in shown


def test_the_learners_version_knows_where_it_comes_from_and_what_is_hidden(make):
    hidden = "### BEGIN HIDDEN TESTS\nassert f() == 1\n### END HIDDEN TESTS"
    notebook = read_notebook(
        make.notebook_bytes(make.answer(), make.visible_test("shown"), make.visible_test("kept", hidden))
    )
    before = copy.deepcopy(notebook)
    graded, learner = release(notebook)
    assert notebook == before
    assert learner.metadata.studyhall == {"course": "c", "lesson": "l", "notebook": "n", "release": 3}
    assert "studyhall" not in graded.metadata
    assert [test.hidden for test in tests_of(graded, "n")] == [False, True]
    assert tests_of(learner, "n") == tests_of(graded, "n")
    nbformat.validate(learner)


def test_the_judge_alone_knows_the_classes_of_a_solution(make):
    solution = "class Shown:\n    ### BEGIN SOLUTION\n    class Inner: ...\n    ### END SOLUTION\n"
    solution += "### BEGIN SOLUTION\nclass Vec(tuple):\n    pass\n### END SOLUTION"
    notebook = read_notebook(make.notebook_bytes(make.answer(source=solution), make.visible_test()))
    graded, learner = release(notebook)
    assert graded.metadata.studyhall == {"solution_classes": ["Inner", "Vec"]}
    assert "Vec" not in write_notebook(learner)
    again, _ = release(graded)
    assert set(again.metadata.studyhall.solution_classes) >= {"Inner", "Vec"}


def test_the_judge_alone_knows_what_a_solution_does_to_names(make):
    solution = (
        "### BEGIN SOLUTION\ndef sell(name):\n    global LEFT\n    STOCK[name] -= 1\n    LOG.append(LIMIT)\n"
    )
    solution += "Card.__eq__ = sell\nsetattr(Deck, 'size', 3)\ndef grow(self):\n    self.size = 4\n"
    solution += "sum = 3\nmean = 4\n### END SOLUTION"
    notebook = read_notebook(make.notebook_bytes(make.answer(source=solution), make.visible_test()))
    graded, learner = release(notebook)
    assert graded.metadata.studyhall == {
        "solution_changes": ["Card", "Deck", "LEFT", "LOG", "STOCK"],
        "solution_binds": ["sum"],
    }
    assert "solution" not in learner.metadata.studyhall
    assert release(graded)[0].metadata.studyhall.solution_changes == ["Card", "Deck", "LEFT", "LOG", "STOCK"]


def test_releasing_twice_gives_the_same_bytes(make):
    data = make.notebook_bytes(make.answer(), make.visible_test(), minor=0)
    first, second = (release(read_notebook(data)) for _ in range(2))
    assert [write_notebook(form) for form in first] == [write_notebook(form) for form in second]


def test_only_titles_hints_and_quiz_ids_of_ours_pass(make):
    told = {
        "test": {"title": "T", "hint": "H", "reference": SECRET, "hidden": "no"},
        "quiz": {"id": "q", "answer": SECRET},
        "notes": SECRET,
    }
    notebook = read_notebook(
        make.notebook_bytes(
            make.answer(),
            make.cell("code", "assert 1", {**make.nbgrader("t", grade=True, points=1), "studyhall": told}),
            make.cell("markdown", "Quiz", {"studyhall": {"quiz": {"id": "q", "key": SECRET}}}),
            make.cell("markdown", "Text", {"studyhall": {"notes": SECRET}}),
            metadata={"studyhall": {"notes": SECRET}},
        )
    )
    _graded, learner = release(notebook)
    assert SECRET not in write_notebook(learner)
    assert learner.cells[1].metadata.studyhall == {"test": {"title": "T", "hint": "H"}, "quiz": {"id": "q"}}
    assert learner.cells[2].metadata.studyhall == {"quiz": {"id": "q"}}
    assert "studyhall" not in learner.cells[3].metadata


def test_pictures_of_a_removed_answer_go_with_it(make):
    pictures = {name: {"image/png": value} for name, value in (("a.png", SECRET), ("b.png", "shown"))}
    notebook = read_notebook(
        make.notebook_bytes(
            make.cell(
                "markdown",
                "![look](attachment:b.png)\n### BEGIN SOLUTION\n![answer](attachment:a.png)\n### END SOLUTION",
                make.nbgrader("essay", grade=True, solution=True, points=1),
                attachments=pictures,
            ),
            make.cell(
                "markdown",
                "![answer](attachment:a.png)",
                make.nbgrader("other", grade=True, solution=True, points=1),
                attachments={"a.png": pictures["a.png"]},
            ),
            make.cell("markdown", "![x](attachment:b.png)", attachments={"b.png": pictures["b.png"]}),
        )
    )
    _graded, learner = release(notebook)
    assert SECRET not in write_notebook(learner)
    assert list(learner.cells[0].attachments) == ["b.png"]
    assert "attachments" not in learner.cells[1]
    assert learner.cells[2].attachments == {"b.png": {"image/png": "shown"}}


def test_outputs_and_widget_state_are_not_released(make):
    output = {"output_type": "stream", "name": "stdout", "text": SECRET}
    notebook = read_notebook(
        make.notebook_bytes(
            make.answer(),
            make.visible_test(outputs=[output], execution_count=4),
            metadata={"widgets": {"state": SECRET}, "celltoolbar": "Create Assignment"},
        )
    )
    _graded, learner = release(notebook)
    assert SECRET not in write_notebook(learner)
    assert learner.cells[1].execution_count is None
    assert set(learner.metadata) == {"studyhall"}


def test_metadata_of_older_nbgraders_is_read(make):
    def old(version, **settings):
        meta = make.nbgrader("x", **settings)
        meta["nbgrader"]["schema_version"] = version
        return meta

    unversioned = {"nbgrader": {"grade_id": "g0", "grade": True, "points": "2.5", "extra": 1}}
    notebook = read_notebook(
        make.notebook_bytes(
            make.cell("code", "a", {"nbgrader": {"grade_id": "s0", "solution": True}}),
            make.cell("code", "b", unversioned),
            make.cell("code", "c", {"nbgrader": {"grade_id": "n0"}}),
            make.cell("code", "d", {"nbgrader": {**old(1, solution=True)["nbgrader"], "checksum": "0" * 32}}),
            make.cell(
                "code", "e", {"nbgrader": {**old(2, grade=True, points=1)["nbgrader"], "grade_id": "y"}}
            ),
            make.cell("code", "f", {"nbgrader": {"grade_id": "z", "grade": True, "points": "many"}}),
            make.cell("code", "g", {"nbgrader": "damaged"}),
        )
    )
    graded, _learner = release(notebook)
    metas = [cell.metadata.get("nbgrader") for cell in graded.cells]
    assert [meta and meta["schema_version"] for meta in metas] == [3, 3, None, 3, 3, 3, None]
    assert metas[1]["points"] == 2.5
    assert "extra" not in metas[1]
    assert metas[5]["points"] == 0.0
    assert graded.cells[3].source.startswith("# YOUR CODE HERE")


@pytest.mark.parametrize(
    ("reason", "cells"),
    [
        ("unclosed_region", [("code", "### BEGIN SOLUTION\nx", {"solution": True})]),
        (
            "nested_region",
            [("code", "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", {"solution": True})],
        ),
        ("solution_outside_answer", [("code", "### BEGIN SOLUTION\n### END SOLUTION", {})]),
        (
            "hidden_tests_outside_test",
            [("code", "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", {"solution": False})],
        ),
        ("unclosed_region", [("code", "### BEGIN HIDDEN TESTS\nx", {"grade": True, "points": 1})]),
        ("mark_scheme_outside_task", [("markdown", "BEGIN MARK SCHEME\nEND MARK SCHEME", {})]),
        ("unclosed_region", [("markdown", "BEGIN MARK SCHEME\n", {"task": True, "points": 1})]),
        ("missing_points", [("code", "assert 1", {"grade": True})]),
        ("missing_points", [("markdown", "do", {"task": True})]),
        ("bad_points", [("code", "assert 1", {"grade": True, "points": -1})]),
        ("bad_points", [("code", "assert 1", {"grade": True, "points": "1"})]),
        ("missing_grade_id", [("code", "x", {"solution": True, "grade_id": ""})]),
        ("bad_grade_id", [("code", "x", {"solution": True, "grade_id": "a b"})]),
        ("damaged_metadata", [("code", "x", {"solution": "yes"})]),
        ("markdown_role", [("markdown", "x", {"solution": True})]),
        ("markdown_role", [("markdown", "x", {"grade": True, "points": 1})]),
        ("task_not_markdown", [("code", "x", {"task": True, "points": 1})]),
        (
            "duplicate_grade_id",
            [("code", "x", {"solution": True}), ("code", "y", {"grade": True, "points": 1})],
        ),
        ("autotest", [("code", "f(1)\n### AUTOTEST f(2)", {"grade": True, "points": 1})]),
        ("autotest", [("code", "### HASHED AUTOTEST f(2)", {"grade": True, "points": 1})]),
    ],
)
def test_what_nbgrader_refuses_is_refused_in_words(make, reason, cells):
    notebook = read_notebook(
        make.notebook_bytes(
            *(make.cell(kind, source, make.nbgrader("id", **more)) for kind, source, more in cells)
        )
    )
    with pytest.raises(ReleaseError) as caught:
        release(notebook)
    assert caught.value.reason == reason
    assert caught.value.index == len(cells) - 1
    assert "Cell" in caught.value.message


def test_an_unknown_language_needs_a_stub_of_its_own(make):
    kernel = {"kernelspec": {"name": "julia", "display_name": "Julia", "language": "julia"}}
    notebook = read_notebook(make.notebook_bytes(make.answer(), metadata=kernel))
    with pytest.raises(ReleaseError, match="julia"):
        release(notebook)
    graded, _learner = release(notebook, ReleaseOptions(code_stub={"julia": "error()"}))
    assert "    error()" in graded.cells[0].source
    release(read_notebook(make.notebook_bytes(make.visible_test(), metadata=kernel)))


def test_other_options_for_the_learners_version_are_refused(make):
    options = ReleaseOptions(begin_hidden="SECRET STARTS", end_hidden="SECRET STOPS")
    test = make.visible_test("t", "# SECRET STARTS\nassert f() == 1\n# SECRET STOPS")
    graded = graded_source(read_notebook(make.notebook_bytes(make.answer(), test)), options)
    with pytest.raises(ReleaseError) as caught:
        learner_version(graded, course="c", lesson="l", release=1, notebook="n")
    assert caught.value.reason == "other_options"


lines = st.sampled_from(["x = 1", "", "    return y", "assert z", "# note", "\tq", "END of line"])
block = st.lists(lines, max_size=3)


@st.composite
def secret_cells(draw):
    """Cells of every role with the canary wherever only the author and the judge may see it."""
    number = draw(st.integers(0, 10**6))
    kind = draw(st.sampled_from(["region", "whole", "test", "manual", "task"]))
    secret = [draw(lines) + f"  # {SECRET}" for _ in range(draw(st.integers(1, 3)))]
    before, after = draw(block), draw(block)
    indent = draw(st.sampled_from(["", "    ", "\t"]))

    def region(begin, end):
        return [*before, f"{indent}### {begin}", *secret, f"{indent}### {end}", *after]

    source, cell_type, settings = {
        "region": (region("BEGIN SOLUTION", "END SOLUTION"), "code", {"solution": True}),
        "whole": (secret, "code", {"solution": True}),
        "test": (region("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"), "code", {"grade": True, "points": 1}),
        "manual": (secret, "markdown", {"grade": True, "solution": True, "points": 1}),
        "task": (region("BEGIN MARK SCHEME", "END MARK SCHEME"), "markdown", {"task": True, "points": 1}),
    }[kind]
    meta = {
        "schema_version": 3,
        "grade": False,
        "solution": False,
        "locked": False,
        "grade_id": f"id{number}",
    }
    metadata = {"nbgrader": {**meta, **settings}, "studyhall": {"note": SECRET}}
    cell = {"cell_type": cell_type, "metadata": metadata, "source": "\n".join(source)}
    if cell_type == "code":
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": SECRET}]
        cell["execution_count"] = None
    else:
        cell["attachments"] = {f"{SECRET}.png": {"image/png": SECRET}} if kind == "manual" else {}
    return cell


@given(st.lists(secret_cells(), max_size=6))
def test_a_release_never_holds_what_was_secret(cells):
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells]
    assume(len(set(ids)) == len(ids))
    content = {"cells": cells, "metadata": {"widgets": SECRET}, "nbformat": 4, "nbformat_minor": 4}
    graded, learner = release(read_notebook(json.dumps(content)))
    text = write_notebook(learner)
    assert SECRET not in text
    nbformat.validate(learner)
    for cell in learner.cells:
        assert len(cell.metadata.nbgrader.get("checksum", "0" * 32)) == 32
    for source, kept in zip(cells, graded.cells, strict=True):
        is_hidden = "BEGIN HIDDEN TESTS" in source["source"]
        is_scheme = "BEGIN MARK SCHEME" in source["source"]
        assert (SECRET in kept.source) == (is_hidden or is_scheme)


@pytest.mark.parametrize(("declared", "kept"), [("full_marks", True), ("anything else", False), (1, False)])
def test_that_a_text_means_full_marks_is_kept_when_it_is_declared(make, declared, kept):
    told = {"test": {"title": "T", "text_result": declared}}
    notebook = read_notebook(
        make.notebook_bytes(
            make.answer(),
            make.cell("code", "assert 1", {**make.nbgrader("t", grade=True, points=1), "studyhall": told}),
        )
    )
    graded, _learner = release(notebook)
    assert ("text_result" in graded.cells[1].metadata.studyhall["test"]) is kept
