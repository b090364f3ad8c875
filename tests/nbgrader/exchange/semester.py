"""A course that was taught, moved out of Studyhall, and both sides of its grades; for the tests of moving out."""

import asyncio
import base64
import csv
import os
import sys
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from classrooms import STAFF_SCOPES
from kitchen_course import BREAD, CAKE, COURSE, CUPS, ESSAY, LOAVES, SLICES, handed_in
from sqlalchemy import select
from studyhall.courses.service import lesson_of, offering_of
from studyhall.exchange.models import ExchangeFeedback
from studyhall.gradebook.exporting import collect
from studyhall.gradebook.models import Grade
from studyhall.identity.service import user_named
from studyhall.moving_out import command, folder, service
from studyhall.moving_out.errors import MovingOutError

from .terminals import Terminal

DUE = datetime(2026, 10, 1, 18, tzinfo=UTC)
LEARNERS = ("lea", "liam", "zoë", "李雷", "nina")
WRONG = "def slices(guests, each):\n    return 12"
COUNTS = ("raw_score", "late_submission_penalty", "score", "max_score")


@dataclass
class Plain(Terminal):
    """A terminal in an exported folder: nothing of ours is on its path, and its configuration stays."""

    def __post_init__(self):
        self.home = self.folder.parent / f".home-{self.folder.name}"
        self.home.mkdir(exist_ok=True)
        self.variables = {"PYTHONPATH": "", **self.variables}


async def teach(room):
    ines = room.token("ines", STAFF_SCOPES)
    path = f"/staff/courses/{COURSE}/assignments"
    room.clock.now = DUE - timedelta(days=1)
    decided = await room.data("GET", f"{path}/{BREAD}/policy", token=ines)
    body = {"late_policy": "percent_per_day", "late_percent_per_day": 10}
    body |= {"expected_version": decided["version"]} if "version" in decided else {}
    await room.data("PATCH", f"{path}/{BREAD}/policy", token=ines, json=body)
    until = {"due_at": (DUE + timedelta(days=3)).isoformat(), "reason": "ill"}
    await room.data("PUT", f"{path}/{BREAD}/extensions/liam", token=ines, json=until)

    async def submit(name, lesson, answers, **extra):
        await room.submit(room.token(name), handed_in(lesson, answers), lesson=lesson, course=COURSE, **extra)
        room.clock.now += timedelta(minutes=1)

    whole = {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS}
    await submit("lea", BREAD, {"loaves": LOAVES})
    data = {"data/flour.csv": base64.b64encode(b"kind,grams\nrye,500\n").decode()}
    await submit("lea", BREAD, whole, files=data)
    await submit("lea", CAKE, {"slices": SLICES})
    await submit("李雷", CAKE, {"slices": WRONG})
    room.clock.now = DUE + timedelta(hours=30)
    await submit("liam", BREAD, whole)
    await submit("zoë", BREAD, whole)
    await room.run_jobs()
    await give(
        room, "lea", BREAD, "why_sourdough", manual_score=4, extra_credit=0.5, comment="Wild yeast! 🌾"
    )
    await give(room, "lea", BREAD, "cups", manual_score=3)
    await give(room, "lea", BREAD, "loaves", comment="Short and clear.")
    await give(room, "zoë", BREAD, "why_sourdough", manual_score=2.5)
    attempt = await attempt_of(room, "李雷", CAKE)
    await room.data(
        "PUT",
        f"/staff/attempts/{attempt}/penalties",
        token=ines,
        json={"notebook": CAKE, "penalty": 1.5, "expected_version": 0},
    )
    async with room.session() as session:
        session.add(
            ExchangeFeedback(
                cohort_id=room.context.cohort_id,
                attempt_id=await attempt_of(room, "lea", CAKE),
                notebook=CAKE,
                html=zlib.compress(b"<p>Well cut.</p>"),
                sha256="0" * 64,
                feedback_at=room.clock(),
                released_by="ines",
            )
        )


async def attempt_of(room, name, lesson):
    """Return the attempt that counts."""
    async with room.session() as session:
        user = await user_named(session, name)
        found = await lesson_of(session, await offering_of(session, COURSE), lesson)
        return await session.scalar(
            select(Grade.attempt_id).where(Grade.user_id == user.id, Grade.lesson_id == found.lesson_id)
        )


async def give(room, name, lesson, cell, **given):
    await room.data(
        "PUT",
        f"/staff/attempts/{await attempt_of(room, name, lesson)}/grading",
        token=room.token("ines", STAFF_SCOPES),
        json={"test_id": f"{lesson}/{cell}", "expected_version": 0, **given},
    )


async def move_out(room, place, *, course=COURSE, agreed=True, progress=lambda *_: None, **more):
    """Do what the command does."""
    settings = room.context.settings.model_copy(update=more.pop("settings", {}))
    return await asyncio.to_thread(
        command.export_course,
        settings,
        course,
        place,
        agreed=lambda *_: agreed,
        progress=progress,
        **more,
    )


async def renew(room, place, projector, **more):
    """Do the same beside a process that has nbgrader already, as often as one likes; starting one takes seconds."""
    context, all_attempts = room.context, more.get("all_attempts", False)
    course = more.get("course", COURSE)
    async with room.session() as session:
        planned = await service.plan(session, course, all_attempts=all_attempts)
    with folder.ExportFolder.opened(place, folder.Owner(course, context.cohort_id), room.clock()) as opened:
        return await service.export(context, planned, opened, projector, progress=lambda *_: None)


async def refused(room, place, reason, **more):
    with pytest.raises(MovingOutError) as told:
        await move_out(room, place, **more)
    assert told.value.reason is reason, told.value
    return str(told.value)


async def platform_scores(room, session_of=None):
    """Return the platform's own export, by assignment and learner."""
    async with (session_of or room.session)() as session:
        found = await collect(session, await offering_of(session, COURSE))
    return {(row[0], row[3]): [pytest.approx(value) for value in row[7:]] for row in found.rows}


def nbgrader_scores(place):
    with (place / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["assignment"], row["student_id"]): [float(row[name]) for name in COUNTS]
            for row in csv.DictReader(file)
        }


def tree(place):
    """Return what an export holds, but for what says when it was made."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
        and path.relative_to(place).parts[0] not in {folder.OURS, "REPORT.md", "gradebook.db", "grades.csv"}
    }


STOPS_AT_TWO = """
import sys
from pathlib import Path
from studyhall.moving_out import command
from studyhall.settings import Settings
def progress(done, total, what):
    if done == 2:
        print("there", flush=True)
        sys.stdin.readline()
command.export_course(Settings(), sys.argv[1], Path(sys.argv[2]), agreed=lambda *_: True, progress=progress)
"""


def environment_for(room):
    settings = room.context.settings
    return {
        "PATH": os.environ["PATH"],
        "STUDYHALL_DATABASE_URL": settings.database_url.get_secret_value(),
        "STUDYHALL_REDIS_URL": settings.redis_url.get_secret_value(),
        "STUDYHALL_CONTENT_KEY": settings.content_key.get_secret_value(),
        "STUDYHALL_NBGRADER_PYTHON": str(settings.nbgrader_python),
        "STUDYHALL_COHORT": "demo",
    }


async def run(room, place, *words, course=COURSE, answer=b""):
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "studyhall.cli", "export", "nbgrader", course, str(place), *words),
        env=environment_for(room),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await child.communicate(answer)
    return child.returncode, output.decode()


FORMGRADER = """
import json
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader
api = NbGraderAPI(CourseDirectory(config=PyFileConfigLoader("nbgrader_config.py").load_config()))
found = [one for name in sorted(api.get_source_assignments()) for one in api.get_submissions(name)]
names = ("name", "student", "score", "autograded", "needs_manual_grade")
print(json.dumps([{name: one[name] for name in names} for one in found]))
"""
