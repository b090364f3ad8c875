import os
from datetime import UTC, datetime

import pytest
from studyhall_notebooks.course import load_course, slugify
from studyhall_notebooks.course_files import FolderLimits
from studyhall_notebooks.errors import CourseError

COURSE = """\
slug: small
title: A small course
units:
  - slug: one
    title: Unit one
    lessons:
      - {slug: first, title: First, minutes: 5, due: 2027-01-31T18:00:00Z, closes: 2027-02-01T18:00:00+01:00}
      - {slug: second, after: {lesson: first, score: 80}, max_attempts: 3, ai_review: no, due: null}
"""
QUIZ = """\
id: q
title: Quiz
lesson: first
questions:
  - {id: a, type: multiple_choice, text: "One?", options: [{id: x, text: "1"}, {id: y, text: "2"}], answer: x}
  - {id: b, type: short_answer, text: "Two?", accepted: [3.10, no, 007], points: 5}
"""
NOTEBOOK = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'


@pytest.fixture
def files():
    return {
        "course.yaml": COURSE,
        "source/first/first.ipynb": NOTEBOOK,
        "source/second/second.ipynb": NOTEBOOK,
        "quizzes/q.yaml": QUIZ,
    }


def refused(root, **limits):
    with pytest.raises(CourseError) as caught:
        load_course(root, **limits)
    error = caught.value
    assert error.path
    assert error.problem.endswith(".")
    assert error.code == "course_error"
    assert "Traceback" not in error.message
    assert "pydantic" not in error.message
    return error.message


def test_a_whole_course(write_course, files):
    bundle = load_course(write_course({**files, "source/first/data/a.csv": b"1,2\n"}))
    assert bundle.course.slug == "small"
    first, second = bundle.course.lessons
    assert first.due == datetime(2027, 1, 31, 18, tzinfo=UTC)
    assert first.closes == datetime(2027, 2, 1, 17, tzinfo=UTC)
    assert first.pass_score == 70
    assert second.title == "Second"
    assert second.after.score == 80
    assert second.ai_review is False
    assert second.due is None
    assert bundle.lessons["first"].files == {"data/a.csv": b"1,2\n"}
    assert bundle.lessons["first"].notebooks == {"first": NOTEBOOK.encode()}
    quiz = bundle.quizzes["q"]
    assert quiz.questions[0].answer == "x"
    assert quiz.questions[1].accepted == ["3.10", "no", "007"]
    assert quiz.total_points == 15
    assert bundle.notes == ()


def test_any_nbgrader_course_without_settings_of_ours(write_course, make):
    titled = make.notebook_bytes(
        make.cell("code", "# no title"),
        make.cell("markdown", "```\n# code\n```\ntext\n## *Sorting* `things` #\n"),
    )
    root = write_course(
        {
            "source/header.ipynb": NOTEBOOK,
            "source/Problem Set 10/b 10.ipynb": NOTEBOOK,
            "source/Problem Set 10/b 2.ipynb": titled,
            "source/Problem Set 2/a.ipynb": NOTEBOOK,
            "source/ps_1/broken.ipynb": b"not a notebook",
            "source/only-data/data.csv": "1",
            "source/.hidden/x.ipynb": NOTEBOOK,
            "source/ps_1/.ipynb_checkpoints/broken-checkpoint.ipynb": NOTEBOOK,
            "source/ps_1/.secret": "x",
            "source/ps_1/__pycache__/a.pyc": "x",
            "source/ps_1/helper.pyc": "x",
            "source/ps_1/feedback/x.html": "x",
            "source/ps_1/sub/more.ipynb": NOTEBOOK,
            "source/ps_1/sub/table.txt": "y",
            "release/ps_1/broken.ipynb": NOTEBOOK,
            "submitted/ada/ps_1/broken.ipynb": NOTEBOOK,
            "gradebook.db": b"\0",
        }
    )
    bundle = load_course(root)
    assert bundle.course.slug == "my-course"
    assert bundle.course.title == "My course"
    lessons = bundle.course.lessons
    assert [lesson.slug for lesson in lessons] == ["Problem-Set-2", "Problem-Set-10", "ps_1"]
    assert [lesson.source_folder for lesson in lessons] == ["Problem Set 2", "Problem Set 10", "ps_1"]
    assert [lesson.title for lesson in lessons] == ["Problem Set 2", "Sorting things", "Ps 1"]
    assert list(bundle.lessons["Problem-Set-10"].notebooks) == ["b 2", "b 10"]
    assert bundle.lessons["ps_1"].files == {"sub/table.txt": b"y"}
    assert any("sub/more.ipynb" in note for note in bundle.notes)


def test_lessons_whose_names_look_alike_keep_apart(write_course):
    root = write_course(
        {"source/a b/n.ipynb": NOTEBOOK, "source/a-b/n.ipynb": NOTEBOOK, "source/ü/n.ipynb": NOTEBOOK}
    )
    slugs = [lesson.slug for lesson in load_course(root).course.lessons]
    assert len(set(slugs)) == 3
    assert slugify("Äpfel & Birnen") == "pfel-Birnen"
    assert slugify("!!!") == "course"


def test_settings_of_nbgrader_are_read_and_never_run(write_course, tmp_path, make):
    config = f"""
import os
open({str(tmp_path / "ran")!r}, "w")
c = get_config()
c.CourseDirectory.course_id = "course101"
c.CourseDirectory.source_directory = "authors"
c.IncludeHeaderFooter.header = "head.ipynb"
c.ClearSolutions.code_stub = "pass"
c.ClearSolutions.text_stub = os.environ["X"]
c.ClearHiddenTests.begin_test_delimeter = "SECRET"
c.LockCells.lock_all_cells = "yes"
c.LockCells.lock_grade_cells = False
c.Exchange.root = "/anywhere"
x = c
"""
    head = make.notebook_bytes(make.cell("markdown", "Your name:"))
    bundle = load_course(
        write_course({"nbgrader_config.py": config, "authors/ps1/p.ipynb": NOTEBOOK, "head.ipynb": head})
    )
    assert not (tmp_path / "ran").exists()
    assert bundle.course.slug == "course101"
    assert bundle.options.code_stub == {"python": "pass"}
    assert bundle.options.text_stub == "YOUR ANSWER HERE"
    assert bundle.options.begin_hidden == "SECRET"
    assert bundle.options.lock_grade_cells is False
    assert bundle.options.lock_all_cells is False
    assert [cell["source"] for cell in bundle.options.header] == ["Your name:"]
    assert bundle.notes == (
        "nbgrader_config.py, line 9: ClearSolutions.text_stub: not a plain value, so it was left aside",
    )


@pytest.mark.parametrize("config", ["def broken(", "\0", "(" * 5000, "# nothing"])
def test_a_config_that_is_no_python_is_left_aside(write_course, config):
    bundle = load_course(write_course({"nbgrader_config.py": config, "source/ps1/p.ipynb": NOTEBOOK}))
    assert bundle.course.lessons[0].slug == "ps1"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('c.CourseDirectory.source_directory = "../elsewhere"', "leaves the course folder"),
        ('c.CourseDirectory.source_directory = "/etc"', "leaves the course folder"),
        ('c.IncludeHeaderFooter.header = "missing.ipynb"', "missing"),
        ('c.IncludeHeaderFooter.header = "../outside.ipynb"', "leaves the course folder"),
        ('c.IncludeHeaderFooter.footer = "bad.ipynb"', "not a notebook"),
    ],
)
def test_settings_that_lead_nowhere_good(write_course, tmp_path, config, words):
    (tmp_path / "outside.ipynb").write_text(NOTEBOOK)
    root = write_course({"nbgrader_config.py": config, "source/ps1/p.ipynb": NOTEBOOK, "bad.ipynb": "bad"})
    assert words in refused(root)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"course.yaml": "slug: [unclosed"}, "course.yaml"),
        ({"course.yaml": ""}, "holds no settings"),
        ({"course.yaml": "- a\n- b"}, "holds no settings"),
        ({"course.yaml": b"\xff\xfe"}, "UTF-8"),
        ({"course.yaml": "a: &x 1\nb: *x"}, "aliases"),
        ({"course.yaml": COURSE + "title: again\n"}, "written twice"),
        ({"course.yaml": "a: " + "[" * 100 + "]" * 100}, "nested too deeply"),
        ({"course.yaml": "? [a, b]\n: c"}, "key must be a word"),
        ({"course.yaml": "!!python/object/apply:os.system [id]"}, "course.yaml"),
        ({"course.yaml": "x" * 600_000}, "larger than 0.5 MB"),
        ({"course.yaml": COURSE.replace("slug: small\n", "")}, "slug is missing"),
        ({"course.yaml": COURSE.replace("minutes", "minuets")}, "lessons, 1, minuets is not a setting"),
        ({"course.yaml": COURSE.replace("score: 80", "score: 170")}, "less than or equal to 100"),
        ({"course.yaml": COURSE.replace("18:00:00Z", "18:00:00")}, "a time with its zone"),
        ({"course.yaml": COURSE.replace("2027-02-01", "2026-02-01")}, "closes is before due"),
        ({"course.yaml": COURSE.replace("{lesson: first", "{lesson: third")}, "third, which is not a lesson"),
        ({"course.yaml": COURSE.replace("{lesson: first", "{lesson: second")}, "can never open"),
        ({"course.yaml": COURSE.replace("slug: second", "slug: first")}, "Two lessons have the slug first"),
        ({"course.yaml": COURSE.replace("slug: second", "slug: third")}, "third has no folder"),
        ({"course.yaml": COURSE.replace("slug: second", "slug: a/b")}, "slug"),
        (
            {"course.yaml": COURSE.replace("slug: second,", "slug: second, folder: ../source/first,")},
            "not the name",
        ),
        ({"course.yaml": COURSE.replace("slug: second,", 'slug: second, folder: "..",')}, "not the name"),
        ({"source/second/second.ipynb": None, "source/second/a.txt": "x"}, "holds no notebook"),
        ({"quizzes/q.yaml": QUIZ.replace("answer: x", "answer: z")}, "answer must be the id"),
        ({"quizzes/q.yaml": QUIZ.replace("id: y", "id: x")}, "two options"),
        (
            {"quizzes/q.yaml": QUIZ.replace("accepted: [3.10, no, 007]", "accepted: []")},
            "at least one accepted",
        ),
        (
            {"quizzes/q.yaml": QUIZ.replace("{id: b, type: short_answer", "{id: a, type: short_answer")},
            "Two questions",
        ),
        ({"quizzes/q.yaml": QUIZ.replace("lesson: first", "lesson: none")}, "no lesson none"),
        ({"quizzes/q.yaml": QUIZ.replace(', {id: y, text: "2"}', "")}, "at least two options"),
        ({"quizzes/q.yaml": QUIZ.replace("answer: x", "answer: x, accepted: [x]")}, "use answer here"),
        ({"quizzes/q.yaml": QUIZ.replace("points: 5", "answer: x")}, "use accepted here"),
        ({"quizzes/other.yaml": QUIZ}, "calls itself q"),
        ({"quizzes/q.yml": QUIZ}, "two files"),
        ({"quizzes/q.yaml": QUIZ.replace("multiple_choice", "essay")}, "type must be 'multiple_choice' or"),
        ({"course.yaml": "slug: a\ntitle: Bread: a start\n"}, "Line 2: a colon too many"),
        ({"course.yaml": "slug: a\nunits:\n\t- slug: b\n"}, "Line 3: indent with spaces"),
        ({"course.yaml": "slug: a\nunits:\n  - slug: b\n   title: c\n"}, "Line 4: "),
        ({"course.yaml": 'slug: a\ntitle: "Bread\nlanguage: en\n'}, "the quote that begins in line 2"),
        ({"course.yaml": "slug: a\ntitle: `Bread`\n"}, "quotes around a text that begins with `"),
        ({"course.yaml": "slug: a\ntitle: *Bread*\n"}, "quotes around a text that begins with *"),
        ({"course.yaml": "slug: a\nunits: [b, c\n"}, "bracket is missing in what begins in line 2"),
        ({"course.yaml": COURSE.replace("slug: small", "slug: small one")}, "Line 1: slug may hold only"),
        ({"course.yaml": COURSE.replace("title: A small", "title: #A small")}, "begins with # needs quotes"),
        (
            {"course.yaml": COURSE.replace("minutes: 5", "minutes: 5 min")},
            "must be a whole number (found '5 min')",
        ),
        (
            {"course.yaml": "slug: a\nunits:\n  - {slug: b, lessons: [first]}\n"},
            "lessons, 1 must be settings",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(write_course, files, change, words):
    contents = {name: content for name, content in {**files, **change}.items() if content is not None}
    assert words in refused(write_course(contents))


def test_all_mistakes_of_a_file_are_named_at_once(write_course, files):
    course = COURSE.replace("slug: small\n", "").replace("minutes", "minuets")
    message = refused(write_course({**files, "course.yaml": course}))
    assert "slug is missing" in message
    assert "minuets is not a setting" in message


@pytest.mark.parametrize("part", ["source", "source/first", "quizzes"])
def test_a_part_of_a_course_leads_to_the_whole(write_course, files, part):
    root = write_course(files)
    assert f"Name the whole course's folder: {root.resolve()}" in refused(root / part)


def test_a_notebook_beside_the_lessons_is_noted(write_course, files):
    bundle = load_course(write_course({**files, "source/loose.ipynb": NOTEBOOK}))
    assert any("source/loose.ipynb" in note for note in bundle.notes)


def test_no_course_at_all(tmp_path):
    assert "no such folder" in refused(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    assert "not a folder" in refused(tmp_path / "file")
    assert "source: There is no such folder" in refused(tmp_path)
    (tmp_path / "source").mkdir()
    assert "No folder here holds a notebook" in refused(tmp_path)


def test_links_that_leave_the_folder_are_refused(write_course, files, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    root = write_course(files)
    (root / "source/first/data.txt").symlink_to(tmp_path / "secret.txt")
    assert "source/first/data.txt: This link leaves the course folder." in refused(root)


def test_a_lesson_may_not_be_a_link_to_elsewhere(write_course, files, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/n.ipynb").write_text(NOTEBOOK)
    root = write_course(files)
    (root / "source/second/second.ipynb").unlink()
    (root / "source/second").rmdir()
    (root / "source/second").symlink_to(tmp_path / "elsewhere")
    assert "leaves the course folder" in refused(root)
    (root / "course.yaml").unlink()
    assert "leaves the course folder" in refused(root)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere.txt", "leads nowhere"),
        ("data.txt", "leads nowhere"),
        ("..", "leads back"),
        ("../../.env", "hidden file"),
        ("../second/second.ipynb", "source notebook"),
    ],
)
def test_links_inside_that_do_harm_are_refused(write_course, files, target, words):
    root = write_course({**files, ".env": "KEY=1"})
    (root / "source/first/data.txt").symlink_to(target)
    assert words in refused(root)


def test_links_inside_the_folder_are_followed(write_course, files):
    root = write_course({**files, "shared/table.csv": "1\n", "shared/more/x.txt": "x"})
    (root / "source/first/table.csv").symlink_to("../../shared/table.csv")
    (root / "source/first/more").symlink_to("../../shared/more")
    assert load_course(root).lessons["first"].files == {"table.csv": b"1\n", "more/x.txt": b"x"}


def test_a_pipe_is_refused_at_once(write_course, files):
    root = write_course(files)
    os.mkfifo(root / "source/first/pipe")
    assert "not an ordinary file" in refused(root)


@pytest.mark.parametrize("name", ["a\\b.txt", "a\nb.txt", os.fsdecode(b"caf\xe9.txt"), "x\x1b[31m.txt"])
def test_names_that_cannot_be_stored_are_refused(write_course, files, name):
    root = write_course(files)
    (root / "source/first" / name).write_text("x")
    refused(root).encode("utf-8")


def test_a_lesson_that_the_settings_forgot_is_noted(write_course, files):
    bundle = load_course(write_course({**files, "source/third/n.ipynb": NOTEBOOK, "source/data/x.txt": "x"}))
    assert bundle.notes == ("source/third: course.yaml does not name this lesson, so it is not published",)
    renamed = write_course({"course.yml": COURSE})
    (renamed / "course.yaml").unlink()
    (renamed / "quizzes/q.yaml").unlink()
    assert "course.yml: only a file named course.yaml is read" in load_course(renamed).notes


def test_sizes_have_limits(write_course, files):
    root = write_course({**files, "source/first/big.bin": b"x" * 3000, "source/first/more.bin": b"x" * 3000})
    assert "big.bin: This file is larger" in refused(root, limits=FolderLimits(file_bytes=2000))
    assert "first.ipynb: This file is larger" in refused(root, limits=FolderLimits(notebook_bytes=10))
    assert "more than 0.005 MB" in refused(root, limits=FolderLimits(lesson_bytes=5000))
    assert "1 files" in refused(root, limits=FolderLimits(lesson_files=1))
    deep = write_course({"source/first/" + "d/" * 6 + "x.txt": "x"})
    assert "nested too deeply" in refused(deep, limits=FolderLimits(folder_depth=5))
    (deep / "course.yaml").unlink()
    assert "too many lessons" in refused(deep, limits=FolderLimits(lessons=1))


def test_a_file_that_may_not_be_read(write_course, files, monkeypatch):
    root = write_course(files)

    def refuse(*_arguments, **_more):
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert "cannot be read" in refused(root)
