"""The exchange over HTTP: releasing one assignment, submitting with files, collecting, feedback."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from classrooms import STAFF_SCOPES
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = pytest.mark.asyncio

COURSE = "python-foundations"
EXCHANGE = f"/staff/courses/{COURSE}/exchange"


def cell(source, grade_id, *, grade=False, solution=False, points=None):
    told = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": grade, "schema_version": 3}
    told["task"] = False
    if points is not None:
        told["points"] = points
    made = new_code_cell(source, id=grade_id)
    made.metadata["nbgrader"] = told
    return made


def notebook(*, solved, hidden):
    answer = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    stub = "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    secret = "\n### BEGIN HIDDEN TESTS\nassert double(21) == 42\n### END HIDDEN TESTS" if hidden else ""
    made = new_notebook(
        cells=[
            new_markdown_cell("# Doubling", id="heading"),
            cell(answer if solved else stub, "double", solution=True),
            cell("assert double(1) == 2" + secret, "test_double", grade=True, points=3),
        ]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.writes(made)


def upload(**files):
    return [
        {"path": path, "content": base64.b64encode(data.encode()).decode()} for path, data in files.items()
    ]


def release(*, force=False, source=True, **more):
    body = {
        "force": force,
        "files": upload(
            **{"ps1.ipynb": notebook(solved=False, hidden=False), "data.csv": "a,b\n1,2\n", **more}
        ),
    }
    if source:
        body["source"] = upload(**{"ps1.ipynb": notebook(solved=True, hidden=True)})
    return body


@pytest.fixture
def ines(classroom):
    return classroom.token("ines", STAFF_SCOPES)


async def released(room, token, name="Problem Set 1", **more):
    return await room.data("PUT", f"{EXCHANGE}/assignments/{name}", token=token, json=release(**more))


async def test_one_assignment_is_released_beside_the_others(classroom, ines, judge):
    done = await released(classroom, ines)
    assert (done["lesson"], done["release"], done["tests"], done["hidden_tests"]) == (
        "Problem-Set-1",
        2,
        1,
        1,
    )
    lea = classroom.token("lea")
    listed = await classroom.data("GET", f"/exchange/assignments?course={COURSE}", token=lea)
    assert [row["assignment"] for row in listed][-1] == "Problem Set 1"
    assert "values-and-names" in [row["assignment"] for row in listed]
    outline = await classroom.data("GET", f"/courses/{COURSE}/outline", token=lea)
    assert outline["units"][-1]["lessons"][0]["title"] == "Doubling"
    quizzes = [quiz for unit in outline["units"] for lesson in unit["lessons"] for quiz in lesson["quizzes"]]
    assert quizzes, "the other lessons keep theirs"
    await classroom.data("GET", f"/quizzes/{quizzes[0]}", token=lea, params={"course": COURSE})

    started = await classroom.data(
        "POST", f"/courses/{COURSE}/lessons/Problem-Set-1/start", token=lea, json={}
    )
    texts = {file["path"]: file["content"] for file in started["files"]}
    assert "HIDDEN" not in texts["ps1.ipynb"]
    assert json.loads(texts["ps1.ipynb"])["metadata"]["studyhall"]["release"] == 2
    other = await classroom.data(
        "POST", f"/courses/{COURSE}/lessons/values-and-names/start", token=lea, json={}
    )
    assert json.loads(other["files"][0]["content"])["metadata"]["studyhall"]["release"] == 2

    right = notebook(solved=True, hidden=False)
    attempt = await classroom.submit(lea, {"ps1": right}, lesson="Problem-Set-1")
    wrong = right.replace("return 2 * x", "return 2")
    await classroom.submit(classroom.token("liam"), {"ps1": wrong}, lesson="Problem-Set-1")
    await classroom.run_jobs()
    graded = await classroom.data("GET", f"/submissions/{attempt['id']}", token=lea)
    assert (graded["score"], graded["max_score"]) == (3, 3)
    rows = await classroom.data("GET", f"{EXCHANGE}/submissions?assignment=Problem%20Set%201", token=ines)
    assert {row["student"] for row in rows} == {"lea", "liam"}


async def test_a_second_release_needs_force_and_equal_content_is_no_release(classroom, ines):
    await released(classroom, ines, "ps1")
    error = await classroom.error(
        "PUT", f"{EXCHANGE}/assignments/ps1", token=ines, json=release(), status=409, code="already_released"
    )
    assert "--force" in error["message"]
    again = await released(classroom, ines, "ps1", force=True)
    assert (again["release"], again["changed"]) == (2, False)
    other = await released(classroom, ines, "ps1", force=True, **{"more.txt": "new"})
    assert (other["release"], other["changed"]) == (3, True)


async def test_without_source_the_visible_tests_count_and_it_says_so(classroom, ines):
    done = await released(classroom, ines, "ps1", source=False)
    assert done["hidden_tests"] == 0
    assert "hidden tests are not known" in done["notes"][0]


async def test_a_release_that_shows_hidden_tests_or_does_not_fit_its_source_is_refused(classroom, ines):
    body = release()
    body["files"] = upload(**{"ps1.ipynb": notebook(solved=False, hidden=True)})
    error = await classroom.error(
        "PUT", f"{EXCHANGE}/assignments/ps1", token=ines, json=body, status=422, code="course_invalid"
    )
    assert "still holds hidden tests in cell 3" in error["message"]
    body = release()
    body["source"] = upload(
        **{"ps1.ipynb": notebook(solved=True, hidden=True).replace('"points": 3', '"points": 4')}
    )
    error = await classroom.error(
        "PUT", f"{EXCHANGE}/assignments/ps1", token=ines, json=body, status=422, code="course_invalid"
    )
    assert "generate_assignment --force" in error["message"]
    body = release(**{"../evil": "x"})
    await classroom.error(
        "PUT", f"{EXCHANGE}/assignments/ps1", token=ines, json=body, status=422, code="validation_error"
    )


async def test_a_withdrawn_assignment_is_gone_for_those_who_have_not_begun(classroom, ines):
    await released(classroom, ines, "ps1")
    lea, liam = classroom.token("lea"), classroom.token("liam")
    await classroom.data("POST", f"/courses/{COURSE}/lessons/ps1/start", token=lea, json={})
    await classroom.call("DELETE", f"{EXCHANGE}/assignments/ps1", token=ines)
    assert "ps1" not in [
        row["assignment"] for row in await classroom.data("GET", "/exchange/assignments", token=lea)
    ]
    await classroom.error(
        "POST", f"/courses/{COURSE}/lessons/ps1/start", token=liam, json={}, status=404, code="unknown_lesson"
    )
    outline = await classroom.data("GET", f"/courses/{COURSE}/outline", token=liam)
    assert "assignments" not in [unit["slug"] for unit in outline["units"]]
    await classroom.submit(lea, {"ps1": notebook(solved=True, hidden=False)}, lesson="ps1")
    await released(classroom, ines, "ps1")
    await classroom.data("POST", f"/courses/{COURSE}/lessons/ps1/start", token=liam, json={})


async def test_a_learners_own_files_travel_to_the_judge_and_back_to_staff(classroom, ines, judge):
    await released(classroom, ines, "ps1")
    lea = classroom.token("lea")
    text = notebook(solved=True, hidden=False).replace(
        "return 2 * x", "return x * int(open('own/factor.txt').read()) * (open('data.csv').read()[0] == 'a')"
    )
    files = {"own/factor.txt": base64.b64encode(b"2").decode(), "data.csv": base64.b64encode(b"x").decode()}
    attempt = await classroom.submit(lea, {"ps1": text}, lesson="ps1", files=files)
    await classroom.run_jobs()
    graded = await classroom.data("GET", f"/submissions/{attempt['id']}", token=lea)
    assert graded["score"] == 3, graded["report"]
    content = await classroom.data("GET", f"{EXCHANGE}/submissions/{attempt['id']}", token=ines)
    assert content["files"] == files
    assert content["notebooks"] == {"ps1": text}


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\\b", "", "a\x00b"])
async def test_a_path_that_leaves_the_folder_is_refused(classroom, path):
    body = {
        "course": COURSE,
        "lesson": "values-and-names",
        "notebooks": {"values-and-names": "{}"},
        "files": {path: ""},
    }
    lea = classroom.token("lea")
    body["notebooks"] = {"values-and-names": nbformat.writes(new_notebook())}
    await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        json=body,
        headers={"Idempotency-Key": str(uuid.uuid4())},
        status=422,
        code="file_invalid",
    )


async def test_files_that_are_too_large_or_stand_in_each_others_way_are_refused(classroom_with):
    from studyhall.submissions.errors import FileInvalid, FilesTooLarge
    from studyhall.submissions.files import check_files

    with pytest.raises(FileInvalid, match="file itself"):
        check_files({"a": "", "a/b": ""}, max_bytes=10)
    with pytest.raises(FileInvalid, match="base64"):
        check_files({"a": "!"}, max_bytes=10)
    with pytest.raises(FilesTooLarge, match=r"0\.1 MB"):
        check_files({"a": base64.b64encode(b"x" * 100_000).decode()}, max_bytes=10)


async def test_feedback_reaches_its_own_learner_only(classroom, ines):
    await released(classroom, ines, "ps1")
    lea, liam = classroom.token("lea"), classroom.token("liam")
    attempt = await classroom.submit(lea, {"ps1": notebook(solved=True, hidden=False)}, lesson="ps1")
    body = {
        "student": "lea",
        "assignment": "ps1",
        "timestamp": attempt["submitted_at"],
        "notebooks": {"ps1": "<p>Good work</p>"},
    }
    gabriel = classroom.token("gabriel", STAFF_SCOPES)
    await classroom.data("PUT", f"{EXCHANGE}/feedback", token=gabriel, json=body)
    (mine,) = await classroom.data("GET", f"/exchange/submissions?course={COURSE}&assignment=ps1", token=lea)
    assert mine["notebooks"][0]["feedback_sha256"]
    (page,) = await classroom.data("GET", f"/exchange/feedback/{attempt['id']}", token=lea)
    assert page["html"] == "<p>Good work</p>"
    await classroom.error(
        "GET", f"/exchange/feedback/{attempt['id']}", token=liam, status=404, code="not_found"
    )
    body["timestamp"] = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    error = await classroom.error(
        "PUT", f"{EXCHANGE}/feedback", token=gabriel, json=body, status=404, code="not_found"
    )
    assert "2020-01-01" in error["message"]


async def test_the_latest_submission_is_collected_and_a_removed_one_is_hidden_but_kept(classroom, ines):
    await released(classroom, ines, "ps1")
    lea = classroom.token("lea")
    text = notebook(solved=True, hidden=False)
    first = await classroom.submit(lea, {"ps1": text}, lesson="ps1")
    classroom.clock.now += timedelta(seconds=1)
    second = await classroom.submit(lea, {"ps1": text}, lesson="ps1")
    path = f"{EXCHANGE}/submissions?assignment=ps1"
    assert [row["id"] for row in await classroom.data("GET", path, token=ines)] == [second["id"]]
    every = await classroom.data("GET", f"{path}&every=true&student=lea", token=ines)
    assert [row["id"] for row in every] == [second["id"], first["id"]]
    assert await classroom.data("GET", f"{path}&student=le", token=ines) == []
    await classroom.call("DELETE", f"{EXCHANGE}/submissions/{second['id']}", token=ines)
    assert [row["id"] for row in await classroom.data("GET", path, token=ines)] == [first["id"]]
    assert (await classroom.data("GET", f"/submissions/{second['id']}", token=lea))["number"] == 2


async def test_a_grader_releases_nothing(classroom):
    gabriel = classroom.token("gabriel", STAFF_SCOPES)
    await classroom.error(
        "PUT", f"{EXCHANGE}/assignments/ps1", token=gabriel, json=release(), status=403, code="forbidden"
    )
