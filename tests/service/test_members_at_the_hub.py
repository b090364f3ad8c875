"""A real hub and the real service: who is let in, with which groups, and roles that go both ways between them."""

import asyncio
import time
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from classrooms import ADMIN_SCOPES
from signing_in import running
from sqlalchemy import select, update
from studyhall.audit.models import AuditEntry
from studyhall.db.session import cohort_of
from studyhall.identity.models import User
from studyhall.members import hub_door
from studyhall.members.hub_link import HubGroups, keep_in_step
from studyhall.members.telling import ONCE_MORE, Letters, end_sessions
from studyhall.organizations.models import Cohort
from studyhall.permissions import CohortRole, Role

COURSE = "course:python-foundations"


def a_server_runs(hub, browser, name):
    """Start somebody's server, as opening it in a browser does."""
    browser.get("/hub/spawn")
    deadline = time.monotonic() + 180
    while not hub.ask("GET", f"/users/{name}").json()["servers"].get("", {}).get("ready"):
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.05)


class Both:
    """The hub, the service, and the line between them."""

    def __init__(self, hub, classroom):
        self.hub, self.classroom = hub, classroom
        self.line = HubGroups(f"{hub.inner}/hub/api", "service-token")

    def groups(self, name):
        return sorted(self.hub.ask("GET", f"/users/{name}").json()["groups"])

    async def sign_in(self, name):
        """Sign somebody in who has an account, and return the hub's answer."""
        return await asyncio.to_thread(self.hub.browser().sign_in, name)

    async def account(self, name):
        await asyncio.to_thread(self.hub.account, name)

    async def ended(self):
        """End sessions as the service does, which asks again while a server is still stopping."""
        async with asyncio.timeout(180):
            while True:
                number = await end_sessions(self.classroom.context, self.line)
                if number:
                    return number
                await asyncio.sleep(0.05)

    async def in_step(self):
        return await keep_in_step(self.classroom.context, self.line)

    async def change_at_hub(self, method, group, name):
        answer = await asyncio.to_thread(
            self.hub.ask, method, f"/groups/{group}/users", None, json={"users": [name]}
        )
        assert answer.status_code == httpx.codes.OK, answer.text

    async def joining(self, **rules):
        async with self.classroom.session() as session:
            await session.execute(update(Cohort).where(Cohort.id == cohort_of(session)).values(**rules))

    async def roles(self, name):
        admin = self.classroom.token("olga", ADMIN_SCOPES)
        found = await self.classroom.data("GET", f"/admin/members/{name}", token=admin)
        return found["roles"], {part["course"]: part["role"] for part in found["courses"]}


@pytest_asyncio.fixture
async def both(classroom, tmp_path, monkeypatch):
    # A hub that shares the processors with everything else is not away.
    monkeypatch.setattr(hub_door, "TIMEOUT_SECONDS", 120)
    monkeypatch.setattr(hub_door, "SLOW_SECONDS", 120)
    settings = {
        "membership": True,
        "service": {"url": classroom.url.removesuffix("/services/studyhall"), "token": "service-token"},
        "groups": {f"{COURSE}:instructors": ["ines"]},
    }

    @asynccontextmanager
    async def hub():
        manager = running(tmp_path, settings=settings)
        started = await asyncio.to_thread(manager.__enter__)
        try:
            yield started
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    async with hub() as started:
        await classroom.add_cohort_role("olga", CohortRole.ORG_OWNER)
        async with classroom.session() as session:
            staff = User.hub_username.in_(["olga", "gabriel"])
            await session.execute(
                update(User).where(staff).values(email=User.hub_username + "@school.example")
            )
        yield Both(started, classroom)


@pytest.mark.asyncio
async def test_a_hub_and_the_service_agree_on_who_is_in_and_on_their_roles(both):
    """One hub for all of it, since it takes as long to start as everything else here."""
    assert await both.line.may_change()
    for name in ("gabriel", "olga", "nora", "otto", "wanda"):
        await both.account(name)
    await members_come_in_with_their_groups(both)
    await others_wait_or_read_that_they_are_none(both)
    await people_hear_of_it_by_mail(both)
    await roles_go_both_ways(both)
    await nobody_loses_a_role_by_what_a_hub_does_not_know(both)
    await who_is_removed_is_out(both)
    await the_service_may_be_away(both)


async def members_come_in_with_their_groups(both):
    # Nothing was ever said of who may join: whoever the hub lets in is a member.
    assert (await both.sign_in("nora")).status_code == httpx.codes.FOUND
    assert both.groups("nora") == []

    # Members come in with the groups of their roles, the first time that the hub sees them, too.
    assert (await both.sign_in("gabriel")).status_code == httpx.codes.FOUND
    assert both.groups("gabriel") == [f"{COURSE}:graders"]
    assert (await both.sign_in("olga")).status_code == httpx.codes.FOUND
    assert both.groups("olga") == ["cohort:owners"]


async def others_wait_or_read_that_they_are_none(both):
    hub, classroom = both.hub, both.classroom
    # Somebody of the domain waits until somebody decides; others are told that they are none.
    await both.joining(mail_domains=["school.example"])
    waiting = await both.sign_in("wanda")
    assert waiting.status_code == httpx.codes.FORBIDDEN
    assert "Waiting for approval" in waiting.text
    assert "Sign in again later" in waiting.text
    assert not hub.has_person("wanda")
    await both.joining(mail_domains=["other.example"])
    outside = await both.sign_in("otto")
    assert outside.status_code == httpx.codes.FORBIDDEN
    assert "You are not a member of this cohort" in outside.text
    olga = classroom.token("olga", ADMIN_SCOPES)
    (row,) = await classroom.data("GET", "/admin/joins", token=olga)
    assert (row["username"], row["email"], row["state"]) == ("wanda", "wanda@school.example", "waiting")
    decided = await classroom.data(
        "POST", "/admin/joins/decisions", token=olga, json={"ids": [row["id"]], "decision": "approve"}
    )
    assert decided == {"decided": 1, "left": []}
    assert (await both.sign_in("wanda")).status_code == httpx.codes.FOUND
    async with classroom.session() as session:
        asked = await session.scalar(select(AuditEntry).where(AuditEntry.action == "join.asked"))
        assert (asked.origin, asked.address[:11]) == ("hub", "198.51.100.")


async def people_hear_of_it_by_mail(both):
    classroom, box, olga = both.classroom, both.hub.box, both.classroom.token("olga", ADMIN_SCOPES)
    assert (await classroom.data("GET", "/admin/cohort", token=olga))["told_by_mail"] is False
    letters = Letters(classroom.context, both.line)
    assert await letters.send() == 0
    await letters.look()
    assert (await classroom.data("GET", "/admin/cohort", token=olga))["told_by_mail"] is True

    # Wanda was approved a moment ago; nobody waits any more.
    assert await letters.send() == 1
    told = box.wait_for("wanda@school.example", number=2)
    assert told["Subject"] == "You may sign in to Demo"
    assert f"{both.hub.url}/hub/login" in told.get_body(("plain",)).get_content()
    assert await letters.send() == 0

    # Whoever runs the cohort hears that somebody waits, once in hours, and who is declined hears why.
    await both.joining(mail_domains=["school.example"])
    for name in ("nina", "nils"):
        await both.account(name)
    assert "Waiting for approval" in (await both.sign_in("nina")).text
    assert await letters.send() == 1
    assert "1 person waits to join Demo" in box.wait_for("olga@school.example", number=2)["Subject"]
    assert "Waiting for approval" in (await both.sign_in("nils")).text
    assert await letters.send() == 0
    rows = await classroom.data("GET", "/admin/joins?state=waiting", token=olga)
    decision = {"ids": [row["id"] for row in rows], "decision": "decline", "reason": "Another class"}
    await classroom.data("POST", "/admin/joins/decisions", token=olga, json=decision)

    # A mail server that is away loses nothing.
    box.answer = "451 Later"
    assert await letters.send() == 2
    assert await letters.send() == 0
    box.answer = "250 OK"
    assert await Letters(classroom.context, both.line).send() == 2
    declined = box.wait_for("nils@school.example", number=2).get_body(("plain",)).get_content()
    assert "declined" in declined
    assert "The reason: Another class" in declined
    assert box.number("olga@school.example") == 2
    await both.joining(mail_domains=["other.example"])


async def roles_go_both_ways(both):
    classroom, olga = both.classroom, both.classroom.token("olga", ADMIN_SCOPES)
    # What is given here is told to the hub, and nothing is left to tell afterwards.
    await classroom.data(
        "PUT",
        "/admin/members/wanda/courses/python-foundations",
        token=olga,
        json={"role": "instructor"},
    )
    assert await both.in_step() == 1
    assert both.groups("wanda") == [f"{COURSE}:instructors"]
    assert await both.in_step() == 0

    # What is taken and given on the hub's own pages counts here, with an entry in the log.
    await both.change_at_hub("DELETE", f"{COURSE}:graders", "gabriel")
    await both.change_at_hub("POST", f"{COURSE}:graders", "nora")
    await both.change_at_hub("POST", "cohort:owners", "nora")
    await both.in_step()
    assert await both.roles("gabriel") == ([], {})
    assert await both.roles("nora") == ([], {"python-foundations": "grader"})
    assert both.groups("nora") == [f"{COURSE}:graders"]
    async with classroom.session() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.actor == "hub"))
        assert sorted((entry.action, entry.object) for entry in rows) == [
            ("enrolment.changed", "gabriel"),
            ("enrolment.changed", "nora"),
        ]


async def nobody_loses_a_role_by_what_a_hub_does_not_know(both):
    # The last owner stays, whatever the hub's page says.
    await both.change_at_hub("DELETE", "cohort:owners", "olga")
    assert await both.in_step() == 1
    assert both.groups("olga") == ["cohort:owners"]

    # Staff whom the hub has never seen, and a hub that forgot somebody, take nobody's role.
    await both.classroom.add_person("iris", Role.INSTRUCTOR)
    await both.in_step()
    assert (await both.roles("iris"))[1] == {"python-foundations": "instructor"}
    await asyncio.to_thread(both.hub.ask, "DELETE", "/users/wanda")
    await both.in_step()
    assert (await both.roles("wanda"))[1] == {"python-foundations": "instructor"}


async def who_is_removed_is_out(both):
    hub, olga = both.hub, both.classroom.token("olga", ADMIN_SCOPES)
    browser = hub.browser()
    await asyncio.to_thread(browser.sign_in, "nora")
    await asyncio.to_thread(a_server_runs, hub, browser, "nora")
    work = hub.data / "learners" / "nora" / "work.txt"
    work.write_text("mine")
    token = hub.ask("POST", "/users/nora/tokens").json()["token"]
    # Nobody else may end anything, nor send messages.
    theirs = {"Authorization": f"token {token}"}
    for door, body in (("ended-members", {"username": "olga"}), ("letters", {"to": "a@b.example"})):
        for headers in (theirs, {"Authorization": f"token {hub.token}"}, {}):
            answer = browser.client.post(f"/hub/studyhall/{door}", json=body, headers=headers)
            assert answer.status_code == httpx.codes.FORBIDDEN

    await both.classroom.data("DELETE", "/admin/members/nora", token=olga, json={"reason": "Moved away"})
    assert await both.ended() == 1
    person = hub.ask("GET", "/users/nora").json()
    assert person["servers"] == {}
    assert not browser.is_signed_in
    assert hub.ask("GET", "/user", token).status_code == httpx.codes.FORBIDDEN
    assert hub.ask("GET", "/users/nora/tokens").json()["api_tokens"] == []
    assert work.read_text() == "mine"
    assert await end_sessions(both.classroom.context, both.line) == 0
    # Whoever was signing in at that moment is out a little later.
    both.classroom.clock.now += ONCE_MORE
    assert await end_sessions(both.classroom.context, both.line) == 1
    assert await end_sessions(both.classroom.context, both.line) == 0
    await both.in_step()
    assert both.groups("nora") == []
    gone = await both.sign_in("nora")
    assert gone.status_code == httpx.codes.FORBIDDEN
    assert "Moved away." in gone.text


async def the_service_may_be_away(both):
    # Known people come in with their last groups; new ones are told to try again.
    await both.classroom.stop()
    assert (await both.sign_in("olga")).status_code == httpx.codes.FOUND
    assert both.groups("olga") == ["cohort:owners"]
    later = await both.sign_in("otto")
    assert later.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "Try again in a minute" in later.text
