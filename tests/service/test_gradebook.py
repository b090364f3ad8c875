"""The gradebook over HTTP: the table, what counts, what is late, what learners see and when, and how grades leave."""

import csv
import io
import uuid
import zipfile
from datetime import timedelta

import pytest
from essay_course import ASSIGNMENT, COURSE, ESSAY, LESSON, book, cell_of, give, own, submission
from sqlalchemy import select
from studyhall.gradebook.models import Grade


@pytest.mark.asyncio
async def test_the_table_shows_what_everybody_has_and_who_waits(essays, gabriel):
    page = await book(essays, gabriel)
    columns = {row["lesson"]: row for row in page["assignments"]}
    assert columns[LESSON]["counting"] == "last", "a cell is graded by hand"
    assert columns[LESSON]["manual_tests"] == 1
    assert columns[LESSON]["needs_grading"] == 2
    assert columns["choices-and-loops"]["counting"] == "best"
    rows = {row["learner"]["username"]: row for row in page["rows"]}
    assert set(rows) == {"lea", "liam"}
    lea = rows["lea"]["cells"][LESSON]
    assert lea["state"] == "needs_grading"
    assert lea["attempts"] == 1
    assert lea["max_score"] == columns[LESSON]["points"]
    assert lea["score"] == lea["max_score"] - 4
    assert rows["lea"]["total"] == lea["score"]
    assert rows["lea"]["cells"]["choices-and-loops"]["state"] == "missing"
    liam = rows["liam"]["cells"][LESSON]
    assert page["means"][LESSON] == pytest.approx((lea["score"] + liam["score"]) / 2)
    waiting = await book(essays, gabriel, state="needs_grading", sort_by="total", order="desc")
    assert [row["learner"]["username"] for row in waiting["rows"]] == ["lea", "liam"]
    missing = await book(essays, gabriel, state="missing", lesson="choices-and-loops", sort_by=LESSON)
    assert [row["learner"]["username"] for row in missing["rows"]] == ["liam", "lea"]
    assert list(missing["means"]) == ["choices-and-loops"]
    assert (await book(essays, gabriel, state="missing", lesson=LESSON))["rows"] == []
    await essays.error(
        "GET", f"{COURSE}/gradebook?sort_by=nothing", token=gabriel, status=404, code="unknown_lesson"
    )


@pytest.mark.asyncio
async def test_a_learner_sees_marks_when_grades_are_released_and_not_before(essays, ines, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    await give(essays, gabriel, attempt, manual_score=3, comment="Good.")
    (lea,) = await own(essays, "lea")
    assert lea["final"] is None
    assert lea["counts"] is True
    await essays.error(
        "POST", f"{ASSIGNMENT}/release-grades", token=gabriel, json={}, status=403, code="forbidden"
    )
    released = await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    assert (released["learners"], released["notified"]) == (2, 2)
    assert released["feedback_released_at"]
    (lea,) = await own(essays, "lea")
    assert lea["final"]["score"] == lea["score"] + 3
    assert lea["final"]["needs_grading"] is False
    assert lea["final"]["cells"] == {ESSAY: {"manual_score": 3, "extra_credit": None, "comment": "Good."}}
    (liam,) = await own(essays, "liam")
    assert liam["final"]["needs_grading"] is True
    again = await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    assert again["notified"] == 0
    await essays.run_jobs()
    (told,) = await essays.data("GET", "/notifications", token=essays.token("lea"))
    assert told["kind"] == "grades.released"
    assert told["link"] == {"course": "python-foundations", "lesson": LESSON, "attempt_id": lea["id"]}
    assert told["read_at"] is None
    await give(essays, gabriel, attempt, version=1, manual_score=4, comment="Better than good.")
    (lea,) = await own(essays, "lea")
    assert lea["final"]["score"] == lea["score"] + 4
    answer = await essays.call("DELETE", f"{ASSIGNMENT}/release-grades", token=ines)
    assert answer.status_code == 204
    (lea,) = await own(essays, "lea")
    assert lea["final"] is None


@pytest.mark.asyncio
async def test_notifications_are_ones_own_and_read_once(essays, ines):
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={"feedback": False})
    await essays.run_jobs()
    lea, liam = essays.token("lea"), essays.token("liam")
    (mine,) = await essays.data("GET", "/notifications?unread=true", token=lea)
    await essays.error("POST", f"/notifications/{mine['id']}/read", token=liam, status=404, code="not_found")
    read = await essays.data("POST", f"/notifications/{mine['id']}/read", token=lea)
    assert read["read_at"]
    assert await essays.data("GET", "/notifications?unread=true", token=lea) == []
    assert await essays.data("POST", "/notifications/read", token=liam, json={}) == {"read": 1}
    assert await essays.data("POST", "/notifications/read", token=liam, json={}) == {"read": 0}


@pytest.mark.asyncio
async def test_late_work_costs_what_the_policy_says_until_somebody_decides_otherwise(essays, ines, gabriel):
    before = await cell_of(essays, gabriel, "lea")
    due = essays.clock.now - timedelta(hours=30)
    change = {"late_policy": "percent_per_day", "late_percent_per_day": 10, "due_at": due.isoformat()}
    policy = await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json=change)
    assert policy["version"] == 1
    assert policy["effective_counting"] == "last"
    late = await cell_of(essays, gabriel, "lea")
    assert late["late"] is True
    assert late["penalty"] == pytest.approx(before["score"] * 0.2), "two days have begun"
    (attempt,) = await own(essays, "lea")
    assert attempt["late"] is True
    await essays.error(
        "PATCH",
        f"{ASSIGNMENT}/policy",
        token=ines,
        json={"grace_minutes": 5, "expected_version": 0},
        status=409,
        code="changed_meanwhile",
    )
    more = {"due_at": essays.clock.now.isoformat(), "reason": "Was ill."}
    await essays.data("PUT", f"{ASSIGNMENT}/extensions/lea", token=ines, json=more)
    extended = await cell_of(essays, gabriel, "lea")
    assert (extended["late"], extended["penalty"], extended["extension"]) == (False, 0, True)
    (attempt,) = await own(essays, "lea")
    assert attempt["late"] is False
    assert (await cell_of(essays, gabriel, "liam"))["late"] is True
    rows = await essays.data("GET", f"{ASSIGNMENT}/extensions", token=gabriel)
    assert [(row["learner"]["username"], row["reason"]) for row in rows] == [("lea", "Was ill.")]
    await essays.run_jobs()
    (told,) = await essays.data("GET", "/notifications", token=essays.token("lea"))
    assert told["kind"] == "extension.granted"
    answer = await essays.call("DELETE", f"{ASSIGNMENT}/extensions/lea", token=ines)
    assert answer.status_code == 204
    assert (await cell_of(essays, gabriel, "lea"))["late"] is True
    path = f"/staff/attempts/{before['attempt_id']}/penalties"
    set_by_hand = await essays.data(
        "PUT", path, token=gabriel, json={"notebook": LESSON, "penalty": 1, "expected_version": 0}
    )
    assert set_by_hand["penalties"][LESSON]["overridden"] is True
    assert set_by_hand["final"]["score"] == before["score"] - 1
    back = await essays.data("PUT", path, token=gabriel, json={"notebook": LESSON, "penalty": None})
    assert back["penalties"][LESSON]["penalty"] == late["penalty"]
    await essays.error(
        "PUT", f"{ASSIGNMENT}/extensions/ines", token=ines, json=more, status=404, code="unknown_learner"
    )
    log = await essays.data("GET", f"{COURSE}/audit", token=ines)
    assert {row["action"] for row in log} == {
        "policy.changed",
        "extension.granted",
        "extension.taken_back",
        "penalty.overridden",
    }


@pytest.mark.asyncio
async def test_an_extension_that_would_take_time_away_is_refused(essays, ines, gabriel):
    path = f"{ASSIGNMENT}/extensions/lea"
    due = essays.clock.now + timedelta(days=2)

    async def refused(**given):
        return await essays.error("PUT", path, token=ines, json=given, status=422, code="no_more_time")

    told = await refused(due_at=(due + timedelta(days=9)).isoformat())
    assert "has no due date" in told["message"]
    await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json={"due_at": due.isoformat()})
    told = await refused(due_at=(due - timedelta(hours=1)).isoformat())
    assert f"{due:%B %Y %H:%M}" in told["message"]
    assert "later" in told["message"]
    assert [detail["field"] for detail in told["details"]] == ["due_at"]
    told = await refused(
        due_at=(due + timedelta(days=1)).isoformat(), closes_at=(due + timedelta(hours=1)).isoformat()
    )
    assert [detail["field"] for detail in told["details"]] == ["closes_at"]
    assert await essays.data("GET", f"{ASSIGNMENT}/extensions", token=ines) == []
    longer = due + timedelta(days=1)
    await essays.data("PUT", path, token=ines, json={"due_at": longer.isoformat()})
    # Everybody's due date moves past it: who was given more time has as much as the others.
    later = due + timedelta(days=7)
    await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json={"due_at": later.isoformat()})
    outline = await essays.data("GET", "/courses/python-foundations/outline", token=essays.token("lea"))
    shown = outline["units"][0]["lessons"][0]["due_at"]
    assert shown.startswith(f"{later:%Y-%m-%dT%H:%M}")


@pytest.mark.asyncio
async def test_a_hard_close_refuses_but_an_extension_opens(essays, ines):
    due = essays.clock.now - timedelta(minutes=1)
    await essays.data(
        "PATCH",
        f"{ASSIGNMENT}/policy",
        token=ines,
        json={"late_policy": "hard_close", "due_at": due.isoformat()},
    )
    lea, liam = essays.token("lea"), essays.token("liam")
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: submission()}}
    await essays.error(
        "POST", "/submissions", token=lea, json=body, headers=headers, status=409, code="lesson_closed"
    )
    later = essays.clock.now + timedelta(hours=1)
    await essays.data("PUT", f"{ASSIGNMENT}/extensions/lea", token=ines, json={"due_at": later.isoformat()})
    accepted = await essays.submit(lea, {LESSON: submission()})
    assert accepted["late"] is False
    outline = await essays.data("GET", "/courses/python-foundations/outline", token=lea)
    lesson = outline["units"][0]["lessons"][0]
    assert lesson["due_at"] == lesson["closes_at"]
    assert lesson["due_at"].startswith(f"{later:%Y-%m-%dT%H:%M}")
    outline = await essays.data("GET", "/courses/python-foundations/outline", token=liam)
    assert outline["units"][0]["lessons"][0]["due_at"].startswith(f"{due:%Y-%m-%dT%H:%M}")


@pytest.mark.asyncio
async def test_which_attempt_counts_is_the_assignments_choice(essays, ines, gabriel):
    lea = essays.token("lea")
    await essays.submit(lea, {LESSON: submission("Another.", solved=False)})
    await essays.run_jobs()
    newest = await cell_of(essays, gabriel, "lea")
    await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json={"counting": "best"})
    best = await cell_of(essays, gabriel, "lea")
    assert best["attempt_id"] != newest["attempt_id"]
    assert best["score"] > newest["score"]
    assert [row["counts"] for row in await own(essays, "lea")] == [False, True]
    await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json={"counting": None})
    assert [row["counts"] for row in await own(essays, "lea")] == [True, False]


@pytest.mark.asyncio
async def test_grades_leave_as_nbgraders_csv_and_as_a_workbook(essays, ines, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    await give(essays, gabriel, attempt, manual_score=3)
    answer = await essays.call("GET", f"{COURSE}/gradebook/export?format=csv", token=gabriel)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "grades.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.text.splitlines()[0] == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,"
        "late_submission_penalty,score,max_score"
    )
    assert len(rows) == 2 * len((await book(essays, gabriel))["assignments"])
    lea = next(row for row in rows if (row["student_id"], row["assignment"]) == ("lea", LESSON))
    cell = await cell_of(essays, gabriel, "lea")
    assert (float(lea["score"]), float(lea["max_score"])) == (cell["score"], cell["max_score"])
    assert lea["timestamp"] == f"{essays.clock.now.replace(tzinfo=None)}"
    answer = await essays.call("GET", f"{COURSE}/gradebook/export?format=xlsx", token=gabriel)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as workbook:
        names = workbook.read("xl/workbook.xml").decode()
        texts = workbook.read("xl/sharedStrings.xml").decode()
    assert 'name="grades"' in names
    assert 'name="overview"' in names
    assert "lea" in texts
    log = await essays.data("GET", f"{COURSE}/audit", token=ines, params={"action": "grades.exported"})
    assert [row["actor"] for row in log] == ["gabriel", "gabriel"]


@pytest.mark.asyncio
async def test_what_staff_submit_themselves_is_in_no_column_and_no_queue(essays, gabriel):
    await essays.submit(essays.token("ines"), {LESSON: submission("Staff.")})
    await essays.run_jobs()
    page = await book(essays, gabriel)
    assert {row["learner"]["username"] for row in page["rows"]} == {"lea", "liam"}
    assert page["assignments"][0]["needs_grading"] == 2
    async with essays.session() as session:
        assert len(list(await session.scalars(select(Grade)))) == 3
