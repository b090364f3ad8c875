"""Asking for a review, from the button to the sentence: who may, how often, and what is said."""

import pytest
from reviewed_attempts import (
    LESSON,
    ask,
    assert_no_canary,
    graded,
    heard_while,
    show,
    worked_on,
)
from sqlalchemy import text

pytestmark = pytest.mark.asyncio


async def test_without_a_key_it_is_automatic_checks_and_says_so(room):
    lea = room.token("lea")
    attempt = await graded(room, lea, passed=False)
    await room.error("GET", f"/submissions/{attempt}/ai-review", token=lea, status=404, code="not_found")
    asked = await ask(room, lea, attempt)
    assert asked["status"] == "processing"
    waiting = await show(room, lea, attempt)
    assert waiting["id"] == asked["review_id"]
    assert waiting["status"] == "processing"
    assert waiting["speaker"] == "Automatic checks (no AI)"
    await room.run_jobs()
    review = await show(room, lea, attempt)
    assert review["status"] == "complete"
    assert review["submission_id"] == attempt
    assert (review["provider"], review["speaker"]) == ("offline", "Automatic checks (no AI)")
    assert (review["overall_score"], review["dimensions"]) == (None, None)
    assert review["summary"].startswith("0 of 2 tests passed.")
    assert review["generated_at"]
    texts = {item["text"]: item for item in review["improvements"]}
    visible = texts["Title of test_tip: 20 and 10 make 22 — Hint: Hint of test_tip."]
    assert (visible["notebook"], visible["cell_id"]) == (LESSON, "price_with_tip")
    assert (
        "Title of test_tip_more (hidden test): it does not hold yet — Hint: Hint of test_tip_more." in texts
    )
    (style,) = [item for item in review["improvements"] if "E711" in item["text"]]
    assert (style["cell_id"], style["line_start"]) == ("price_with_tip", 2)
    assert_no_canary(review)


async def test_the_window_hears_that_it_is_under_way_and_that_it_is_done(room):
    lea = room.token("lea")
    attempt = await graded(room, lea)

    async def everything():
        await ask(room, lea, attempt)
        await room.run_jobs()

    heard = await heard_while(room, everything())
    assert [update["status"] for update in heard] == ["processing", "complete"]
    assert {update["submission_id"] for update in heard} == {attempt}
    assert len({update["review_id"] for update in heard}) == 1


@pytest.mark.parametrize(
    ("settings", "reviewer"),
    [
        ({"ai_provider": "none"}, None),
        ({"ai_provider": "offline"}, "offline"),
        ({"ai_provider": "claude", "anthropic_api_key": "k"}, "claude"),
    ],
)
async def test_the_outline_says_who_reads_an_attempt_before_anybody_asks(room_with, settings, reviewer):
    async with room_with(**settings) as room:
        outline = await room.data("GET", "/courses/python-foundations/outline", token=room.token("lea"))
        lesson = outline["units"][0]["lessons"][0]
        assert (lesson["ai_review"], lesson["ai_reviewer"]) == (reviewer is not None, reviewer)


async def test_switched_off_reviews_answer_with_a_sentence(room_with):
    async with room_with(ai_provider="none") as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        error = await room.error(
            "POST",
            f"/submissions/{attempt}/ai-review",
            token=lea,
            status=503,
            code="ai_unavailable",
            json={},
        )
        assert "switched off" in error["message"]


async def test_a_lesson_may_go_without_reviews(classroom_with, course):
    import yaml

    settings = yaml.safe_load((course / "course.yaml").read_text())
    settings["units"][0]["lessons"][0]["ai_review"] = False
    (course / "course.yaml").write_text(yaml.safe_dump(settings))
    async with classroom_with() as room:
        await room.publish(course)
        await room.add_person("lea")
        lea = room.token("lea")
        attempt = await graded(room, lea)
        error = await room.error(
            "POST", f"/submissions/{attempt}/ai-review", token=lea, status=403, code="ai_review_off", json={}
        )
        assert "instructor" in error["message"]


async def test_reviews_are_limited_per_hour_and_presses_that_change_nothing_are_free(room_with):
    async with room_with(ai_requests_per_hour=1) as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        for _ in range(3):
            await ask(room, lea, attempt)
        await room.run_jobs()
        answer = await room.call("POST", f"/submissions/{attempt}/ai-review", token=lea, json={})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await show(room, lea, attempt))["status"] == "complete", "the review that is there stays"
        liam = room.token("liam")
        await ask(room, liam, await graded(room, liam))


async def test_an_attempt_without_a_result_has_to_wait(room):
    lea = room.token("lea")
    attempt = await room.submit(lea, {LESSON: await worked_on(room, lea)})
    error = await room.error(
        "POST",
        f"/submissions/{attempt['id']}/ai-review",
        token=lea,
        status=409,
        code="not_graded_yet",
        json={},
    )
    assert "still being graded" in error["message"]


async def test_reviews_of_others_do_not_exist(room):
    lea, liam = room.token("lea"), room.token("liam")
    attempt = await graded(room, lea)
    await ask(room, lea, attempt)
    for method, body in (("GET", None), ("POST", {})):
        await room.error(
            method, f"/submissions/{attempt}/ai-review", token=liam, status=404, code="not_found", json=body
        )
    async with room.session() as session:
        await session.execute(
            text("DELETE FROM enrolments WHERE user_id = (SELECT id FROM users WHERE hub_username = 'lea')")
        )
    await room.error("GET", f"/submissions/{attempt}/ai-review", token=lea, status=404, code="not_found")


@pytest.mark.parametrize("body", [{"focus_areas": ["everything"]}, {"user": "liam"}, {"focus_areas": "x"}])
async def test_odd_requests_are_refused(room, body):
    lea = room.token("lea")
    attempt = await graded(room, lea)
    await room.error(
        "POST",
        f"/submissions/{attempt}/ai-review",
        token=lea,
        status=422,
        code="validation_error",
        json=body,
    )


async def test_a_real_verdict_is_reviewed_from_end_to_end(room, judge):
    lea = room.token("lea")
    attempt = await room.submit(lea, {LESSON: await worked_on(room, lea)})
    await room.run_jobs()
    await ask(room, lea, attempt["id"])
    await room.run_jobs()
    review = await show(room, lea, attempt["id"])
    assert review["status"] == "complete"
    report = (await room.data("GET", f"/submissions/{attempt['id']}", token=lea))["report"]
    failed = [test for test in report["tests"] if test["status"] != "passed"]
    assert failed
    for test in failed:
        assert any(item["text"].startswith(test["title"]) for item in review["improvements"])
    assert_no_canary(review)
