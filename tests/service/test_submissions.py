"""From a learner's submission to the verdict, and everything that may be wrong with one."""

import asyncio
import json
import shutil
import uuid
from datetime import timedelta

import nbformat
import pytest
import yaml
from classrooms import SAMPLE

pytestmark = pytest.mark.asyncio

LESSON = "values-and-names"


def solved():
    """The author's own notebook: its solutions are a learner's right answers."""
    return (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()


async def fetched(room, token, lesson=LESSON):
    data = await room.data(
        "POST", f"/courses/python-foundations/lessons/{lesson}/start", token=token, json={}
    )
    return {
        file["path"].removesuffix(".ipynb"): file["content"] for file in data["files"] if file["is_notebook"]
    }


async def test_a_solved_lesson_earns_all_points_and_is_passed(classroom, judge):
    lea = classroom.token("lea")
    attempt = await classroom.submit(lea, {LESSON: solved()})
    assert attempt["status"] == "queued"
    assert attempt["position"] == 1
    assert attempt["tests"], "rows to wait in"
    await classroom.run_jobs()
    graded = await classroom.data("GET", f"/submissions/{attempt['id']}", token=lea)
    assert graded["status"] == "graded"
    assert graded["score"] == graded["max_score"] == 20
    assert graded["passed"] is True
    assert graded["counts"] is True
    assert {test["status"] for test in graded["report"]["tests"]} == {"passed"}
    outline = await classroom.data("GET", "/courses/python-foundations/outline", token=lea)
    first, second = outline["units"][0]["lessons"][0], outline["units"][0]["lessons"][1]
    assert first["state"] == "passed"
    assert first["best_percent"] == 100
    assert second["state"] == "new", "passing the first lesson opens the second"


async def test_an_untouched_lesson_fails_with_hints_and_no_word_of_hidden_tests(classroom, judge):
    lea = classroom.token("lea")
    attempt = await classroom.submit(lea, await fetched(classroom, lea))
    await classroom.run_jobs()
    graded = await classroom.data("GET", f"/submissions/{attempt['id']}", token=lea)
    assert graded["passed"] is False
    hidden = [test for test in graded["report"]["tests"] if test["hidden"]]
    assert hidden
    assert all(test["message"] == "" for test in hidden)
    assert all(test["hint"] for test in hidden)


async def test_the_same_key_twice_is_one_attempt_even_at_the_same_time(classroom):
    lea, key = classroom.token("lea"), uuid.uuid4()
    answers = await asyncio.gather(*(classroom.submit(lea, {LESSON: solved()}, key=key) for _ in range(5)))
    assert len({answer["id"] for answer in answers}) == 1
    again = await classroom.submit(lea, {LESSON: solved()}, key=key)
    assert again["id"] == answers[0]["id"]
    assert again["number"] == 1
    fresh = await classroom.submit(lea, {LESSON: solved()})
    assert fresh["number"] == 2, "equal content under a new key is a new attempt"


async def test_a_key_of_another_lesson_is_refused(classroom):
    lea, key = classroom.token("lea"), uuid.uuid4()
    await classroom.submit(lea, {LESSON: solved()}, key=key)
    await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        status=409,
        code="key_reused",
        json={"course": "python-foundations", "lesson": "choices-and-loops", "notebooks": {"x": "{}"}},
        headers={"Idempotency-Key": str(key)},
    )


async def test_what_is_left_of_a_damaged_notebook_is_graded_and_said(classroom, judge):
    lea = classroom.token("lea")
    text = solved()
    attempt = await classroom.submit(lea, {LESSON: text[: text.rindex('"metadata"', 0, len(text) // 2)]})
    await classroom.run_jobs()
    graded = await classroom.data("GET", f"/submissions/{attempt['id']}", token=lea)
    assert graded["status"] == "graded"
    assert 0 < graded["score"] < 20
    assert "damaged_file" in {one["code"] for one in graded["report"]["repairs"]}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"notebooks": {LESSON: "not a notebook"}}, 400, "notebook_not_json"),
        ({"notebooks": {LESSON: '{"some": "json"}'}}, 422, "notebook_invalid"),
        ({"notebooks": {LESSON: "x" * 11_000_000}}, 413, "notebook_too_large"),
        ({"notebooks": {LESSON: "[" * 100_000}}, 422, "notebook_invalid"),
        ({"lesson": "no-such-lesson"}, 404, "unknown_lesson"),
        ({"course": "no-such-course"}, 403, "forbidden"),
        ({"user": "liam"}, 422, "validation_error"),
        ({"notebooks": {}}, 422, "validation_error"),
        ({"lesson": "choices-and-loops"}, 403, "lesson_locked"),
    ],
)
async def test_bad_submissions_get_a_code_and_a_sentence_and_leave_nothing_behind(
    classroom, change, status, code
):
    lea = classroom.token("lea")
    body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}} | change
    error = await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        status=status,
        code=code,
        json=body,
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert len(error["message"]) > 20
    assert "Traceback" not in error["message"]
    assert await classroom.data("GET", "/submissions", token=lea) == []


async def test_a_notebook_of_another_course_is_refused(classroom):
    lea = classroom.token("lea")
    notebook = nbformat.reads(solved(), as_version=4)
    notebook.metadata["studyhall"] = {"course": "cooking", "lesson": "soup"}
    error = await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        status=422,
        code="wrong_course",
        json={
            "course": "python-foundations",
            "lesson": LESSON,
            "notebooks": {LESSON: nbformat.writes(notebook)},
        },
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert "cooking" in error["message"]


async def test_without_a_key_nothing_is_accepted(classroom):
    await classroom.error(
        "POST",
        "/submissions",
        token=classroom.token("lea"),
        status=400,
        code="key_missing",
        json={"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}},
    )


async def test_somebody_who_is_not_enrolled_is_told_so(classroom):
    stranger = classroom.token("stefan")
    await classroom.error(
        "GET", "/courses/python-foundations/outline", token=stranger, status=403, code="not_enrolled"
    )
    assert await classroom.data("GET", "/courses", token=stranger) == []


async def test_another_learners_attempt_does_not_exist_for_you(classroom):
    attempt = await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    await classroom.error(
        "GET", f"/submissions/{attempt['id']}", token=classroom.token("liam"), status=404, code="not_found"
    )


async def test_expired_and_foreign_tokens_are_refused(classroom):
    await classroom.error("GET", "/courses", token="made-up", status=401, code="not_signed_in")
    await classroom.error("GET", "/courses", status=401, code="not_signed_in")
    service = classroom.token("grafana", kind="service")
    await classroom.error("GET", "/courses", token=service, status=403, code="forbidden")


async def test_submissions_are_limited_per_minute_and_say_when_to_come_back(classroom_with):
    async with classroom_with(submissions_per_minute=2) as room:
        await room.publish()
        await room.add_person("lea")
        token = room.token("lea")
        await room.submit(token, {LESSON: solved()})
        await room.submit(token, {LESSON: solved()})
        body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}}
        answer = await room.call(
            "POST", "/submissions", token=token, json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
        )
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert json.loads(answer.text)["error"]["code"] == "too_many_requests"


def course_with(tmp_path, lesson_settings):
    """A copy of the sample course whose first lesson has more settings."""
    folder = tmp_path / "python-foundations"
    shutil.copytree(SAMPLE, folder)
    settings = yaml.safe_load((folder / "course.yaml").read_text())
    settings["units"][0]["lessons"][0] |= lesson_settings
    (folder / "course.yaml").write_text(yaml.safe_dump(settings))
    return folder


async def test_a_late_submission_is_accepted_and_says_so(classroom, tmp_path):
    due = classroom.clock.now + timedelta(hours=1)
    await classroom.publish(course_with(tmp_path, {"due": due.isoformat()}))
    lea = classroom.token("lea")
    assert (await classroom.submit(lea, {LESSON: solved()}))["late"] is False
    classroom.clock.now += timedelta(hours=2)
    assert (await classroom.submit(lea, {LESSON: solved()}))["late"] is True


async def test_after_the_close_nothing_is_taken_and_the_sentence_says_when_and_what_to_do(
    classroom, tmp_path
):
    closes = classroom.clock.now + timedelta(hours=1)
    await classroom.publish(course_with(tmp_path, {"closes": closes.isoformat()}))
    lea, key = classroom.token("lea"), uuid.uuid4()
    accepted = await classroom.submit(lea, {LESSON: solved()}, key=key)
    classroom.clock.now += timedelta(hours=2)
    body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}}
    error = await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        status=409,
        code="lesson_closed",
        json=body,
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert f"{closes:%H:%M}" in error["message"]
    assert "Your copy is safe" in error["message"]
    again = await classroom.submit(lea, {LESSON: solved()}, key=key)
    assert again["id"] == accepted["id"], "a retry of what was accepted in time still gets its answer"


async def test_attempts_run_out(classroom, tmp_path):
    await classroom.publish(course_with(tmp_path, {"max_attempts": 1}))
    lea = classroom.token("lea")
    await classroom.submit(lea, {LESSON: solved()})
    body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}}
    await classroom.error(
        "POST",
        "/submissions",
        token=lea,
        status=403,
        code="no_attempts_left",
        json=body,
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
