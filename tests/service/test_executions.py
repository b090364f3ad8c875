"""A notebook that a grader has run in the judge: each cell's end, a queue's order, taking it back, the judge away."""

import json
import uuid
from pathlib import Path

import pytest
from classrooms import STAFF_SCOPES
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from studyhall.permissions import Role

RUNS = "/staff/courses/python-foundations/autograde"
PWNED = Path("/tmp/studyhall-pwned-by-a-run")


def body(*cells, **more):
    source = json.dumps(
        new_notebook(cells=[new_code_cell(cell) for cell in cells] + [new_markdown_cell("x")])
    )
    about = {"assignment": "ps1", "student": "lea", "notebook": "sums"}
    return {**about, "source": source, "cell_seconds": 1, **more}


@pytest.fixture
def grader(classroom):
    return classroom.token("gabriel", STAFF_SCOPES)


async def send(room, token, what):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return await room.data("POST", RUNS, token=token, json=what, headers=headers, status=202)


def left_behind():
    return list(PWNED.parent.glob(PWNED.name))


async def waiting(room):
    rows = await room.context.queue.app.connector.execute_query_all_async(
        "SELECT priority, args->>'execution_id' AS id FROM procrastinate_jobs"
        " WHERE status = 'todo' AND task_name = 'nbgrader.execute'"
    )
    return {row["id"]: row["priority"] for row in rows}


@pytest.mark.asyncio
async def test_each_cell_says_how_it_ended(classroom, judge, grader):
    cells = (
        "1 + 1",
        "nothing_here",
        f"open({str(PWNED)!r}, 'w').write('x')",
        "while True:\n    pass",
        "import os\nos._exit(1)",
        "2 + 2",
    )
    # Long enough for `1 + 1` on a machine that stands still for a moment.
    sent = await send(classroom, grader, body(*cells, interactive=True, cell_seconds=5))
    await classroom.run_jobs()
    told = await classroom.data("GET", f"{RUNS}/{sent['id']}", token=grader)
    assert told["status"] == "done"
    *ran, text = told["result"]["cells"]
    assert [cell["ending"] for cell in ran] == [
        "finished",
        "raised",
        "finished",
        "timed_out",
        "died",
        "finished",
    ]
    assert text is None
    assert ran[0]["outputs"][0]["data"]["text/plain"] == "2"
    assert ran[1]["outputs"][-1]["ename"] == "NameError"
    assert told["result"]["seconds"] >= 5
    assert left_behind() == []


@pytest.mark.asyncio
async def test_who_waits_at_the_screen_goes_before_a_class(classroom, grader):
    batch = await send(classroom, grader, body("1"))
    person = await send(classroom, grader, body("2", interactive=True))
    priorities = await waiting(classroom)
    assert priorities[person["id"]] > priorities[batch["id"]]


@pytest.mark.asyncio
async def test_a_run_is_taken_back_by_whoever_sent_it(classroom, judge, grader):
    await classroom.add_person("greta", Role.GRADER)
    sent = await send(classroom, grader, body("1"))
    run = f"{RUNS}/{sent['id']}"
    for name, scopes, status, code in (
        ("greta", STAFF_SCOPES, 404, "not_found"),
        ("lea", STAFF_SCOPES, 403, "forbidden"),
        ("gabriel", None, 403, "forbidden"),
    ):
        token = classroom.token(name, scopes)
        await classroom.error("DELETE", run, token=token, status=status, code=code)
    answer = await classroom.call("DELETE", run, token=grader)
    assert answer.status_code == 204
    await classroom.run_jobs()
    await classroom.error("GET", run, token=grader, status=404, code="not_found")
    await classroom.error("DELETE", run, token=grader, status=404, code="not_found")


@pytest.mark.asyncio
async def test_while_the_judge_is_away_it_says_so(classroom_with, tmp_path):
    async with classroom_with(judge_socket=tmp_path / "nobody.sock") as room:
        await room.publish()
        await room.add_person("gabriel", Role.GRADER)
        token = room.token("gabriel", STAFF_SCOPES)
        sent = await send(room, token, body("1"))
        await room.run_jobs(times=1)
        told = await room.data("GET", f"{RUNS}/{sent['id']}", token=token)
        assert told["status"] == "queued"
        assert told["message"].startswith("The judge does not answer right now.")
        assert sent["id"] in await waiting(room)
