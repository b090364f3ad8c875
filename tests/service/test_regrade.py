"""Regrades: a mended test shows what it would change first, and changes it only when staff say so."""

import asyncio
import json
import shutil
import uuid

import pytest
import pytest_asyncio
from classrooms import SAMPLE, STAFF_SCOPES
from sqlalchemy import func, select
from studyhall.courses.models import LessonProgress
from studyhall.events.models import Event
from studyhall.grading.models import Report
from studyhall.regrading import tasks
from studyhall.regrading.models import RegradeResult, RegradeRun, ReplacedReport
from studyhall.regrading.policy import change, passes
from studyhall.rewards.models import LedgerEntry
from studyhall.submissions.models import Attempt

LESSON = "values-and-names"
REGRADES = f"/staff/courses/python-foundations/lessons/{LESSON}/regrades"

GRADED = ("graded", 5.0, 10.0, False)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (GRADED, GRADED, (False, 0.0)),
        (GRADED, ("graded", 10.0, 10.0, True), (True, 50.0)),
        (GRADED, ("graded", 0.0, 10.0, False), (True, -50.0)),
        (GRADED, ("graded", 10.0, 20.0, False), (True, 0.0)),
        (GRADED, ("internal_error", None, None, None), (False, 0.0)),
        (GRADED, ("refused", None, None, None), (False, 0.0)),
        (("internal_error", None, None, None), GRADED, (True, 50.0)),
        (GRADED, ("needs_manual", 5.0, 10.0, False), (True, 0.0)),
    ],
)
def test_changes(old, new, expected):
    assert change(old, new) == expected


@pytest.mark.parametrize(("score", "passed"), [(6.9, False), (7, True), (0, False)])
def test_passing_again_is_as_passing_first(score, passed):
    assert passes(score, 10, 70) is passed


def test_nothing_to_score_passes_nobody():
    assert passes(0, 0, 0) is False


def notebook():
    return json.loads((SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text())


def solved():
    return json.dumps(notebook())


def unsolved():
    """The lesson with every answer cell emptied."""
    text = notebook()
    for cell in text["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = ["pass"]
    return json.dumps(text)


def course_with(folder, mend):
    """The sample course whose first lesson's tests were changed."""
    shutil.copytree(SAMPLE, folder)
    path = folder / "source" / LESSON / f"{LESSON}.ipynb"
    text = json.loads(path.read_text())
    for cell in text["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade") and not about.get("solution"):
            cell["source"] = mend(about["grade_id"], "".join(cell["source"])).splitlines(keepends=True)
    path.write_text(json.dumps(text))
    return folder


def always_pass(name, source):
    return "assert True\n"


def always_fail(name, source):
    return "assert False\n"


@pytest_asyncio.fixture
async def room(classroom, judge):
    """A classroom where lea has solved the lesson, liam has not, and both have their reports."""
    for name, text in (("lea", solved()), ("liam", unsolved())):
        await classroom.submit(classroom.token(name), {LESSON: text})
    await classroom.run_jobs()
    return classroom


@pytest.fixture
def ines(room):
    return room.token("ines", STAFF_SCOPES)


async def regraded(room, ines, folder, mend, **expected):
    """Publish changed tests, grade all again, and return the finished regrade."""
    await room.publish(course_with(folder, mend))
    run = await room.data("POST", REGRADES, token=ines, status=202)
    assert run["status"] == "queued"
    await room.run_jobs(times=20)
    found = await room.data("GET", f"{REGRADES}/{run['id']}", token=ines)
    assert found["status"] == "ready"
    for name, value in expected.items():
        assert found[name] == value, name
    return found


async def own(room, name):
    (attempt,) = await room.data("GET", "/submissions", token=room.token(name))
    return attempt


async def xp(room, name):
    return (await room.data("GET", "/rewards/profile", token=room.token(name)))["xp"]


async def progress(room, name):
    outline = await room.data("GET", "/courses/python-foundations/outline", token=room.token(name))
    return outline["units"][0]["lessons"][0]


async def rows(room, table):
    async with room.session() as session:
        return await session.scalar(select(func.count()).select_from(table))


@pytest.mark.asyncio
async def test_nothing_changes_before_the_decision(room, ines, tmp_path):
    before = await own(room, "lea"), await own(room, "liam"), await progress(room, "liam")
    found = await regraded(
        room, ines, tmp_path / "mended", always_pass, total=2, graded=2, changed=1, raised=1, now_passed=1
    )
    (row,) = found["changes"]
    assert row["learner"]["username"] == "liam"
    assert row["old"]["passed"] is False
    assert row["new"]["passed"] is True
    assert row["new"]["percent"] == 100
    assert row["change"] == row["new"]["percent"] - row["old"]["percent"]
    after = await own(room, "lea"), await own(room, "liam"), await progress(room, "liam")
    assert [row["score"] for row in after[:2]] == [row["score"] for row in before[:2]]
    assert after[2]["best_percent"] == before[2]["best_percent"]
    assert await rows(room, ReplacedReport) == 0


@pytest.mark.asyncio
async def test_confirming_raises_scores_progress_and_xp_and_keeps_the_old_reports(room, ines, tmp_path):
    had = await xp(room, "liam")
    found = await regraded(room, ines, tmp_path / "mended", always_pass)
    confirmed = await room.data("POST", f"{REGRADES}/{found['id']}/confirm", token=ines)
    assert confirmed["status"] == "confirmed"
    assert confirmed["decided_by"] == "ines"
    await room.run_jobs()
    liam = await own(room, "liam")
    assert liam["percent"] == 100
    assert liam["passed"] is True
    assert {test["status"] for test in liam["report"]["tests"]} == {"passed"}
    assert (await progress(room, "liam"))["state"] == "passed"
    assert await xp(room, "liam") == had + 150, "the percent and the passed lesson, as if graded so at first"
    assert await rows(room, Report) == 2
    assert await rows(room, ReplacedReport) == 2
    async with room.session() as session:
        old = (
            await session.scalars(
                select(ReplacedReport).where(ReplacedReport.attempt_id == uuid.UUID(liam["id"]))
            )
        ).one()
        assert old.passed is False
        assert old.replaced_by == "ines"
        kept = room.context.cipher.open(old.sealed)
        assert kept["score"] == old.score < liam["score"]
    staff = await room.data("GET", f"/staff/attempts/{liam['id']}", token=ines)
    assert staff["report"]["score"] == liam["score"]


@pytest.mark.asyncio
async def test_a_regrade_may_lower_and_takes_no_xp(room, ines, tmp_path):
    had = await xp(room, "lea")
    entries = await rows(room, LedgerEntry)
    assert had > 0
    found = await regraded(room, ines, tmp_path / "harder", always_fail, lowered=1, no_longer_passed=1)
    await room.data("POST", f"{REGRADES}/{found['id']}/confirm", token=ines)
    await room.run_jobs()
    lea = await own(room, "lea")
    assert (lea["percent"], lea["passed"]) == (0, False)
    lesson = await progress(room, "lea")
    assert lesson["state"] == "submitted"
    assert lesson["best_percent"] == 0
    assert await xp(room, "lea") == had
    assert await rows(room, LedgerEntry) == entries
    async with room.session() as session:
        states = list(await session.scalars(select(LessonProgress.passed_at)))
    assert states == [None, None]


@pytest.mark.asyncio
async def test_the_best_of_all_attempts_counts_after_a_regrade(room, ines, tmp_path):
    lea = room.token("lea")
    found = await regraded(room, ines, tmp_path / "harder", always_fail)
    # A second attempt, graded with the release of today, then the first one is lowered.
    await room.publish()
    await room.submit(lea, {LESSON: solved()})
    await room.run_jobs()
    await room.data("POST", f"{REGRADES}/{found['id']}/confirm", token=ines)
    assert (await progress(room, "lea"))["best_percent"] == 100
    assert (await progress(room, "lea"))["state"] == "passed"
    attempts = await room.data("GET", "/submissions", token=lea)
    assert [(row["number"], row["percent"], row["counts"]) for row in attempts] == [
        (2, 100, True),
        (1, 0, False),
    ]


@pytest.mark.asyncio
async def test_discarding_leaves_everything_and_keeps_no_report(room, ines, tmp_path):
    before = await own(room, "liam")
    found = await regraded(room, ines, tmp_path / "mended", always_pass)
    discarded = await room.data("POST", f"{REGRADES}/{found['id']}/discard", token=ines)
    assert (discarded["status"], discarded["changed"]) == ("discarded", 1)
    assert await own(room, "liam") == before
    async with room.session() as session:
        assert set(await session.scalars(select(RegradeResult.sealed))) == {None}
    for decision in ("confirm", "discard"):
        await room.error(
            "POST",
            f"{REGRADES}/{found['id']}/{decision}",
            token=ines,
            status=409,
            code="regrade_not_ready",
        )
    runs = await room.data("GET", REGRADES, token=ines)
    assert [run["status"] for run in runs] == ["discarded"]


@pytest.mark.asyncio
async def test_one_at_a_time_and_not_decided_before_it_is_finished(room, ines):
    run = await room.data("POST", REGRADES, token=ines, status=202)
    await room.error("POST", REGRADES, token=ines, status=409, code="regrade_under_way")
    await room.error(
        "POST", f"{REGRADES}/{run['id']}/confirm", token=ines, status=409, code="regrade_not_ready"
    )
    await room.data("POST", f"{REGRADES}/{run['id']}/discard", token=ines)
    await room.run_jobs()
    found = await room.data("GET", f"{REGRADES}/{run['id']}", token=ines)
    assert (found["status"], found["graded"]) == ("discarded", 0)
    await room.data("POST", REGRADES, token=ines, status=202)


@pytest.mark.asyncio
async def test_a_lesson_without_attempts_has_nothing_to_regrade(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    await classroom.error("POST", REGRADES, token=ines, status=409, code="nothing_to_regrade")


@pytest.mark.asyncio
async def test_a_regrade_is_found_at_its_own_lesson_only(room, ines):
    run = await room.data("POST", REGRADES, token=ines, status=202)
    elsewhere = REGRADES.replace(LESSON, "choices-and-loops")
    await room.error("GET", f"{elsewhere}/{run['id']}", token=ines, status=404, code="not_found")
    await room.error("GET", f"{REGRADES}/{uuid.uuid4()}", token=ines, status=404, code="not_found")


@pytest.mark.asyncio
async def test_graders_look_and_instructors_decide(room):
    gabriel = room.token("gabriel", STAFF_SCOPES)
    await room.error("POST", REGRADES, token=gabriel, status=403, code="forbidden")
    assert await room.data("GET", REGRADES, token=gabriel) == []


@pytest.mark.asyncio
async def test_the_decision_is_an_event_with_a_name(room, ines, tmp_path):
    found = await regraded(room, ines, tmp_path / "mended", always_pass)
    await room.data("POST", f"{REGRADES}/{found['id']}/confirm", token=ines)
    async with room.session() as session:
        decided = (await session.scalars(select(Event).where(Event.type == "regrade.decided"))).one()
        told = list(await session.scalars(select(Event).where(Event.type == "submission.regraded")))
    assert decided.data == {"regrade_id": found["id"], "decision": "confirmed", "by": "ines"}
    assert [event.data["percent"] for event in told] == [100]


@pytest.mark.asyncio
async def test_submissions_go_first(room, ines):
    run = await room.data("POST", REGRADES, token=ines, status=202)
    await room.submit(room.token("lea"), {LESSON: solved()})
    worker = await room.context.queue.app.job_manager.register_worker()
    job = await room.context.queue.app.job_manager.fetch_job(queues=["regrade"], worker_id=worker)
    await room.context.queue.app.tasks[job.task_name].func(
        type("Context", (), {"job": job})(), **job.task_kwargs
    )
    found = await room.data("GET", f"{REGRADES}/{run['id']}", token=ines)
    assert (found["status"], found["graded"]) == ("running", 0), "it steps aside while somebody waits"


class HeldJudge:
    """The judge behind a door: each grading waits until it is let through, and is counted while it is under way."""

    def __init__(self, judge):
        self._judge = judge
        self._door = asyncio.Semaphore(0)
        self._changed = asyncio.Condition()
        self.inside = 0
        self.began = 0

    async def grade(self, request, release):
        await self._count(+1)
        await self._door.acquire()
        try:
            async for message in self._judge.grade(request, release):
                yield message
        finally:
            await self._count(-1)

    async def _count(self, more):
        async with self._changed:
            self.inside += more
            self.began += max(0, more)
            self._changed.notify_all()

    def let_through(self, number=1):
        for _ in range(number):
            self._door.release()

    async def until(self, condition):
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), 180)


@pytest.mark.asyncio
async def test_the_slot_kept_for_learners_is_used_while_nobody_waits_and_given_back(room, ines, monkeypatch):
    # All of these attempts are quick ones, however long the judge took on this machine.
    monkeypatch.setattr(tasks, "QUICK_MS", 600_000.0)
    for number in range(4):
        await room.add_person(f"learner{number}")
        await room.submit(room.token(f"learner{number}"), {LESSON: solved()})
    await room.run_jobs()
    run = await room.data("POST", REGRADES, token=ines, status=202)
    regrader = tasks.Regrader(room.context)
    judge = regrader._judge = HeldJudge(regrader._judge)
    going_on = asyncio.create_task(regrader.go_on(room.context.cohort_id, run_id=run["id"]))
    await judge.until(lambda: judge.inside == 2)  # nobody waits: both slots
    await room.submit(room.token("lea"), {LESSON: solved()})
    async with regrader._room:
        await asyncio.wait_for(regrader._room.wait_for(lambda: regrader._learners_wait), 180)
    judge.let_through()
    await judge.until(lambda: judge.inside == 1)
    assert judge.began == 2, "the slot that became free is the learner's"
    judge.let_through()
    await judge.until(lambda: judge.began == 3)  # the other slot goes on
    assert judge.inside == 1
    await room.context.queue.app.run_worker_async(
        queues=["judge"], wait=False, install_signal_handlers=False, listen_notify=False
    )
    await judge.until(lambda: judge.inside == 2)  # the learner has the verdict: both slots again
    assert judge.began == 4
    judge.let_through(10)
    await going_on
    assert judge.began == 6
    await room.run_jobs()
    found = await room.data("GET", f"{REGRADES}/{run['id']}", token=ines)
    assert (found["status"], found["graded"]) == ("ready", 7), (
        "six of the run's time, and the one handed in meanwhile"
    )


@pytest.mark.asyncio
async def test_without_a_judge_it_is_stuck_and_goes_on_when_queued_again(classroom_with, judge, tmp_path):
    async with classroom_with(job_attempts=1) as room:
        from studyhall.permissions import Role

        await room.publish()
        await room.add_person("lea")
        await room.add_person("ines", Role.INSTRUCTOR)
        await room.submit(room.token("lea"), {LESSON: solved()})
        await room.run_jobs()
        ines = room.token("ines", STAFF_SCOPES)
        run = await room.data("POST", REGRADES, token=ines, status=202)
        async with classroom_with(job_attempts=1, judge_socket="/nowhere/judge.sock") as broken:
            await broken.run_jobs(times=1)
        found = await room.data("GET", f"{REGRADES}/{run['id']}", token=ines)
        assert found["status"] == "stuck"
        (letter,) = await room.data("GET", "/staff/dead-letters", token=ines)
        await room.data("POST", f"/staff/dead-letters/{letter['id']}/requeue", token=ines)
        await room.run_jobs(times=20)
        async with room.session() as session:
            ready = (await session.scalars(select(RegradeRun))).one()
            attempt = (await session.scalars(select(Attempt))).one()
        assert ready.status == "ready"
        assert attempt.status == "graded"


@pytest.mark.asyncio
async def test_nobody_is_flagged_for_a_test_that_was_mended_after_they_fetched_the_lesson(
    room, ines, tmp_path
):
    start = f"/courses/python-foundations/lessons/{LESSON}/start"
    fetched = await room.data("POST", start, token=room.token("lea"), json={})
    (text,) = [file["content"] for file in fetched["files"] if file["path"] == f"{LESSON}.ipynb"]
    await room.submit(room.token("lea"), {LESSON: text})
    await room.run_jobs()
    found = await regraded(room, ines, tmp_path / "mended", always_pass)
    await room.data("POST", f"{REGRADES}/{found['id']}/confirm", token=ines)
    await room.run_jobs()
    await room.submit(room.token("lea"), {LESSON: text})
    await room.run_jobs()
    attempts = await room.data("GET", "/submissions", token=room.token("lea"))
    sent_late, regraded_later = attempts[0], attempts[1]
    for attempt in (sent_late, regraded_later):
        assert {repair["code"] for repair in attempt["report"]["repairs"]} == {"renewed"}
        seen = await room.data("GET", f"/staff/attempts/{attempt['id']}", token=ines)
        assert seen["report"]["flags"] == []
