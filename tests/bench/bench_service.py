"""Measure the service whole: the deadline run, the sustained run and a regrade, each over HTTP with real processes.

Run by ``make bench``. It prints tables and fails on no time; lost or doubled submissions are printed, and are zero.
"""

import argparse
import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from deployment import CLASS, STAFF, deployed, said
from line import Line, LineBroken
from rich.console import Console
from rich.table import Table
from studyhall_notebooks.course import load_course

COURSE = Path(__file__).parents[1] / "notebooks" / "fixtures" / "nbgrader-quickstart"
LESSON = "ps1"
MOST_WAITING = 200
WARMING = 60
"""Submissions before the sustained run begins to count."""


@dataclass
class Press:
    """One press of Submit: the same key however often it has to be sent."""

    key: str
    learner: str
    sent_at: float
    accepted_at: float | None = None
    tries: int = 0
    attempt: str | None = None


@dataclass
class Class:
    """The learners' side: what they send and how they insist."""

    url: str
    body: bytes
    presses: list[Press] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def submit(self, learner, line):
        """Send one submission over a connection until the service has taken it."""
        press = Press(key=str(uuid.uuid4()), learner=learner, sent_at=time.time())
        self.presses.append(press)
        headers = {
            "Authorization": f"token {learner}",
            "Idempotency-Key": press.key,
            "Content-Type": "application/json",
        }
        while press.attempt is None:
            press.tries += 1
            try:
                answer = await line.ask("POST", "/api/v1/submissions", headers=headers, body=self.body)
            except LineBroken:
                # As the extension does: longer pauses each time, spread over the class.
                pause = min(5.0, 0.25 * 2**press.tries)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads retries, hides nothing
                continue
            if answer.status == 202:
                press.attempt = json.loads(answer.body)["data"]["id"]
                press.accepted_at = time.time()
            elif answer.status in {429, 502, 503, 504}:
                await asyncio.sleep(float(answer.headers.get("retry-after", "0.5")) * random.random())  # noqa: S311 - as above
            else:
                self.refused.append(f"{answer.status} {answer.body[:200].decode()}")
                return press
        return press


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def milliseconds(seconds):
    return f"{1000 * seconds:,.0f} ms"


class Books:
    """What the database says, read as its owner so that no cohort hides a row."""

    def __init__(self, deployment):
        address = deployment.postgres.url("postgres", deployment.database)
        self._connection = psycopg.connect(address, autocommit=True)

    def rows(self, query, *values):
        return self._connection.execute(query, values).fetchall()

    def one(self, query, *values):
        return self.rows(query, *values)[0][0]

    def unfinished(self):
        return self.one("SELECT count(*) FROM attempts WHERE status IN ('queued', 'running')")

    def commits(self):
        self._connection.execute("SELECT pg_stat_clear_snapshot()")
        return self.one("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")

    async def all_graded(self, *, within):
        """Wait until nothing is in flight; return the moment, or None when it takes too long."""
        end = time.monotonic() + within
        while self.unfinished():
            if time.monotonic() > end:
                return None
            await asyncio.sleep(0.1)
        return time.time()


def account(books, presses):
    """Compare what the class sent with what the database holds."""
    graded = {
        str(key): at.timestamp()
        for key, at in books.rows(
            "SELECT idempotency_key, reports.graded_at FROM attempts JOIN reports ON attempt_id = attempts.id"
        )
    }
    kept = {str(row[0]) for row in books.rows("SELECT idempotency_key FROM attempts")}
    mine = [press for press in presses if press.attempt is not None]
    twice = books.one("SELECT count(*) - count(DISTINCT (user_id, idempotency_key)) FROM attempts")
    twice += books.one("SELECT count(*) - count(DISTINCT attempt_id) FROM reports")
    return {
        "accepted": len(mine),
        "graded": sum(press.key in graded for press in mine),
        "lost": sum(press.key not in kept or press.key not in graded for press in mine),
        "duplicates": twice,
        "to_report": [graded[press.key] - press.sent_at for press in mine if press.key in graded],
        "to_accept": [press.accepted_at - press.sent_at for press in mine],
        "retries": sum(press.tries - 1 for press in presses),
    }


def table(title, rows):
    shown = Table(title=title, title_justify="left", show_header=False)
    shown.add_column()
    shown.add_column(justify="right")
    for name, value in rows:
        shown.add_row(name, str(value))
    Console().print(shown)


def summary(found):
    return [
        ("accepted", found["accepted"]),
        ("graded", found["graded"]),
        ("lost", found["lost"]),
        ("duplicates", found["duplicates"]),
        ("retries of clients", found["retries"]),
        ("press → accepted, p50", milliseconds(percentile(found["to_accept"], 0.5))),
        ("press → accepted, p95", milliseconds(percentile(found["to_accept"], 0.95))),
        ("press → report stored, p50", milliseconds(percentile(found["to_report"], 0.5))),
        ("press → report stored, p95", milliseconds(percentile(found["to_report"], 0.95))),
    ]


def spent(before, after, attempts):
    each = {name: 1000 * (after[name] - before[name]) / attempts for name in sorted(after)}
    return [(f"processor per submission: {name}", f"{value:.1f} ms") for name, value in each.items()] + [
        ("processor per submission: all but the class", f"{sum(each.values()) - each[CLASS]:.1f} ms")
    ]


async def deadline(deployment, people, body, *, seconds, kills):
    """Everybody submits once within a minute, while worker and service are killed at random."""
    dice = random.Random(20270131)  # noqa: S311 - the same minute each time
    books = Books(deployment)
    room = Class(deployment.url, body)

    async def press(learner):
        await asyncio.sleep(dice.random() * seconds)
        async with Line(deployment.url) as line:
            await room.submit(learner, line)

    async def crash():
        moments = sorted(dice.random() * seconds for _ in range(kills))
        victims = [name for name in deployment.parts if name != "judge"]
        at = 0.0
        for number, moment in enumerate(moments):
            await asyncio.sleep(moment - at)
            at = moment
            deployment.parts[victims[number % len(victims)]].kill()

    await asyncio.gather(crash(), *(press(learner) for learner in people))
    last = time.time()
    done = await books.all_graded(within=180)
    found = account(books, room.presses)
    killed = ", ".join(f"{part.name} {part.kills} times" for part in deployment.parts.values() if part.kills)
    table(
        f"Deadline: {len(people)} learners within {seconds:g} s, killed: {killed or 'nothing'}",
        [
            *summary(found),
            ("refused", len(room.refused)),
            (
                "all graded after the last press",
                "not within 180 s" if done is None else f"{done - last:.1f} s",
            ),
        ],
    )
    for line in room.refused[:3]:
        Console().print(line)


async def sustained(deployment, people, body, *, seconds, clients):
    """As many submissions as it takes for a while, by clients that send the next as soon as one was accepted."""
    books = Books(deployment)
    # Workers may still be loading their programs, and everything is dearer the first time.
    before_all = Class(deployment.url, body)
    async with Line(deployment.url) as line:
        for number in range(WARMING):
            await before_all.submit(people[number % len(people)], line)
    await books.all_graded(within=120)
    start_attempts = books.one("SELECT count(*) FROM attempts")
    room = Class(deployment.url, body)
    Console().print("warm; counting begins")
    before, commits = deployment.cpu(), books.commits()
    start = time.time()
    remaining = iter(range(10**9))

    async def client():
        async with Line(deployment.url) as line:
            while time.time() - start < seconds:
                # Nobody waits for a report before the next press, but the queue may not grow for ever.
                if len(room.presses) - books_graded() > MOST_WAITING:
                    await asyncio.sleep(0.05)
                    continue
                await room.submit(people[next(remaining) % len(people)], line)

    counted = {"at": 0.0, "value": 0}

    def books_graded():
        if time.time() - counted["at"] > 0.2:
            counted["value"] = books.one("SELECT count(*) FROM reports") - start_attempts
            counted["at"] = time.time()
        return counted["value"]

    await asyncio.gather(*(client() for _ in range(clients)))
    await books.all_graded(within=120)
    took = time.time() - start
    after = deployment.cpu()
    await asyncio.sleep(1.5)  # PostgreSQL reports its statistics once a second
    commits = books.commits() - commits
    found = account(books, room.presses)
    table(
        f"Sustained: {clients} clients for {seconds:g} s",
        [
            *summary(found),
            ("accepted, graded and stored per minute", f"{60 * found['graded'] / took:,.0f}"),
            *spent(before, after, max(1, found["accepted"])),
            ("commits per submission", f"{commits / max(1, found['accepted']):.1f}"),
        ],
    )
    for line in room.refused[:3]:
        Console().print(line)


async def regrade(deployment, course, body, *, attempts):
    """Grade all attempts of the lesson again, look at the changes, and confirm them."""
    books = Books(deployment)
    there = books.one("SELECT count(*) FROM attempts")
    headers = {"Authorization": f"token {STAFF}"}
    path = f"{deployment.url}/api/v1/staff/courses/{course}/lessons/{LESSON}/regrades"
    async with Line(deployment.url) as line:
        room = Class(deployment.url, body)
        for number in range(max(0, attempts - there)):
            await room.submit(f"learner-{number % 300:03}", line)
        await books.all_graded(within=300)
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        before, start = deployment.cpu(), time.monotonic()
        run = (await http.post(path)).raise_for_status().json()["data"]
        while run["status"] != "ready":
            await asyncio.sleep(0.5)
            run = (await http.get(f"{path}/{run['id']}")).raise_for_status().json()["data"]
        took, after = time.monotonic() - start, deployment.cpu()
        start = time.monotonic()
        (await http.post(f"{path}/{run['id']}/confirm")).raise_for_status()
        confirming = time.monotonic() - start
    table(
        f"Regrade: {run['total']:,} attempts",
        [
            ("until staff see who changes", f"{took:.1f} s"),
            ("per 1,000 attempts", f"{1000 * took / run['total']:.1f} s"),
            ("confirming", f"{confirming:.2f} s"),
            ("graded again", run["graded"]),
            *spent(before, after, run["total"]),
        ],
    )


async def main(options):
    bundle = load_course(COURSE)
    course = bundle.course.slug
    notebooks = {stem: data.decode() for stem, data in bundle.lessons[LESSON].notebooks.items()}
    body = said({"course": course, "lesson": LESSON, "notebooks": notebooks})
    people = [f"learner-{number:03}" for number in range(options.learners)]
    async with deployed(COURSE, people, workers=options.workers) as deployment:
        if "deadline" in options.runs:
            await deadline(deployment, people, body, seconds=options.seconds, kills=options.kills)
        if "sustained" in options.runs:
            await sustained(deployment, people, body, seconds=options.seconds, clients=options.clients)
        if "regrade" in options.runs:
            await regrade(deployment, course, body, attempts=options.attempts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="+", default=["deadline", "sustained", "regrade"])
    parser.add_argument("--learners", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--attempts", type=int, default=1000)
    asyncio.run(main(parser.parse_args()))
