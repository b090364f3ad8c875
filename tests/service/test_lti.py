"""Launches that the hub hands over, and grades on their way to a platform, with real HTTP and real jobs."""

from datetime import timedelta

import pytest
import pytest_asyncio
from graded_attempts import COURSE, add_attempt, lesson_release
from lti_platform.school import LESSON, School, name_at_hub
from lti_platform.simulator import MEMBERSHIP, platform
from sqlalchemy import select, update
from studyhall.identity.service import user_named
from studyhall.jobs.dead_letters import dead_letters, requeue
from studyhall.lti.models import LtiColumn, LtiContext, LtiPassback
from studyhall.permissions import Role

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(params=["moodle", "canvas"])
async def school(request, classroom):
    with platform(request.param) as plays:
        found = School(classroom, plays)
        await found.register()
        yield found


@pytest_asyncio.fixture
async def moodle(classroom):
    with platform("moodle") as plays:
        found = School(classroom, plays)
        await found.register()
        yield found


# ---------------------------------------------------------------- launches


async def test_an_instructor_connects_the_course_and_learners_come_after(moodle):
    refused = await moodle.launch("7", status=403)
    assert "Ask its instructor" in refused["message"]
    assert (await moodle.launch("8"))["at"] == "service"
    assert await moodle.launch("7") == {
        "at": "hub",
        "path": f"user-redirect/lab?studyhall-lesson={COURSE}%2F{LESSON}",
    }
    for elsewhere in ("", "another-course/lesson", f"{COURSE}/no-such-lesson", f"{COURSE}/../{LESSON}"):
        assert (await moodle.launch("7", lesson=elsewhere))["path"] == "user-redirect/lab"
    assert (await moodle.person("8")).roles == {COURSE: Role.INSTRUCTOR}
    lea = await moodle.person("7")
    assert lea.roles == {COURSE: Role.LEARNER}
    assert lea.display_name == "Lea K."


async def test_only_the_hub_tells_of_launches(moodle):
    said = moodle.said("8")
    for token in (None, moodle.room.token("ines"), "another"):
        answer = await moodle.room.call("POST", "/hub/lti-launches", token=token, json=said)
        assert answer.status_code in (401, 403)
    await moodle.launch("8", status=403, issuer="https://other.example")
    await moodle.launch("8", status=403, username="lti-" + "a" * 20)
    await moodle.launch("8", status=422, username="ines")
    await moodle.launch("8", status=403, context=None)


async def test_an_instructor_there_takes_no_course_that_nobody_opened_to_them(moodle):
    await moodle.register(courses=())
    refused = await moodle.launch("8", status=403)
    assert "may be connected" in refused["message"]
    async with moodle.room.session() as session:
        assert await user_named(session, name_at_hub(moodle.plays, "8")) is None


async def test_roles_follow_the_platform_and_never_outgrow_the_course(moodle):
    await moodle.launch("8")
    await moodle.launch("9")
    await moodle.launch("9", role="Instructor#TeachingAssistant")
    assert (await moodle.person("9")).roles == {COURSE: Role.GRADER}
    await moodle.launch("9")
    assert (await moodle.person("9")).roles == {COURSE: Role.LEARNER}
    admin = ["http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator"]
    await moodle.launch("7", status=403, roles=[*admin, MEMBERSHIP + "Administrator"])
    await moodle.launch("7", roles=[*admin, MEMBERSHIP + "Learner"])
    assert (await moodle.person("7")).roles == {COURSE: Role.LEARNER}


async def test_who_was_removed_does_not_come_back_by_the_platform(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    async with moodle.room.session() as session:
        user = await user_named(session, name_at_hub(moodle.plays, "7"))
        user.removed_at = moodle.room.clock()
    refused = await moodle.launch("7", status=403)
    assert "no member" in refused["message"]


async def test_addresses_inside_are_not_kept(moodle):
    for url in (
        "http://169.254.169.254/x",
        "https://10.0.0.1/lineitems",
        "https://localhost/x",
        "file:///etc/passwd",
    ):
        await moodle.launch("8", grades={"scopes": [], "lineitems": url}, memberships_url=url)
        async with moodle.room.session() as session:
            context = (await session.scalars(select(LtiContext))).one()
            assert context.lineitems_url is None
            assert context.memberships_url is None


# ---------------------------------------------------------------- grades


async def test_a_grade_reaches_the_platform_and_so_does_every_change(school):
    await school.launch("8")
    await school.launch("7")
    points = await school.graded("7", 0.5)
    (row,) = await school.rows()
    assert (row.state, row.wanted, row.done) == ("waiting", 1, 0)
    await school.room.run_jobs()
    plays = school.plays
    score = plays.score_of("7")
    assert score["scoreGiven"] == points
    assert score["scoreMaximum"] == 2 * points
    assert (score["activityProgress"], score["gradingProgress"]) == ("Completed", "FullyGraded")
    (column,) = plays.columns.values()
    lesson = await lesson_release(school.room, LESSON)
    assert column["resourceId"] == str(lesson.lesson_id)
    assert column["scoreMaximum"] == 2 * points
    better = await school.graded("7", 1.0)
    await school.room.run_jobs()
    assert plays.score_of("7")["scoreGiven"] == better
    assert len(plays.columns) == 1
    (row,) = await school.rows()
    assert (row.state, row.sent_score, row.sent_max_score) == ("sent", better, 2 * points)
    # A worse attempt changes nothing that the learner sees, and nothing is sent.
    await school.graded("7", 0.2)
    await school.room.run_jobs()
    assert len(plays.scores) == 2


async def test_the_column_is_found_by_our_number_over_all_pages_and_never_by_its_name(school):
    lesson = await lesson_release(school.room, LESSON)
    for number in range(5):
        school.plays.column(f"other-{number}", label=lesson.title)
    mine = school.plays.column(str(lesson.lesson_id), label="Renamed by the teacher")
    await school.launch("8")
    await school.launch("7")
    await school.graded("7")
    await school.room.run_jobs()
    assert [column for column, _ in school.plays.scores] == ["6"]
    assert len(school.plays.columns) == 6
    async with school.room.session() as session:
        assert await session.scalar(select(LtiColumn.url)) == mine


async def test_a_link_s_own_column_is_used(moodle):
    school = moodle
    lesson = await lesson_release(school.room, LESSON)
    school.plays.column("other")
    mine = school.plays.column("set by the platform")
    await school.launch("8")
    grades = school.said()["grades"] | {"lineitem": mine}
    await school.launch("7", grades=grades)
    await school.graded("7")
    await school.room.run_jobs()
    assert [column for column, _ in school.plays.scores] == ["2"]
    # The teacher deletes it: another one is made.
    del school.plays.columns["2"]
    async with school.room.session() as session:
        await session.execute(update(LtiPassback).values(wanted=LtiPassback.wanted + 1))
        (row,) = await session.scalars(select(LtiPassback))
        await school.room.context.queue.defer(session, "lti.pass_back", queue="lti", passback_id=str(row.id))
    await school.room.run_jobs()
    assert school.plays.columns["2"]["resourceId"] == str(lesson.lesson_id)
    assert [column for column, _ in school.plays.scores] == ["2", "2"]


async def test_staff_and_strangers_have_no_grade_there(moodle):
    await moodle.launch("8")
    await moodle.graded("8")
    who = await moodle.room.add_person("liam")
    lesson = await lesson_release(moodle.room, LESSON)
    await add_attempt(moodle.room, who, LESSON, {}, {test["id"]: 1 for test in lesson.tests})
    assert await moodle.rows() == []
    # A learner who became staff since then.
    await moodle.launch("7")
    await moodle.graded("7")
    await moodle.launch("7", role="Instructor")
    await moodle.room.run_jobs()
    assert moodle.plays.scores == []
    assert [row.state for row in await moodle.rows()] == ["sent"]


async def test_what_was_graded_before_the_platform_knew_the_learner_is_sent_then(moodle):
    await moodle.launch("8")
    await moodle.launch("7", grades=None)
    points = await moodle.graded("7")
    await moodle.launch("7", grades=moodle.said()["grades"] | {"lineitems": ""})
    await moodle.launch("8")
    await moodle.launch("7")
    await moodle.room.run_jobs()
    assert moodle.plays.score_of("7")["scoreGiven"] == points
    assert len(moodle.plays.scores) == 1


async def test_what_the_learner_may_not_see_is_not_sent_and_is_taken_back(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    points = await moodle.graded("7", released=False)
    await moodle.room.run_jobs()
    assert await moodle.rows() == []
    await moodle.release()
    await moodle.room.run_jobs()
    assert moodle.plays.score_of("7")["scoreGiven"] == points
    await moodle.release(method="DELETE", status=204)
    await moodle.room.run_jobs()
    taken = moodle.plays.score_of("7")
    assert "scoreGiven" not in taken
    assert taken["gradingProgress"] == "Pending"
    # Taken back once is enough.
    await moodle.graded("7", 0.5, released=False)
    await moodle.room.run_jobs()
    assert len(moodle.plays.scores) == 2


async def test_moments_only_grow_even_when_the_clock_goes_back(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    for share, step in ((0.1, 0), (0.2, -3600), (0.3, 0), (0.4, 5)):
        moodle.room.clock.now += timedelta(seconds=step)
        await moodle.graded("7", share)
        await moodle.room.run_jobs()
    moments = [score["timestamp"] for _, score in moodle.plays.scores]
    assert len(moments) == 4
    assert sorted(set(moments)) == moments


async def test_a_token_is_used_again_and_a_forgotten_one_is_fetched_once_more(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    await moodle.graded("7", 0.1)
    await moodle.room.run_jobs()

    def tokens():
        return sum(path == "/token" for _, path, _, _ in moodle.plays.asked)

    await moodle.graded("7", 0.2)
    await moodle.room.run_jobs()
    assert tokens() == 1
    moodle.plays.forget_tokens()
    await moodle.graded("7", 0.3)
    await moodle.room.run_jobs()
    assert tokens() == 2
    assert len(moodle.plays.scores) == 3


async def test_a_busy_platform_gets_it_later(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    await moodle.graded("7", 0.5)
    await moodle.room.run_jobs()
    points = await moodle.graded("7")
    # The queue's clock is an hour behind, so that what is to be tried later is tried at once.
    moodle.room.clock.now -= timedelta(hours=1)
    # Canvas slows callers down with 403.
    busy = [(403, {"X-Rate-Limit-Remaining": "0.0"}), (429, {"Retry-After": "1"}), (503, {}), (502, {})]
    moodle.plays.troubles = [*busy]
    await moodle.room.run_jobs(times=8)
    assert moodle.plays.troubles == []
    assert moodle.plays.score_of("7")["scoreGiven"] == points
    (row,) = await moodle.rows()
    assert (row.state, row.tries, row.trouble) == ("sent", 0, None)


async def test_what_a_platform_refuses_becomes_a_dead_letter_that_staff_send_again(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    points = await moodle.graded("7")
    moodle.plays.troubles = [(403, {})] * 100
    context = moodle.room.context
    # The queue tries a job again by itself, some seconds apart, before it gives it up.
    for _ in range(6):
        await moodle.room.run_jobs(times=1)
        await context.queue.app.connector.execute_query_async(
            "UPDATE procrastinate_jobs SET scheduled_at = now()"
        )
    async with moodle.room.session() as session:
        letters, _ = await dead_letters(session, page=1, limit=10)
    (row,) = await moodle.rows()
    assert row.state == "failed"
    assert "403" in row.trouble
    (letter,) = letters
    assert letter.task == "lti.pass_back"
    assert "403" in letter.reason
    moodle.plays.troubles = []
    async with moodle.room.session() as session:
        await requeue(session, context.queue, letter.id, by="ines", clock=moodle.room.clock)
    await moodle.room.run_jobs()
    assert moodle.plays.score_of("7")["scoreGiven"] == points
    assert [row.state for row in await moodle.rows()] == ["sent"]


async def test_a_list_that_goes_on_elsewhere_is_not_followed(moodle):
    for number in range(3):
        moodle.plays.column(f"other-{number}")
    with platform("canvas") as thief:
        moodle.plays.next_page = f"{thief.url}/courses/x/lineitems?page=2"
        await moodle.launch("8")
        await moodle.launch("7")
        await moodle.graded("7")
        await moodle.room.run_jobs(times=1)
        assert thief.asked == []
    (row,) = await moodle.rows()
    assert "another address" in row.trouble
