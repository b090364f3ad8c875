"""Whatever a submission does, its slot serves the next one at once, and its neighbours notice nothing."""

from __future__ import annotations

import asyncio
import time

import pytest
from studyhall_judge.client import JudgeUnavailable
from studyhall_judge.report import GradeReport, GradeRequest, Limits

WITHIN_SECONDS = 1.0

HONEST = {}
HOSTILE = {
    "memory": "def squares(n):\n    kept = []\n    while True:\n        kept.append(bytearray(10_000_000))\n",
    "forks": (
        "import os\ndef squares(n):\n    while True:\n        try:\n            os.fork()\n"
        "        except OSError:\n            pass\n"
    ),
    "exit": "import os\ndef squares(n):\n    os._exit(3)\n",
    "kill": "import os\ndef squares(n):\n    os.kill(-1, 9)\n    os.kill(os.getpid(), 9)\n",
    "loop": "def squares(n):\n    while True:\n        pass\n",
    "output": "import os\ndef squares(n):\n    while True:\n        os.write(1, b'x' * 65536)\n",
    "disk": (
        "def squares(n):\n    with open('big', 'wb') as file:\n        while True:\n"
        "            file.write(b'x' * 1_000_000)\n"
    ),
}


@pytest.fixture(scope="module")
def single(start, tmp_path_factory):
    """A judge with one slot, so that the next submission can only go where the hostile one was."""
    return start(tmp_path_factory.mktemp("single"), "--slots", "1", "--preload", "")


@pytest.fixture
def squares(assignment):
    return assignment("squares")


@pytest.mark.parametrize("name", HOSTILE)
def test_the_slot_serves_the_next_submission_within_a_second(single, squares, submit, name):
    # What takes how long on a busy machine is no matter here, but when the next one is served.
    limits = Limits(cell_seconds=2, total_seconds=60, memory_mb=128, pids=30, disk_mb=8)
    hostile = single.grade(
        squares.release, submit(squares, {"answers": {"squares": HOSTILE[name]}}), limits=limits
    )
    assert hostile.points()["test_squares"] == 0
    assert hostile.points()["test_mean"] == 2

    before = time.monotonic()
    honest = single.grade(squares.release, submit(squares, {}))
    assert time.monotonic() - before < WITHIN_SECONDS
    assert honest.report.score == 15
    assert not honest.report.flags


def test_neighbours_of_a_hostile_submission_keep_their_score(judge, squares, submit):
    limits = Limits(cell_seconds=2, total_seconds=10, memory_mb=128, pids=30)
    hostile = submit(squares, {"answers": {"squares": HOSTILE["forks"]}})
    honest = submit(squares, {})

    async def both():
        return await asyncio.gather(
            grade(judge, squares, hostile, limits=limits), *(grade(judge, squares, honest) for _ in range(5))
        )

    first, *others = asyncio.run(both())
    assert first.score < 15
    assert [one.score for one in others] == [15] * 5


def test_more_submissions_than_slots_are_all_graded(judge, squares, submit):
    texts = submit(squares, {})

    async def many():
        return await asyncio.gather(*(grade(judge, squares, texts) for _ in range(12)))

    assert [one.score for one in asyncio.run(many())] == [15] * 12


def test_a_client_that_leaves_frees_the_slot(single, squares, submit):
    limits = Limits(cell_seconds=60, total_seconds=120)
    looping = submit(squares, {"answers": {"squares": HOSTILE["loop"]}})

    async def leave_early():
        request = GradeRequest(
            request_id="leaves", release_hash=squares.release.hash, notebooks=looping, limits=limits
        )
        events = single.client.grade(request, release_of(squares))
        waiting = asyncio.ensure_future(anext(events))
        while (await single.client.status()).busy == 0:
            continue
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while (await single.client.status()).busy:
            continue

    asyncio.run(asyncio.wait_for(leave_early(), 120))
    assert single.grade(squares.release, submit(squares, {})).report.score == 15


def test_status_tells_slots_walls_and_environments(judge):
    status = asyncio.run(judge.client.status())
    assert status.slots == 2
    assert all(wall.standing for wall in status.walls if wall.required)
    assert {"user", "pid", "network", "mount", "privileges", "seccomp"} <= {
        wall.name for wall in status.walls
    }
    assert status.environments[0].name == "default"
    assert status.environments[0].missing == []


def test_an_unknown_environment_is_said(judge, squares, submit):
    report = judge.grade(squares.release, submit(squares, {}), environment="moon").report
    assert report.status == "internal_error"
    assert "moon" in report.message


def test_another_environment_has_its_own_interpreter_and_modules(start, squares, submit, tmp_path):
    import sys

    other = start(
        tmp_path,
        "--slots",
        "1",
        "--preload",
        "",
        "--environment",
        f"other={sys.prefix}/bin/python3:fractions,no_such",
    )
    graded = other.grade(squares.release, submit(squares, {}), environment="other")
    assert graded.report.score == 15
    environments = {one.name: one for one in asyncio.run(other.client.status()).environments}
    assert environments["other"].preload == ["fractions", "no_such"]
    assert [one.partition(" ")[0] for one in environments["other"].missing] == ["no_such"]


def test_a_judge_that_is_not_there_is_unavailable(tmp_path):
    from studyhall_judge.client import Judge

    with pytest.raises(JudgeUnavailable):
        asyncio.run(Judge(tmp_path / "nothing.sock").status())


def release_of(assignment):
    async def send():
        return assignment.release

    return send


async def grade(judge, assignment, texts, **options) -> GradeReport:
    request = GradeRequest(
        request_id="many", release_hash=assignment.release.hash, notebooks=texts, **options
    )
    async for event in judge.client.grade(request, release_of(assignment)):
        if isinstance(event, GradeReport):
            return event
    raise AssertionError("no report")
