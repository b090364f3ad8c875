"""The queue: whose turn it is, places that are told, room kept for learners, and workers that die."""

import asyncio
import json
import os
import signal
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from classrooms import SAMPLE
from sqlalchemy import func, select
from studyhall.grading.models import Report
from studyhall.grading.places import announce
from studyhall.grading.tasks import QUEUE
from studyhall.jobs.policy import COURSE_STEP, LEARNER_STEP, Priority, priority_of, turn
from studyhall.submissions.models import Attempt
from studyhall.work import lanes

LESSON = "values-and-names"
NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


def solved():
    return (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()


async def order(room):
    """The attempts in the order in which they will be graded."""
    return [job.arguments["attempt_id"] for job in await room.context.queue.waiting_jobs(QUEUE, limit=1000)]


# ---------------------------------------------------------------- turns


@pytest.mark.parametrize(
    ("learners_last", "courses_last", "expected"),
    [
        (None, None, NOON),
        (None, NOON - timedelta(hours=1), NOON),
        (None, NOON, NOON + COURSE_STEP),
        (NOON, NOON, NOON + LEARNER_STEP),
        (NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=1) + COURSE_STEP),
    ],
)
def test_turns(learners_last, courses_last, expected):
    assert turn(NOON, learners_last=learners_last, courses_last=courses_last) == expected


def test_bands_never_overlap_for_a_generation():
    assert priority_of(NOON) > priority_of(NOON + timedelta(seconds=1))
    assert (
        priority_of(datetime(2055, 12, 31, tzinfo=UTC)) > Priority.DEFAULT > Priority.REGRADE > Priority.BATCH
    )
    assert priority_of(datetime(2025, 1, 1, tzinfo=UTC)) < 2**31


@pytest.mark.asyncio
async def test_who_submits_twenty_times_holds_up_nobody_else(classroom_with):
    async with classroom_with(waiting_submissions_per_lesson=20) as room:
        await room.publish()
        await room.add_person("lea")
        others = [f"other-{number}" for number in range(5)]
        lea = room.token("lea")
        first, *rest = [(await room.submit(lea, {LESSON: solved()}))["id"] for _ in range(20)]
        theirs = []
        for name in others:
            await room.add_person(name)
            attempt = await room.submit(room.token(name), {LESSON: solved()})
            theirs.append(attempt["id"])
            assert attempt["position"] == len(theirs) + 1, "the answer tells the true place"
        assert await order(room) == [first, *theirs, *rest]


@pytest.mark.asyncio
async def test_a_course_in_its_last_minute_holds_up_no_other(classroom, tmp_path):
    import shutil

    import yaml

    folder = tmp_path / "cooking"
    shutil.copytree(SAMPLE, folder)
    settings = yaml.safe_load((folder / "course.yaml").read_text())
    (folder / "course.yaml").write_text(yaml.safe_dump(settings | {"slug": "cooking"}))
    await classroom.publish(folder)
    crowd = []
    for number in range(6):
        await classroom.add_person(f"crowd-{number}")
        attempt = await classroom.submit(classroom.token(f"crowd-{number}"), {LESSON: solved()})
        crowd.append(attempt["id"])
    await classroom.add_person("cook", course="cooking")
    body = {"course": "cooking", "lesson": LESSON, "notebooks": {LESSON: solved()}}
    cook = await classroom.data(
        "POST",
        "/submissions",
        token=classroom.token("cook"),
        status=202,
        json=body,
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert await order(classroom) == [crowd[0], cook["id"], *crowd[1:]]
    assert cook["position"] == 2


@pytest.mark.asyncio
async def test_nobody_is_overtaken_for_ever(classroom_with):
    async with classroom_with() as room:
        await room.publish()
        await room.add_person("lea")
        await room.add_person("liam")
        lea = room.token("lea")
        await room.submit(lea, {LESSON: solved()})
        second = await room.submit(lea, {LESSON: solved()})
        room.clock.now += LEARNER_STEP + timedelta(seconds=1)
        later = await room.submit(room.token("liam"), {LESSON: solved()})
        places = await order(room)
        assert places.index(second["id"]) < places.index(later["id"])


@pytest.mark.asyncio
async def test_only_so_many_of_a_lesson_may_wait_and_the_refusal_says_so(classroom_with):
    async with classroom_with(waiting_submissions_per_lesson=2) as room:
        await room.publish()
        await room.add_person("lea")
        lea, key = room.token("lea"), uuid.uuid4()
        await room.submit(lea, {LESSON: solved()}, key=key)
        await room.submit(lea, {LESSON: solved()})
        answer = await room.call(
            "POST",
            "/submissions",
            token=lea,
            json={"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: solved()}},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert "still waiting" in answer.json()["error"]["message"]
        await room.submit(lea, {LESSON: solved()}, key=key)  # what was accepted is still answered
        assert len(await room.data("GET", "/submissions", token=lea)) == 2


# ---------------------------------------------------------------- places


@pytest.mark.asyncio
async def test_learners_are_told_when_they_move_up_and_only_then(classroom):
    room = classroom
    lea, liam = await room.add_person("lea"), await room.add_person("liam")
    await room.submit(room.token("lea"), {LESSON: solved()})
    waiting = await room.submit(room.token("liam"), {LESSON: solved()})
    assert waiting["position"] == 2
    told = await announce(room.context, {})
    assert sorted(told.values()) == [1, 2]
    async with room.context.live.listen(room.context.cohort_id, liam) as his:
        assert await announce(room.context, told) == told
        worker = await room.context.queue.app.job_manager.register_worker()
        await room.context.queue.app.job_manager.fetch_job(queues=[QUEUE], worker_id=worker)
        await announce(room.context, told)
        # The first message is about the change: nothing was said while nothing changed.
        message = None
        while message is None:
            message = await his.get_message(timeout=60)
        assert json.loads(message["data"]) == {
            "event": "submission.position",
            "data": {"attempt_id": waiting["id"], "position": 1},
        }
    shown = await room.data("GET", f"/submissions/{waiting['id']}", token=room.token("liam"))
    assert shown["position"] == 1
    assert lea != liam


@pytest.mark.asyncio
async def test_one_worker_speaks_for_the_queue_and_another_one_when_it_dies(classroom, classroom_with):
    async with classroom_with() as other:
        assert await classroom.context.queue.leads()
        assert await classroom.context.queue.leads()
        assert not await other.context.queue.leads()
        await classroom.context.queue.close()
        await until(lambda room: room.context.queue.leads(), other)


# ---------------------------------------------------------------- lanes


@pytest.mark.asyncio
async def test_one_place_is_kept_for_learners_and_regrades_have_their_own(classroom):
    kept, everything, regrades, *others = lanes(classroom.context)
    assert kept.queues == (QUEUE,)
    assert kept.concurrency == 1
    assert QUEUE in everything.queues
    assert "regrade" not in everything.queues
    assert kept.concurrency + everything.concurrency == classroom.context.settings.worker_concurrency
    assert (regrades.queues, regrades.concurrency) == (("regrade",), 1)
    served = [queue for lane in (everything, regrades, *others) for queue in lane.queues]
    assert sorted(served) == sorted(classroom.context.queue.queues), "each kind of job in one lane"


@pytest.mark.asyncio
async def test_slow_jobs_in_every_other_place_do_not_hold_up_a_submission(classroom, judge):
    room, queue = classroom, classroom.context.queue
    release, started = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(cohort_id):
        started.release()
        await release.wait()

    queue.register("test.slow", queue="slow", database=room.context.database, function=slow)
    concurrency = room.context.settings.worker_concurrency
    async with room.session() as session:
        for _ in range(concurrency + 2):
            await queue.defer(session, "test.slow", queue="slow")
    worker = asyncio.create_task(queue.run(lanes(room.context), heartbeat=5, patience=20))
    try:
        for _ in range(concurrency - 1):
            await asyncio.wait_for(started.acquire(), 180)
        attempt = await room.submit(room.token("lea"), {LESSON: solved()})
        await until(nothing_in_flight, room)
        shown = await room.data("GET", f"/submissions/{attempt['id']}", token=room.token("lea"))
        assert shown["status"] == "graded"
        assert not release.is_set()
    finally:
        release.set()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def until(holds, room):
    """Wait until a condition holds."""
    async with asyncio.timeout(180):
        while True:
            if await holds(room):
                return
            await asyncio.sleep(0.01)


async def nothing_in_flight(room):
    async with room.session() as session:
        return not await session.scalar(
            select(func.count()).select_from(Attempt).where(Attempt.status.in_(["queued", "running"]))
        )


# ---------------------------------------------------------------- workers that die


def worker_environment(room):
    settings = room.context.settings
    return {
        "PATH": os.environ["PATH"],
        "STUDYHALL_DATABASE_URL": settings.database_url.get_secret_value(),
        "STUDYHALL_REDIS_URL": settings.redis_url.get_secret_value(),
        "STUDYHALL_CONTENT_KEY": settings.content_key.get_secret_value(),
        "STUDYHALL_JUDGE_SOCKET": str(settings.judge_socket),
        "STUDYHALL_COHORT": "demo",
    }


async def start_worker(room, log):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "studyhall.cli",
        "worker",
        env=worker_environment(room),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


async def doing(room):
    return await room.context.queue.app.connector.execute_query_all_async(
        "SELECT id, worker_id FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = 'judge'"
    )


@pytest.mark.asyncio
async def test_two_workers_share_the_queue_and_one_that_is_killed_loses_nothing(classroom, judge, tmp_path):
    room = classroom
    people = [f"learner-{number}" for number in range(24)]
    for name in people:
        await room.add_person(name)
    with (tmp_path / "workers.log").open("wb") as log:
        workers = [await start_worker(room, log) for _ in range(2)]
        try:
            attempts = [
                (await room.submit(room.token(name), {LESSON: solved()}))["id"] for name in people[:8]
            ]
            await until(doing, room)
            os.killpg(workers[0].pid, signal.SIGKILL)
            await workers[0].wait()
            attempts += [
                (await room.submit(room.token(name), {LESSON: solved()}))["id"] for name in people[8:]
            ]
            await until(nothing_in_flight, room)
        finally:
            for worker in workers:
                if worker.returncode is None:
                    worker.terminate()
                    await worker.wait()
    async with room.session() as session:
        graded = list(await session.scalars(select(Report.attempt_id)))
    assert sorted(map(str, graded)) == sorted(attempts), "each attempt has one report"
