"""Grading by hand over HTTP: marks, versions, claims, the queue, rubrics, and what goes along with a new attempt."""

import uuid
from datetime import timedelta

import pytest
from essay_course import ASSIGNMENT, COURSE, ESSAY, LESSON, cell_of, give, grading, submission
from sqlalchemy import select
from studyhall.gradebook.models import ManualGrade


@pytest.mark.asyncio
async def test_a_mark_by_hand_counts_is_written_down_and_needs_the_version_that_was_seen(
    essays, ines, gabriel
):
    before = await cell_of(essays, gabriel, "lea")
    attempt = before["attempt_id"]
    sheet = await grading(essays, gabriel, attempt)
    essay = next(cell for cell in sheet["cells"] if cell["test_id"] == ESSAY)
    assert essay["kind"] == "manual"
    assert essay["answer"] == {
        "source": "Names point at values.",
        "cell_type": "markdown",
        "unchanged": False,
        "html": "<p>Names point at values.</p>\n",
    }
    assert (essay["auto_score"], essay["needs_grading"], essay["version"]) == (None, True, 0)
    done = await give(essays, gabriel, attempt, manual_score=3, extra_credit=1, comment="Good.")
    assert done["cell"]["manual_score"] == 3
    assert done["cell"]["version"] == 1
    assert done["final"]["score"] == before["score"] + 4
    assert done["final"]["needs_grading"] is False
    after = await cell_of(essays, gabriel, "lea")
    assert (after["state"], after["manual"], after["score"]) == ("graded", True, before["score"] + 4)
    await essays.error(
        "PUT",
        f"/staff/attempts/{attempt}/grading",
        token=ines,
        json={"test_id": ESSAY, "manual_score": 0, "expected_version": 0},
        status=409,
        code="changed_meanwhile",
    )
    again = await give(essays, ines, attempt, version=1, manual_score=2, extra_credit=None, comment="Good.")
    assert again["final"]["score"] == before["score"] + 2
    log = await essays.data("GET", f"{COURSE}/audit", token=ines, params={"action": "grade.changed"})
    assert [(row["actor"], row["after"]["manual_score"]) for row in log] == [("ines", 2), ("gabriel", 3)]
    assert log[0]["before"]["manual_score"] == 3
    assert "lea" in log[0]["object"]
    await essays.error("GET", f"{COURSE}/audit", token=gabriel, status=403, code="forbidden")


@pytest.mark.asyncio
async def test_points_that_a_cell_cannot_have_are_refused(essays, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    path = f"/staff/attempts/{attempt}/grading"
    for given, status, code in (
        ({"test_id": ESSAY, "manual_score": 5}, 422, "validation_error"),
        ({"test_id": ESSAY, "manual_score": -1}, 422, "validation_error"),
        ({"test_id": f"{LESSON}/nothing", "manual_score": 1}, 404, "unknown_cell"),
    ):
        await essays.error(
            "PUT", path, token=gabriel, json={"expected_version": 0, **given}, status=status, code=code
        )
    sheet = await grading(essays, gabriel, attempt)
    plain = next(cell for cell in sheet["cells"] if cell["kind"] == "answer")
    await essays.error(
        "PUT",
        path,
        token=gabriel,
        json={"test_id": plain["test_id"], "manual_score": 1, "expected_version": 0},
        status=422,
        code="validation_error",
    )
    done = await give(essays, gabriel, attempt, test_id=plain["test_id"], comment="Nice names.")
    assert done["cell"]["comment"] == "Nice names."


@pytest.mark.asyncio
async def test_a_new_attempt_keeps_marks_for_equal_answers_and_queues_the_rest(essays, gabriel):
    first = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    item = await essays.data(
        "POST",
        f"{ASSIGNMENT}/rubric",
        token=gabriel,
        json={"test_id": ESSAY, "title": "Says what a name is", "points": 2},
        status=201,
    )
    await give(essays, gabriel, first, manual_score=3, comment="Good.", rubric_items=[item["id"]])
    lea = essays.token("lea")
    await essays.submit(lea, {LESSON: submission(solved=False)})
    await essays.run_jobs()
    second = await cell_of(essays, gabriel, "lea")
    assert second["attempt_id"] != first
    assert (second["state"], second["manual"], second["attempts"]) == ("graded", True, 2)
    sheet = await grading(essays, gabriel, second["attempt_id"])
    essay = next(cell for cell in sheet["cells"] if cell["test_id"] == ESSAY)
    assert (essay["manual_score"], essay["comment"], essay["carried_from"]) == (3, "Good.", first)
    assert essay["rubric_marks"] == [item["id"]]
    await essays.submit(lea, {LESSON: submission("Names are boxes.")})
    await essays.run_jobs()
    third = await cell_of(essays, gabriel, "lea")
    assert third["state"] == "needs_grading"
    assert third["manual"] is False
    async with essays.session() as session:
        kept = list(await session.scalars(select(ManualGrade).order_by(ManualGrade.created_at)))
    assert [str(row.attempt_id) for row in kept] == [first, second["attempt_id"]]


@pytest.mark.asyncio
async def test_an_answer_is_claimed_by_one_grader_at_a_time(essays, ines, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    body = {"attempt_id": attempt, "test_id": ESSAY}
    mine = await essays.data("POST", "/staff/grading-claims", token=gabriel, json=body, status=201)
    again = await essays.data("POST", "/staff/grading-claims", token=gabriel, json=body, status=201)
    assert mine["mine"] is True
    assert again["id"] == mine["id"]
    refused = await essays.error(
        "POST", "/staff/grading-claims", token=ines, json=body, status=409, code="claimed"
    )
    assert "Gabriel" in refused["message"]
    await essays.error(
        "PUT",
        f"/staff/attempts/{attempt}/grading",
        token=ines,
        json={"test_id": ESSAY, "manual_score": 1, "expected_version": 0},
        status=409,
        code="claimed",
    )
    questions = await essays.data("GET", f"{COURSE}/grading-queue", token=ines)
    assert [(row["test_id"], row["waiting"], row["claimed"]) for row in questions] == [(ESSAY, 2, 1)]
    # It stays with who says so again and again, by an open page or by work, and is soon free when nothing is heard.
    for _ in range(3):
        essays.clock.now += timedelta(seconds=80)
        await essays.data("POST", "/staff/grading-claims", token=gabriel, json=body, status=201)
    essays.clock.now += timedelta(seconds=80)
    await give(essays, gabriel, attempt, manual_score=1)
    essays.clock.now += timedelta(seconds=89)
    await essays.error("POST", "/staff/grading-claims", token=ines, json=body, status=409, code="claimed")
    essays.clock.now += timedelta(seconds=2)
    taken = await essays.data("POST", "/staff/grading-claims", token=ines, json=body, status=201)
    assert taken["by"] == "Ines"
    answer = await essays.call("DELETE", f"/staff/grading-claims/{taken['id']}", token=ines)
    assert answer.status_code == 204


@pytest.mark.asyncio
async def test_letting_go_of_an_answer_works_twice_and_takes_nothing_from_others(essays, ines, gabriel):
    body = {"attempt_id": (await cell_of(essays, gabriel, "lea"))["attempt_id"], "test_id": ESSAY}

    async def let_go(claim, token):
        answer = await essays.call("DELETE", f"/staff/grading-claims/{claim}", token=token)
        assert answer.status_code == 204, answer.text

    mine = await essays.data("POST", "/staff/grading-claims", token=gabriel, json=body, status=201)
    await let_go(mine["id"], ines)
    await essays.error("POST", "/staff/grading-claims", token=ines, json=body, status=409, code="claimed")
    await let_go(mine["id"], gabriel)
    await let_go(mine["id"], gabriel)
    await let_go(uuid.uuid4(), gabriel)
    # Nothing was heard of it, somebody else took it, and now the first one's page is closed.
    mine = await essays.data("POST", "/staff/grading-claims", token=gabriel, json=body, status=201)
    essays.clock.now += timedelta(minutes=10)
    taken = await essays.data("POST", "/staff/grading-claims", token=ines, json=body, status=201)
    for claim in {mine["id"], taken["id"]}:
        await let_go(claim, gabriel)
    await essays.error("POST", "/staff/grading-claims", token=gabriel, json=body, status=409, code="claimed")


@pytest.mark.asyncio
async def test_the_queue_shows_answers_without_names_on_request(essays, ines, gabriel):
    path = f"{COURSE}/grading-queue/{LESSON}"
    named = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY})
    assert {row["learner"]["username"] for row in named} == {"lea", "liam"}
    hidden = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY, "anonymous": "true"})
    assert [row["learner"] for row in hidden] == [None, None]
    assert [row["label"] for row in hidden] == ["Answer 1", "Answer 2"]
    assert [row["attempt_id"] for row in hidden] == [row["attempt_id"] for row in named]
    first = hidden[0]
    assert first["max_points"] == 4
    assert first["auto_max"] > 0
    await give(essays, gabriel, first["attempt_id"], manual_score=2)
    left = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY})
    assert [row["label"] for row in left] == ["Answer 2"]
    every = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY, "include_graded": "true"})
    assert [(row["needs_grading"], row["manual_score"]) for row in every] == [(False, 2), (True, None)]
    await essays.data("PATCH", f"{ASSIGNMENT}/policy", token=ines, json={"anonymous": True})
    always = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY})
    assert always[0]["learner"] is None
    sheet = await grading(essays, gabriel, first["attempt_id"])
    assert sheet["learner"] is None
    assert {sheet["previous"], sheet["next"]} == {None, left[0]["attempt_id"]}
    questions = await essays.data("GET", f"{COURSE}/grading-queue", token=gabriel)
    assert [(row["waiting"], row["graded"]) for row in questions] == [(1, 1)]


@pytest.mark.asyncio
async def test_a_rubric_is_shared_and_changing_it_changes_no_score(essays, gabriel):
    path = f"{ASSIGNMENT}/rubric"
    made = [
        await essays.data(
            "POST",
            path,
            token=gabriel,
            json={"test_id": ESSAY, "title": title, "points": points},
            status=201,
        )
        for title, points in (("Clear", 2), ("Wrong word", -1))
    ]
    assert [item["position"] for item in made] == [0, 1]
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    await give(essays, gabriel, attempt, manual_score=1, rubric_items=[item["id"] for item in made])
    changed = await essays.data(
        "PATCH", f"{path}/{made[0]['id']}", token=gabriel, json={"points": 3, "expected_version": 1}
    )
    assert (changed["points"], changed["used"], changed["version"]) == (3, 1, 2)
    await essays.error(
        "PATCH",
        f"{path}/{made[0]['id']}",
        token=gabriel,
        json={"points": 4, "expected_version": 1},
        status=409,
        code="changed_meanwhile",
    )
    assert (await essays.call("DELETE", f"{path}/{made[1]['id']}", token=gabriel)).status_code == 204
    rows = await essays.data("GET", path, token=gabriel, params={"test_id": ESSAY})
    assert [row["title"] for row in rows] == ["Clear"]
    sheet = await grading(essays, gabriel, attempt)
    essay = next(cell for cell in sheet["cells"] if cell["test_id"] == ESSAY)
    assert essay["manual_score"] == 1
    assert set(essay["rubric_marks"]) == {item["id"] for item in made}
    await essays.error(
        "PUT",
        f"/staff/attempts/{attempt}/grading",
        token=gabriel,
        json={
            "test_id": ESSAY,
            "manual_score": 1,
            "rubric_items": [str(uuid.uuid4())],
            "expected_version": 1,
        },
        status=404,
        code="unknown_cell",
    )
    await essays.error(
        "POST",
        path,
        token=gabriel,
        json={"test_id": "no/such", "title": "x", "points": 1},
        status=404,
        code="unknown_cell",
    )


@pytest.mark.asyncio
async def test_grades_of_another_course_are_not_there(essays, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    narrow = essays.token(
        "gabriel", ["custom:studyhall:learner", "custom:studyhall:grade!group=course:cooking:graders"]
    )
    await essays.error(
        "GET", f"/staff/attempts/{attempt}/grading", token=narrow, status=404, code="not_found"
    )
    await essays.error(
        "POST",
        "/staff/grading-claims",
        token=narrow,
        json={"attempt_id": attempt, "test_id": ESSAY},
        status=404,
        code="not_found",
    )
