"""`studyhall import nbgrader`: a course that nbgrader has run, with its gradebook, becomes one of Studyhall's."""

import asyncio
import json
import os
import sys
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from studyhall.app import RELEASE_WRITERS
from studyhall.audit.models import AuditEntry
from studyhall.courses.models import Enrolment
from studyhall.events.models import Event
from studyhall.gradebook.models import Extension, ManualGrade
from studyhall.grading.tasks import enqueue_with
from studyhall.moving_in import service
from studyhall.moving_in.reading import MovingInError, read_course
from studyhall.submissions.models import Attempt

from .terminals import Terminal, write_source

pytestmark = pytest.mark.asyncio

CLASS = """
import json, shutil, sys
from datetime import datetime, timedelta
from pathlib import Path
from nbgrader.api import Gradebook
count = int(sys.argv[1])
release = Path("release/ps1")
with Gradebook("sqlite:///gradebook.db", "ps") as gb:
    gb.update_or_create_assignment("ps1", duedate="2026-01-31 18:00:00")
    for number in range(count):
        name = f"student{number:03}"
        gb.add_student(name, first_name=f"First{number}", last_name="Last")
        folder = Path("submitted") / name / "ps1"
        shutil.copytree(release, folder)
        text = (folder / "ps1.ipynb").read_text()
        code = "def double(x):\\\\n    return 2 * x" if number % 2 else "def double(x):\\\\n    return 2"
        text = text.replace('def double(x):\\\\n', 'def double(x):\\\\n')
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "double":
                cell["source"] = code.encode().decode("unicode_escape")
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "why":
                cell["source"] = f"Because of {number}."
        (folder / "ps1.ipynb").write_text(json.dumps(notebook))
        (folder / "timestamp.txt").write_text(f"2026-01-30 10:{number // 60:02}:{number % 60:02}.000000 UTC")
        submission = gb.add_submission("ps1", name)
        submission.timestamp = datetime(2026, 1, 30, 10, number // 60, number % 60)
        grade = gb.find_grade("why", "ps1", "ps1", name)
        grade.manual_score = 1.5
        grade.extra_credit = 0.5 if number == 1 else None
        gb.find_comment("why", "ps1", "ps1", name).manual_comment = f"Well said, {number}"
        if number == 2:
            gb.find_submission_notebook("ps1", "ps1", name).late_submission_penalty = 1
            submission.extension = timedelta(days=2, hours=3)
    gb.db.commit()
print(json.dumps("made"))
"""


@pytest.fixture(scope="session")
def nbgrader_python(newest_nbgrader_python):
    """The gradebook's tables are the same in both versions."""
    return newest_nbgrader_python


@pytest.fixture
def old_course(nbgrader_python, zygote, tmp_path):
    """Make a course that nbgrader alone has run, with so many students."""

    async def make(students):
        terminal = Terminal(nbgrader_python, zygote, tmp_path / "ps")
        (terminal.folder / "nbgrader_config.py").write_text(
            'c = get_config()\nc.CourseDirectory.course_id = "ps"\n'
        )
        write_source(terminal.folder)
        await terminal.nbgrader("generate_assignment", "ps1")
        said = await terminal.python_says(CLASS, str(students))
        assert json.loads(said.splitlines()[-1]) == "made", said
        return terminal.folder

    return make


async def take(room, folder):
    return await service.take(
        room.context,
        read_course(folder),
        writers=RELEASE_WRITERS,
        enqueue=enqueue_with(room.context.queue),
    )


async def count(room, model):
    async with room.session() as session:
        return await session.scalar(select(func.count()).select_from(model))


async def test_a_course_of_two_hundred_moves_in_once(classroom, old_course):
    folder = await old_course(200)
    people = await count(classroom, Enrolment)
    async with classroom.session() as session:
        planned = await service.plan(session, read_course(folder))
    assert (planned.new_students, planned.new_submissions, planned.marks) == (200, 200, 200)
    assert (planned.penalties, planned.due_dates) == (1, 1)
    assert (planned.new_extensions, planned.known_extensions) == (1, 0)
    assert await count(classroom, Attempt) == 0, "planning does nothing"
    taken = await take(classroom, folder)
    assert (taken.new_students, taken.new_submissions, taken.marks) == (200, 200, 200), taken.notes
    assert await count(classroom, Attempt) == 200
    assert await count(classroom, Enrolment) == people + 200
    again = await take(classroom, folder)
    assert (again.new_students, again.new_submissions, again.marks, again.due_dates) == (0, 0, 0, 0)
    assert (again.known_students, again.known_submissions) == (200, 200)
    assert await count(classroom, Attempt) == 200
    assert await count(classroom, ManualGrade) == 200


async def test_grades_are_the_ones_that_people_gave_and_the_judge_works_out(classroom, old_course, judge):
    folder = await old_course(3)
    await take(classroom, folder)
    await classroom.run_jobs()
    async with classroom.session() as session:
        attempts = (await session.scalars(select(Attempt).order_by(Attempt.submitted_at))).all()
        worth = [await service.gradebook.final_grade(session, attempt) for attempt in attempts]
    assert [attempt.score for attempt in attempts] == [0, 3, 0]
    assert [attempt.submitted_at.isoformat() for attempt in attempts] == [
        f"2026-01-30T10:00:0{number}+00:00" for number in range(3)
    ]
    assert [one.final.score for one in worth] == [1.5, 5, 0.5]
    # What staff change afterwards stays when the course is taken again.
    async with classroom.session() as session:
        grade = (await session.scalars(select(ManualGrade).limit(1))).one()
        grade.comment = "Changed since"
    await take(classroom, folder)
    async with classroom.session() as session:
        comments = set(await session.scalars(select(ManualGrade.comment)))
    assert "Changed since" in comments


async def test_extensions_move_in_once_and_staffs_own_stay(classroom, old_course):
    folder = await old_course(3)
    # Work of the day between the class's due date and this student's.
    (folder / "submitted" / "student002" / "ps1" / "timestamp.txt").write_text(
        "2026-02-02 10:00:00.000000 UTC"
    )
    taken = await take(classroom, folder)
    assert (taken.new_extensions, taken.known_extensions) == (1, 0), taken.notes
    async with classroom.session() as session:
        (row,) = await session.scalars(select(Extension))
        late = dict((await session.execute(select(Attempt.submitted_at, Attempt.late))).all())
        actions = list(await session.scalars(select(AuditEntry.action)))
        told = list(await session.scalars(select(Event.id).where(Event.type == "extension.granted")))
    assert (row.due_at.isoformat(), row.granted_by) == ("2026-02-02T21:00:00+00:00", "operator")
    assert set(late.values()) == {False}, "the student had the time"
    assert "extension.granted" in actions
    assert told == [], "nobody is told of what they have known for long"
    async with classroom.session() as session:
        row = (await session.scalars(select(Extension))).one()
        row.due_at += timedelta(days=1)
    async with classroom.session() as session:
        planned = await service.plan(session, read_course(folder))
    assert (planned.new_extensions, planned.known_extensions) == (0, 1)
    assert "0 new extensions (1 are here already)" in planned.text
    again = await take(classroom, folder)
    assert (again.new_extensions, again.known_extensions) == (0, 1)
    async with classroom.session() as session:
        row = (await session.scalars(select(Extension))).one()
    assert row.due_at.isoformat() == "2026-02-03T21:00:00+00:00", "what staff changed stays"


async def test_what_cannot_be_taken_is_said_and_costs_nothing_else(classroom, old_course):
    folder = await old_course(3)
    (folder / "submitted" / "student000" / "ps1" / "ps1.ipynb").write_text("not a notebook")
    for file in (folder / "submitted" / "student001" / "ps1").iterdir():
        file.unlink()
    late = folder / "submitted" / "Nora" / "ps1"
    late.mkdir(parents=True)
    (late / "ps1.ipynb").write_text((folder / "release" / "ps1" / "ps1.ipynb").read_text())
    lost = folder / "submitted" / "student002" / "gone"
    lost.mkdir()
    taken = await take(classroom, folder)
    notes = "\n".join(taken.notes)
    assert "student000, ps1: This notebook can't be read" in notes
    assert "student001, ps1: the gradebook has grades and no folder has the work" in notes
    assert "student002, gone: there is no source/gone" in notes
    assert "so this student is nora here" in notes
    assert "Nora, ps1: nothing says when it was submitted" in notes
    assert taken.new_submissions == 2
    (folder / "gradebook.db").write_bytes(b"nonsense" * 200)
    with pytest.raises(MovingInError, match="can't be read"):
        read_course(folder)


async def test_the_command_shows_what_it_would_do_asks_and_does_it(
    classroom, old_course, postgres, valkey, database
):
    folder = await old_course(2)
    settings = classroom.context.settings
    environment = {
        "PATH": os.environ["PATH"],
        "STUDYHALL_DATABASE_URL": settings.database_url.get_secret_value(),
        "STUDYHALL_REDIS_URL": settings.redis_url.get_secret_value(),
        "STUDYHALL_CONTENT_KEY": settings.content_key.get_secret_value(),
        "STUDYHALL_COHORT": "demo",
    }

    async def run(*words, answer=b""):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "studyhall.cli",
            "import",
            "nbgrader",
            str(folder),
            *words,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate(answer)
        return process.returncode, output.decode()

    code, text = await run("--course", "statistics", answer=b"n\n")
    assert code == 1
    assert "The course statistics would be published with 1 lessons" in text
    assert "2 new submissions" in text
    assert await count(classroom, Attempt) == 0
    code, text = await run("--course", "statistics", "--yes")
    assert code == 0, text
    assert "Done." in text
    assert await count(classroom, Attempt) == 2
    code, text = await run("--course", "no slug", "--yes")
    assert code == 1
    assert "can't be a course's name" in text
