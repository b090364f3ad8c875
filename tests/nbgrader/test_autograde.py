"""`nbgrader autograde` in a grader's terminal: the judge runs what students wrote, nbgrader scores it as ever."""

import json
import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from classrooms import STAFF_SCOPES
from graded_folders import CANARY, RIGHT, Course
from nbgrader_class import unpack
from nbgrader_terminals import OURS, Terminal, grader_token, working
from sqlalchemy import select
from studyhall.audit.models import AuditEntry

ORDINARY = 40


def scores_of(gradebook, assignment):
    """Return what a gradebook file holds, in the form of the fixture's own scores."""
    with sqlite3.connect(gradebook) as connection:
        rows = connection.execute(
            "SELECT s.student_id, n.name, b.name, g.auto_score, g.needs_manual_grade FROM grade g "
            "JOIN base_cell b ON b.id = g.cell_id JOIN notebook n ON n.id = b.notebook_id "
            "JOIN submitted_notebook sn ON sn.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = sn.assignment_id "
            "JOIN assignment a ON a.id = s.assignment_id WHERE a.name = ?",
            (assignment,),
        ).fetchall()
    connection.close()
    found = {}
    for student, notebook, cell, auto, manual in rows:
        found.setdefault(student, {}).setdefault(notebook, {})[cell] = (auto, bool(manual))
    return found


def expected_of(scores, student, assignment):
    return {
        name: {
            cell: (grade["auto_score"], grade["needs_manual_grade"])
            for cell, grade in notebook["grades"].items()
        }
        for name, notebook in scores[student][assignment]["notebooks"].items()
    }


@pytest.fixture
def terminal_in(classroom, nbgrader_path):
    def make(python, course):
        return Terminal(classroom, python, course, nbgrader_path, token=grader_token(classroom))

    return make


def one_of_each_outcome(scores):
    """Return the first student of each outcome: the same points in every cell of both assignments."""
    outcomes = {}
    for number in range(ORDINARY):
        student = f"ok{number:03}"
        told = [scores[student][assignment]["notebooks"] for assignment in ("ps1", "ps2")]
        outcomes.setdefault(json.dumps(told, sort_keys=True), student)
    return set(outcomes.values())


@pytest.mark.timeout(1200)  # forty submissions, each with nbgrader's own bookkeeping
@pytest.mark.asyncio
async def test_a_class_gets_exactly_nbgraders_scores(
    classroom, judge, nbgrader_python, newest_nbgrader_python, terminal_in, tmp_path
):
    course, scores = unpack(tmp_path)
    # Each student takes nbgrader seconds of bookkeeping, and the judge's points of the whole class are compared in
    # tests/offline_grading; the older version has a part of the class.
    newest = nbgrader_python == newest_nbgrader_python
    students = one_of_each_outcome(scores) if newest else {f"ok{n:03}" for n in range(0, ORDINARY, 4)}
    assert len(students) == (19 if newest else 10)
    for folder in (course / "submitted").iterdir():
        if folder.name not in students:
            shutil.rmtree(folder)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(OURS)
        config.write("c.CourseDirectory.course_id = 'python-foundations'\n")
    terminal = terminal_in(nbgrader_python, course)
    for assignment in ("ps1", "ps2"):
        code, said = await terminal.run("generate_assignment", assignment, "--create", "--force")
        assert code == 0, said
        async with working(classroom):
            # A kernel that is not there can't be started: whatever runs, runs in the judge.
            code, said = await terminal.run("autograde", assignment, JUPYTER_PATH=str(tmp_path / "nothing"))
        assert code == 0, said
        found = scores_of(course / "gradebook.db", assignment)
        assert set(found) == students
        assert found == {student: expected_of(scores, student, assignment) for student in found}


WRITTEN = Path("/tmp/studyhall-was-here")

HOSTILE = {
    "adam": "def double(x):\n    while True:\n        pass",
    "bomb": "hoard = []\nwhile True:\n    hoard.append(bytearray(10_000_000))",
    "exit": "import os\nos._exit(0)",
    "file": f"open('{WRITTEN}', 'w').write('x')\nopen('was-here.txt', 'w').write('x')\n" + RIGHT,
    "tell": "import sys\n\n\ndef double(x):\n    print(sys._getframe(1).f_globals.get('In'))\n    return 2 * x",
}


def left_behind(course):
    """Return what students' code has written in the terminal."""
    return [*course.root.rglob("was-here.txt"), *WRITTEN.parent.glob(WRITTEN.name)]


def with_labels(path, **changes):
    """Change nbgrader's labels in a submitted notebook, as a student may."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"] |= changes
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_one_bad_notebook_stops_nobody_and_feedback_shows_no_hidden_test(
    classroom, judge, newest_nbgrader_python, terminal_in, tmp_path
):
    course = Course(tmp_path / "course")
    course.source()
    (course.root / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        + OURS
        + "c.CourseDirectory.course_id = 'python-foundations'\nc.Execute.timeout = 8\n",
        encoding="utf-8",
    )
    for student, answer in HOSTILE.items():
        course.hand_in(student, answer)
    for student in ("anna", "zoe"):  # before and after all of the others
        course.hand_in(student)
    course.hand_in("half", "def double(x):\n    return 4")  # right for the visible test only
    course.hand_in("none", "def double(x):\n    return 5")
    course.folder("junk").joinpath("sums.ipynb").write_text("{ not a notebook", encoding="utf-8")
    with_labels(course.hand_in("aged"), schema_version=1)
    with_labels(course.hand_in("next"), schema_version=99)
    with_labels(course.hand_in("more"), colour="red")
    terminal = terminal_in(newest_nbgrader_python, course.root)
    code, said = await terminal.run("generate_assignment", "ps1", "--create", "--force")
    assert code == 0, said
    async with working(classroom):
        code, said = await terminal.run("autograde", "ps1")
    # Only what cannot be read at all is left for a person, and nbgrader says so.
    assert code == 1
    assert "There was an error processing assignment 'ps1' for student 'junk'" in said
    assert said.count("There was an error processing assignment 'ps1' for student") == 1
    scores = {
        student: sum(auto for auto, _ in cells["sums"].values() if auto is not None)
        for student, cells in scores_of(course.root / "gradebook.db", "ps1").items()
    }
    full = {"anna", "zoe", "aged", "next", "more", "file", "tell"}
    assert {student: scores[student] for student in full} == dict.fromkeys(full, 5)
    assert (scores["half"], scores["none"]) == (2, 0)
    assert {student: scores[student] for student in ("adam", "bomb", "exit")} == dict.fromkeys(
        ("adam", "bomb", "exit"), 0
    )
    assert not left_behind(course)
    async with classroom.session() as session:
        entries = (await session.scalars(select(AuditEntry))).all()
    assert {entry.actor for entry in entries} == {"gabriel"}
    assert "anna: ps1/sums" in {entry.object for entry in entries}

    graded = (course.root / "autograded" / "none" / "ps1" / "sums.ipynb").read_text(encoding="utf-8")
    assert CANARY in graded
    code, said = await terminal.run("generate_feedback", "ps1")
    assert code == 0, said
    pages = {
        page.parts[-3]: page.read_text(encoding="utf-8") for page in course.root.rglob("feedback/*/*/*.html")
    }
    assert set(pages) == set(scores) - {"junk"}
    for student, page in pages.items():
        assert CANARY not in page, student
        assert "double(21)" not in page, student
        assert "BEGIN HIDDEN" not in page, student
        assert "Hidden tests ran here" in page
    assert "A hidden test failed." in pages["none"]
    assert "AssertionError" in pages["none"]  # the visible test says what it said to the learner
    assert "A hidden test failed." not in pages["anna"]
    # The same course without our pipeline: that is what is kept out.
    (course.root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'python-foundations'\n", encoding="utf-8"
    )
    code, said = await terminal.run("generate_feedback", "ps1", "--force", "--student", "none")
    assert code == 0, said
    assert CANARY in (course.root / "feedback" / "none" / "ps1" / "sums.html").read_text(encoding="utf-8")


@pytest.mark.asyncio
async def test_without_the_service_it_ends_soon_and_says_why(
    classroom, newest_nbgrader_python, terminal_in, tmp_path
):
    course = Course(tmp_path / "course")
    course.source()
    (course.root / "nbgrader_config.py").write_text(
        "c = get_config()\n" + OURS + "c.CourseDirectory.course_id = 'python-foundations'\n", encoding="utf-8"
    )
    for student in ("anna", "ben"):
        course.hand_in(student)
    terminal = terminal_in(newest_nbgrader_python, course.root)
    code, said = await terminal.run("generate_assignment", "ps1", "--create")
    assert code == 0, said
    code, said = await terminal.run("autograde", "ps1", STUDYHALL_URL="http://127.0.0.1:9/services/studyhall")
    assert code == 1
    assert "can't be reached" in said
    code, said = await terminal.run("autograde", "ps1", STUDYHALL_TOKEN="")
    assert code == 1
    assert "studyhall login" in said
    assert not list(course.root.glob("autograded/*/ps1/*.ipynb"))


@pytest.mark.asyncio
async def test_a_learners_token_runs_nothing(classroom):
    body = {"assignment": "ps1", "student": "lea", "notebook": "sums", "source": "{}"}
    path = "/staff/courses/python-foundations/autograde"
    for who, scopes in (("lea", None), ("gabriel", None), ("lea", STAFF_SCOPES)):
        await classroom.error(
            "POST", path, token=classroom.token(who, scopes), json=body, status=403, code="forbidden"
        )
