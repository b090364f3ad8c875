"""XP, level, streak and leaderboard as events make them."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from studyhall.events.models import Event, EventType
from studyhall.permissions import Role
from studyhall.rewards import service
from studyhall.rewards.models import DailyActivity, LedgerEntry

pytestmark = pytest.mark.asyncio

LESSON_ID = str(uuid.UUID(int=1))
THURSDAY = datetime(2026, 5, 14, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def room(classroom):
    """A classroom on a Thursday noon."""
    classroom.clock.now = THURSDAY
    return classroom


async def user_id(room, name):
    async with room.session() as session:
        return await session.scalar(text("SELECT id FROM users WHERE hub_username = :name"), {"name": name})


async def happens(room, name, kind, *, at=None, **data):
    """Have something happen to somebody, as the capability that owns it would tell."""
    about = {
        "attempt_id": str(uuid.uuid4()),
        "course": "python-foundations",
        "lesson": "values-and-names",
        "lesson_id": LESSON_ID,
        "title": "Values and names",
        "submitted_at": (at or room.clock()).isoformat(),
        **data,
    }
    person = await user_id(room, name)
    async with room.session() as session:
        event = await room.context.outbox.emit(session, kind, user_id=person, data=about)
    return event.id


async def graded(room, name, percent, **data):
    return await happens(
        room, name, EventType.SUBMISSION_GRADED, percent=percent, passed=percent >= 70, number=1, **data
    )


async def completed(room, name, **data):
    return await happens(room, name, EventType.LESSON_COMPLETED, **data)


async def quiz(room, name, percent, quiz_name="names-quiz", **data):
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, quiz_name))
    return await happens(
        room,
        name,
        EventType.QUIZ_COMPLETED,
        percent=percent,
        quiz=quiz_name,
        quiz_id=number,
        **data,
    )


async def profile(room, name):
    return await room.data("GET", "/rewards/profile", token=room.token(name))


async def board(room, name, **params):
    return await room.data("GET", "/leaderboard", token=room.token(name), params=params)


async def test_somebody_new_has_nothing_yet(room):
    found = await profile(room, "lea")
    assert found == {
        "enabled": True,
        "xp": 0,
        "level": 1,
        "band": "Beginner",
        "level_xp": 0,
        "xp_into_level": 0,
        "xp_to_next_level": 200,
        "streak": {"current": 0, "longest": 0, "active_today": False, "freezes": 0},
        "today": {"date": "2026-05-14", "xp": 0, "actions": 0},
        "last_30_days": found["last_30_days"],
    }
    assert [day["date"] for day in found["last_30_days"]][::29] == ["2026-04-15", "2026-05-14"]
    assert len(found["last_30_days"]) == 30


async def test_a_submission_gives_what_is_above_the_best_before(room):
    for percent, total in ((40, 40), (30, 40), (75.5, 75), (75.9, 75), (100, 100), (100, 100)):
        await graded(room, "lea", percent)
        await room.run_jobs()
        assert (await profile(room, "lea"))["xp"] == total
    async with room.session() as session:
        amounts = list(await session.scalars(select(LedgerEntry.amount).order_by(LedgerEntry.created_at)))
    assert amounts == [40, 35, 25]


async def test_a_completed_lesson_gives_fifty_once(room):
    await graded(room, "lea", 100)
    await completed(room, "lea")
    await completed(room, "lea")
    await room.run_jobs()
    found = await profile(room, "lea")
    assert found["xp"] == 150
    assert found["today"] == {"date": "2026-05-14", "xp": 150, "actions": 1}


async def test_a_quiz_gives_half_of_its_percent_and_fifty_at_most(room):
    for percent, total in ((66.7, 33), (100, 50), (100, 50)):
        await quiz(room, "lea", percent)
        await room.run_jobs()
        assert (await profile(room, "lea"))["xp"] == total
    await quiz(room, "lea", 50, "loops-quiz")
    await room.run_jobs()
    assert (await profile(room, "lea"))["xp"] == 75


async def test_an_event_that_is_delivered_twice_counts_once(room):
    event_id = await graded(room, "lea", 80)
    await room.run_jobs()
    async with room.session() as session:
        await room.context.queue.defer(
            session, "events.deliver", queue="events", event_id=str(event_id), subscriber="rewards"
        )
    await room.run_jobs()
    found = await profile(room, "lea")
    assert found["xp"] == 80
    assert found["today"]["actions"] == 1


async def test_attempts_counted_at_the_same_time_never_pay_more_than_the_best(room):
    person = await user_id(room, "lea")
    ids = [await graded(room, "lea", percent) for percent in (20, 90, 60, 90, 100, 10, 70, 100)]

    async def count(event_id):
        async with room.session() as session:
            event = (await session.scalars(select(Event).where(Event.id == event_id))).one()
            return await service.record(session, event, person, now=room.context.clock())

    await asyncio.gather(*(count(event_id) for event_id in ids))
    assert (await profile(room, "lea"))["xp"] == 100


async def test_the_ledger_can_only_grow(room):
    await graded(room, "lea", 80)
    await room.run_jobs()
    for statement in (
        "UPDATE xp_ledger SET amount = 1000",
        "DELETE FROM xp_ledger",
        "TRUNCATE xp_ledger",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with room.session() as session:
                await session.execute(text(statement))
    async with room.session(uuid.uuid4()) as session:
        assert await session.scalar(select(func.count()).select_from(LedgerEntry)) == 0


async def test_once_only_reasons_are_unique_in_the_database_too(room):
    person = await user_id(room, "lea")
    row = {
        "user_id": person,
        "cohort_id": room.context.cohort_id,
        "amount": 50,
        "reason": "lesson_completed",
        "object": "lesson:x",
        "event_id": uuid.uuid4(),
        "occurred_at": THURSDAY,
        "day": THURSDAY.date(),
    }
    async with room.session() as session:
        session.add(LedgerEntry(id=uuid.uuid4(), **row))
    with pytest.raises(Exception, match="uq_xp_ledger_once"):
        async with room.session() as session:
            session.add(LedgerEntry(id=uuid.uuid4(), **row))


async def listen(room, name):
    """Subscribe to somebody's live updates; returns the subscription and how to leave it."""
    manager = room.context.live.listen(room.context.cohort_id, await user_id(room, name))
    return manager, await manager.__aenter__()


async def updates(room, pubsub, name="rewards.updated"):
    """Return what the window heard so far: everything before a mark that is sent now."""
    await room.context.live.publish(room.context.cohort_id, await user_id(room, "lea"), "mark", {})
    found = []
    while True:
        message = await pubsub.get_message(timeout=60)
        if message is None:
            continue  # nothing yet
        update = json.loads(message["data"])
        if update["event"] == "mark":
            return found
        if update["event"] == name:
            found.append(update["data"])


async def test_the_learners_window_hears_of_it_with_gain_and_level(room):
    manager, pubsub = await listen(room, "lea")
    attempt = str(uuid.uuid4())
    await graded(room, "lea", 100, attempt_id=attempt)
    await completed(room, "lea", attempt_id=attempt)
    await quiz(room, "lea", 100)
    await quiz(room, "lea", 10)
    await room.run_jobs()
    first, second, third, fourth = await updates(room, pubsub)
    await manager.__aexit__(None, None, None)
    assert first["gained"] == {
        "xp": 100,
        "reason": "lesson_score",
        "object": "python-foundations/values-and-names",
        "attempt_id": attempt,
    }
    assert first["level_up"] is False
    assert first["streak"]["current"] == 1
    assert first["streak"]["active_today"] is True
    assert second["gained"]["xp"] == 50
    assert second["gained"]["attempt_id"] == attempt
    assert third["gained"]["object"] == "python-foundations/quizzes/names-quiz"
    assert third["level_up"] is True
    assert third["level"] == 2
    assert fourth["gained"] is None
    assert fourth["level_up"] is False
    assert fourth["xp"] == 200


async def test_days_in_a_row_are_a_streak_and_a_gap_begins_anew(room):
    for back in (5, 4, 2, 1):
        await graded(room, "lea", 10, at=THURSDAY - timedelta(days=back))
    await room.run_jobs()
    found = (await profile(room, "lea"))["streak"]
    assert found == {"current": 2, "longest": 2, "active_today": False, "freezes": 0}
    await quiz(room, "lea", 0)
    await room.run_jobs()
    found = (await profile(room, "lea"))["streak"]
    assert found == {"current": 3, "longest": 3, "active_today": True, "freezes": 0}
    room.clock.now = THURSDAY + timedelta(days=2)
    assert (await profile(room, "lea"))["streak"]["current"] == 0
    assert (await profile(room, "lea"))["streak"]["longest"] == 3


async def test_the_day_is_the_learners_own_day_when_they_did_it(room):
    """Done at 23:30 in Madrid, graded the next morning: it is still yesterday's work."""
    lea = room.token("lea")
    await room.data("PATCH", "/me", token=lea, json={"timezone": "Europe/Madrid"})
    room.clock.now = THURSDAY + timedelta(days=2)
    await room.data("GET", "/me", token=lea)
    await graded(room, "lea", 50, at=datetime(2026, 5, 15, 21, 30, tzinfo=UTC))
    await graded(room, "lea", 60, at=datetime(2026, 5, 15, 22, 30, tzinfo=UTC))
    await room.run_jobs()
    async with room.session() as session:
        days = sorted(await session.scalars(select(DailyActivity.day)))
    assert [day.isoformat() for day in days] == ["2026-05-15", "2026-05-16"]


@pytest.mark.parametrize("seen_before_it_is_counted", [False, True])
async def test_a_new_zone_counts_from_the_next_day(room, seen_before_it_is_counted):
    """Thursday 23:00 UTC is Friday in Tokyo; the learner chose Tokyo on Thursday, so Thursday it is."""
    lea = room.token("lea")
    await room.data("PATCH", "/me", token=lea, json={"timezone": "Asia/Tokyo"})
    await graded(room, "lea", 10, at=THURSDAY + timedelta(hours=11))
    await graded(room, "lea", 20, at=THURSDAY + timedelta(hours=28))
    room.clock.now = THURSDAY + timedelta(days=1, hours=8)
    if seen_before_it_is_counted:
        await room.data("GET", "/me", token=lea)
    await room.run_jobs()
    async with room.session() as session:
        days = sorted(await session.scalars(select(DailyActivity.day)))
    # 16:00 UTC on Friday is Saturday 01:00 in Tokyo.
    assert [day.isoformat() for day in days] == ["2026-05-14", "2026-05-16"]


async def test_the_best_of_a_window_with_ties_and_oneself(room):
    await room.add_person("nina")
    monday = datetime(2026, 5, 11, tzinfo=UTC)
    await graded(room, "lea", 90, at=monday - timedelta(seconds=1))
    await graded(room, "lea", 100, at=monday)
    await graded(room, "liam", 40, at=monday + timedelta(hours=1))
    await graded(room, "nina", 40, at=monday + timedelta(hours=2))
    await room.run_jobs()
    weekly = await board(room, "nina")
    assert weekly["window"] == "weekly"
    assert [(row["rank"], row["display_name"], row["xp"], row["is_me"]) for row in weekly["entries"]] == [
        (1, "Liam", 40, False),
        (1, "Nina", 40, True),
        (3, "Lea", 10, False),
    ]
    assert weekly["me"] == {"rank": 1, "xp": 40}
    all_time = await board(room, "nina", window="all_time", limit=1)
    assert [(row["display_name"], row["xp"], row["level"]) for row in all_time["entries"]] == [
        ("Lea", 100, 1)
    ]
    assert all_time["me"] == {"rank": 2, "xp": 40}
    assert (await board(room, "ines", window="monthly"))["me"] is None


async def test_only_the_cohorts_learners_are_on_it(room):
    await graded(room, "ines", 100)
    await graded(room, "lea", 10)
    await room.run_jobs()
    found = await board(room, "lea")
    assert [row["display_name"] for row in found["entries"]] == ["Lea"]
    staff = await board(room, "ines")
    assert [row["display_name"] for row in staff["entries"]] == ["Lea"]


async def test_who_opts_out_is_seen_by_nobody_and_keeps_their_own_place(room):
    lea = room.token("lea")
    assert await room.data("GET", "/rewards/preferences", token=lea) == {
        "leaderboard_visible": True,
        "pseudonym": None,
    }
    await graded(room, "lea", 50)
    await graded(room, "liam", 80)
    await room.run_jobs()
    chosen = await room.data("PATCH", "/rewards/preferences", token=lea, json={"leaderboard_visible": False})
    assert chosen == {"leaderboard_visible": False, "pseudonym": None}
    assert [row["display_name"] for row in (await board(room, "liam"))["entries"]] == ["Liam"]
    own = await board(room, "lea")
    assert [row["display_name"] for row in own["entries"]] == ["Liam"]
    assert own["me"] == {"rank": 2, "xp": 50}


async def test_a_pseudonym_is_shown_instead_of_the_name_and_is_nobody_elses(room):
    await graded(room, "lea", 50)
    await room.run_jobs()
    lea, liam = room.token("lea"), room.token("liam")
    path = "/rewards/preferences"
    chosen = await room.data("PATCH", path, token=lea, json={"pseudonym": "  Blue   Whale "})
    assert chosen == {"leaderboard_visible": True, "pseudonym": "Blue Whale"}
    assert (await board(room, "liam"))["entries"][0]["display_name"] == "Blue Whale"
    for taken in ("bluewhale", "BLUE WHALE", "lea", "Ines"):
        error = await room.error(
            "PATCH", path, token=liam, status=422, code="validation_error", json={"pseudonym": taken}
        )
        assert "Choose another" in error["message"]
    for odd in ("x", "y" * 41, "in\u200bvisible", "line\u202ereversed", "nul\x00"):
        await room.error(
            "PATCH", path, token=liam, status=422, code="validation_error", json={"pseudonym": odd}
        )
    await room.data("PATCH", path, token=lea, json={"leaderboard_visible": True})
    assert (await room.data("GET", path, token=lea))["pseudonym"] == "Blue Whale", "left out means unchanged"
    assert (await room.data("PATCH", path, token=lea, json={"pseudonym": None}))["pseudonym"] is None
    assert (await room.data("PATCH", path, token=liam, json={"pseudonym": "Blue Whale"}))["pseudonym"]


async def test_a_cohort_without_rewards_shows_none_and_loses_none(room, postgres, database):
    def switch(on):
        with postgres.connect(database=database) as connection:
            connection.execute("UPDATE cohorts SET rewards_enabled = %s", (on,))
            connection.commit()

    switch(on=False)
    manager, pubsub = await listen(room, "lea")
    await graded(room, "lea", 100)
    await room.run_jobs()
    assert await updates(room, pubsub) == []
    await manager.__aexit__(None, None, None)
    off = await profile(room, "lea")
    assert (off["enabled"], off["xp"], off["streak"]["current"], off["last_30_days"]) == (False, 0, 0, [])
    assert await board(room, "lea") == {"enabled": False, "window": "weekly", "entries": [], "me": None}
    switch(on=True)
    assert (await profile(room, "lea"))["xp"] == 100


async def test_a_real_quiz_moves_the_profile(room):
    lea = room.token("lea")
    begun = await room.data(
        "POST",
        "/quizzes/names-quiz/attempts",
        token=lea,
        status=201,
        json={"course": "python-foundations"},
    )
    await room.data(
        "POST",
        f"/quiz-attempts/{begun['attempt_id']}/submit",
        token=lea,
        json={
            "answers": [
                {"question_id": "two-names", "selected_option_id": "five"},
                {"question_id": "type-of-division", "answer_text": "float"},
            ]
        },
    )
    await room.run_jobs()
    found = await profile(room, "lea")
    assert found["xp"] == 50
    assert found["streak"] == {"current": 1, "longest": 1, "active_today": True, "freezes": 0}


async def test_the_leaderboard_reads_its_window_from_an_index(room, postgres, database):
    """With a year of a thousand learners' rows, this week's board must not read them all."""
    await room.add_person("nina", Role.LEARNER)
    with postgres.connect(database=database) as connection:
        connection.execute(
            """
            INSERT INTO xp_ledger (id, cohort_id, user_id, amount, reason, object, attempt_id, event_id,
                                   occurred_at, day)
            SELECT gen_random_uuid(), u.cohort_id, u.id, 1, 'lesson_score', 'lesson:' || n, gen_random_uuid(),
                   gen_random_uuid(), timestamptz '2026-05-10' - n * interval '10 minutes', date '2026-05-10'
              FROM users u, generate_series(1, 20000) n WHERE u.hub_username = 'nina'
            """
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE xp_ledger")
    async with room.session() as session:
        plan = await session.execute(
            text(
                "EXPLAIN SELECT user_id, sum(amount) FROM xp_ledger WHERE cohort_id = :cohort "
                "AND occurred_at >= '2026-05-11T00:00:00Z' GROUP BY user_id"
            ),
            {"cohort": room.context.cohort_id},
        )
        assert "ix_xp_ledger_cohort_occurred" in "\n".join(row[0] for row in plan)
    assert (await board(room, "nina"))["entries"] == []
