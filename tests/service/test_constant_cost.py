"""What a page costs does not grow with courses, learners or history: indexes are used, caches are bounded."""

import re
import uuid
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from studyhall.db.shelf import Shelf
from studyhall.permissions import Role
from studyhall.rewards import boards

LESSON = "values-and-names"
COURSE = "python-foundations"
BIG = (
    "attempts",
    "snapshots",
    "reports",
    "users",
    "enrolments",
    "lesson_progress",
    "xp_ledger",
    "daily_activity",
    "events",
    "counting_attempts",
    "procrastinate_jobs",
)

# 5,000 learners, each with two graded attempts, a place in the ledger, and an active day.
CROWD = """
INSERT INTO users (id, cohort_id, hub_username, display_name)
SELECT gen_random_uuid(), o.cohort_id, 'crowd-' || n, 'Crowd ' || n FROM course_offerings o, generate_series(1, 5000) n;
INSERT INTO enrolments (id, cohort_id, offering_id, user_id, role)
SELECT gen_random_uuid(), u.cohort_id, o.id, u.id, 'learner'
  FROM users u, course_offerings o WHERE u.hub_username LIKE 'crowd-%';
INSERT INTO lesson_progress (id, cohort_id, user_id, lesson_id, state, attempts_used)
SELECT gen_random_uuid(), u.cohort_id, u.id, l.id, 'submitted', 2
  FROM users u, lessons l WHERE u.hub_username LIKE 'crowd-%' AND l.slug = 'values-and-names';
INSERT INTO attempts (id, cohort_id, user_id, offering_id, lesson_id, lesson_release_id, release, number,
                      idempotency_key, status, late, submitted_at, score, max_score, size)
SELECT gen_random_uuid(), u.cohort_id, u.id, o.id, r.lesson_id, r.id, 1, n, gen_random_uuid(), 'graded', false,
       now() - n * interval '1 day', n, 10, 1
  FROM users u, generate_series(1, 2) n, course_offerings o, lesson_releases r
  JOIN lessons l ON l.id = r.lesson_id
 WHERE u.hub_username LIKE 'crowd-%' AND l.slug = 'values-and-names' AND r.release_id = o.release_id;
INSERT INTO reports (id, cohort_id, attempt_id, status, score, max_score, for_learner, sealed, flagged, duration_ms,
                     judge_version, graded_at)
SELECT gen_random_uuid(), a.cohort_id, a.id, 'graded', a.score, 10,
       '{"status": "graded", "message": "", "score": 1, "max_score": 10, "tests": [], "repairs": []}', '', false, 5, '',
       now()
  FROM attempts a;
INSERT INTO counting_attempts (id, cohort_id, user_id, lesson_id, attempt_id)
SELECT gen_random_uuid(), a.cohort_id, a.user_id, a.lesson_id, a.id FROM attempts a WHERE a.number = 2;
INSERT INTO xp_ledger (id, cohort_id, user_id, amount, reason, object, attempt_id, event_id, occurred_at, day)
SELECT gen_random_uuid(), u.cohort_id, u.id, 10, 'lesson_score', 'lesson:1', gen_random_uuid(), gen_random_uuid(),
       now(), current_date
  FROM users u WHERE u.hub_username LIKE 'crowd-%';
INSERT INTO daily_activity (id, cohort_id, user_id, day, actions)
SELECT gen_random_uuid(), u.cohort_id, u.id, current_date, 1 FROM users u WHERE u.hub_username LIKE 'crowd-%';
"""


@pytest.fixture
def crowded(classroom, postgres, database):
    """A classroom with a crowd in it."""
    with postgres.connect(database=database) as connection:
        connection.execute(CROWD)
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")
    return classroom


@contextmanager
def listened_to(room):
    """Collect the questions that the service asks its database."""
    asked = []

    def hear(_connection, _cursor, statement, parameters, _context, _executemany):
        if re.match(r"\s*(SELECT|WITH)\b", statement):
            asked.append((statement, parameters))

    engine = room.context.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", hear)


async def plans(room, asked):
    """Return how PostgreSQL answers each question."""
    async with room.session() as session:
        connection = await session.connection()
        for statement, parameters in asked:
            rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            yield statement, "\n".join(row[0] for row in rows)


PAGES = [
    "/me",
    "/courses",
    f"/courses/{COURSE}/outline",
    f"/submissions?course={COURSE}&lesson={LESSON}",
    "/submissions",
    "/rewards/profile",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("page", PAGES)
async def test_a_learners_page_reads_no_big_table_as_a_whole(crowded, page):
    token = crowded.token("crowd-17")
    await crowded.data("GET", page, token=token)
    with listened_to(crowded) as asked:
        await crowded.data("GET", page, token=token)
    assert asked
    async for statement, plan in plans(crowded, asked):
        for table in BIG:
            assert not re.search(rf"Seq Scan on {table}\b", plan), f"{statement}\n{plan}"


@pytest.mark.asyncio
async def test_submitting_reads_no_big_table_as_a_whole(crowded):
    token = crowded.token("crowd-17")
    with listened_to(crowded) as asked:
        await crowded.submit(
            token, {LESSON: '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'}
        )
    async for statement, plan in plans(crowded, [each for each in asked if "INSERT" not in each[0]]):
        for table in BIG:
            assert not re.search(rf"Seq Scan on {table}\b", plan), f"{statement}\n{plan}"


@pytest.mark.asyncio
async def test_a_large_cohorts_board_is_read_once_for_many_requests(crowded, monkeypatch):
    # However long this machine takes from one request to the next.
    monkeypatch.setattr(boards, "KEPT_SECONDS", 600.0)
    token = crowded.token("crowd-17")
    first = await crowded.data("GET", "/leaderboard", token=token)
    with listened_to(crowded) as asked:
        again = await crowded.data("GET", "/leaderboard", token=token)
    assert again == first
    assert first["me"] == {"rank": 1, "xp": 10}
    assert not [statement for statement, _ in asked if "max(xp_ledger" in statement]
    async for statement, plan in plans(crowded, asked):
        assert not re.search(r"Seq Scan on (xp_ledger|users|enrolments)\b", plan), f"{statement}\n{plan}"


@pytest.mark.asyncio
async def test_who_opts_out_is_gone_from_a_large_board_at_once(crowded):
    token = crowded.token("crowd-17")
    before = await crowded.data("GET", "/leaderboard?limit=1", token=token)
    async with crowded.session() as session:
        first = await boards.current(session, None)
        name = await session.scalar(
            text("SELECT hub_username FROM users WHERE id = :id"), {"id": first.first(1)[0].user_id}
        )
    await crowded.data(
        "PATCH", "/rewards/preferences", token=crowded.token(name), json={"leaderboard_visible": False}
    )
    after = await crowded.data("GET", "/leaderboard?limit=1", token=token)
    assert after["entries"][0]["display_name"] != before["entries"][0]["display_name"]


@pytest.mark.asyncio
async def test_a_lesson_is_read_once_and_a_new_release_is_seen_at_once(classroom, tmp_path):
    import shutil

    from classrooms import SAMPLE

    await classroom.add_person("nina", Role.LEARNER)
    token = classroom.token("nina")
    path = f"/courses/{COURSE}/outline"
    await classroom.data("GET", path, token=token)
    with listened_to(classroom) as asked:
        await classroom.data("GET", path, token=token)
    assert not [statement for statement, _ in asked if "FROM lesson_releases" in statement]
    shutil.copytree(SAMPLE, tmp_path / "course")
    description = tmp_path / "course" / "course.yaml"
    description.write_text(description.read_text().replace("Values and names", "Names and values"))
    await classroom.publish(tmp_path / "course")
    found = await classroom.data("GET", path, token=token)
    assert "Names and values" in [lesson["title"] for unit in found["units"] for lesson in unit["lessons"]]


def test_what_is_kept_is_bounded_and_the_oldest_goes_first():
    shelf = Shelf(3)
    keys = [uuid.uuid4() for _ in range(4)]
    for key in keys[:3]:
        assert shelf.keep(key, str(key)) == str(key)
    assert shelf.get(keys[0]) == str(keys[0])
    shelf.keep(keys[3], "new")
    assert len(shelf) == 3
    assert shelf.get(keys[1]) is None, "asked for the longest time ago"
    assert shelf.get(keys[0]) is not None
    shelf.drop(lambda key: key == keys[0])
    assert shelf.get(keys[0]) is None
