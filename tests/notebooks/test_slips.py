"""What an author meant and did not write, which nothing but a look at it finds."""

import pytest
from nbformat.v4 import new_markdown_cell
from studyhall_notebooks.checks import Level, check_course, check_notebook
from studyhall_notebooks.parsing import read_notebook
from studyhall_notebooks.slips import always_true_assert, missing_pictures


def warnings(make, *cells):
    notebook = read_notebook(make.notebook_bytes(*cells))
    return {
        finding.code: finding.message
        for finding in check_notebook(notebook)
        if finding.level is Level.warning
    }


def graded(make, source="assert f()", **studyhall):
    metadata = {**make.nbgrader("t", grade=True, locked=True, points=1), "studyhall": studyhall}
    return make.cell("code", source, metadata)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("### begin solution", "BEGIN SOLUTION"),
        ("### BEGIN SOLUTON", "BEGIN SOLUTION"),
        ("### BEGIN_SOLUTION", "BEGIN SOLUTION"),
        ("# Begin Hidden Test", "BEGIN HIDDEN TESTS"),
        ("// end hidden tests", "END HIDDEN TESTS"),
        ("<!-- BEGIN MARK SCHEM -->", "BEGIN MARK SCHEME"),
    ],
)
def test_a_misspelt_mark_is_told_with_what_was_meant(make, line, meant):
    said = warnings(make, make.cell("code", f"x = 1\n{line}\ny = 2"))["mark_misspelt"]
    assert said.startswith("Line 2, ")
    assert said.endswith(f"### {meant}.")


@pytest.mark.parametrize(
    "line",
    [
        "### BEGIN SOLUTION\n### END SOLUTION",
        "# the solution begins here",
        "# More tests of this task run when you submit.",
        "# hidden tests",
        "# begin",
        "#",
        "begin_solution = 1",
    ],
)
def test_other_comments_are_left_alone(make, line):
    assert "mark_misspelt" not in warnings(make, make.answer("a", line))


@pytest.mark.parametrize(
    ("studyhall", "place"),
    [
        ({"test": {"title": "T", "hnt": "H"}}, "metadata.studyhall.test.hnt"),
        ({"test": "T"}, "metadata.studyhall.test"),
        ({"tests": {"title": "T"}}, "metadata.studyhall.tests"),
        ({"test": {"title": ["T"]}}, "metadata.studyhall.test.title"),
        ({"test": {"title": "T", "text_result": "yes"}}, "metadata.studyhall.test.text_result"),
        ({"quiz": "q"}, "metadata.studyhall.quiz"),
        ({"quiz": {"name": "q"}}, "metadata.studyhall.quiz"),
    ],
)
def test_settings_that_nobody_reads_are_told(make, studyhall, place):
    assert (
        f"Nothing reads {place} "
        in warnings(make, make.answer(), graded(make, **studyhall))["setting_not_read"]
    )


def test_a_misspelt_name_of_all_settings_is_told(make):
    cell = make.cell("code", "x", {"studyhal": {"test": {"title": "T"}}, "tags": ["a"], "slideshow": {}})
    assert "Is studyhall meant?" in warnings(make, cell)["setting_not_read"]


def test_a_title_where_no_points_are_is_told(make):
    cell = make.cell("code", "x", {"studyhall": {"test": {"title": "T"}}})
    assert "gives points" in warnings(make, cell)["setting_not_read"]


def test_a_hint_that_would_be_cut_off_is_told(make):
    assert "2,000" in warnings(make, make.answer(), graded(make, test={"hint": "H" * 2001}))["text_too_long"]


def test_what_is_read_is_no_mistake(make):
    told = {"title": "T", "hint": "H", "text_result": "full_marks"}
    quiz = make.cell("markdown", "Quiz", {"studyhall": {"quiz": {"id": "q"}}})
    assert not warnings(make, make.answer(), graded(make, test=told), quiz)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\nassert (x == 2, 'no')", 2),
        ("for x in y:\n    assert (x, 'no'), 'more'", 2),
        ("assert (x == 2), 'no'", None),
        ("assert f(\n1, 2)", None),
        ("assert ()", None),
        ("assert (", None),
    ],
)
def test_an_assert_that_always_holds(make, source, line):
    assert always_true_assert(source) == line
    assert ("assert_always_true" in warnings(make, make.answer(), graded(make, source))) is (line is not None)


def pictures_of(write_course, make, source, *, attachments=None):
    cell = make.cell("markdown", source)
    if attachments:
        cell["attachments"] = attachments
    root = write_course(
        {
            "source/first/first.ipynb": make.notebook_bytes(cell),
            "source/first/a b.png": b"x",
            "source/first/img/c.png": b"x",
        }
    )
    return [finding.message for finding in check_course(root) if finding.code == "missing_picture"]


@pytest.mark.parametrize(
    "source",
    [
        "![a](gone.png)",
        "![a](img/C.png 'title')",
        "![a](<a c.png>)",
        "<img alt='' src='gone.png'>",
        '<img width=3 src="../first/gone.png">',
        "![a](attachment:gone.png)",
    ],
)
def test_a_picture_that_is_not_there(write_course, make, source):
    (message,) = pictures_of(write_course, make, source)
    assert "learners see none" in message


@pytest.mark.parametrize(
    "source",
    [
        "![a](a%20b.png) ![b](<a b.png>) ![c](./img/c.png?x=1) <img src='img/c.png'>",
        "![a](https://example.org/a.png) ![b](data:image/png;base64,AAAA) ![c](//example.org/a.png)",
        "![a](attachment:x.png)",
        "Write `![a](gone.png)` for a picture.\n\n```\n![a](gone.png)\n```",
        "[a](gone.csv) and ! [b](gone.png)",
    ],
)
def test_pictures_that_are_there_or_elsewhere(write_course, make, source):
    assert not pictures_of(write_course, make, source, attachments={"x.png": {"image/png": "AAAA"}})


def test_a_notebook_that_cannot_be_read_is_not_said_to_lack_things_too(write_course, make):
    quiz = """
id: q
title: Q
lesson: first
questions:
  - {id: a, type: short_answer, text: A, accepted: [a]}
"""
    root = write_course({"source/first/first.ipynb": b"# no notebook", "quizzes/q.yaml": quiz})
    assert [finding.code for finding in check_course(root)] == ["not_json"]


def test_a_lesson_after_one_that_gives_no_score_is_told_never_to_open(write_course, make):
    course = """
slug: c
title: C
units:
  - slug: u
    title: U
    lessons:
      - slug: reading
      - {slug: first, after: {lesson: reading}}
      - {slug: second, after: {lesson: first}}
"""
    graded_notebook = make.notebook_bytes(make.answer(), graded(make, test={"title": "T"}))
    root = write_course(
        {
            "course.yaml": course,
            "source/reading/reading.ipynb": make.notebook_bytes(make.cell("markdown", "Read")),
            "source/first/first.ipynb": graded_notebook,
            "source/second/second.ipynb": graded_notebook,
        }
    )
    (message,) = [finding.message for finding in check_course(root) if finding.code == "never_opens"]
    assert message.startswith("The lesson first can never open")


def test_a_quiz_in_a_lessons_folder_is_told_to_be_moved(write_course, make):
    cell = make.cell("markdown", "Quiz", {"studyhall": {"quiz": {"id": "q"}}})
    root = write_course(
        {"source/first/first.ipynb": make.notebook_bytes(cell), "source/first/q.yaml": "id: q"}
    )
    (message,) = [finding.message for finding in check_course(root) if finding.code == "unknown_quiz"]
    assert "move it" in message


@pytest.mark.parametrize("opening", ["![", "<img ", "<img src="])
def test_very_many_beginnings_of_pictures_are_looked_through_once(opening):
    cell = new_markdown_cell(opening * 100_000 + "\n![a](absent.png)")
    assert [slip.code for slip in missing_pictures(cell, ())] == ["missing_picture"]
