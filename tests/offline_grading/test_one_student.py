"""One student's folder, whatever is in it, stays that student's affair."""

import asyncio
from types import SimpleNamespace

import pytest
from studyhall.offline_grading.class_grading import ClassGrading
from studyhall.offline_grading.course_reader import StudentFolder, read_assignment
from studyhall.offline_grading.submission_reader import hides_library


@pytest.mark.parametrize(
    ("name", "hides"),
    [
        ("unittest.__main__.x.py", True),
        ("json.py", True),
        ("json/own.py", True),
        ("sitecustomize.py", True),
        ("helping.py", False),
        ("helping.__main__.py", False),
        ("data.csv", False),
    ],
)
def test_names_of_libraries_are_known_without_running_any(name, hides):
    assert hides_library(name) is hides


def test_a_failure_with_one_student_is_that_students_result(course):
    course.source()
    folders = [StudentFolder(name, course.hand_in(name).parent) for name in ("alice", "bob")]

    async def break_down(_request, _release):
        raise RuntimeError("out of order")
        yield  # what makes this a generator, as the judge's client is

    judge = SimpleNamespace(client=SimpleNamespace(grade=break_down))
    grading = ClassGrading(judge, read_assignment(course.root, "ps1"), "default", at_once=1)
    heard = []
    results = asyncio.run(grading.grade(folders, heard.append))
    assert [one.student for one in results] == ["alice", "bob"]
    assert len(heard) == 2
    assert all(one.status == "internal_error" and "out of order" in one.message for one in results)
