"""One student's folder, whatever is in it, stays that student's affair."""

import asyncio
from types import SimpleNamespace

import pytest
from graded_folders import RIGHT
from nbformat.v4 import new_code_cell, new_notebook, new_output
from studyhall.offline_grading import submission_reader
from studyhall.offline_grading.class_grading import ClassGrading
from studyhall.offline_grading.course_reader import StudentFolder, read_assignment
from studyhall.offline_grading.sending import make_it_fit
from studyhall.offline_grading.submission_reader import ReadFolder, hides_library, read_folder
from studyhall_notebooks.parsing import read_notebook, write_notebook


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


# What is read when there is too much


@pytest.fixture
def assignment(course):
    course.source()
    return read_assignment(course.root, "ps1")


def test_a_notebook_is_found_among_any_number_of_files(course, assignment, monkeypatch):
    monkeypatch.setattr(submission_reader, "MAX_ENTRIES", 3)
    path = course.hand_in("alice")
    for number in range(5):
        (path.parent / f"data{number}.csv").write_text("1", encoding="utf-8")
    read = read_folder(path.parent, assignment)
    assert set(read.notebooks) == {"sums"}
    assert sorted(read.extras) == ["data0.csv", "data1.csv", "data2.csv"]
    assert "many_files" in {one.code for one in read.flags}


def test_of_many_notebooks_those_with_the_grade_ids_are_read(course, assignment):
    for number in range(submission_reader.MAX_OTHER_NOTEBOOKS + 5):
        path = course.folder("alice") / f"a{number}.ipynb"
        path.write_text(write_notebook(new_notebook()), encoding="utf-8")
    course.hand_in("alice", name="zz")
    read = read_folder(course.folder("alice"), assignment)
    assert len(read.notebooks) == submission_reader.MAX_OTHER_NOTEBOOKS
    assert "zz" in read.notebooks


@pytest.mark.parametrize("broken", ["", "{", "[]"])
def test_an_unreadable_notebook_gives_way_to_one_of_its_name_in_a_folder(course, assignment, broken):
    good = course.hand_in("alice")
    (good.parent / "inner").mkdir()
    good.rename(good.parent / "inner" / "sums.ipynb")
    good.write_text(broken, encoding="utf-8")
    read = read_folder(good.parent, assignment)
    assert RIGHT.split("\n")[1].strip() in read.notebooks["sums"]
    assert {one.code for one in read.repairs} == {"moved_notebook"}


def test_a_renamed_notebook_in_a_folder_is_read(course, assignment):
    path = course.hand_in("alice", name="sums (1)")
    (path.parent / "inner").mkdir()
    path.rename(path.parent / "inner" / path.name)
    assert list(read_folder(path.parent, assignment).notebooks) == ["inner/sums (1)"]


def test_outputs_that_make_a_notebook_too_large_are_left_out_and_that_is_said(course, assignment):
    path = course.hand_in("alice")
    notebook = read_notebook(path.read_bytes())
    notebook.cells.append(new_code_cell("1", outputs=[new_output("stream", text="y" * 12_000_000)]))
    path.write_text(write_notebook(notebook), encoding="utf-8")
    read = read_folder(path.parent, assignment)
    assert len(read.notebooks["sums"]) < 100_000
    assert RIGHT.split("\n")[1].strip() in read.notebooks["sums"]
    (repair,) = read.repairs
    assert (repair.code, repair.notebook) == ("outputs_left_out", "sums")
    assert "12.0 MB" in repair.message


def test_a_notebook_that_is_too_large_without_outputs_is_held_back(course, assignment):
    path = course.hand_in("alice")
    notebook = read_notebook(path.read_bytes())
    notebook.cells.append(new_code_cell("# " + "y" * 12_000_000))
    path.write_text(write_notebook(notebook), encoding="utf-8")
    read = read_folder(path.parent, assignment)
    assert read.notebooks == {}
    assert "larger than 10 MB" in read.held_back["sums"]


# What is sent when there is too much


def notebook_of(size, outputs=0):
    cell = new_code_cell("x" * size, outputs=[new_output("stream", text="y" * outputs)])
    return write_notebook(new_notebook(cells=[cell]))


def test_own_files_go_first_then_outputs_then_other_notebooks(assignment):
    read = ReadFolder(notebooks={"sums": notebook_of(1000)}, extras={"big.csv": b"x" * 9000})
    make_it_fit(read, assignment, room=5000)
    assert read.extras == {}
    assert {one.code for one in read.repairs} == {"files_left_out"}
    read = ReadFolder(notebooks={"sums": notebook_of(1000, 9000), "other": notebook_of(1000)})
    make_it_fit(read, assignment, room=5000)
    assert set(read.notebooks) == {"sums", "other"}
    assert "x" * 1000 in read.notebooks["sums"]
    make_it_fit(read, assignment, room=2000)
    assert set(read.notebooks) == {"sums"}
    assert read.refusal == ""


def test_what_is_too_large_at_any_rate_is_named(assignment):
    read = ReadFolder(notebooks={"sums": notebook_of(9000)})
    make_it_fit(read, assignment, room=5000)
    assert "sums.ipynb" in read.refusal
    assert "again" in read.refusal


def test_what_fits_is_left_as_it_is(assignment):
    read = ReadFolder(notebooks={"sums": notebook_of(10, 10)}, extras={"a.csv": b"x"})
    before = dict(read.notebooks)
    make_it_fit(read, assignment)
    assert (read.notebooks, read.extras, read.repairs) == (before, {"a.csv": b"x"}, [])
