"""A grader's whole week with nbgrader's own command, in every version, against a running service and judge."""

from datetime import timedelta

import nbformat
import pytest

from .terminals import RIGHT, WRONG, answer

pytestmark = pytest.mark.asyncio


async def test_every_command_of_a_week(classroom, judge, grader, terminal, course):
    lea, liam = terminal("lea"), terminal("liam")
    await release(grader, course)
    first = await fetch_and_submit(lea, liam, course)
    # A submission through the exchange is an ordinary attempt: graded by the judge, in the learner's panel, with XP.
    await classroom.run_jobs()
    (attempt,) = await attempts_of(classroom, liam, course)
    assert (attempt["score"], attempt["max_score"], attempt["status"]) == (3, 5, "needs_manual")
    assert (await classroom.data("GET", "/rewards/profile", token=liam.variables["JUPYTERHUB_API_TOKEN"]))[
        "xp"
    ] > 0
    await collect(classroom, grader, lea, first, course)
    await grade_and_hand_back(grader, lea, course)
    await remove_from_lists(grader, lea, terminal("gabriel"), course)
    assert len(await attempts_of(classroom, lea, course)) == 2, "what is not listed any more is kept"


async def attempts_of(classroom, student, course):
    token = student.variables["JUPYTERHUB_API_TOKEN"]
    return await classroom.data("GET", "/submissions", token=token, params={"course": course})


async def release(grader, course):
    said = await grader.nbgrader("release_assignment", "ps9", code=1)
    assert "Assignment not found" in said.text
    said = await grader.nbgrader("release_assignment", "ps1", code=1)
    assert "run `nbgrader generate_assignment`" in said.text
    await grader.nbgrader("generate_assignment", "ps1")
    said = await grader.nbgrader("release_assignment", "ps1")
    assert f"Released as: {course} ps1" in said.text
    assert "1 with hidden parts" in said.text
    said = await grader.nbgrader("release_assignment", "ps1", code=1)
    assert "add --force to overwrite" in said.text
    await grader.nbgrader("release_assignment", "ps1", "--force")
    assert f"{course} ps1" in (await grader.nbgrader("list")).text


async def fetch_and_submit(lea, liam, course):
    """Lea hands in a wrong answer and a file of hers, Liam the right one; returns what was said to Lea."""
    said = await lea.nbgrader("list", "--course", course)
    assert f"{course} ps1\n" in said.text
    await lea.nbgrader("fetch_assignment", "ps1", "--course", course)
    fetched = lea.folder / "ps1" / "ps1.ipynb"
    assert "HIDDEN" not in fetched.read_text()
    assert (lea.folder / "ps1" / "data.csv").read_text() == "a,b\n1,2\n"
    said = await lea.nbgrader("fetch_assignment", "ps1", "--course", course, code=1)
    assert "already have a copy" in said.text
    (lea.folder / "ps1" / "data.csv").unlink()
    answer(fetched, WRONG)
    await lea.nbgrader("fetch_assignment", "ps1", "--course", course, "--replace")
    assert (lea.folder / "ps1" / "data.csv").exists()
    assert "return 2" in fetched.read_text(), "answers stay"
    assert "(already downloaded)" in (await lea.nbgrader("list", "--course", course)).text
    (lea.folder / "ps1" / "notes.txt").write_text("mine")
    first = await lea.nbgrader("submit", "ps1", "--course", course)
    assert f"Submitted as: {course} ps1" in first.text
    fetched.rename(lea.folder / "ps1.ipynb")
    said = await lea.nbgrader("submit", "ps1", "--course", course, "--strict", code=1)
    assert "There are missing notebooks" in said.text
    (lea.folder / "ps1.ipynb").rename(fetched)
    await liam.nbgrader("fetch_assignment", "ps1", "--course", course)
    answer(liam.folder / "ps1" / "ps1.ipynb", RIGHT)
    await liam.nbgrader("submit", "ps1", "--course", course)
    return first


async def collect(classroom, grader, lea, first, course):
    said = await grader.nbgrader("list", "--inbound")
    assert f"{course} lea ps1" in said.text
    assert f"{course} liam ps1" in said.text
    said = await grader.nbgrader("collect", "ps1")
    assert "Collecting submission: lea ps1" in said.text
    collected = grader.folder / "submitted" / "lea" / "ps1"
    assert (collected / "notes.txt").read_text() == "mine"
    before = (collected / "timestamp.txt").read_text()
    assert before.endswith(" UTC")
    assert before in first.text
    classroom.clock.now += timedelta(hours=1)
    answer(lea.folder / "ps1" / "ps1.ipynb", RIGHT)
    await lea.nbgrader("submit", "ps1", "--course", course)
    assert "already exists" in (await grader.nbgrader("collect", "ps1")).text
    assert (collected / "timestamp.txt").read_text() == before
    assert "Updating submission: lea ps1" in (await grader.nbgrader("collect", "ps1", "--update")).text
    assert (collected / "timestamp.txt").read_text() > before
    assert "return 2 * x" in (collected / "ps1.ipynb").read_text()
    assert "No newer submission" in (await grader.nbgrader("collect", "ps1", "--update")).text
    await grader.nbgrader("db", "assignment", "add", "ps1", f"--duedate={before}")
    said = await grader.nbgrader("collect", "ps1", "--before-duedate")
    assert "Updating submission: lea" in said.text
    assert (collected / "timestamp.txt").read_text() == before
    await grader.nbgrader("collect", "ps1", "--update")


async def grade_and_hand_back(grader, lea, course):
    for student in ("lea", "liam"):
        await grader.nbgrader("db", "student", "add", student)
    assert "lea" in (await grader.nbgrader("db", "student", "list")).text
    await grader.nbgrader("autograde", "ps1")
    await grader.nbgrader("generate_feedback", "ps1")
    cached = await lea.nbgrader("list", "--cached", "--course", course)
    assert cached.text.count("(no feedback available)") == 2
    said = await grader.nbgrader("release_feedback", "ps1")
    assert "Releasing feedback for student 'lea'" in said.text
    cached = await lea.nbgrader("list", "--cached", "--course", course)
    assert cached.text.count("(feedback ready to be fetched)") == 1, "it is for one submission, not for both"
    await lea.nbgrader("fetch_feedback", "ps1", "--course", course)
    timestamp = (grader.folder / "submitted" / "lea" / "ps1" / "timestamp.txt").read_text()
    page = lea.folder / "ps1" / "feedback" / timestamp / "ps1.html"
    assert page.read_text() == (grader.folder / "feedback" / "lea" / "ps1" / "ps1.html").read_text()
    cached = await lea.nbgrader("list", "--cached", "--course", course)
    assert "(feedback already fetched)" in cached.text
    await grader.nbgrader("export")
    assert "lea" in (grader.folder / "grades.csv").read_text()


async def remove_from_lists(grader, lea, another, course):
    await lea.nbgrader("list", "--cached", "--remove", "ps1", "--course", course)
    assert "ps1" not in (await lea.nbgrader("list", "--cached", "--course", course)).text
    await grader.nbgrader("list", "--inbound", "--remove", "ps1", "--student", "liam")
    assert "liam" not in (await grader.nbgrader("list", "--inbound")).text
    await grader.nbgrader("list", "--remove", "ps1")
    assert "ps1" not in (await grader.nbgrader("list")).text
    said = await another.nbgrader("fetch_assignment", "ps1", "--course", course, code=1)
    assert "Assignment not found" in said.text


async def test_files_that_came_by_mail_are_collected_by_hand(grader):
    grader.configure(
        "c.FileNameCollectorPlugin.named_regexp = "
        r'r".*/(?P<student_id>\w+?)_ps1_attempt_(?P<timestamp>[0-9-]+)_(?P<file_id>.*)"'
    )
    await grader.nbgrader("generate_assignment", "ps1")
    downloaded = grader.folder / "downloaded" / "ps1" / "archive"
    downloaded.mkdir(parents=True)
    (downloaded / "lea_ps1_attempt_2026-11-20-10-00-00_ps1.ipynb").write_text(
        (grader.folder / "release" / "ps1" / "ps1.ipynb").read_text()
    )
    said = await grader.nbgrader("zip_collect", "ps1", "--force")
    assert (grader.folder / "submitted" / "lea" / "ps1" / "ps1.ipynb").exists(), said.text
    nbformat.read(grader.folder / "submitted" / "lea" / "ps1" / "ps1.ipynb", as_version=4)
