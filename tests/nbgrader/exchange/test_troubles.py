"""What people read when something is wrong, and that nothing ever hangs."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from classrooms import STAFF_SCOPES

from .terminals import RIGHT, WRONG, answer

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="session")
def nbgrader_python(newest_nbgrader_python):
    """What is said is ours, so that one version is enough."""
    return newest_nbgrader_python


@asynccontextmanager
async def silent_service():
    """Something that takes connections and never answers."""
    over = asyncio.Event()

    async def take(reader, writer):
        await over.wait()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/services/studyhall"
    finally:
        over.set()
        server.close()


async def test_without_a_service_there_is_a_sentence_at_once(terminal, course, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/services/studyhall"
    lea = terminal("lea", STUDYHALL_SERVICE_URL=url)
    said = await lea.nbgrader("list", "--course", course, code=1)
    assert f"can't be reached at 127.0.0.1:{unused_tcp_port}" in said.text
    assert "Traceback" not in said.text


async def test_a_service_that_never_answers_is_waited_for_shortly(terminal, course):
    async with silent_service() as url:
        lea = terminal("lea", STUDYHALL_SERVICE_URL=url)
        began = time.monotonic()
        said = await lea.nbgrader("list", "--course", course, "--Exchange.timeout=1", code=1)
        assert time.monotonic() - began < 30
        assert "did not answer within 1 seconds" in said.text


async def test_another_server_is_told_from_the_service(terminal, course, classroom):
    lea = terminal("lea", STUDYHALL_SERVICE_URL=classroom.url + "/static")
    said = await lea.nbgrader("list", "--course", course, code=1)
    assert "Check the address" in said.text


async def test_without_a_token_it_says_where_to_get_one(terminal, grader, course):
    nobody = terminal("nobody", JUPYTERHUB_API_TOKEN="")
    said = await nobody.nbgrader("list", "--course", course, code=1)
    assert "studyhall login" in said.text
    said = await terminal("lea").nbgrader("collect", "ps1", "--course", course, code=1)
    assert f"studyhall login --service URL --course {course}" in said.text
    grader.variables["STUDYHALL_TOKEN"] = "gone"
    said = await grader.nbgrader("list", code=1)
    assert "sign-in has expired" in said.text
    assert "studyhall login" in said.text


async def test_a_server_s_own_token_releases_nothing_even_for_an_instructor(
    terminal, grader, course, classroom
):
    await grader.nbgrader("generate_assignment", "ps1")
    grader.variables["STUDYHALL_TOKEN"] = classroom.token("ines")
    said = await grader.nbgrader("release_assignment", "ps1", code=1)
    assert "never carries staff rights" in said.text


async def test_no_course_is_said_and_not_guessed(terminal):
    lea = terminal("lea")
    for words in (("fetch_assignment", "ps1"), ("submit", "ps1"), ("fetch_feedback", "ps1")):
        (lea.folder / "ps1").mkdir(exist_ok=True)
        said = await lea.nbgrader(*words, code=1)
        assert "No course id specified" in said.text


async def test_feedback_for_an_unknown_submission_is_named_and_the_others_go(
    grader, terminal, course, classroom
):
    await grader.nbgrader("generate_assignment", "ps1")
    await grader.nbgrader("release_assignment", "ps1")
    lea = terminal("lea")
    await lea.nbgrader("fetch_assignment", "ps1", "--course", course)
    answer(lea.folder / "ps1" / "ps1.ipynb", RIGHT)
    await lea.nbgrader("submit", "ps1", "--course", course)
    await grader.nbgrader("collect", "ps1")
    stamp = (grader.folder / "submitted" / "lea" / "ps1" / "timestamp.txt").read_text()
    for student, timestamp in (("lea", stamp), ("nobody", stamp), ("liam", None)):
        folder = grader.folder / "feedback" / student / "ps1"
        folder.mkdir(parents=True)
        (folder / "ps1.html").write_text(f"<p>{student}</p>")
        if timestamp:
            (folder / "timestamp.txt").write_text(timestamp)
    said = await grader.nbgrader("release_feedback", "ps1", code=1)
    assert "Releasing feedback for student 'lea'" in said.text
    assert "nobody made no submission of ps1" in said.text
    assert "has no timestamp.txt" in said.text
    assert "2 of 3 students" in said.text
    await lea.nbgrader("fetch_feedback", "ps1", "--course", course)
    assert (lea.folder / "ps1" / "feedback" / stamp / "ps1.html").read_text() == "<p>lea</p>"


async def test_what_cannot_be_graded_is_not_released(grader):
    await grader.nbgrader("generate_assignment", "ps1")
    released = grader.folder / "release" / "ps1" / "ps1.ipynb"
    text = released.read_text()
    released.chmod(0o644)
    released.write_text(text.replace("assert double(1) == 2", "### BEGIN HIDDEN TESTS"))
    said = await grader.nbgrader("release_assignment", "ps1", code=1)
    assert "still holds hidden tests" in said.text
    released.write_text(text)
    source = grader.folder / "source" / "ps1" / "ps1.ipynb"
    source.write_text(source.read_text().replace('"test_double"', '"test_twice"'))
    said = await grader.nbgrader("release_assignment", "ps1", code=1)
    assert "generate_assignment --force" in said.text


async def test_a_release_does_not_wait_for_a_gradebook_that_is_away(grader, course, unused_tcp_port):
    await grader.nbgrader("generate_assignment", "ps1")
    away = f"postgresql+psycopg://nobody@127.0.0.1:{unused_tcp_port}/nothing"
    said = await grader.nbgrader("release_assignment", "ps1", f"--db={away}")
    assert "gradebook does not answer" in said.text
    assert f"Released as: {course} ps1" in said.text
    assert "Traceback" not in said.text


async def test_collect_names_whose_other_attempt_counts(grader, terminal, course, classroom, judge):
    await grader.nbgrader("generate_assignment", "ps1")
    await grader.nbgrader("release_assignment", "ps1")
    policy = f"/staff/courses/{course}/assignments/ps1/policy"
    ines = classroom.token("ines", STAFF_SCOPES)
    await classroom.data("PATCH", policy, token=ines, json={"counting": "best"})
    lea = terminal("lea")
    await lea.nbgrader("fetch_assignment", "ps1", "--course", course)
    for solution in (RIGHT, WRONG):
        answer(lea.folder / "ps1" / "ps1.ipynb", solution)
        await lea.nbgrader("submit", "ps1", "--course", course)
        classroom.clock.now += timedelta(hours=1)
    said = await grader.nbgrader("collect", "ps1")
    assert "counts for" not in said.text, "nobody knows yet what the latest is worth"
    await classroom.run_jobs()
    said = await grader.nbgrader("collect", "ps1", "--update")
    assert "Another attempt than the collected one counts for 1 of 1 students: lea." in said.text
    assert "Due date and late policy" in said.text
    await classroom.data("PATCH", policy, token=ines, json={"counting": "last"})
    said = await grader.nbgrader("collect", "ps1", "--update")
    assert "counts for" not in said.text
