"""What the gradebook costs: a class of 200 with 20 assignments, and the same after forty more attempts each."""

import copy
import json
import uuid
from contextlib import contextmanager

import pytest
import pytest_asyncio
from classrooms import STAFF_SCOPES
from graded_attempts import COURSE, lesson_release
from sqlalchemy import event, insert, select, text
from studyhall.courses.models import CourseRelease, Enrolment, Lesson, LessonProgress, LessonRelease
from studyhall.courses.service import offering_of
from studyhall.gradebook import policies, queue, table
from studyhall.gradebook.models import Grade
from studyhall.gradebook.schemas import GradebookQuery, QueueQuery
from studyhall.identity.models import User
from studyhall.submissions.models import Attempt

LEARNERS = 200
ASSIGNMENTS = 20


async def make_assignments(room):
    """A release with twenty assignments, each with one question that people grade."""
    model = await lesson_release(room, "values-and-names")
    async with room.session() as session:
        offering = await offering_of(session, COURSE)
        release = CourseRelease(
            id=uuid.uuid4(),
            course_id=offering.course_id,
            number=2,
            content_hash="twenty",
            outline=[{"slug": "all", "title": "All", "lessons": [f"lesson-{n}" for n in range(ASSIGNMENTS)]}],
            published_by="test",
        )
        session.add(release)
        await session.flush()
        tests = [*copy.deepcopy(model.tests)]
        tests[-1]["manual"] = True
        names = [
            column.name
            for column in LessonRelease.__table__.columns
            if column.name not in {"id", "created_at"}
        ]
        same = {name: getattr(model, name) for name in names if name != "graded"}
        releases = []
        for number in range(ASSIGNMENTS):
            lesson = Lesson(id=uuid.uuid4(), course_id=offering.course_id, slug=f"lesson-{number}")
            session.add(lesson)
            await session.flush()
            found = LessonRelease(
                **{**same, "release_id": release.id, "lesson_id": lesson.id, "tests": tests, "graded": b""},
                id=uuid.uuid4(),
            )
            session.add(found)
            releases.append(found)
        offering.release_id = release.id
        return offering, releases


async def add_attempts(room, offering, releases, users, numbers):
    """Graded attempts with these numbers, for everybody in everything."""
    async with room.session() as session:
        common = {
            "cohort_id": room.context.cohort_id,
            "offering_id": offering.id,
            "release": 2,
            "status": "needs_manual",
            "late": False,
            "submitted_at": room.clock.now,
            "graded_at": room.clock.now,
            "score": 5.0,
            "max_score": 10.0,
            "passed": False,
            "size": 100,
        }
        for release in releases:
            await session.execute(
                insert(Attempt),
                [
                    {
                        **common,
                        "id": uuid.uuid4(),
                        "user_id": user_id,
                        "lesson_id": release.lesson_id,
                        "lesson_release_id": release.id,
                        "number": number,
                        "idempotency_key": uuid.uuid4(),
                    }
                    for user_id in users
                    for number in numbers
                ],
            )


async def add_grades(room, offering, releases, users):
    """What the gradebook has made of everybody's first attempt."""
    async with room.session() as session:
        first = (await session.execute(select(Attempt.id, Attempt.user_id, Attempt.lesson_id))).all()
        waiting = {release.lesson_id: [release.tests[-1]["id"]] for release in releases}
        common = {"cohort_id": room.context.cohort_id}
        await session.execute(
            insert(Grade),
            [
                {
                    **common,
                    "id": uuid.uuid4(),
                    "offering_id": offering.id,
                    "lesson_id": lesson_id,
                    "user_id": user_id,
                    "attempt_id": attempt_id,
                    "raw_score": 5.0,
                    "score": 5.0,
                    "max_score": 10.0,
                    "waiting": waiting[lesson_id],
                    "needs_grading": True,
                    "changed_at": room.clock.now,
                }
                for attempt_id, user_id, lesson_id in first
            ],
        )
        await session.execute(
            insert(LessonProgress),
            [
                {
                    **common,
                    "id": uuid.uuid4(),
                    "user_id": user_id,
                    "lesson_id": release.lesson_id,
                    "state": "submitted",
                    "attempts_used": 1,
                }
                for user_id in users
                for release in releases
            ],
        )


@pytest_asyncio.fixture
async def crowd(classroom):
    """A class of 200 learners and 20 assignments, everything submitted once."""
    offering, releases = await make_assignments(classroom)
    users = [uuid.uuid4() for _ in range(LEARNERS)]
    async with classroom.session() as session:
        common = {"cohort_id": classroom.context.cohort_id}
        await session.execute(
            insert(User),
            [
                {**common, "id": user_id, "hub_username": f"learner-{n}", "display_name": f"Learner {n}"}
                for n, user_id in enumerate(users)
            ],
        )
        await session.execute(
            insert(Enrolment),
            [
                {
                    **common,
                    "id": uuid.uuid4(),
                    "offering_id": offering.id,
                    "user_id": user_id,
                    "role": "learner",
                }
                for user_id in users
            ],
        )
    await add_attempts(classroom, offering, releases, users, [1])
    await add_grades(classroom, offering, releases, users)
    return classroom, offering, releases, users


async def analyze(room, postgres):
    """Have PostgreSQL know its tables, as it does by itself after a while."""
    import psycopg
    from studyhall.supervisor.postgres import OWNER

    name = room.context.database.engine.url.database
    with psycopg.connect(postgres.url(OWNER, name), autocommit=True) as connection:
        connection.execute("ANALYZE")


@contextmanager
def questions(room):
    """Collect what is asked of the database, with the values."""
    statements = []

    def remember(_connection, _cursor, statement, parameters, _context, _many):
        if statement.startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    engine = room.context.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", remember)


async def rows_touched(room, work):
    """Run some work and return how many rows all its statements looked at in tables and indexes."""
    with questions(room) as statements:
        async with room.session() as session:
            await work(session)
    total = 0
    async with room.session() as session:
        connection = await session.connection()
        for statement, parameters in statements:
            explained = await connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
            )
            plan = explained.scalar_one()
            total += _rows((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return total


def _rows(plan):
    mine = 0
    if plan["Node Type"].endswith("Scan"):
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        mine = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return mine + sum(_rows(child) for child in plan.get("Plans", ()))


@pytest.mark.asyncio
async def test_the_cost_of_table_and_queue_does_not_grow_with_history(crowd, postgres):
    room, offering, releases, users = crowd

    async def open_table(session):
        offering = await offering_of(session, COURSE)
        await table.gradebook(
            session, offering, GradebookQuery(limit=50, sort_by="total", state="needs_grading")
        )

    async def open_queue(session):
        offering = await offering_of(session, COURSE)
        await queue.questions(session, offering, now=room.clock.now)

    async def open_answers(session):
        assignment = await policies.assignment_of(session, COURSE, "lesson-0")
        question = QueueQuery(test_id=releases[0].tests[-1]["id"])
        found, total = await queue.items(
            session,
            assignment,
            question,
            viewer=users[0],
            cipher=room.context.cipher,
            now=room.clock.now,
        )
        assert (len(found), total) == (20, LEARNERS)

    works = (open_table, open_queue, open_answers)
    await analyze(room, postgres)
    before = [await rows_touched(room, work) for work in works]
    await add_attempts(room, offering, releases[:4], users, range(2, 42))
    await analyze(room, postgres)
    after = [await rows_touched(room, work) for work in works]
    for work, had, has in zip(works, before, after, strict=True):
        assert has <= had * 1.1, work.__name__
    async with room.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM attempts")) == 200 * (20 + 4 * 40)


@pytest.mark.asyncio
async def test_a_class_of_200_with_20_assignments_takes_as_many_questions_as_ten_learners(crowd, postgres):
    room, *_ = crowd
    await analyze(room, postgres)
    token = room.token("ines", STAFF_SCOPES)
    asked = []
    for limit in (200, 10):
        path = f"/staff/courses/{COURSE}/gradebook?limit={limit}"
        await room.call("GET", path, token=token)
        with questions(room) as heard:
            answer = await room.call("GET", path, token=token)
        page = answer.json()
        assert page["meta"]["total"] == 202, "and the two of the sample course"
        assert len(page["data"]["rows"]) == limit
        assert {len(row["cells"]) for row in page["data"]["rows"]} == {ASSIGNMENTS}
        asked.append(len(heard))
    assert 0 < asked[0] == asked[1]
