"""Live updates: the state first, then what happens, to the right person only, and gone with the client."""

import asyncio
import json

import pytest
from classrooms import SAMPLE
from redis.asyncio import Redis
from studyhall.events.live import channel

pytestmark = pytest.mark.asyncio

LESSON = "values-and-names"


def solved():
    return (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()


class Stream:
    """A client of the event stream."""

    def __init__(self, room, token):
        self.request = room.http.stream(
            "GET", f"{room.url}/api/v1/events", headers={"Authorization": f"token {token}"}, timeout=60
        )

    async def __aenter__(self):
        self.answer = await self.request.__aenter__()
        assert self.answer.status_code == 200
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")
        self.lines = self.answer.aiter_lines()
        return self

    async def __aexit__(self, *exc):
        await self.request.__aexit__(*exc)

    async def next(self):
        name = data = None
        async for line in self.lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
            elif not line and name:
                return name, data
        raise AssertionError("the stream ended")


async def test_a_submission_can_be_watched_from_the_queue_to_the_verdict(classroom, judge):
    lea = classroom.token("lea")
    async with Stream(classroom, lea) as stream:
        name, state = await stream.next()
        assert name == "state"
        assert state["attempts_in_flight"] == []
        attempt = await classroom.submit(lea, {LESSON: solved()})
        jobs = asyncio.create_task(classroom.run_jobs())
        seen = []
        while True:
            name, data = await stream.next()
            seen.append(name)
            if name == "submission.updated" and data["status"] == "graded":
                break
        await jobs
        assert data["id"] == attempt["id"]
        assert data["report"]["tests"]
        assert seen.count("submission.progress") == len(attempt["tests"])


async def test_a_stream_begins_with_what_is_under_way_and_shows_nothing_of_others(classroom):
    lea, liam = classroom.token("lea"), classroom.token("liam")
    attempt = await classroom.submit(lea, {LESSON: solved()})
    async with Stream(classroom, lea) as mine, Stream(classroom, liam) as theirs:
        _, state = await mine.next()
        assert [row["id"] for row in state["attempts_in_flight"]] == [attempt["id"]]
        _, state = await theirs.next()
        assert state["attempts_in_flight"] == []
        await classroom.submit(lea, {LESSON: solved()})
        name, data = await mine.next()
        assert (name, data["number"]) == ("submission.updated", 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(theirs.next(), 0.3)


async def test_a_client_that_goes_away_leaves_no_subscription(classroom, valkey):
    lea = classroom.token("lea")
    person = await classroom.data("GET", "/me", token=lea)
    name = channel(classroom.context.cohort_id, person["id"])
    redis = Redis.from_url(valkey.url(), decode_responses=True)
    try:
        async with Stream(classroom, lea) as stream:
            await stream.next()
            assert dict(await redis.pubsub_numsub(name)) == {name: 1}
        async with asyncio.timeout(60):
            while dict(await redis.pubsub_numsub(name))[name]:
                # Each look is a round trip, during which the service's side of the stream ends.
                await redis.ping()
    finally:
        await redis.aclose()


async def test_without_redis_the_stream_says_so_and_submissions_go_on(classroom_with, judge):
    class Nowhere:
        @staticmethod
        def url():
            return "redis://127.0.0.1:1/0"

    async with classroom_with(valkey=Nowhere) as room:
        await room.publish()
        await room.add_person("lea")
        lea = room.token("lea")
        await room.error("GET", "/events", token=lea, status=503, code="unavailable")
        attempt = await room.submit(lea, {LESSON: solved()})
        await room.run_jobs()
        graded = await room.data("GET", f"/submissions/{attempt['id']}", token=lea)
        assert graded["status"] == "graded"
