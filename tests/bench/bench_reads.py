"""Measure what people's pages ask for: dashboard, outline and the leaderboard of 10,000, at 100 requests a second.

Run by ``make bench``. Requests leave when it is their time, answered or not (an open loop), so that a slow answer is
not hidden by the next question's waiting for it. It prints a table and fails on no time.
"""

import argparse
import asyncio
import statistics
import time
from itertools import cycle

from bench_service import COURSE, LESSON, percentile
from deployment import STAFF, deployed
from line import Line
from rich.console import Console
from rich.table import Table
from studyhall_notebooks.course import load_course

BUDGET_MS = 50.0
LINES = 32
"""Connections that are kept open."""

CROWD = """
INSERT INTO users (id, cohort_id, hub_username, display_name)
SELECT gen_random_uuid(), o.cohort_id, 'crowd-' || n, 'Crowd ' || n
  FROM course_offerings o, generate_series(1, %(people)s) n;
INSERT INTO enrolments (id, cohort_id, offering_id, user_id, role)
SELECT gen_random_uuid(), u.cohort_id, o.id, u.id, 'learner'
  FROM users u, course_offerings o WHERE u.hub_username LIKE 'crowd-%%';
INSERT INTO xp_ledger (id, cohort_id, user_id, amount, reason, object, event_id, occurred_at, day)
SELECT gen_random_uuid(), u.cohort_id, u.id, 1 + floor(random() * 200)::int, 'lesson_score', 'lesson:' || n,
       gen_random_uuid(), now() - n * interval '1 day', current_date - n
  FROM users u, generate_series(0, 4) n WHERE u.hub_username LIKE 'crowd-%%';
INSERT INTO daily_activity (id, cohort_id, user_id, day, actions)
SELECT gen_random_uuid(), u.cohort_id, u.id, current_date, 1 FROM users u WHERE u.hub_username LIKE 'crowd-%%';
"""


def fill(deployment, people):
    """Put a crowd into the cohort, with five days of experience points each."""
    with deployment.postgres.connect(database=deployment.database) as connection:
        connection.autocommit = True
        for statement in CROWD.strip().split(";\n"):
            connection.execute(statement, {"people": people})
        connection.execute("ANALYZE")


async def ask(line, path, learner, due, taken):
    """Send one request and note how long it took since it was due."""
    answer = await line.ask("GET", f"/api/v1{path}", headers={"Authorization": f"token {learner}"})
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {answer.body[:300].decode()}")
    taken.append((time.perf_counter() - due) * 1000)


async def load(deployment, paths, learners, *, rate, seconds):
    """Ask for all paths in turn at a rate; returns the milliseconds of each."""
    taken = {path: [] for path in paths}
    free = asyncio.Queue()
    for _ in range(LINES):
        free.put_nowait(Line(deployment.url))

    async def one(path, learner, due):
        line = await free.get()
        await ask(line, path, learner, due, taken[path])
        free.put_nowait(line)

    start = time.perf_counter()
    who, what = cycle(learners), cycle(paths)
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(next(what), next(who), due))
    while not free.empty():
        await free.get_nowait().__aexit__(None, None, None)
    return taken


async def main(options):
    bundle = load_course(COURSE)
    course = bundle.course.slug
    pages = {
        "who I am": "/me",
        "dashboard: courses": "/courses",
        "dashboard: experience, streak, badges": "/rewards/profile",
        "outline": f"/courses/{course}/outline",
        "attempts of a lesson": f"/submissions?course={course}&lesson={LESSON}",
        "leaderboard": "/leaderboard",
    }
    async with deployed(COURSE, []) as deployment:
        fill(deployment, options.people)
        learners = [f"crowd-{number}" for number in range(1, 301)]
        # Everybody's first request signs them in at the hub; a lesson's evening has that behind it.
        await load(deployment, list(pages.values()), learners, rate=50, seconds=12)
        before = deployment.cpu()
        taken = await load(
            deployment, list(pages.values()), learners, rate=options.rate, seconds=options.seconds
        )
        after = deployment.cpu()
        gradebook = []
        async with Line(deployment.url) as line:
            for _ in range(6):
                path = f"/staff/courses/{course}/gradebook?limit=200"
                await ask(line, path, STAFF, time.perf_counter(), gradebook)
    table = Table(
        title=f"{options.rate:g} requests a second for {options.seconds:g} s, a cohort of {options.people:,}"
    )
    table.add_column("page")
    for name in ("requests", "median, ms", "p95, ms"):
        table.add_column(name, justify="right")
    for name, path in pages.items():
        values = taken[path]
        table.add_row(
            name, str(len(values)), f"{statistics.median(values):.1f}", f"{percentile(values, 0.95):.1f}"
        )
    every = [value for values in taken.values() for value in values]
    table.add_row("all", str(len(every)), f"{statistics.median(every):.1f}", f"{percentile(every, 0.95):.1f}")
    Console().print(table)
    met = "met" if percentile(every, 0.95) <= BUDGET_MS else "not met"
    Console().print(f"budget: p95 of at most {BUDGET_MS:g} ms: {met} in this run")
    Console().print(
        f"staff, one at a time: 200 rows of the gradebook: {statistics.median(gradebook[1:]):.0f} ms"
    )
    for name in ("service", "postgres"):
        Console().print(
            f"{name}: {(after[name] - before[name]) * 1000 / len(every):.1f} ms of processor time a request"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    asyncio.run(main(parser.parse_args()))
