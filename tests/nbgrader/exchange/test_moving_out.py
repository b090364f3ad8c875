"""`studyhall export nbgrader`: a course leaves as a folder that the real nbgrader works with, and could come back."""

import asyncio
import json
import signal
import stat
import sys
from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
import pytest_asyncio
from classrooms import SAMPLE
from graded_attempts import add_attempt, notebook_with
from kitchen_course import BREAD, CAKE, COURSE, CUPS, ESSAY, LOAVES, handed_in, write_course
from sqlalchemy import select
from studyhall.app import RELEASE_WRITERS, open_context
from studyhall.audit.models import AuditEntry
from studyhall.courses.models import LessonFile, LessonRelease
from studyhall.courses.service import lesson_of, offering_of
from studyhall.gradebook.models import Extension
from studyhall.grading.tasks import enqueue_with
from studyhall.identity.service import user_named
from studyhall.moving_in import service as moving_in
from studyhall.moving_in.reading import read_course
from studyhall.moving_out import folder, service
from studyhall.moving_out.errors import Reason
from studyhall.moving_out.notebooks import source_form
from studyhall.moving_out.reading import student_name
from studyhall.nbgrader_gradebooks.projector_process import Projector
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import Role
from studyhall_notebooks.course import load_course

from .semester import (
    DUE,
    FORMGRADER,
    LEARNERS,
    STOPS_AT_TWO,
    Plain,
    environment_for,
    give,
    move_out,
    nbgrader_scores,
    platform_scores,
    refused,
    renew,
    run,
    teach,
    tree,
)

pytestmark = pytest.mark.asyncio

SAMPLE_COURSE, LESSON = "python-foundations", "values-and-names"


@pytest.fixture
def exported(nbgrader_python, zygote):
    """Open a terminal in an exported folder."""
    return lambda place: Plain(nbgrader_python, zygote, place)


@pytest_asyncio.fixture
async def semester(classroom_with, nbgrader_python, judge, tmp_path):
    """A course that was taught: marks by hand, comments, extra credit, lateness, an extension, a penalty by hand."""
    async with classroom_with(nbgrader_python=nbgrader_python) as room:
        await room.publish(write_course(tmp_path / "kitchen"))
        await room.add_person("ines", Role.INSTRUCTOR, course=COURSE)
        for name in LEARNERS:
            await room.add_person(name, course=COURSE)
        await teach(room)
        yield room


async def test_real_nbgrader_goes_on_with_the_same_grades(semester, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "AT_ONCE", 2)
    place = tmp_path / "left"
    steps = []
    said = await move_out(semester, place, all_attempts=True, progress=lambda *told: steps.append(told))
    assert (said.students, said.assignments, said.graded, said.ungraded) == (5, 2, 5, 0)
    assert said.differences == []
    assert steps[-1][:2] == (5, 5)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    terminal = exported(place)
    listed = (await terminal.nbgrader("db", "student", "list")).text
    assert all(name in listed for name in LEARNERS)
    assert "ines" not in listed
    listed = (await terminal.nbgrader("db", "assignment", "list")).text
    assert f"{BREAD} (due: 2026-10-01 18:00:00)" in listed
    await terminal.nbgrader("export", "--to", "grades.csv")
    scores = await platform_scores(semester)
    assert nbgrader_scores(place) == scores
    # One of each kind is among them: extra credit, a penalty by the rule and one by hand, more time.
    assert scores[BREAD, "lea"] == [12.5, 0, 12.5, 15]
    assert scores[BREAD, "zoë"] == [7.5, 1.5, 6, 15]
    assert scores[BREAD, "liam"] == [5, 0, 5, 15]
    assert scores[CAKE, "李雷"] == [4, 1.5, 2.5, 10]
    # formgrader sees each submission as graded, and which ones wait for a person.
    told = await terminal.python_says(FORMGRADER)
    shown = {(one["name"], one["student"]): one for one in json.loads(told.splitlines()[-1])}
    assert set(shown) == {key for key, value in scores.items() if value[0].expected > 0}
    assert all(one["autograded"] for one in shown.values())
    assert {name for (_, name), one in shown.items() if one["needs_manual_grade"]} == {"liam", "zoë"}
    assert (place / "feedback" / "lea" / CAKE / f"{CAKE}.html").read_text() == "<p>Well cut.</p>"
    await terminal.nbgrader("generate_feedback", BREAD)
    await terminal.nbgrader("generate_feedback", CAKE, "--force")
    page = (place / "feedback" / "lea" / BREAD / f"{BREAD}.html").read_text()
    assert "Wild yeast! 🌾" in page
    assert "Short and clear." in page
    assert "12.5" in page
    assert (place / "feedback" / "李雷" / CAKE / f"{CAKE}.html").exists()
    work_is_as_it_was_sent(place)
    async with semester.session() as session:
        (entry,) = await session.scalars(select(AuditEntry).where(AuditEntry.action == "course.exported"))
    assert (entry.actor, entry.course, entry.after["submissions"]) == ("operator", COURSE, 5)
    await nbgrader_releases_and_grades_anew(semester, terminal, place, scores)


def work_is_as_it_was_sent(place):
    """With the learner's own files; what was sent before is beside nbgrader's tree."""
    sent = place / "submitted" / "lea" / BREAD
    answers = nbformat.read(sent / f"{BREAD}.ipynb", as_version=4).cells
    assert [cell.source for cell in answers if cell.source in {LOAVES, ESSAY, CUPS}] == [LOAVES, ESSAY, CUPS]
    assert (sent / "data" / "flour.csv").read_bytes() == b"kind,grams\nrye,500\n"
    assert (sent / "timestamp.txt").read_text() == "2026-09-30 18:01:00.000000 UTC"
    earlier = json.loads((place / "earlier-attempts" / "lea" / BREAD / "1.json").read_text())
    assert (earlier["number"], earlier["score"]) == (1, 5)
    executed = place / "autograded" / "lea" / BREAD / f"{BREAD}.ipynb"
    assert stat.S_IMODE(executed.stat().st_mode) == 0o444
    report = (place / "REPORT.md").read_text()
    assert "Solutions: what was published" in report
    assert "learners' names, their work and their grades" in report


async def nbgrader_releases_and_grades_anew(semester, terminal, place, scores):
    async with semester.session() as session:
        found = await lesson_of(session, await offering_of(session, COURSE), BREAD)
        released = await session.scalar(
            select(LessonFile.content).where(
                LessonFile.lesson_release_id == found.id, LessonFile.path == f"{BREAD}.ipynb"
            )
        )
    assert (place / "release" / BREAD / f"{BREAD}.ipynb").read_bytes() == released
    await terminal.nbgrader("generate_assignment", BREAD, "--force")
    made = nbformat.read(place / "release" / BREAD / f"{BREAD}.ipynb", as_version=4)
    was = nbformat.reads(released.decode(), as_version=4)
    assert [cell.source for cell in made.cells] == [cell.source for cell in was.cells]
    assert [cell.metadata.get("nbgrader") for cell in made.cells] == [
        cell.metadata.get("nbgrader") for cell in was.cells
    ]
    # A kernel that gets no processor for four seconds would lose what a cell has put out, and its error with that.
    await terminal.nbgrader("autograde", CAKE, "--force", "--Execute.iopub_timeout=120")
    await terminal.nbgrader("export", "--to", "grades.csv")
    again = nbgrader_scores(place)
    assert [again[CAKE, name][0] for name in LEARNERS] == [scores[CAKE, name][0] for name in LEARNERS]
    # As REPORT.md says: nbgrader works penalties out anew, and there is no rule for them in the folder.
    assert again[CAKE, "李雷"][1] == 0
    assert [again[BREAD, name] for name in LEARNERS] == [scores[BREAD, name] for name in LEARNERS]


@pytest.mark.parametrize("nbgrader_python", ["0.9.6"], indirect=True)
async def test_what_left_comes_back_and_again_renews_only_what_is_ours(
    semester, projector, exported, tmp_path
):
    place = tmp_path / "left"
    first = await renew(semester, place, projector, all_attempts=True)
    assert first.is_new
    assert (first.files.new, first.files.same) == (len(tree(place)) + 1, 0)
    before, written = tree(place), (place / "gradebook.db").read_bytes()
    again = await renew(semester, place, projector, all_attempts=True)
    assert not again.is_new
    assert (again.files.new, again.files.changed, again.files.removed) == (0, 0, 0)
    assert again.files.same == first.files.new
    assert (place / "gradebook.db").read_bytes() == written
    assert tree(place) == before
    # It comes back in another cohort, with the same grades.
    settings = semester.context.settings.model_copy(update={"cohort": "spring"})
    async with semester.context.database.session(None) as session:
        await ensure_cohort(session, organization="demo", cohort="spring")
    async with open_context(settings, clock=semester.clock) as spring, spring.queue.app.open_async():
        taken = await moving_in.take(
            spring, read_course(place), writers=RELEASE_WRITERS, enqueue=enqueue_with(spring.queue)
        )
        assert (taken.new_students, taken.new_submissions) == (5, 5), taken.notes
        assert taken.notes == []
        await semester.run_jobs()
        here = await platform_scores(semester)
        there = await platform_scores(semester, session_of=lambda: spring.database.session(spring.cohort_id))
        async with spring.database.session(None) as session:
            graded = (await session.scalars(select(LessonRelease.graded_hash))).all()
        async with spring.database.session(spring.cohort_id) as session:
            (more_time,) = await session.scalars(select(Extension.due_at))
    assert more_time == DUE + timedelta(days=3)
    assert there.keys() == here.keys()
    assert {key: [one.expected for one in row] for key, row in there.items()} == here
    assert len(graded) == 2 * len(set(graded)), "the judge grades with the very same notebooks"
    # Meanwhile a grade changes, an author puts the solution back, and somebody grades in the folder.
    source = place / "source" / CAKE / f"{CAKE}.ipynb"
    mended = source.read_text().replace("raise NotImplementedError()", "return guests * each")
    source.write_text(mended)
    (place / "notes.txt").write_text("mine")
    await exported(place).nbgrader("db", "student", "add", "gast")
    await give(semester, "liam", BREAD, "why_sourdough", manual_score=1)
    third = await renew(semester, place, projector)
    assert (third.files.changed, third.files.put_aside, third.files.removed) == (2, 2, 0)
    (aside,) = (place / folder.OURS / "changed-by-hand").iterdir()
    assert (aside / "source" / CAKE / f"{CAKE}.ipynb").read_text() == mended
    assert (aside / "gradebook.db").exists()
    assert (place / "notes.txt").read_text() == "mine"
    assert tree(place).keys() == before.keys() | {"notes.txt"}, "earlier attempts stay, though not asked for"
    assert "2 files had been changed by somebody" in (place / "REPORT.md").read_text()
    # A learner's newer attempt without the file that the older one had: the file goes.
    await semester.submit(
        semester.token("lea"), handed_in(BREAD, {"loaves": LOAVES}), lesson=BREAD, course=COURSE
    )
    await semester.run_jobs()
    fourth = await renew(semester, place, projector)
    assert fourth.files.removed == 1
    assert not (place / "submitted" / "lea" / BREAD / "data").exists()


async def test_a_killed_export_is_finished_by_the_next_one(classroom, projector, tmp_path):
    found = await lesson_at(classroom)
    for name in ("lea", "liam", "zoë"):
        learner = await classroom.add_person(name)
        await add_attempt(
            classroom, learner, LESSON, {}, {test["id"]: test["points"] for test in found.tests}
        )
    place, whole = tmp_path / "left", tmp_path / "whole"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STOPS_AT_TWO, SAMPLE_COURSE, str(place)),
        env=environment_for(classroom),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert (await child.stdout.readline()) == b"there\n"
    said = await refused(classroom, place, Reason.UNDER_WAY, course=SAMPLE_COURSE)
    assert "Another export is writing" in said
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert json.loads((place / folder.MARKER).read_text())["state"] == "writing"
    assert not (place / "gradebook.db").exists()
    # The next one, in the terminal: what would be done, what was done, and what is in its way.
    there = tree(place)
    code, text = await run(classroom, place, "--preview", course=SAMPLE_COURSE)
    assert (code, tree(place)) == (0, there), text
    assert f"{place} would be renewed as the nbgrader course {SAMPLE_COURSE}" in text
    assert "3 graded submissions" in text
    code, text = await run(classroom, place, "--yes", course=SAMPLE_COURSE)
    assert code == 0, text
    assert f"{place} is written" in text
    assert f"0 changed, {len(there)} the same, 0 removed" in text
    assert "mode is 0700" in text
    assert json.loads((place / folder.MARKER).read_text())["state"] == "complete"
    assert not (place / folder.OURS / "gradebook.part").exists()
    await renew(classroom, whole, projector, course=SAMPLE_COURSE)
    assert tree(place) == tree(whole)
    code, text = await run(classroom, place, "--yes", course="nowhere")
    assert code == 1
    assert f"has no course called 'nowhere'. It has: {SAMPLE_COURSE}." in text
    assert "(unknown_course)" in text
    # Where nbgrader is not to be had, the old gradebook stays.
    kept = (place / "gradebook.db").read_bytes()
    without = {"nbgrader_python": Path("/bin/false")}
    said = await refused(classroom, place, Reason.NBGRADER_FAILED, course=SAMPLE_COURSE, settings=without)
    assert "STUDYHALL_NBGRADER_PYTHON" in said
    assert (place / "gradebook.db").read_bytes() == kept


async def lesson_at(room):
    async with room.session() as session:
        return await lesson_of(session, await offering_of(session, SAMPLE_COURSE), LESSON)


@pytest_asyncio.fixture
async def projector(newest_nbgrader_python):
    made = Projector(newest_nbgrader_python)
    yield made
    await made.close()


@pytest.fixture
def newest(newest_nbgrader_python):
    return newest_nbgrader_python


async def test_a_course_without_submissions_leaves_and_no_other_folder_is_touched(
    classroom, newest, zygote_of, tmp_path
):
    place = tmp_path / "left"
    place.mkdir()
    said = await move_out(classroom, place, course=SAMPLE_COURSE)
    assert (said.students, said.graded, said.ungraded) == (2, 0, 0)
    terminal = Plain(newest, zygote_of(newest), place)
    assert "lea" in (await terminal.nbgrader("db", "student", "list")).text
    await terminal.nbgrader("export", "--to", "grades.csv")
    assert {row[0] for row in nbgrader_scores(place).values()} == {0}
    found = read_course(place)
    assert found.bundle.course.slug == SAMPLE_COURSE
    assert set(found.students) == {"lea", "liam"}
    assert found.bundle.quizzes == load_course(SAMPLE).quizzes
    assert "not a plain value" not in "\n".join(found.notes)
    # Somebody's own folder, another course's export, a file, and a place that can't be written.
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.tex").write_text("mine")
    said = await refused(classroom, own, Reason.NOT_AN_EXPORT, course=SAMPLE_COURSE)
    assert "nothing was written" in said
    assert [entry.name for entry in own.iterdir()] == ["thesis.tex"]
    await refused(classroom, own / "thesis.tex", Reason.NOT_AN_EXPORT, course=SAMPLE_COURSE)
    marker = place / folder.MARKER
    marker.write_text(marker.read_text().replace(SAMPLE_COURSE, "statistics"))
    said = await refused(classroom, place, Reason.OTHER_COURSE, course=SAMPLE_COURSE)
    assert "the export of statistics" in said
    await refused(classroom, tmp_path / "no" / "parent", Reason.CANNOT_WRITE, course=SAMPLE_COURSE)
    await refused(classroom, tmp_path / "50%", Reason.CANNOT_WRITE, course=SAMPLE_COURSE)
    # What nobody agreed to is not begun.
    assert await move_out(classroom, tmp_path / "not", course=SAMPLE_COURSE, agreed=False) is None
    assert not (tmp_path / "not").exists()


async def test_what_cannot_be_taken_is_said_and_costs_nothing_else(classroom, tmp_path):
    lesson, found = LESSON, await lesson_at(classroom)
    async with classroom.session() as session:
        lea, liam = [(await user_named(session, name)).id for name in ("lea", "liam")]
    points = {test["id"]: test["points"] for test in found.tests}
    await add_attempt(classroom, lea, lesson, {}, points)
    await add_attempt(classroom, liam, lesson, {}, None)
    odd = await classroom.add_person("../Zoé/%2F")
    await add_attempt(classroom, odd, lesson, {}, points)
    # Names that lead out of the folder, or onto files that nbgrader needs; and a text that is no notebook.
    await classroom.add_person("mallory")
    sent = {lesson: notebook_with({}), "../../../evil": notebook_with({}), "broken": "not a notebook"}
    files = {"timestamp.txt": "eA==", f"{lesson}.ipynb/x": "eA==", "data.txt": "eA=="}
    await classroom.submit(classroom.token("mallory"), sent, lesson=lesson, files=files)
    place = tmp_path / "left"
    said = await move_out(classroom, place, course=SAMPLE_COURSE)
    assert (said.graded, said.ungraded, said.differences) == (2, 2, [])
    assert not list(tmp_path.rglob("*evil*"))
    assert said.files.put_aside == 0
    work = place / "submitted" / "mallory" / lesson
    assert {entry.name for entry in work.iterdir()} == {f"{lesson}.ipynb", "data.txt", "timestamp.txt"}
    assert (work / "timestamp.txt").read_text().endswith(" UTC")
    assert len(list((place / "unreadable").rglob("1-*.ipynb"))) == 2
    notes = "\n".join(said.notes)
    assert f"mallory, {lesson}: the notebook '../../../evil' can't be read or named" in notes
    assert f"mallory, {lesson}: no attempt has a grade (queued)" in notes
    assert f"liam, {lesson}: no attempt has a grade (refused); the newest one is in submitted/." in notes
    assert f"lea, {lesson}: the judge kept no executed notebook" in notes
    assert "can't be a folder's name, so this student is" in notes
    assert (place / "submitted" / student_name("../Zoé/%2F") / lesson / f"{lesson}.ipynb").exists()
    assert (place / "submitted" / "liam" / lesson / f"{lesson}.ipynb").exists()
    assert not (place / "autograded" / "liam").exists()
    report = (place / "REPORT.md").read_text()
    assert all(note in report for note in said.notes)


async def test_an_author_sees_where_solutions_were_and_releases_stay_the_same():
    cells = [
        {"source": "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n\ndef g():\n    pass"},
        {"source": "# YOUR CODE HERE\nraise NotImplementedError()"},
        {"source": "# Your turn"},
    ]
    notebook = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": []}
    for number, cell in enumerate(cells):
        about = {"grade_id": f"a{number}", "solution": True, "grade": False, "schema_version": 3}
        about |= {"locked": False, "task": False, "checksum": "0" * 32, "cell_type": "code"}
        cell |= {"cell_type": "code", "id": f"a{number}", "metadata": {"nbgrader": about}, "outputs": []}
        notebook["cells"].append({**cell, "execution_count": None})
    text, replaced = source_form(json.dumps(notebook))
    made = nbformat.reads(text, as_version=4)
    assert made.cells[0].source.splitlines() == [
        "def f(x):",
        "    ### BEGIN SOLUTION",
        "    # YOUR CODE HERE",
        "    raise NotImplementedError()",
        "    ### END SOLUTION",
        "",
        "def g():",
        "    pass",
    ]
    assert made.cells[1].source == cells[1]["source"]
    assert replaced == ["a2"]
    assert all("checksum" not in cell.metadata.nbgrader for cell in made.cells)
