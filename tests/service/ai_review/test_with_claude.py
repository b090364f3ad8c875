"""Reviews that Claude writes: what it is sent, what becomes of its answers, and the trouble it may have."""

import asyncio

import pytest
from classrooms import STAFF_SCOPES
from messages_api import changed
from reviewed_attempts import (
    ask,
    assert_no_canary,
    graded,
    heard_while,
    show,
)
from sqlalchemy import func, select, text
from studyhall.ai_review.models import Review
from studyhall.events.models import Event, EventType
from studyhall.permissions import Role
from studyhall.rewards.models import LedgerEntry
from studyhall.submissions.models import Attempt

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("passed", [True, False])
async def test_claude_is_sent_nothing_of_hidden_tests_and_no_name(with_claude, api, passed):
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea, passed=passed)
        await ask(room, lea, attempt, focus_areas=["security"])
        await room.run_jobs()
        review = await show(room, lea, attempt)
    assert review["status"] == "complete"
    assert review["provider"] == "claude"
    assert review["overall_score"] == 82
    assert bool(review["code_suggestions"]) is passed
    assert review["speaker"].endswith("rules" if passed else "hints only")
    assert len(api.bodies) == 1
    assert_no_canary(api.sent)
    assert_no_canary(review)
    assert "price_with_tip(20, 10)" in api.sent, "the learner's extra cell"
    assert "Task 1: the tip jar" in api.sent
    assert "Title of test_tip_more" in api.sent
    assert "BEGIN HIDDEN" not in api.sent
    assert "assert price_with_tip" not in api.sent, "not even the source of visible tests"
    for name in ("lea", "Lea"):
        assert f'"{name}"' not in api.sent
        assert f" {name} " not in api.sent


async def test_even_a_learner_who_pastes_their_own_hidden_region_sends_no_real_one(with_claude, api):
    """What a learner writes is theirs; the release's hidden tests are not merged into it anywhere."""
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea, answer="### BEGIN HIDDEN TESTS\nx = 1\n### END HIDDEN TESTS")
        await ask(room, lea, attempt)
        await room.run_jobs()
        assert (await show(room, lea, attempt))["status"] == "complete"
    assert_no_canary(api.sent)


async def test_a_review_changes_no_grade_and_earns_nothing(with_claude, api):
    async def facts(room):
        async with room.session() as session:
            rows = await session.execute(select(Attempt.score, Attempt.passed, Attempt.status))
            return list(rows), await session.scalar(select(func.sum(LedgerEntry.amount)))

    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        await room.run_jobs()
        before = await facts(room)
        await ask(room, lea, attempt)
        await room.run_jobs()
        assert await facts(room) == before
        async with room.session() as session:
            (event,) = await session.scalars(
                select(Event).where(Event.type == EventType.AI_REVIEW_COMPLETED.value)
            )
        assert event.data["attempt_id"] == attempt
        assert event.data["provider"] == "claude"


async def test_two_presses_are_one_review(with_claude, api):
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        asked = await asyncio.gather(*(ask(room, lea, attempt) for _ in range(5)))
        assert len({one["review_id"] for one in asked}) == 1
        await room.run_jobs()
    assert len(api.bodies) == 1


async def test_asking_again_supersedes_the_old_review(with_claude, api):
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        first = await ask(room, lea, attempt)
        await room.run_jobs()
        api.then_say(changed(summary="Read once more."))
        second = await ask(room, lea, attempt)
        assert second["review_id"] != first["review_id"]
        await room.run_jobs()
        review = await show(room, lea, attempt)
        assert review["id"] == second["review_id"]
        assert review["summary"] == "Read once more."
        async with room.session() as session:
            rows = list(await session.scalars(select(Review).order_by(Review.created_at)))
        assert [row.superseded_at is None for row in rows] == [False, True]
        assert rows[0].status == "complete", "what was said stays in the table"


async def test_an_unreadable_answer_is_mended_once_and_then_fails_with_a_sentence(with_claude, api):
    api.then_say("nonsense", "more nonsense")
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        await ask(room, lea, attempt)
        await room.run_jobs()
        review = await show(room, lea, attempt)
        assert review["status"] == "failed"
        assert "Your points are not affected" in review["message"]
        assert review["summary"] == ""
        assert len(api.bodies) == 2
        await ask(room, lea, attempt)
        await room.run_jobs()
        assert (await show(room, lea, attempt))["status"] == "complete", "and may be asked for again"


async def test_an_overloaded_claude_is_asked_again_by_the_job(with_claude, api):
    api.then_fail(529)
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        await ask(room, lea, attempt)
        await room.run_jobs(times=1)
        assert (await show(room, lea, attempt))["status"] == "processing"
        async with room.session() as session:
            await session.execute(
                text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'ai_review.review'")
            )
        await room.run_jobs()
        assert (await show(room, lea, attempt))["status"] == "complete"
    assert len(api.bodies) == 2


async def test_when_claude_stays_away_the_learner_is_told(with_claude, api):
    api.then_fail(529)
    async with with_claude(job_attempts=1) as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        await ask(room, lea, attempt)
        heard = await heard_while(room, room.run_jobs())
        review = await show(room, lea, attempt)
        assert review["status"] == "failed"
        assert "ask again in a few minutes" in review["message"]
        assert "Overloaded" not in review["message"]
        assert [update["status"] for update in heard] == ["failed"]


async def test_a_review_that_was_given_up_on_is_made_when_staff_queue_its_job_again(with_claude, api):
    api.then_fail(529)
    async with with_claude(job_attempts=1) as room:
        lea, ines = room.token("lea"), room.token("ines", STAFF_SCOPES)
        await room.add_person("ines", Role.INSTRUCTOR)
        attempt = await graded(room, lea)
        await ask(room, lea, attempt)
        await room.run_jobs()
        (letter,) = await room.data("GET", "/staff/dead-letters", token=ines)
        await room.data("POST", f"/staff/dead-letters/{letter['id']}/requeue", token=ines)
        heard = await heard_while(room, room.run_jobs())
        review = await show(room, lea, attempt)
        assert (review["status"], review["message"]) == ("complete", "")
        assert [update["status"] for update in heard] == ["complete"]
    assert len(api.bodies) == 2


async def test_a_wrong_key_fails_at_once_and_names_no_error_to_the_learner(with_claude, api):
    api.then_fail(401)
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        await ask(room, lea, attempt)
        await room.run_jobs()
        review = await show(room, lea, attempt)
    assert review["status"] == "failed"
    assert "tell your instructor" in review["message"]
    assert len(api.bodies) == 1


async def undelivered(room):
    return await room.context.queue.app.connector.execute_query_all_async(
        "SELECT FROM procrastinate_jobs WHERE queue_name = 'events' AND status IN ('todo', 'doing')"
    )


async def test_slow_reviews_leave_hands_free_for_grading(with_claude, api):
    """Two lanes at most wait for Claude, however many reviews there are to make."""
    async with with_claude(ai_concurrency=2) as room:
        for number in range(6):
            await room.add_person(f"learner{number}")
            token = room.token(f"learner{number}")
            api.then_hang()
            await ask(room, token, await graded(room, token))
        work = asyncio.create_task(room.run_jobs())
        async with asyncio.timeout(120):
            await api.arrived.wait()
            lea = room.token("lea")
            await graded(room, lea)
            # A worker's other lanes work on whatever else there is while Claude keeps its callers waiting; the one that
            # waits with them may have taken this as well.
            while await undelivered(room):
                await room.context.queue.app.run_worker_async(
                    queues=["events"], wait=False, install_signal_handlers=False, listen_notify=False
                )
            assert (await room.data("GET", "/rewards/profile", token=lea))["xp"]
        assert 1 <= len(api.bodies) <= 2
        api.release.set()
        await work
        await room.run_jobs()
        assert len(api.bodies) == 6


async def test_a_job_that_runs_twice_makes_one_review(with_claude, api):
    async with with_claude() as room:
        lea = room.token("lea")
        attempt = await graded(room, lea)
        asked = await ask(room, lea, attempt)
        async with room.session() as session:
            await room.context.queue.defer(
                session, "ai_review.review", queue="ai-review", review_id=asked["review_id"]
            )
        await room.run_jobs()
        await room.run_jobs()
        async with room.session() as session:
            done = await session.scalar(
                select(func.count())
                .select_from(Event)
                .where(Event.type == EventType.AI_REVIEW_COMPLETED.value)
            )
        assert done == 1
