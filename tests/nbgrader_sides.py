"""Both sides of one course's grades, for tests: nbgrader's gradebook as nbgrader reads it, and the platform's."""

import asyncio
import time
import uuid
from contextlib import asynccontextmanager

import psycopg
import pytest
from kitchen_course import BREAD, COURSE, handed_in
from sqlalchemy import make_url, select
from studyhall.audit.service import Actor, AuditOrigin
from studyhall.courses.models import Lesson
from studyhall.courses.service import lesson_of, offering_of
from studyhall.gradebook import service as gradebook_service
from studyhall.gradebook.models import Grade
from studyhall.gradebook.policy import Mark
from studyhall.identity.service import user_named
from studyhall.nbgrader_gradebooks import roles, tasks
from studyhall.submissions.service import attempt_by_id


class Side:
    """nbgrader's side of the sample course: its gradebook as nbgrader reads it, and a grader who types in it."""

    def __init__(self, room, projector, gradebook, url):
        self.room, self.projector, self.gradebook, self.url = room, projector, gradebook, url

    async def read(self):
        return await self.projector.ask("read", url=self.url, course=COURSE)

    async def of(self, student, lesson=BREAD):
        found = [
            one
            for one in (await self.read())["submissions"]
            if (one["student"], one["assignment"]) == (student, lesson)
        ]
        return found[0] if found else None

    def connect(self, address=None):
        """Connect as formgrader, a script or the command line would: not under the platform's own setting."""
        plain = (
            make_url(address or self.url)
            .set(drivername="postgresql")
            .update_query_dict({"options": f"-csearch_path={self.gradebook.schema_name}"})
        )
        return psycopg.connect(
            plain.render_as_string(hide_password=False).replace("+", "%20"), autocommit=True
        )

    def type(self, statement, *parameters, address=None):
        """Change something and return in how many rows."""
        with self.connect(address) as connection:
            return connection.execute(statement, parameters).rowcount

    def shown(self, student):
        """Return the attempt whose grades a learner's submission has in nbgrader."""
        with self.connect() as connection:
            ((attempt,),) = connection.execute(
                "SELECT attempt_id FROM studyhall_shown w JOIN submitted_assignment s ON s.id = w.submission_id "
                "WHERE s.student_id = %s",
                [student],
            ).fetchall()
        return uuid.UUID(attempt)

    def grade(self, student, cell, *, address=None, **values):
        told = ", ".join(f"{name} = %s" for name in values)
        return self.type(
            f"UPDATE grade SET {told} FROM submitted_notebook n, submitted_assignment s, base_cell b "  # noqa: S608 - columns that the tests name
            "WHERE grade.notebook_id = n.id AND n.assignment_id = s.id AND b.id = grade.cell_id "
            "AND s.student_id = %s AND b.name = %s",
            *values.values(),
            student,
            cell,
            address=address,
        )

    def comment(self, student, cell, text):
        return self.type(
            "UPDATE comment SET manual_comment = %s FROM submitted_notebook n, submitted_assignment s, base_cell b "
            "WHERE comment.notebook_id = n.id AND n.assignment_id = s.id AND b.id = comment.cell_id "
            "AND s.student_id = %s AND b.name = %s",
            text,
            student,
            cell,
        )

    def penalty(self, student, value):
        return self.type(
            "UPDATE submitted_notebook SET late_submission_penalty = %s FROM submitted_assignment s "
            "WHERE submitted_notebook.assignment_id = s.id AND s.student_id = %s",
            value,
            student,
        )

    async def follow(self):
        """Do what workers do: deal with events, then with whatever the watch finds."""
        await self.room.run_jobs()
        while await tasks.look(self.room.context):
            await self.room.run_jobs()


@asynccontextmanager
async def side_of(room):
    projector = tasks.projector_for(room.context)
    try:
        gradebook, is_new = await tasks.make(room.context, projector, room.context.cohort_id, COURSE)
        assert is_new
        url = roles.platform_address(room.context.database.url, gradebook, room.context.cipher)
        yield Side(room, projector, gradebook, url)
    finally:
        await projector.close()


async def submit(room, learner, answers, *, lesson=BREAD):
    return await room.submit(room.token(learner), handed_in(lesson, answers), lesson=lesson, course=COURSE)


async def rows(room, model):
    async with room.session() as session:
        return list(await session.scalars(select(model)))


async def grade_of(room, lesson=BREAD):
    """Return the only learner's grade in a lesson as the platform has it."""
    async with room.session() as session:
        found = await session.scalars(
            select(Grade).join(Lesson, Lesson.id == Grade.lesson_id).where(Lesson.slug == lesson)
        )
        return found.one()


async def by_staff(room, attempt_id, test_id, mark):
    async with room.session() as session:
        await gradebook_service.record_manual(
            session,
            await attempt_by_id(session, attempt_id),
            test_id,
            mark,
            actor=Actor(None, "gabriel", AuditOrigin.STAFF_PAGE),
            outbox=room.context.outbox,
            now=room.clock(),
        )


async def until(condition, *, seconds=180):
    """Wait for something to come true and return how long it took."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, "it never came true"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def agrees(submission, grade, worth):
    """Say that nbgrader's submission is the platform's grade, down to each value that a person gave."""
    assert submission["score"] == pytest.approx(worth.final.raw)
    assert submission["max_score"] == pytest.approx(grade.max_score)
    assert submission["needs_manual_grade"] == grade.needs_grading
    for stem, notebook in submission["notebooks"].items():
        for cell, values in notebook["grades"].items():
            mark = worth.marks.get(f"{stem}/{cell}", Mark())
            assert (values["manual_score"], values["extra_credit"]) == (mark.manual_score, mark.extra_credit)
        for cell, text in notebook["comments"].items():
            assert text == worth.marks.get(f"{stem}/{cell}", Mark()).comment
        assert (notebook["penalty"] or 0) == pytest.approx(worth.final.notebooks[stem].penalty)


async def assert_they_agree(room, side, learner, lesson=BREAD):
    async with room.session() as session:
        offering = await offering_of(session, COURSE)
        user = await user_named(session, learner)
        found = await lesson_of(session, offering, lesson)
        attempt = await gradebook_service.counting_attempt(session, offering, found.lesson_id, user.id)
        grade = (
            await session.scalars(
                select(Grade).where(Grade.lesson_id == found.lesson_id, Grade.user_id == user.id)
            )
        ).one()
        worth = await gradebook_service.final_grade(session, attempt)
    agrees(await side.of(learner, lesson), grade, worth)
