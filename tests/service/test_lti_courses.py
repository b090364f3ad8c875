"""What a platform's course gets from here and gives: keys, chosen lessons in a browser, rosters."""

import re
import uuid
from datetime import timedelta

import httpx
import jwt
import pytest
import pytest_asyncio
from classrooms import STAFF_SCOPES
from graded_attempts import COURSE, lesson_release
from lti_platform.school import LESSON, School, name_at_hub
from lti_platform.simulator import platform
from sqlalchemy import select, update
from studyhall.audit.models import AuditEntry
from studyhall.audit.service import operator
from studyhall.identity.service import user_named
from studyhall.lti import platforms, roster
from studyhall.lti.errors import PlatformRefused
from studyhall.lti.models import LtiContext
from studyhall.permissions import Role
from studyhall.web_pages.handlers import cookie_secret
from tornado.web import create_signed_value

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


# ---------------------------------------------------------------- keys


async def test_keys_are_public_in_half_and_two_at_a_time(moodle):
    async def published():
        return (await moodle.room.http.get(f"{moodle.room.url}/lti/jwks.json")).json()["keys"]

    (first,) = await published()
    assert set(first) == {"kty", "use", "alg", "kid", "n", "e"}
    for _ in range(2):
        async with moodle.room.session() as session:
            newest = await platforms.rotate(
                session, moodle.room.context.cipher, actor=operator(), now=moodle.room.clock()
            )
    found = await published()
    assert found[0]["kid"] == newest
    assert len(found) == 2
    assert first["kid"] not in [row["kid"] for row in found]
    assert jwt.PyJWK(found[0]).key.key_size == 2048


async def test_a_platform_is_shown_the_newest_key(moodle):
    await moodle.launch("8")
    await moodle.launch("7")
    async with moodle.room.session() as session:
        await platforms.rotate(session, moodle.room.context.cipher, actor=operator(), now=moodle.room.clock())
    await moodle.graded("7")
    await moodle.room.run_jobs()
    assert len(moodle.plays.scores) == 1


# ---------------------------------------------------------------- choosing lessons, in a browser


class Browser:
    """Somebody who has signed in at the staff door."""

    def __init__(self, room, username):
        self.room = room
        token = room.token(username)
        signed = create_signed_value(cookie_secret(room.context.settings), "service-studyhall", token)
        self.http = httpx.AsyncClient(cookies={"service-studyhall": signed.decode()}, timeout=60)

    async def close(self):
        await self.http.aclose()
        # Where the hub's library had to ask without waiting, it keeps a thread with a loop for it.
        hub_auth = self.room.server.request_callback.settings["hub_auth"]
        loop = vars(hub_auth).get("_thread_loop")
        if loop is not None:
            hub_auth._pool.shutdown()
            loop.close()

    async def send(self, path, **fields):
        page = await self.http.get(f"{self.room.url}/{path}")
        proof = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {"_xsrf": proof[1] if proof else "", **fields}
        return page, await self.http.post(f"{self.room.url}/{path}", data=form)


def deep_linking(plays, **changes):
    return {
        "return_url": f"{plays.url}/deep-link-return",
        "data": "opaque&data",
        "types": ["ltiResourceLink"],
    } | changes


async def test_an_instructor_chooses_lessons_and_the_platform_gets_them_with_their_columns(moodle):
    plays = moodle.plays
    place = (await moodle.launch("8", deep_linking=deep_linking(plays)))["path"]
    browser = Browser(moodle.room, name_at_hub(plays, "8"))
    page, nothing = await browser.send(place)
    assert "Values and names" in page.text or LESSON in page.text
    assert "at least one" in nothing.text
    _, answer = await browser.send(place, lesson=[LESSON])
    assert answer.status_code == httpx.codes.OK, answer.text
    assert f"form-action {plays.url}" in answer.headers["Content-Security-Policy"]
    assert f'action="{plays.url}/deep-link-return"' in answer.text
    token = re.search(r'name="JWT" value="([^"]+)"', answer.text)[1]
    (key,) = (await browser.http.get(f"{moodle.room.url}/lti/jwks.json")).json()["keys"]
    said = jwt.decode(
        token, jwt.PyJWK(key).key, algorithms=["RS256"], audience=plays.url, issuer=plays.client_id
    )
    assert said["https://purl.imsglobal.org/spec/lti-dl/claim/data"] == "opaque&data"
    assert said["https://purl.imsglobal.org/spec/lti/claim/deployment_id"] == "1"
    (item,) = said["https://purl.imsglobal.org/spec/lti-dl/claim/content_items"]
    lesson = await lesson_release(moodle.room, LESSON)
    assert item["custom"] == {"studyhall_lesson": f"{COURSE}/{LESSON}"}
    assert item["lineItem"]["resourceId"] == str(lesson.lesson_id)
    assert item["lineItem"]["scoreMaximum"] == sum(test["points"] for test in lesson.tests)
    # Once.
    again = await browser.http.get(f"{moodle.room.url}/{place}")
    assert again.status_code == httpx.codes.NOT_FOUND
    await browser.close()


async def test_only_who_began_it_chooses_and_only_in_a_browser(moodle):
    await moodle.launch("8")
    refused = await moodle.launch("7", status=403, deep_linking=deep_linking(moodle.plays))
    assert "Only an instructor" in refused["message"]
    place = (await moodle.launch("8", deep_linking=deep_linking(moodle.plays)))["path"]
    token = moodle.room.token(name_at_hub(moodle.plays, "8"))
    address, head = f"{moodle.room.url}/{place}", {"Authorization": f"token {token}"}
    assert (await moodle.room.http.get(address, headers=head)).status_code == httpx.codes.FORBIDDEN
    other = Browser(moodle.room, "ines")
    assert (await other.http.get(address)).status_code == httpx.codes.NOT_FOUND
    mine = Browser(moodle.room, name_at_hub(moodle.plays, "8"))
    _, wrong = await mine.send(place, lesson=["no-such-lesson"])
    assert wrong.status_code == httpx.codes.NOT_FOUND
    forged = await mine.http.post(address, data={"lesson": LESSON})
    assert forged.status_code in (httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED)
    evil = deep_linking(moodle.plays, return_url="javascript:alert(1)")
    place = (await moodle.launch("8", deep_linking=evil))["path"]
    _, answer = await mine.send(place, lesson=[LESSON])
    assert "JWT" not in answer.text
    moodle.room.clock.now += timedelta(hours=2)
    assert (await mine.http.get(address)).status_code == httpx.codes.NOT_FOUND
    for browser in (other, mine):
        await browser.close()


# ---------------------------------------------------------------- rosters


async def roster_of(school, *, apply=False):
    """Read the platform's roster; return what it changes, by the person's number there."""
    context = school.room.context
    async with school.room.session() as session:
        place = await roster.place_of(session, school.plays.context, context.cipher)
    rows = await roster.fetch(
        place.platform, place.key, context.cipher, place.context.memberships_url, clock=school.room.clock
    )
    async with school.room.session() as session:
        place = await roster.place_of(session, school.plays.context, context.cipher)
        lines = await roster.compare(session, place, rows)
        if apply:
            await roster.apply(
                session, place, lines, actor=operator(), outbox=context.outbox, now=school.room.clock()
            )
    return {line.subject: line.change.value for line in lines}


async def test_a_roster_is_shown_then_applied_and_again_changes_nothing(school):
    await school.launch("8")
    school.plays.people["10"] = {"name": "Gone", "role": "Learner", "status": "Inactive"}
    wanted = {"7": "added", "8": "as before", "9": "added", "10": "no role there"}
    assert await roster_of(school) == wanted
    async with school.room.session() as session:
        assert await user_named(session, name_at_hub(school.plays, "7")) is None
    assert await roster_of(school, apply=True) == wanted
    assert (await school.person("9")).roles == {COURSE: Role.LEARNER}
    assert set((await roster_of(school, apply=True)).values()) == {"as before", "no role there"}
    # Their grades are sent though they never came by the platform's link.
    points = await school.graded("9")
    await school.room.run_jobs()
    assert school.plays.score_of("9")["scoreGiven"] == points
    del school.plays.people["7"]
    school.plays.people["9"]["role"] = "Instructor"
    changed = await roster_of(school, apply=True)
    assert (changed["7"], changed["9"]) == ("left there", "other role")
    assert (await school.person("7")).roles == {COURSE: Role.LEARNER}
    assert (await school.person("9")).roles == {COURSE: Role.INSTRUCTOR}


async def synchronized(school, *, press=True):
    """Press the button on the course's page, let a worker work, and return what the page then shows."""
    ines, path = school.room.token("ines", STAFF_SCOPES), f"/staff/courses/{COURSE}/platforms"
    (row,) = await school.room.data("GET", path, token=ines)
    if press:
        asked = await school.room.data("POST", f"{path}/{row['id']}/synchronizations", token=ines)
        assert (asked["state"], asked["asked_by"]) == ("waiting", "ines")
        # Pressed twice it is done once.
        await school.room.data("POST", f"{path}/{row['id']}/synchronizations", token=ines)
        await school.room.run_jobs()
    (row,) = await school.room.data("GET", path, token=ines)
    return row


async def test_staff_have_a_roster_taken_over_and_see_what_came_of_it(moodle):
    await moodle.launch("8")
    assert (await synchronized(moodle, press=False))["state"] == "never"
    await moodle.launch("9")
    async with moodle.room.session() as session:
        mia = await user_named(session, name_at_hub(moodle.plays, "9"))
        mia.removed_at, mia.removed_because = moodle.room.clock(), "Moved away"
    moodle.plays.people["9"]["role"] = "Instructor"
    moodle.plays.people[""] = {"name": "Nobody", "role": "Learner"}
    row = await synchronized(moodle)
    assert (row["state"], row["trouble"], row["platform"]) == ("done", None, "school")
    assert row["outcome"] == {
        "people": 4,
        "added": 1,
        "changed": 0,
        "left": 0,
        "problems": [
            {"name": "Nobody", "why": "The learning platform gives no number for this person."},
            {
                "name": "Mia",
                "why": "They were removed from the cohort here. Whoever runs it can restore them.",
            },
        ],
        "more_problems": 0,
    }
    async with moodle.room.session() as session:
        entry = await session.scalar(
            select(AuditEntry).where(AuditEntry.object == name_at_hub(moodle.plays, "7"))
        )
        assert (entry.actor, entry.action) == ("ines", "enrolment.changed")

    # A platform that is away is said in words, and what came of it before stays.
    moodle.plays.troubles = [(503, {})]
    row = await synchronized(moodle)
    assert (row["state"], row["outcome"]["added"]) == ("failed", 1)
    assert "learning platform" in row["trouble"]
    # So is a worker that never answered.
    async with moodle.room.session() as session:
        await session.execute(update(LtiContext).values(roster_state="waiting", roster_trouble=None))
    moodle.room.clock.now += timedelta(hours=1)
    assert "No worker has answered" in (await synchronized(moodle, press=False))["trouble"]
    ines = moodle.room.token("ines", STAFF_SCOPES)
    path = f"/staff/courses/{COURSE}/platforms/{uuid.uuid4()}/synchronizations"
    await moodle.room.error("POST", path, token=ines, status=404, code="not_found")
    async with moodle.room.session() as session:
        await session.execute(update(LtiContext).values(memberships_url=None))
    path = f"/staff/courses/{COURSE}/platforms/{row['id']}/synchronizations"
    await moodle.room.error("POST", path, token=ines, status=409, code="conflict")


async def test_a_roster_that_goes_on_elsewhere_is_not_followed(moodle):
    await moodle.launch("8")
    with platform("canvas") as thief:
        moodle.plays.next_page = f"{thief.url}/people?page=2"
        with pytest.raises(PlatformRefused, match="another address"):
            await roster_of(moodle)
        assert thief.asked == []
