"""What learners hear of grades that are released already: one unread word per assignment, and windows that follow."""

import asyncio

import pytest
import pytest_asyncio
from essay_course import ASSIGNMENT, LESSON, cell_of, give, own, submission
from sqlalchemy import select
from studyhall.events.live import updates_in
from studyhall.identity.service import user_named
from studyhall.notifications.models import Notification

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def attempt(essays, ines, gabriel):
    """Lea's attempt, whose grade is released and was read of."""
    found = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    await give(essays, gabriel, found, manual_score=3, comment="Good.")
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    await essays.run_jobs()
    await essays.data("POST", "/notifications/read", token=essays.token("lea"), json={})
    return found


async def told(room, name="lea"):
    """What somebody has not read yet."""
    await room.run_jobs()
    return await room.data("GET", "/notifications?unread=true", token=room.token(name))


async def test_each_kind_of_change_is_said_and_unread_ones_do_not_pile_up(essays, ines, gabriel, attempt):
    assert await told(essays) == []
    await give(essays, gabriel, attempt, version=1, manual_score=3, comment="Good, and short.")
    (first,) = await told(essays)
    assert first["kind"] == "grade.changed"
    assert "has changed" in first["title"]
    assert first["link"] == {"course": "python-foundations", "lesson": LESSON, "attempt_id": attempt}
    essays.clock.now += essays.clock.now.resolution
    await give(essays, gabriel, attempt, version=2, manual_score=4, comment="Good, and short.")
    await essays.data(
        "PUT", f"/staff/attempts/{attempt}/penalties", token=gabriel, json={"notebook": LESSON, "penalty": 1}
    )
    (again,) = await told(essays)
    assert again["id"] == first["id"]
    assert again["created_at"] > first["created_at"]
    assert [row["kind"] for row in await told(essays, "liam")] == ["grades.released"], (
        "only Lea's has changed"
    )
    await essays.data("POST", f"/notifications/{first['id']}/read", token=essays.token("lea"))
    await essays.data(
        "PUT", f"/staff/attempts/{attempt}/penalties", token=gabriel, json={"notebook": LESSON, "penalty": 2}
    )
    (new,) = await told(essays)
    assert new["id"] != first["id"]


async def test_what_cannot_be_seen_is_not_said(essays, gabriel, attempt):
    await give(essays, gabriel, attempt, version=1, manual_score=3, comment="Good.")
    assert await told(essays) == [], "the same again"
    await essays.submit(essays.token("lea"), {LESSON: submission("Another.")})
    assert await told(essays) == [], "the learner has just seen what the own submission brought"
    assert (await own(essays, "lea"))[0]["final"]["needs_grading"] is True


async def test_a_release_that_nobody_has_read_stays_a_release(essays, ines, gabriel):
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    (first,) = await told(essays, "liam")
    await give(essays, gabriel, (await cell_of(essays, gabriel, "liam"))["attempt_id"], manual_score=2)
    (still,) = await told(essays, "liam")
    assert (still["id"], still["kind"], still["title"]) == (first["id"], "grades.released", first["title"])


async def test_a_grade_taken_back_leaves_the_window_and_the_unread_list_at_once(
    essays, ines, gabriel, attempt
):
    await give(essays, gabriel, attempt, version=1, manual_score=4)
    assert len(await told(essays)) == 1
    async with essays.session() as session:
        lea = await user_named(session, "lea")
    async with essays.context.live.listen(essays.context.cohort_id, lea.id) as heard:
        answer = await essays.call("DELETE", f"{ASSIGNMENT}/release-grades", token=ines)
        assert answer.status_code == 204
        update = await _heard(heard, "grades.updated")
    assert (update["attempt_id"], update["lesson"], update["final"]) == (attempt, LESSON, None)
    assert await essays.data("GET", "/notifications?unread=true", token=essays.token("lea")) == []
    assert len(await essays.data("GET", "/notifications", token=essays.token("lea"))) == 1, (
        "what was read stays"
    )


async def test_grades_taken_back_before_anybody_was_told_are_not_told(essays, ines, gabriel):
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    await essays.call("DELETE", f"{ASSIGNMENT}/release-grades", token=ines)
    assert await told(essays) == []
    async with essays.session() as session:
        assert list(await session.scalars(select(Notification))) == []
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    assert len(await told(essays)) == 1


async def _heard(pubsub, name):
    """The next update of this name that a person's window is told."""
    async with asyncio.timeout(60):
        async for message in pubsub.listen():
            for update, data in updates_in(message["data"]):
                if update == name:
                    return data
    raise AssertionError("the channel ended")
