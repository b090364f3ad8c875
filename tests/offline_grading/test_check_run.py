"""``studyhall check --run``: a course is tried on its own solutions before a learner meets it."""

import subprocess
import sys

import pytest
from graded_folders import Course, cell, environment, sums
from nbformat.v4 import new_notebook
from studyhall_notebooks.parsing import write_notebook

LESSONS = """
slug: trial
title: A trial
units:
  - slug: all
    title: All
    lessons:
      - {slug: right}
      - {slug: wrong}
      - {slug: silent}
      - {slug: given-away}
      - {slug: busy}
      - {slug: slow}
      - {slug: by-hand}
"""
HIDDEN = "### BEGIN HIDDEN TESTS\nassert x == 7\n### END HIDDEN TESTS"


def check(course, *words):
    return subprocess.run(
        [sys.executable, "-c", "from studyhall.cli import main\nmain()", "check", str(course.root), *words],
        capture_output=True,
        text=True,
        env=environment() | {"COLUMNS": "200"},
        check=False,
    )


def lesson(answer, test, points=4):
    return new_notebook(
        cells=[
            cell(f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION", "answer", solution=True),
            cell(test, "test_it", grade=True, points=points),
        ]
    )


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("trial") / "course")
    course.source("right")
    course.source("wrong", notebook=lesson("x = 2", "assert x == 3, f'x is {x}, not 3'"))
    course.source("silent", notebook=lesson("x = 2", HIDDEN))
    course.source("given-away", notebook=lesson("x = 2", "assert 'x' in 'text'"))
    leaves_a_thread = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nx = 2"
    )
    course.source("busy", notebook=lesson(leaves_a_thread, "assert x == 2"))
    course.source("slow", notebook=lesson("x = 2", "import time\nassert x == 2\ntime.sleep(2.1)"))
    manual = lesson("x = 2", "assert x == 2")
    manual.cells.append(
        cell("### BEGIN SOLUTION\n'because'\n### END SOLUTION", "why", grade=True, solution=True, points=3)
    )
    course.source("by-hand", notebook=manual)
    (course.root / "course.yaml").write_text(LESSONS)
    (course.root / "nbgrader_config.py").write_text("c = get_config()\nc.ExecutePreprocessor.timeout = 4\n")
    return check(course, "--run")


def rows(tried):
    """Return the lines of the first table by lesson."""
    table = tried.stdout.split("\n\n")[0].splitlines()
    return {line.split()[0]: " ".join(line.split()[1:-1]) for line in table[1:]}


def findings(tried, lesson):
    """Return the lines about a lesson that are more than notes."""
    lines = [line for line in tried.stdout.splitlines() if f" source/{lesson}" in line]
    return [line for line in lines if not line.startswith("note")]


def test_the_table_says_what_a_solution_and_an_untouched_copy_earn(tried):
    assert rows(tried) == {
        "right": "5 of 5 0 of 5",
        "wrong": "0 of 4 0 of 4",
        "silent": "0 of 4 0 of 4",
        "given-away": "4 of 4 4 of 4",
        "busy": "4 of 4 0 of 4",
        "slow": "4 of 4 0 of 4",
        "by-hand": "4 of 4, 3 by hand 0 of 7",
    }


def test_a_solution_that_fails_its_own_test_is_an_error_with_what_it_said(tried):
    (found,) = findings(tried, "wrong/")
    assert found.startswith("error")
    assert "source/wrong/sums.ipynb, test_it" in found
    assert "does not pass this test (failed)" in found
    assert "x is 2, not 3" in found
    assert tried.returncode == 1


def test_a_hidden_assert_without_words_is_told_by_its_text(tried):
    (found,) = findings(tried, "silent/")
    assert "does not pass this test (failed). AssertionError: x is 2, expected 7." in found


def test_a_test_that_pays_for_nothing_is_a_warning(tried):
    (found,) = findings(tried, "given-away/")
    assert found.startswith("warning")
    assert "A copy that nobody has worked on earns 4 of 4 points here." in found


def test_what_graders_would_be_told_of_the_solution_is_a_warning(tried):
    (found,) = findings(tried, "busy")
    assert found.startswith("warning")
    assert "Threads that a cell left running were ended: 1." in found
    assert "flagged, too" in found


def test_a_slow_test_is_a_warning_with_its_share_of_the_time(tried):
    (found,) = findings(tried, "slow/")
    assert found.startswith("warning")
    assert "of 4 s with the author's own solution" in found


@pytest.mark.parametrize("name", ["right", "by-hand"])
def test_nothing_is_said_of_a_lesson_that_is_as_it_should_be(tried, name):
    assert findings(tried, name) == []


def test_progress_goes_to_the_other_stream(tried):
    assert "Tried right: 5 of 5" in tried.stderr


def test_only_lessons_that_match_are_tried_and_others_only_read(tmp_path):
    course = Course(tmp_path / "course")
    course.source("good")
    course.source("bad", notebook=lesson("x = 2", "assert x == 3"))
    done = check(course, "--run", "--lesson", "g*")
    assert done.returncode == 0, done.stdout
    assert rows(done) == {"good": "5 of 5 0 of 5"}
    both = check(course, "--run", "--lesson", "g*", "--lesson", "bad")
    assert rows(both) == {"bad": "0 of 4 0 of 4", "good": "5 of 5 0 of 5"}
    none = check(course, "--run", "--lesson", "g*", "--lesson", "bda")
    assert "No lesson matches 'bda'." in none.stderr


def test_a_lesson_of_another_environment_is_named_and_left(tmp_path):
    course = Course(tmp_path / "course")
    course.source("elsewhere")
    (course.root / "course.yaml").write_text(
        "slug: c\ntitle: C\nunits: [{slug: u, title: U, lessons: [{slug: elsewhere, environment: gpu}]}]\n"
    )
    done = check(course, "--run")
    assert done.returncode == 0
    assert "runs in the environment gpu, which only the service's judge has" in done.stdout


def test_a_course_with_errors_is_not_run(tmp_path):
    course = Course(tmp_path / "course")
    place = course.source("broken", notebook=sums(end=""))
    (place / "other.ipynb").write_text(write_notebook(sums()))
    done = check(course, "--run")
    assert done.returncode == 1
    assert "never ends" in done.stdout
    assert "No lesson was tried. Mend the errors first." in done.stdout


def test_a_lesson_of_another_language_is_named_and_left(tmp_path):
    course = Course(tmp_path / "course")
    in_r = lesson("x <- 2", "stopifnot(x == 2)")
    in_r.metadata["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    course.source("in-r", notebook=in_r)
    course.source("right")
    done = check(course, "--run")
    assert done.returncode == 0, done.stdout
    assert rows(done) == {"right": "5 of 5 0 of 5"}
    assert "The tests are written in R, and the environment default runs Python." in done.stdout
    assert (
        "This lesson runs with a kernel for R, which only the service's judge has. It was not tried."
        in done.stdout
    )


def test_an_unknown_lesson_is_refused_with_those_there_are(tmp_path):
    course = Course(tmp_path / "course")
    course.source("one")
    done = check(course, "--run", "--lesson", "two")
    assert done.returncode == 1
    assert "No lesson matches 'two'. The course has one." in done.stderr


def test_without_run_nothing_runs(tmp_path):
    course = Course(tmp_path / "course")
    course.source("bad", notebook=lesson("x = 2", "assert x == 3"))
    done = check(course)
    assert done.returncode == 0
    assert "Nothing to complain about." in done.stdout
