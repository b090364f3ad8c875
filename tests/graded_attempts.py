"""Attempts with reports as a judge would have written them, for tests that need many or odd ones."""

import json
import uuid

from sqlalchemy import select
from studyhall.courses.models import LessonRelease
from studyhall.courses.service import lesson_of, offering_of
from studyhall.gradebook.deadlines import deadlines_of
from studyhall.grading import service as grading
from studyhall.grading.tasks import enqueue_with
from studyhall.submissions import service as submissions
from studyhall_judge.report import GradeReport, ReportStatus, Resources, TestResult, TestStatus

COURSE = "python-foundations"


def answer_cell(grade_id, source, *, graded=False):
    """A cell that a learner writes in; with points of its own a person gives them."""
    about = {"grade_id": grade_id, "solution": True, "grade": graded, "locked": False, "schema_version": 3}
    return {"cell_type": "code", "id": grade_id, "metadata": {"nbgrader": about}, "source": source}


def notebook_with(answers):
    """A notebook with these answers by grade id."""
    cells = [answer_cell(name, source) for name, source in answers.items()]
    for cell in cells:
        cell |= {"outputs": [], "execution_count": None}
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def report_on(attempt_id, lesson, points, *, waits=frozenset()):
    """A report with these points by test id; those that wait for a person have none. No points at all: refused."""
    tests = [
        TestResult(
            id=test["id"],
            notebook=test["notebook"],
            grade_id=test["grade_id"],
            title=test["title"],
            hidden=test["hidden"],
            kind="manual" if test["manual"] else "assert",
            points=0 if test["id"] in waits else points[test["id"]],
            max_points=test["points"],
            status=TestStatus.needs_manual if test["id"] in waits else TestStatus.partial,
            learner_message="",
            hint="",
            staff_message="",
            duration_ms=1,
            cell_index=None,
            answer_grade_id=test["grade_id"] if test["manual"] else "answer",
        )
        for test in (lesson.tests if points is not None else [])
    ]
    status = ReportStatus.needs_manual if waits else ReportStatus.graded
    return GradeReport(
        request_id=str(attempt_id),
        release_hash=lesson.graded_hash,
        status=status if points is not None else ReportStatus.refused,
        score=sum(test.points for test in tests),
        max_score=sum(test.max_points for test in tests),
        tests=tests,
        repairs=[],
        flags=[],
        resources=Resources(),
        executed_notebooks={},
        message="",
        judge_version="test",
    )


async def add_attempt(room, user_id, lesson, answers, points, *, waits=frozenset()):
    """Accept a submission and store its report, with the service's own functions; return the attempt."""
    async with room.session() as session:
        attempt, _ = await submissions.submit(
            session,
            user_id,
            key=uuid.uuid4(),
            course=COURSE,
            lesson=lesson,
            notebooks={lesson: notebook_with(answers)},
            max_notebook_bytes=1_000_000,
            max_waiting=100,
            zone=None,
            now=room.clock.now,
            outbox=room.context.outbox,
            enqueue=enqueue_with(room.context.queue),
            deadlines_of=deadlines_of,
        )
    async with room.session() as session:
        release = await session.get(LessonRelease, attempt.lesson_release_id)
        report = report_on(attempt.id, release, points, waits=waits)
        found = await grading.finish(
            session,
            attempt.id,
            report,
            sealed=grading.sealed_report(report, room.context.cipher),
            outbox=room.context.outbox,
            now=room.clock.now,
        )
        return found[0]


async def lesson_release(room, lesson):
    """The lesson as learners have it now."""
    async with room.session() as session:
        found = await lesson_of(session, await offering_of(session, COURSE), lesson)
        return (await session.scalars(select(LessonRelease).where(LessonRelease.id == found.id))).one()
