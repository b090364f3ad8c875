"""What a person meets who grades a folder: results, every kind of broken folder, and clear words."""

import os

import pytest
from graded_folders import CANARY, RIGHT, WRONG, cell, run_grade, sums
from nbformat.v4 import new_notebook
from studyhall_notebooks.parsing import write_notebook

SERVICE = (
    "sqlalchemy",
    "psycopg",
    "redis",
    "anthropic",
    "tornado",
    "pydantic_settings",
    "jupyterhub",
    "structlog",
)


def points(ran, student, assignment="ps1", notebook="sums"):
    cells = ran.results[student][assignment]["notebooks"][notebook]["cells"]
    return {name: one["score"] for name, one in cells.items()}


def codes(ran, student, kind, assignment="ps1", notebook="sums"):
    return {one["code"] for one in ran.results[student][assignment]["notebooks"][notebook][kind]}


FULL = {"test_double": 2.0, "test_double_hidden": 3.0}
NONE = {"test_double": 0.0, "test_double_hidden": 0.0}


def test_results_table_and_words_for_the_learner(course, grade):
    course.source()
    course.hand_in("alice")
    course.hand_in("bob", WRONG)
    without_service = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in SERVICE)
    ran = grade(course, prelude=without_service)
    assert ran.code == 0, ran.err
    assert "1 of 2: " in ran.err
    assert [line.split()[:4] for line in ran.out.splitlines()] == [
        ["student", "score", "max", "status"],
        ["alice", "5", "5", "graded"],
        ["bob", "0", "5", "graded"],
    ]
    alice = ran.results["alice"]["ps1"]
    assert alice["status"] == "graded"
    assert alice["notebooks"]["sums"] == {
        "cells": {
            "test_double": {"score": 2.0, "max_score": 2.0, "needs_manual": False, "status": "passed"},
            "test_double_hidden": {"score": 3.0, "max_score": 3.0, "needs_manual": False, "status": "passed"},
        },
        "repairs": [],
        "flags": [],
    }
    assert points(ran, "bob") == NONE
    seen = ran.results["bob"]["ps1"]["learner_text"]
    assert "sums/test_double Double: failed, 0 of 2" in seen
    assert CANARY not in seen


def test_one_bad_submission_never_stops_the_rest(course, grade, tmp_path):
    course.source(**{"numbers.txt": "the author's"})
    course.hand_in("fine")
    course.folder("empty")
    course.hand_in("broken").write_text('{"cells": [', encoding="utf-8")
    huge = course.hand_in("huge")
    os.truncate(huge, 3_000_000_000)
    secret = tmp_path / "secret.ipynb"
    secret.write_text(write_notebook(sums(answer=RIGHT)), encoding="utf-8")
    (course.folder("link") / "sums.ipynb").symlink_to(secret)
    (course.root / "submitted" / "thief").mkdir()
    (course.root / "submitted" / "thief" / "ps1").symlink_to(course.folder("fine"))
    os.mkfifo(course.folder("pipe") / "sums.ipynb")
    (course.folder("directory") / "sums.ipynb").mkdir()
    course.hand_in("locked").parent.joinpath("closed").mkdir(mode=0)
    (course.root / "submitted" / "file").mkdir()
    (course.root / "submitted" / "file" / "ps1").write_text("not a folder", encoding="utf-8")
    course.hand_in("exits", "import os\ndef double(x):\n    os._exit(0)")
    (course.root / "submitted" / "elsewhere" / "ps2").mkdir(parents=True)
    ran = grade(course)
    assert ran.code == 0, ran.err
    assert points(ran, "fine") == points(ran, "locked") == FULL
    assert "elsewhere" not in ran.results
    refused = {
        "empty": "holds no notebook",
        "broken": "not a notebook that can be read",
        "huge": "larger than 100 MB",
        "link": "is a link",
        "thief": "is a link",
        "pipe": "not an ordinary file",
        "directory": "not an ordinary file",
        "file": "could not be opened",
    }
    for student, why in refused.items():
        result = ran.results[student]["ps1"]
        assert result["status"] == "refused", student
        assert points(ran, student) == NONE
        assert why in result["learner_text"], (student, result)
        assert why in next(line for line in ran.out.splitlines() if line.startswith(f"{student}: "))
    assert ran.results["exits"]["ps1"]["status"] == "graded"
    assert points(ran, "exits") == NONE


def test_accidents_keep_their_points_and_are_said(course, grade):
    course.source(name="sums")
    answer = RIGHT + "\n# größer als 1"
    for student, encoding in (("bom", "utf-8-sig"), ("wide", "utf-16"), ("latin", "cp1252")):
        path = course.hand_in(student, answer)
        path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    path = course.hand_in("windows", answer)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    deep = course.hand_in("deep")
    (deep.parent / "ps1").mkdir()
    deep.rename(deep.parent / "ps1" / "sums.ipynb")
    renamed = course.hand_in("renamed")
    renamed.rename(renamed.with_name("my work.ipynb"))
    for student, ending in (("mailed", ".txt"), ("saved", ".json")):
        path = course.hand_in(student)
        path.rename(path.with_name(path.name + ending))
    course.hand_in("copies", name="sums-Copy1")
    course.hand_in("copies")
    ran = grade(course)
    assert ran.code == 0, ran.err
    for student in ("bom", "wide", "latin", "windows", "deep", "renamed", "copies", "mailed", "saved"):
        assert points(ran, student) == FULL, student
    assert codes(ran, "mailed", "repairs") == codes(ran, "saved", "repairs") == {"other_ending"}
    assert "encoding" in codes(ran, "latin", "repairs")
    assert codes(ran, "deep", "repairs") == {"moved_notebook"}
    assert "renamed_notebook" in codes(ran, "renamed", "repairs")
    assert "extra_notebook" in codes(ran, "copies", "repairs")


def test_one_of_two_notebooks_missing_or_unusable(course, grade):
    course.source(name="sums")
    course.source(name="more")
    course.hand_in("half")
    both = course.hand_in("heavy", name="more")
    os.truncate(both, 50_000_000)
    course.hand_in("heavy")
    ran = grade(course)
    for student, code, why in (
        ("half", "missing_notebook", "was not in the submission"),
        ("heavy", "unreadable", "larger than 10 MB"),
    ):
        assert points(ran, student) == FULL
        assert points(ran, student, notebook="more") == NONE
        assert codes(ran, student, "repairs", notebook="more") == {code}
        assert why in ran.results[student]["ps1"]["learner_text"]


def test_own_files_are_there_and_the_course_s_win(course, grade):
    reading = "def double(x):\n    return int(open('factor.txt').read()) * x"
    course.source(**{"factor.txt": "2"})
    course.hand_in("overwritten", reading)
    (course.folder("overwritten") / "factor.txt").write_text("1000", encoding="utf-8")
    course.hand_in("own", "def double(x):\n    return int(open('data/own.txt').read()) * x")
    (course.folder("own") / "data").mkdir()
    (course.folder("own") / "data" / "own.txt").write_text("2", encoding="utf-8")
    course.hand_in("module", "from helping import double")
    (course.folder("module") / "helping.py").write_text(RIGHT, encoding="utf-8")
    course.hand_in("shadow", "import json\ndef double(x):\n    return json.loads('2') * x")
    (course.folder("shadow") / "json.py").write_text("def loads(text): return 7", encoding="utf-8")
    (course.folder("shadow") / "secret.txt").symlink_to("/etc/passwd")
    ran = grade(course)
    for student in ("overwritten", "own", "module", "shadow"):
        assert points(ran, student) == FULL, student
    assert codes(ran, "module", "flags") == {"own_module"}
    assert codes(ran, "shadow", "flags") == {"module", "files_left_out"}
    assert codes(ran, "own", "flags") == set()


def test_settings_of_the_course_count_and_other_assignments_do_not(course, grade):
    header = new_notebook(cells=[cell("FACTOR = 2", "header")])
    notebook = sums(begin="### SECRET STARTS", end="### SECRET STOPS")
    course.source(notebook=notebook)
    (course.root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.IncludeHeaderFooter.header = "source/header.ipynb"\n'
        'c.ClearHiddenTests.begin_test_delimeter = "SECRET STARTS"\n'
        'c.ClearHiddenTests.end_test_delimeter = "SECRET STOPS"\n'
        "c.ExecutePreprocessor.timeout = 5\n"
        'c.CourseDirectory.submitted_directory = "handed_in"\n',
        encoding="utf-8",
    )
    (course.root / "source" / "header.ipynb").write_text(write_notebook(header), encoding="utf-8")
    (course.root / "source" / "ps2").mkdir()
    (course.root / "source" / "ps2" / "bad.ipynb").write_text("{", encoding="utf-8")
    (course.root / "course.yaml").write_text("units: what?", encoding="utf-8")
    course.hand_in("alice", "def double(x):\n    return FACTOR * x")
    course.hand_in("slow", "def double(x):\n    while True: pass")
    (course.root / "submitted").rename(course.root / "handed_in")
    ran = grade(course)
    assert ran.code == 0, ran.err
    assert points(ran, "alice") == FULL
    assert "course.yaml" in ran.err
    cells = ran.results["slow"]["ps1"]["notebooks"]["sums"]["cells"]
    assert cells["test_double"]["status"] == "timed_out"
    assert all(CANARY not in one["ps1"]["learner_text"] for one in ran.results.values())


def test_students_are_chosen_by_pattern_and_strange_names_are_harmless(course, grade):
    course.source()
    names = ("ann", "anton", "bob", "[red]anna[red]", "an\x1b[31mna")
    for name in names:
        course.hand_in(name)
    ran = grade(course, "ps1", "--student", "an*", "--jobs", "1")
    assert sorted(ran.results) == ["an\\x1b[31mna", "ann", "anton"]
    assert "\x1b" not in ran.out
    ran = grade(course, "ps1", "--student", "[[]*")
    assert sorted(ran.results) == ["[red]anna[red]"]
    assert "[red]anna[red]" in ran.out


def test_scoring_of_the_lesson_and_of_the_command(course, grade):
    course.source()
    course.hand_in("loud", "import sys\ndef double(x):\n    print('!', file=sys.stderr)\n    return 2 * x")
    (course.root / "course.yaml").write_text(
        "slug: c\ntitle: C\nunits: [{slug: u, title: U, lessons: [{slug: one, folder: ps1, scoring: nbgrader}]}]\n",
        encoding="utf-8",
    )
    assert points(grade(course), "loud") == NONE
    assert points(grade(course, "ps1", "--scoring", "default"), "loud") == FULL


def test_a_missing_library_is_said(course, grade):
    course.source(notebook=sums(extra=[cell("import no_such_library_here")]))
    course.hand_in("alice")
    ran = grade(course)
    assert "pip install no_such_library_here" in ran.err


# ---------------------------------------------------------------- nothing can be graded


def test_no_such_course(course, grade):
    ran = grade(course)
    assert ran.code == 1
    assert "There is no such folder. Check the path." in ran.err


def test_no_source(course, grade):
    course.hand_in("alice")
    ran = grade(course)
    assert ran.code == 1
    assert "source/<lesson>/<notebook>.ipynb" in ran.err


def test_tests_of_another_language(course, grade):
    notebook = sums()
    notebook.metadata["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    course.source(notebook=notebook)
    course.hand_in("alice")
    ran = grade(course)
    assert ran.code == 1
    assert "source/ps1/sums.ipynb are written in R; only Python is graded here." in " ".join(ran.err.split())


@pytest.mark.parametrize("name", ["ps9", "../ps1", "", ".", "ps1/../ps1", "/etc"])
def test_no_such_assignment(course, grade, name):
    course.source()
    course.hand_in("alice")
    ran = grade(course, name)
    assert ran.code == 1
    assert "There is no such assignment. The course has ps1." in ran.err


def test_nobody_handed_in(course, grade):
    course.source()
    assert "submitted/<student>/ps1/" in grade(course).err
    (course.root / "submitted" / "alice" / "ps2").mkdir(parents=True)
    ran = grade(course)
    assert ran.code == 1
    assert "Nobody has handed in ps1" in ran.err
    course.hand_in("alice")
    ran = grade(course, "ps1", "--student", "b*")
    assert ran.code == 1
    assert "matches 'b*'. Those who handed in are alice." in ran.err


def test_a_source_that_cannot_be_released(course, grade):
    course.source(notebook=sums(end="### nothing"))
    course.hand_in("alice")
    ran = grade(course)
    assert ran.code == 1
    assert "source/ps1/sums.ipynb: " in ran.err
    assert "never ends" in ran.err


def test_a_results_file_that_cannot_be_written(course, tmp_path):
    course.source()
    course.hand_in("alice")
    for place, why in ((tmp_path, "is a folder"), (tmp_path / "none" / "out.json", "does not exist")):
        ran = run_grade(course.root, "ps1", "--json", str(place))
        assert ran.code == 1
        assert why in ran.err
