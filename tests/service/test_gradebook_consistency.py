"""Any order of attempts, marks, penalties, policies, extensions, regrades and releases: one grade, and no mark lost."""

import asyncio
import uuid
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import pytest
from essay_course import ESSAY, LESSON, course_with_an_essay
from graded_attempts import COURSE, add_attempt, lesson_release, report_on
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from studyhall.audit.service import Actor, AuditOrigin
from studyhall.courses.service import offering_of
from studyhall.gradebook import extensions, policies, policy, releasing, service, standing
from studyhall.gradebook.errors import NoMoreTime
from studyhall.gradebook.models import Grade, ManualGrade, Origin, PenaltyOverride
from studyhall.gradebook.policy import Mark
from studyhall.gradebook.schemas import ExtensionIn
from studyhall.grading import service as grading
from studyhall.regrading import decision
from studyhall.regrading import service as regrading
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt

STAFF = Actor(user_id=None, username="ines", origin=AuditOrigin.STAFF_PAGE)

answers = st.fixed_dictionaries({"answer": st.sampled_from("ab"), "explain": st.sampled_from("xyz")})
shares = st.sampled_from([0.0, 0.25, 0.5, 1.0])
given_points = st.none() | st.integers(0, 4).map(float)
places = st.integers(0, 5)
stories = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), answers, st.none() | shares),
        st.tuples(
            st.just("mark"), places, st.booleans(), given_points, given_points, st.sampled_from([None, "Hm."])
        ),
        st.tuples(st.just("penalty"), places, given_points),
        st.tuples(
            st.just("policy"),
            st.none() | st.sampled_from(["best", "last"]),
            st.sampled_from(["none", "percent_per_day"]),
            st.none() | st.integers(-100, 50),
        ),
        st.tuples(st.just("extend"), st.integers(-100, 50)),
        st.tuples(st.just("regrade"), shares, shares),
        st.tuples(st.just("release")),
        st.tuples(st.just("take back")),
    ),
    min_size=3,
    max_size=10,
)


class Story:
    """What happens to one learner, and what people gave as this test remembers it."""

    def __init__(self, room, user_id, username, lesson):
        self.room, self.user_id, self.username, self.lesson = room, user_id, username, lesson
        self.auto = [test["id"] for test in lesson.tests if not test["manual"]]
        self.attempts = []
        self.marks = {}
        self.penalties = {}
        self.is_alone = True
        self.now = room.clock.now

    def points(self, share, *, odd=None):
        """Automatic points by test: one share for all, and another for the first."""
        found = {test["id"]: share * test["points"] for test in self.lesson.tests if not test["manual"]}
        if odd is not None:
            found[self.auto[0]] = odd * next(
                test["points"] for test in self.lesson.tests if test["id"] == self.auto[0]
            )
        return found

    async def do(self, operation, *details):
        self.now = self.room.clock.now = self.room.clock.now + timedelta(minutes=7)
        async with self.room.session() as session:
            self.assignment = await policies.assignment_of(session, COURSE, LESSON)
        await getattr(self, operation.replace(" ", "_"))(*details)

    def change(self):
        return {"actor": STAFF, "outbox": self.room.context.outbox, "now": self.now}

    async def submit(self, written, share):
        points = None if share is None else self.points(share)
        attempt = await add_attempt(
            self.room, self.user_id, LESSON, written, points, waits={ESSAY} if points else frozenset()
        )
        self.attempts.append(attempt.id)

    def _at(self, place):
        return self.attempts[place % len(self.attempts)] if self.attempts else None

    async def mark(self, place, essay, score, extra, comment):
        if (attempt_id := self._at(place)) is None:
            return
        test_id = ESSAY if essay else self.auto[0]
        mark = Mark(score, extra, comment)
        async with self.room.session() as session:
            attempt = await submissions.attempt_by_id(session, attempt_id)
            origin = Origin.NBGRADER if score == 2 else Origin.STAFF
            await service.record_manual(session, attempt, test_id, mark, origin=origin, **self.change())
        self.marks[attempt_id, test_id] = mark

    async def penalty(self, place, points):
        if (attempt_id := self._at(place)) is None:
            return
        async with self.room.session() as session:
            attempt = await submissions.attempt_by_id(session, attempt_id)
            await service.record_penalty(session, attempt, LESSON, points, **self.change())
        self.penalties[attempt_id] = points

    async def policy(self, counting, late, hours):
        due = None if hours is None else self.now + timedelta(hours=hours)
        changes = {"counting": counting, "late_policy": late, "due_at": due}
        async with self.room.session() as session:
            await policies.change_policy(
                session, self.assignment, changes, expected_version=None, **self.change()
            )

    async def extend(self, hours):
        due = self.now + timedelta(hours=hours)
        async with self.room.session() as session:
            # Where everybody has that time and more it is refused, and changes nothing.
            with suppress(NoMoreTime):
                await extensions.grant_extension(
                    session, self.assignment, self.username, ExtensionIn(due_at=due), **self.change()
                )

    async def release(self):
        async with self.room.session() as session:
            await releasing.release_grades(session, self.assignment, feedback=True, **self.change())

    async def take_back(self):
        async with self.room.session() as session:
            await releasing.take_grades_back(session, self.assignment, **self.change())

    async def regrade(self, share, odd):
        if not self.attempts:
            return
        async with self.room.session() as session:
            before = await self.given(session)
            run = await regrading.request(session, course=COURSE, lesson=LESSON, by="ines", now=self.now)
            outcomes = []
            rows = await session.scalars(select(Attempt).where(Attempt.lesson_id == run.lesson_id))
            for attempt in rows:
                mine = attempt.user_id == self.user_id
                points = self.points(share, odd=odd) if mine else self.points(1.0)
                report = report_on(attempt.id, self.lesson, points, waits={ESSAY})
                sealed = grading.sealed_report(report, self.room.context.cipher)
                outcomes.append(
                    regrading.Outcome(
                        attempt=attempt, report=report, shown=grading.for_learner(report), sealed=sealed
                    )
                )
            await regrading.keep(session, run, outcomes, now=self.now)
            run.status = "ready"
        async with self.room.session() as session:
            run = await regrading.run_by_id(session, run.id, lock=True)
            await decision.confirm(session, run, by="ines", outbox=self.room.context.outbox, now=self.now)
            after = await self.given(session)
        for key, row in before.items() if self.is_alone else ():
            assert after[key] == row, "a regrade touches no mark"

    async def given(self, session):
        rows = await session.scalars(
            select(ManualGrade)
            .join(Attempt, Attempt.id == ManualGrade.attempt_id)
            .where(Attempt.user_id == self.user_id)
            .execution_options(populate_existing=True)
        )
        return {
            (row.attempt_id, row.test_id): (
                Mark(row.manual_score, row.extra_credit, row.comment),
                row.carried_from,
                row.version,
            )
            for row in rows
        }

    async def check(self):
        """Everything that shows a grade shows the same one, worked out here once more from what it is made of."""
        async with self.room.session() as session:
            await self.check_marks(session)
            offering = await offering_of(session, COURSE)
            terms = await standing.terms_of_lesson(
                session, offering, self.lesson.lesson_id, user_ids={self.user_id}
            )
            attempts = list(await session.scalars(select(Attempt).where(Attempt.user_id == self.user_id)))
            late_after = terms.deadlines(self.user_id).late_after
            counting = policy.counting_attempt(attempts, standing.counting_rule(terms))
            described = await submissions.describe(session, attempts)
            assert {row.id for row in described if row.counts} == ({counting.id} if counting else set())
            for row in attempts:
                assert row.late == (late_after is not None and row.submitted_at > late_after)
            grade = await session.scalar(select(Grade).where(Grade.user_id == self.user_id))
            if counting is None:
                assert grade is None or grade.attempt_id is None
                return
            marks = {
                row.test_id: Mark(row.manual_score, row.extra_credit, row.comment)
                for row in await service.marks_of(session, [counting.id])
            }
            overrides = await session.scalars(
                select(PenaltyOverride).where(
                    PenaltyOverride.attempt_id == counting.id, PenaltyOverride.penalty.is_not(None)
                )
            )
            reports = await grading.learner_reports(session, {counting.id})
            final = policy.final_grade(
                standing.outcomes_of([test.model_dump() for test in reports[counting.id].tests]),
                marks=marks,
                penalties={row.notebook: row.penalty for row in overrides},
                submitted_at=counting.submitted_at,
                late_after=late_after,
                rule=terms.rule,
            )
            assert (grade.attempt_id, grade.score, grade.raw_score, grade.penalty, grade.max_score) == (
                counting.id,
                final.score,
                final.raw,
                final.penalty,
                final.max_score,
            )
            assert grade.needs_grading == bool(grade.waiting) == bool(final.waiting)
            assert (await service.final_grade(session, counting)).final == final
            released = terms.decided is not None and terms.decided.grades_released_at is not None
            for row in described:
                assert (row.final is not None) == (released and row.id == counting.id)
                if row.final is not None:
                    assert (row.final.score, row.final.penalty) == (final.score, final.penalty)
            events = select(func.count()).select_from(Grade)
            assert await session.scalar(events) >= 1
            again = await standing.refresh(
                session,
                offering,
                self.lesson.lesson_id,
                {self.user_id},
                outbox=self.room.context.outbox,
                now=self.now,
            )
            assert again == set(), "there was nothing left to work out"

    async def check_marks(self, session):
        """What people gave is there as they gave it last; what was carried stands only where nobody gave anything."""
        if self.marks is None:
            return
        found = await self.given(session)
        for key, mark in self.marks.items():
            if not mark.is_empty:
                assert key in found
            if key in found and found[key][1] is None:
                assert found[key][0] == mark
        for key, (_, carried_from, _) in found.items():
            if key not in self.marks:
                assert carried_from in self.attempts


@pytest.fixture
def folder(tmp_path):
    return course_with_an_essay(tmp_path / "course")


def test_whatever_happens_there_is_one_grade_and_no_mark_is_lost(classroom_with, folder):
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        room = runner.run(stack.enter_async_context(classroom_with()))
        runner.run(room.publish(folder))

        async def tell(operations):
            name = f"learner-{uuid.uuid4().hex[:8]}"
            user_id = await room.add_person(name)
            learner = Story(room, user_id, name, await lesson_release(room, LESSON))
            for operation in operations:
                await learner.do(*operation)
            await learner.check()

        @settings(
            max_examples=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            # A story that fails is short enough to be read as it is, and each one takes a while.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        )
        @given(operations=stories)
        def any_story(operations):
            runner.run(tell(operations))

        try:
            any_story()
        finally:
            runner.run(stack.aclose())


@pytest.mark.asyncio
async def test_everything_at_once_waits_in_no_circle_and_ends_consistent(classroom, folder):
    await classroom.publish(folder)
    lesson = await lesson_release(classroom, LESSON)
    learners = []
    for number in range(5):
        user_id = await classroom.add_person(f"crowd-{number}")
        learner = Story(classroom, user_id, f"crowd-{number}", lesson)
        await learner.do("submit", {"answer": "a", "explain": "x"}, 0.5)
        learner.is_alone = False
        learners.append(learner)
    first, *_ = learners
    await first.do("policy", None, "none", -9)
    work = []
    for round_number in range(3):
        for learner in learners:
            work.append(learner.mark(0, True, float(round_number), None, f"{round_number}"))
            work.append(learner.submit({"answer": "b", "explain": "x"}, 0.25 * round_number))
            work.append(learner.penalty(0, float(round_number)))
            work.append(learner.extend(round_number - 1))
        work.append(first.policy(["best", "last", None][round_number], "percent_per_day", round_number - 9))
        work.append(first.release() if round_number != 1 else first.take_back())
    work.insert(len(work) // 2, first.regrade(0.75, 0.5))
    # As many at a time as there are connections: whoever waits long for one is refused, which is no circle.
    places = asyncio.Semaphore(classroom.context.settings.database_pool_size)

    async def in_turn(deed):
        async with places:
            await deed

    await asyncio.gather(*map(in_turn, work))
    await classroom.run_jobs()
    for learner in learners:
        learner.marks = None  # which of them came last is not known here
        await learner.check()
