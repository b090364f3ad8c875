"""Whatever happens in whatever order, both sides end with the same grade, and what somebody typed is in it."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kitchen_course import BREAD, COURSE, CUPS, ESSAY, LOAVES, write_course
from nbgrader_sides import assert_they_agree, by_staff, side_of, submit
from sqlalchemy import select, update
from studyhall.courses.service import lesson_of, offering_of
from studyhall.gradebook import service as gradebook_service
from studyhall.gradebook import standing
from studyhall.gradebook.models import Grade
from studyhall.gradebook.policy import Mark
from studyhall.grading.models import Report
from studyhall.identity.service import user_named
from studyhall.nbgrader_gradebooks import service, tasks
from studyhall.submissions.models import Attempt

CELLS = ("why_sourdough", "cups", "test_loaves")
FIELDS = {"manual_score": "manual_score", "extra_credit": "extra_credit", "manual_comment": "comment"}

points = st.sampled_from([None, 0.0, 1.0, 2.5, 5.0])
texts = st.sampled_from([None, "Well said.", "Say why."])
marks = st.builds(Mark, points, st.sampled_from([None, 0.5]), texts)
steps = st.one_of(
    st.tuples(
        st.just("submits"),
        st.sampled_from([LOAVES, "x = 1"]),
        st.sampled_from([ESSAY, "Time."]),
        st.sampled_from([CUPS, CUPS + " "]),
    ),
    st.tuples(st.just("staff"), st.sampled_from(CELLS), marks),
    st.tuples(st.just("types"), st.sampled_from(CELLS), st.just("manual_score"), points),
    st.tuples(
        st.just("types"), st.sampled_from(CELLS), st.just("extra_credit"), st.sampled_from([None, 0.25])
    ),
    st.tuples(st.just("types"), st.sampled_from(CELLS[:2]), st.just("manual_comment"), texts),
    st.tuples(st.just("penalty"), st.sampled_from([0.0, 0.5])),
    st.tuples(st.just("regrade"), st.sampled_from([0.0, 2.0])),
    st.tuples(st.just("dies")),
    st.tuples(st.just("follows")),
)


class Died(Exception):
    """The worker died."""


@dataclass
class World:
    """A course with both sides, open for many examples."""

    runner: asyncio.Runner
    room: object
    side: object
    numbers: itertools.count


@pytest.fixture
def world(classroom_with, newest_nbgrader_python, judge, tmp_path):
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin():
            room = await stack.enter_async_context(classroom_with(nbgrader_python=newest_nbgrader_python))
            await room.publish(write_course(tmp_path / "kitchen"))
            return World(runner, room, await stack.enter_async_context(side_of(room)), itertools.count())

        yield runner.run(begin())
        runner.run(stack.aclose())


class Learner:
    """One example: a learner's grade in one assignment, and everything that happens to it."""

    def __init__(self, world, name):
        self.world, self.room, self.side, self.name = world, world.room, world.side, name
        self.typed = {}

    async def place(self, session):
        offering = await offering_of(session, COURSE)
        lesson = await lesson_of(session, offering, BREAD)
        user = await user_named(session, self.name)
        attempt = await gradebook_service.counting_attempt(session, offering, lesson.lesson_id, user.id)
        return offering, lesson, user, attempt

    async def submits(self, loaves, essay, cups):
        await submit(self.room, self.name, {"loaves": loaves, "why_sourdough": essay, "cups": cups})
        await self.room.run_jobs(times=1)

    async def staff(self, cell, mark):
        async with self.room.session() as session:
            *_, attempt = await self.place(session)
        if attempt is not None:
            await by_staff(self.room, attempt.id, f"{BREAD}/{cell}", mark)

    async def types(self, cell, field, value):
        before = await self.side.of(self.name)
        if before is None:
            return
        notebook = before["notebooks"][BREAD]
        old = notebook["comments"].get(cell) if field == "manual_comment" else notebook["grades"][cell][field]
        if field == "manual_comment":
            self.side.comment(self.name, cell, value)
        else:
            self.side.grade(self.name, cell, **{field: value})
        if old != value:
            # It is about the answers that nbgrader shows, whatever has come since.
            self.typed[cell, field] = value, self.side.shown(self.name)

    async def penalty(self, value):
        self.side.penalty(self.name, value)

    async def regrade(self, given_points):
        """Replace the report of the counting attempt, as a confirmed regrade does."""
        async with self.room.session() as session:
            offering, lesson, user, attempt = await self.place(session)
            if attempt is None:
                return
            report = (await session.scalars(select(Report).where(Report.attempt_id == attempt.id))).one()
            tests = [
                {**test, "points": given_points if test["grade_id"] == "test_loaves" else test["points"]}
                for test in report.for_learner["tests"]
            ]
            total = sum(test["points"] for test in tests)
            await session.execute(
                update(Report)
                .where(Report.id == report.id)
                .values(for_learner={**report.for_learner, "tests": tests})
            )
            await session.execute(update(Attempt).where(Attempt.id == attempt.id).values(score=total))
            await standing.refresh(
                session,
                offering,
                lesson.lesson_id,
                {user.id},
                outbox=self.room.context.outbox,
                now=self.room.clock(),
            )

    async def dies(self):
        """The worker dies after it has written to nbgrader and before it remembers that."""
        context = self.room.context
        async with self.room.session() as session:
            offering = await offering_of(session, COURSE)
        with mock.patch.object(service, "finish", side_effect=Died):
            try:
                await tasks.synchronize_now(context, self.side.projector, context.cohort_id, offering.id)
            except Died:
                return

    async def follows(self):
        await self.side.follow()
        async with self.room.session() as session:
            *_, attempt = await self.place(session)
            if attempt is None:
                return
            about = {shown for _, shown in self.typed.values()}
            given_marks = {
                (row.attempt_id, row.test_id): row for row in await gradebook_service.marks_of(session, about)
            }
        for (cell, field), (value, shown) in self.typed.items():
            row = given_marks.get((shown, f"{BREAD}/{cell}"))
            assert (getattr(row, FIELDS[field]) if row else None) == value, (cell, field)
        self.typed.clear()
        await assert_they_agree(self.room, self.side, self.name)


@pytest.mark.timeout(1200)  # every example is some minutes of a term
def test_both_sides_agree_after_any_order_of_events(world):
    async def play(happenings):
        name = f"learner{next(world.numbers)}"
        await world.room.add_person(name, course=COURSE)
        learner = Learner(world, name)
        await learner.submits(LOAVES, ESSAY, CUPS)
        for what, *details in [*happenings, ("follows",)]:
            await getattr(learner, what)(*details)
        async with world.room.session() as session:
            user = await user_named(session, name)
            assert await session.scalar(select(Grade.score).where(Grade.user_id == user.id)) is not None

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
        print_blob=True,
    )
    @given(st.lists(steps, min_size=2, max_size=7))
    def agree(happenings):
        world.runner.run(play(happenings))

    agree()
