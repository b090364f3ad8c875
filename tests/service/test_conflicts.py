"""What two do at the same moment: nobody waits in a circle, and whom the database ends for another is done again."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from classrooms import LEARNER_SCOPES
from essay_course import ESSAY, LESSON, course_with_an_essay
from graded_attempts import COURSE, add_attempt, lesson_release
from lti_platform.school import School
from lti_platform.simulator import platform
from sqlalchemy import select, text
from studyhall.audit.service import Actor, AuditOrigin
from studyhall.gradebook import service as gradebook
from studyhall.gradebook.models import ManualGrade
from studyhall.gradebook.policy import Mark
from studyhall.identity.service import remember_user, user_named
from studyhall.lti.models import LtiContext
from studyhall.lti.schemas import LtiLaunchIn
from studyhall.lti.service import launch
from studyhall.lti.synchronization import Synchronize
from studyhall.members import joining, service
from studyhall.permissions import CohortRole, Role
from studyhall.person import Person
from studyhall.submissions import service as submissions
from studyhall.supervisor.postgres import OWNER

pytestmark = pytest.mark.asyncio

PREFERENCES = "/rewards/preferences"


async def somebody_waits(room):
    """Wait until a transaction of the classroom's database waits for another one."""
    async with asyncio.timeout(60):
        while True:
            async with room.session() as session:
                waiting = await session.scalar(
                    text(
                        "SELECT count(*) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
                    )
                )
            if waiting:
                return
            await asyncio.sleep(0.01)


def database_that_gives_way(postgres, database, times):
    """Have the database end the next transactions that write preferences, as it ends one of two in a circle."""
    with psycopg.connect(postgres.url(OWNER, database), autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE SEQUENCE ended;
            GRANT USAGE ON SEQUENCE ended TO PUBLIC;
            CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS $end$
            BEGIN
                IF nextval('ended') <= {times} THEN
                    RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
                END IF;
                RETURN NEW;
            END
            $end$;
            CREATE TRIGGER end_it BEFORE INSERT ON reward_preferences FOR EACH ROW EXECUTE FUNCTION end_it();
            """
        )


async def test_a_request_whose_transaction_was_ended_for_another_one_is_done_once_more(
    classroom, postgres, database
):
    database_that_gives_way(postgres, database, 1)
    token = classroom.token("lea", LEARNER_SCOPES)
    changed = await classroom.data("PATCH", PREFERENCES, token=token, json={"leaderboard_visible": False})
    assert changed["leaderboard_visible"] is False
    assert (await classroom.data("GET", PREFERENCES, token=token))["leaderboard_visible"] is False


async def test_who_had_to_give_way_twice_reads_that_nothing_was_changed(classroom, postgres, database):
    database_that_gives_way(postgres, database, 2)
    token = classroom.token("lea", LEARNER_SCOPES)
    answer = await classroom.call("PATCH", PREFERENCES, token=token, json={"leaderboard_visible": False})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["error"]["code"] == "unavailable"
    assert "nothing was changed here" in answer.json()["error"]["message"]
    assert (await classroom.data("GET", PREFERENCES, token=token))["leaderboard_visible"] is True


async def test_marks_of_one_learner_do_not_wait_for_an_attempt_that_came_in_between_them(classroom, tmp_path):
    await classroom.publish(course_with_an_essay(tmp_path / "course"))
    lesson = await lesson_release(classroom, LESSON)
    points = {test["id"]: test["points"] / 2 for test in lesson.tests}
    lea = await classroom.add_person("lea")
    written = {"answer": "a", "explain": "x"}
    first = await add_attempt(classroom, lea, LESSON, written, points, waits={ESSAY})
    (automatic, *_) = (test["id"] for test in lesson.tests if not test["manual"])
    change = {
        "actor": Actor(user_id=None, username="ines", origin=AuditOrigin.NBGRADER),
        "outbox": classroom.context.outbox,
        "now": classroom.clock.now,
    }
    async with asyncio.timeout(60), classroom.session() as session:
        attempt = await submissions.attempt_by_id(session, first.id)
        await gradebook.record_manual(session, attempt, automatic, Mark(1.0, None, None), **change)
        # The next one has its report now, and waits for the learner's grade.
        new = asyncio.create_task(add_attempt(classroom, lea, LESSON, written, points, waits={ESSAY}))
        await somebody_waits(classroom)
        await gradebook.record_manual(session, attempt, ESSAY, Mark(2.0, None, None), **change)
    await new
    async with classroom.session() as session:
        given = await session.scalars(select(ManualGrade.test_id).where(ManualGrade.attempt_id == first.id))
        assert set(given) == {automatic, ESSAY}


async def test_what_belongs_to_a_cohort_is_written_while_somebody_is_let_in(classroom):
    async with asyncio.timeout(60), classroom.session() as session:
        await joining.locked_cohort(session)
        await classroom.add_person("somebody-else")


async def test_owners_who_change_each_other_at_the_same_moment_do_not_wait_for_each_other(classroom):
    names = ("olga", "omar")
    for name in (*names, "ossip"):
        await classroom.add_cohort_role(name, CohortRole.ORG_OWNER)

    async def change(owner, other, roles, expected):
        async with classroom.session() as session:
            user = await remember_user(
                session, {"name": owner}, outbox=classroom.context.outbox, clock=classroom.clock
            )
            await session.flush()
            person = Person(
                user_id=user.id,
                cohort_id=user.cohort_id,
                username=owner,
                display_name=owner,
                timezone="UTC",
                cohort_timezone="UTC",
                scopes=frozenset(),
                roles={},
                cohort_roles=frozenset({CohortRole.ORG_OWNER, CohortRole.ADMIN}),
            )
            await service.change_roles(
                session,
                other,
                roles=roles,
                expected=expected,
                person=person,
                actor=Actor(user_id=user.id, username=owner, origin=AuditOrigin.STAFF_PAGE),
                outbox=classroom.context.outbox,
                now=classroom.clock.now,
            )

    less, more = {CohortRole.ADMIN}, {CohortRole.ORG_OWNER}
    for roles, expected in ((less, more), (more, less), (less, more)):
        classroom.clock.now += timedelta(minutes=10)
        await asyncio.gather(
            *(change(owner, other, roles, expected) for owner, other in (names, names[::-1]))
        )
    async with classroom.session() as session:
        seen = [(await user_named(session, name)).last_seen_at for name in names]
    assert any(moment == classroom.clock.now for moment in seen)


async def test_a_launch_and_a_roster_of_the_same_platforms_course_do_not_wait_for_each_other(classroom):
    with platform("moodle") as plays:
        school = School(classroom, plays)
        await school.register()
        await school.launch("8")
        async with asyncio.timeout(60), classroom.session() as session:
            # As a launch does first.
            context = await session.scalar(select(LtiContext).with_for_update(key_share=True))
            synchronize = Synchronize(classroom.context)
            roster = asyncio.create_task(synchronize(classroom.context.cohort_id, context_id=str(context.id)))
            await somebody_waits(classroom)
            said = LtiLaunchIn.model_validate(school.said("7"))
            await launch(session, said, outbox=classroom.context.outbox, now=classroom.clock())
        await roster
        assert (await school.person("7")).roles == {COURSE: Role.LEARNER}
        assert (await school.person("9")).roles == {COURSE: Role.LEARNER}
