"""A course folder of its own for each test, and the command on it."""

import pytest
from graded_folders import Course, run_grade


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


@pytest.fixture
def grade(tmp_path):
    def run(course, assignment="ps1", *words, prelude=""):
        return run_grade(course.root, assignment, *words, json_file=tmp_path / "out.json", prelude=prelude)

    return run
