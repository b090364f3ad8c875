"""Attempts that a review can be asked for, with canaries in all that a learner and Claude must never see."""

import json
import uuid

import nbformat
from sqlalchemy import text
from studyhall.grading import service as grading
from studyhall_judge.report import GradeReport, ReportStatus, Resources, TestResult, TestStatus
from studyhall_notebooks.parsing import read_notebook

LESSON = "values-and-names"
CANARIES = (
    "CANARY_SOURCE",
    "CANARY_STAFF",
    "CANARY_EXPECTED",
    "CANARY_EXECUTED",
    "CANARY_FLAG",
    "CANARY_LEARNER",
)
"""Planted in the hidden test's source, its staff message, its learner message, the executed notebook and a flag."""

ANSWER = (
    "def price_with_tip(price, percent):\n    if price == None:\n        return 0\n    return price * 1.1"
)


async def worked_on(room, token, answer=ANSWER):
    """The fetched notebook with an answer and an extra cell."""
    data = await room.data(
        "POST", f"/courses/python-foundations/lessons/{LESSON}/start", token=token, json={}
    )
    (content,) = [file["content"] for file in data["files"] if file["is_notebook"]]
    notebook = read_notebook(content)
    for cell in notebook.cells:
        if cell.id == "price_with_tip":
            cell.source = answer
    notebook.cells.append(nbformat.v4.new_code_cell("price_with_tip(20, 10)", id="my-try"))
    return nbformat.writes(notebook)


def report_of(attempt_id, *, passed):
    """What a judge says, with canaries wherever staff alone may look."""

    def result(name, *, hidden, ok):
        return TestResult(
            id=f"{LESSON}/{name}",
            notebook=LESSON,
            grade_id=name,
            title=f"Title of {name}",
            hidden=hidden,
            kind="assert",
            points=2 if ok else 0,
            max_points=2,
            status=TestStatus.passed if ok else TestStatus.failed,
            learner_message="CANARY_LEARNER" if hidden else "20 and 10 make 22",
            hint=f"Hint of {name}.",
            staff_message="CANARY_STAFF: assert f(x) == CANARY_EXPECTED",
            duration_ms=1,
            cell_index=16,
            answer_grade_id="price_with_tip",
        )

    tests = [
        result("test_tip", hidden=False, ok=passed),
        result("test_tip_more", hidden=True, ok=passed),
    ]
    return GradeReport.model_validate(
        {
            "request_id": str(attempt_id),
            "release_hash": "x",
            "status": ReportStatus.graded,
            "score": sum(test.points for test in tests),
            "max_score": 4,
            "tests": tests,
            "repairs": [],
            "flags": [{"code": "x", "test_id": None, "message": "CANARY_FLAG"}],
            "resources": Resources(),
            "executed_notebooks": {LESSON: "CANARY_EXECUTED"},
            "message": "",
            "judge_version": "1",
        }
    )


async def graded(room, token, *, passed=True, answer=ANSWER):
    """Submit, and have a report stored as the judge's would be; returns the attempt's id."""
    attempt = await room.submit(token, {LESSON: await worked_on(room, token, answer)})
    identifier = uuid.UUID(attempt["id"])
    report = report_of(identifier, passed=passed)
    async with room.session() as session:
        await grading.begin(session, identifier)
        await grading.finish(
            session,
            identifier,
            report,
            sealed=grading.sealed_report(report, room.context.cipher),
            outbox=room.context.outbox,
            now=room.clock(),
        )
    return attempt["id"]


async def ask(room, token, attempt, **body):
    return await room.data("POST", f"/submissions/{attempt}/ai-review", token=token, status=202, json=body)


async def show(room, token, attempt):
    return await room.data("GET", f"/submissions/{attempt}/ai-review", token=token)


def assert_no_canary(found):
    sent = found if isinstance(found, str) else json.dumps(found)
    for canary in CANARIES:
        assert canary not in sent


async def heard_while(room, work):
    """Return what lea's window hears of reviews while something runs."""
    async with room.session() as session:
        lea = await session.scalar(text("SELECT id FROM users WHERE hub_username = 'lea'"))
    live = room.context.live
    async with live.listen(room.context.cohort_id, lea) as pubsub:
        await work
        await live.publish(room.context.cohort_id, lea, "mark", {})
        found = []
        while True:
            message = await pubsub.get_message(timeout=60)
            update = json.loads(message["data"]) if message else {"event": None}
            if update["event"] == "mark":
                return found
            if update["event"] == "ai_review.updated":
                found.append(update["data"])
