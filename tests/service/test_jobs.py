"""Jobs and events: exactly once, in the action's own transaction, and nothing lost when things break."""

import asyncio
import uuid
from pathlib import Path

import pytest
from classrooms import SAMPLE, STAFF_SCOPES
from sqlalchemy import func, select
from studyhall.db.session import after_commit
from studyhall.events.models import Event, EventDelivery, EventType
from studyhall.grading.models import Report
from studyhall.jobs.queue import Lane
from studyhall.submissions.models import Attempt

pytestmark = pytest.mark.asyncio

LESSON = "values-and-names"


def solved():
    return (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()


async def count_jobs(room, where="true"):
    rows = await room.context.queue.app.connector.execute_query_all_async(
        f"SELECT count(*) AS n FROM procrastinate_jobs WHERE {where}"  # noqa: S608 - the test's own words
    )
    return rows[0]["n"]


async def test_a_rolled_back_action_leaves_neither_event_nor_job(classroom):
    before = await count_jobs(classroom)

    async def failing_action():
        async with classroom.session() as session:
            await classroom.context.queue.defer(session, "grading.grade", queue="judge", attempt_id="x")
            await classroom.context.outbox.emit(session, EventType.USER_CREATED, user_id=None, data={})
            raise RuntimeError("the action failed")

    with pytest.raises(RuntimeError, match="the action failed"):
        await failing_action()
    assert await count_jobs(classroom) == before
    async with classroom.session() as session:
        events = (
            select(func.count())
            .select_from(Event)
            .where(Event.type == "user.created", Event.user_id.is_(None))
        )
        assert await session.scalar(events) == 0


async def test_what_waits_for_the_commit_does_not_happen_without_it(classroom):
    happened = []

    async def action():
        happened.append("yes")

    async def failing_action():
        async with classroom.session() as session:
            after_commit(session, action)
            raise RuntimeError("the action failed")

    with pytest.raises(RuntimeError, match="the action failed"):
        await failing_action()
    assert happened == []
    async with classroom.session() as session:
        after_commit(session, action)
    assert happened == ["yes"]


async def test_grading_twice_makes_one_report(classroom, judge):
    attempt = await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    async with classroom.session() as session:
        await classroom.context.queue.defer(session, "grading.grade", queue="judge", attempt_id=attempt["id"])
    await classroom.run_jobs()
    async with classroom.session() as session:
        assert await session.scalar(select(func.count()).select_from(Report)) == 1
        graded = (
            select(func.count()).select_from(Event).where(Event.type == EventType.SUBMISSION_GRADED.value)
        )
        assert await session.scalar(graded) == 1


async def test_a_listener_acts_once_however_often_its_job_runs(classroom):
    seen = []

    async def listener(session, event):
        seen.append(event.data["n"])

    outbox = classroom.context.outbox
    outbox.subscribe("test", frozenset({EventType.COURSE_PUBLISHED}), listener)
    async with classroom.session() as session:
        event = await outbox.emit(session, EventType.COURSE_PUBLISHED, user_id=None, data={"n": 1})
        await classroom.context.queue.defer(
            session, "events.deliver", queue="events", event_id=str(event.id), subscriber="test"
        )
    await classroom.run_jobs()
    assert seen == [1]
    async with classroom.session() as session:
        deliveries = select(func.count()).select_from(EventDelivery).where(EventDelivery.subscriber == "test")
        assert await session.scalar(deliveries) == 1


async def test_one_subscribers_trouble_is_not_the_others(classroom_with):
    """What an event owes is one job; where one subscriber fails, each gets a job with retries of its own."""
    async with classroom_with(job_attempts=1) as room:
        from studyhall.permissions import Role

        await room.publish()
        await room.add_person("ines", Role.INSTRUCTOR)

        async def steady(session, event):
            pass

        async def broken(session, event):
            raise RuntimeError("no paper in the printer")

        outbox, types = room.context.outbox, frozenset({EventType.USER_CREATED})
        outbox.subscribe("first", types, steady)
        outbox.subscribe("broken", types, broken)
        outbox.subscribe("last", types, steady)
        async with room.session() as session:
            event = await outbox.emit(session, EventType.USER_CREATED, user_id=None, data={})
        assert await count_jobs(room, f"position('{event.id}' IN args::text) > 0") == 1
        await room.run_jobs()
        async with room.session() as session:
            dealt = await session.scalars(
                select(EventDelivery.subscriber).where(EventDelivery.event_id == event.id)
            )
            assert {"first", "last"} <= set(dealt)
        letters = await room.data("GET", "/staff/dead-letters", token=room.token("ines", STAFF_SCOPES))
        assert [letter["arguments"]["subscriber"] for letter in letters] == ["broken"]
        assert "no paper in the printer" in letters[0]["reason"]


async def test_the_staff_pages_have_words_for_every_task(classroom):
    words = (Path(__file__).parents[2] / "extension/staff/jobs/words.ts").read_text()
    ours = [
        name
        for name in classroom.context.queue.app.tasks
        if not name.startswith(("builtin", "procrastinate"))
    ]
    assert "ai_review.review" in ours
    assert [name for name in ours if f"'{name}'" not in words and not name.startswith("events.")] == []


async def test_a_job_that_keeps_failing_becomes_a_dead_letter_that_staff_can_queue_again(classroom_with):
    # No judge listens on this socket, and a job is tried once only.
    async with classroom_with(job_attempts=1, judge_socket="/nowhere/judge.sock") as room:
        from studyhall.permissions import Role

        await room.publish()
        await room.add_person("lea")
        await room.add_person("ines", Role.INSTRUCTOR)
        lea, ines = room.token("lea"), room.token("ines", STAFF_SCOPES)
        attempt = await room.submit(lea, {LESSON: solved()})
        await room.run_jobs(times=1)
        letters = await room.data("GET", "/staff/dead-letters", token=ines)
        assert [letter["arguments"]["attempt_id"] for letter in letters] == [attempt["id"]]
        assert "JudgeUnavailable" in letters[0]["reason"]
        shown = await room.data("GET", f"/submissions/{attempt['id']}", token=lea)
        assert shown["status"] == "internal_error"
        again = await room.data("POST", f"/staff/dead-letters/{letters[0]['id']}/requeue", token=ines)
        assert again["requeued_at"]
        log = await room.data("GET", "/staff/courses/python-foundations/audit", token=ines)
        (entry,) = [row for row in log if row["action"] == "job.requeued"]
        assert (entry["actor"], entry["origin"], entry["course"]) == ("ines", "cli", None)
        assert entry["object"].startswith("grading.grade, given up on ")
        assert entry["after"]["attempt_id"] == attempt["id"]
        assert await count_jobs(room, "status = 'todo' AND queue_name = 'judge'") == 1
        await room.error(
            "POST",
            f"/staff/dead-letters/{letters[0]['id']}/requeue",
            token=ines,
            status=404,
            code="not_found",
        )
        assert await room.data("GET", "/staff/dead-letters", token=ines) == []
        log = await room.data(
            "GET", "/staff/courses/python-foundations/audit?action=job.requeued", token=ines
        )
        assert log == [entry], "what was refused is not in the log"


async def test_jobs_of_a_worker_that_died_run_again(classroom):
    queue = classroom.context.queue
    attempt = await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    # A worker that took the job and is gone: nobody holds its lock.
    worker_id = await queue.app.job_manager.register_worker()
    job = await queue.app.job_manager.fetch_job(queues=["judge"], worker_id=worker_id)
    assert job.task_kwargs["attempt_id"] == attempt["id"]
    assert job.id in await queue._jobs_without_worker()
    await queue._recover_job(classroom.context.database, job)
    assert await count_jobs(classroom, "status = 'todo' AND queue_name = 'judge'") == 1


async def test_a_living_workers_jobs_are_left_alone(classroom):
    queue = classroom.context.queue
    await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    worker_id = await queue.app.job_manager.register_worker()
    job = await queue.app.job_manager.fetch_job(queues=["judge"], worker_id=worker_id)
    await queue._say_alive(worker_id)
    assert job.id not in await queue._jobs_without_worker()


async def test_a_workers_first_job_is_nobody_elses_from_the_moment_it_is_taken(classroom, monkeypatch):
    """However long the worker then takes to begin with it."""
    queue = classroom.context.queue
    await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    taken = asyncio.get_running_loop().create_future()
    fetch = queue.app.job_manager.fetch_job

    async def held(**words):
        job = await fetch(**words)
        if job is not None:
            taken.set_result(job.id in await queue._jobs_without_worker())

    monkeypatch.setattr(queue.app.job_manager, "fetch_job", held)
    lane = Lane(("judge",), concurrency=1)
    worker = asyncio.create_task(queue.run([lane], heartbeat=5, patience=20))
    try:
        assert await asyncio.wait_for(taken, 90) is False
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_a_job_that_kills_its_worker_each_time_ends_as_a_dead_letter(classroom):
    queue = classroom.context.queue
    attempt = await classroom.submit(classroom.token("lea"), {LESSON: solved()})
    for _ in range(classroom.context.settings.job_attempts):
        worker_id = await queue.app.job_manager.register_worker()
        job = await queue.app.job_manager.fetch_job(queues=["judge"], worker_id=worker_id)
        await queue._recover_job(classroom.context.database, job)
    assert await count_jobs(classroom, "status = 'failed' AND queue_name = 'judge'") == 1
    async with classroom.session() as session:
        row = await session.scalar(select(Attempt).where(Attempt.id == uuid.UUID(attempt["id"])))
        assert row.status == "internal_error"
    letters = await classroom.data("GET", "/staff/dead-letters", token=classroom.token("ines", STAFF_SCOPES))
    assert "died" in letters[0]["reason"]


async def test_after_the_database_has_closed_every_connection_the_next_request_and_job_just_work(
    classroom, postgres, database
):
    import psycopg

    lea = classroom.token("lea")
    await classroom.data("GET", "/me", token=lea)
    with psycopg.connect(postgres.url("postgres", database), autocommit=True) as connection:
        closed = connection.execute(
            "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = 'studyhall_app'"
        ).fetchone()
    assert closed[0] >= 2
    await classroom.submit(lea, {LESSON: solved()})
    worker_id = await classroom.context.queue.app.job_manager.register_worker()
    assert await classroom.context.queue.app.job_manager.fetch_job(queues=["judge"], worker_id=worker_id)
