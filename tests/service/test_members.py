"""Those who run a cohort: what they see and change of its members, and who may change what."""

import pytest
from classrooms import ADMIN_SCOPES
from studyhall.permissions import CohortRole, Role

OWNER, MODERATOR, ADMIN, SYSTEM = "org_owner", "moderator", "admin", "system_admin"


@pytest.fixture
def olga(classroom):
    """The owner's token."""
    return classroom.token("olga", ADMIN_SCOPES)


async def staffed(classroom):
    """Add an owner, an admin, a moderator and a system admin."""
    for username, role in (("olga", OWNER), ("adam", ADMIN), ("mona", MODERATOR), ("sam", SYSTEM)):
        await classroom.add_cohort_role(username, CohortRole(role))


async def actions(classroom, about=None):
    """Return what the cohort's audit log says, the oldest first."""
    from sqlalchemy import select
    from studyhall.audit.models import AuditEntry

    async with classroom.session() as session:
        rows = await session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.created_at))
        return [(row.action, row.actor, row.object) for row in rows if about in (None, row.object)]


@pytest.mark.asyncio
async def test_the_cohort_says_its_plan_its_people_and_what_one_may(classroom, olga):
    await staffed(classroom)
    page = await classroom.data("GET", "/admin/cohort", token=olga)
    assert page["organization"] == {"slug": "demo", "name": "Demo"}
    assert page["cohort"]["slug"] == "demo"
    assert page["cohort"]["state"] == "open"
    assert page["limits"] == {
        "members": None,
        "memory_mebibytes": 2048,
        "processors": 2.0,
        "processes": 512,
        "disk_mebibytes": 20480,
    }
    assert page["usage"] == {"members": 8, "waiting": 0, "staff": 6}
    assert page["joining"] == {
        "mail_domains": [],
        "allow_public_join": False,
        "require_approval": True,
        "has_roster": False,
    }
    assert page["may"] == (await classroom.data("GET", "/me", token=olga))["administration"]
    assert "admin:roles:write" in page["may"]
    mona = classroom.token("mona", ADMIN_SCOPES)
    assert (await classroom.data("GET", "/me", token=mona))["administration"] == [
        "admin:cohort:read",
        "admin:members:read",
    ]
    assert (await classroom.data("GET", "/me", token=classroom.token("lea")))["administration"] == []


@pytest.mark.asyncio
async def test_who_may_join_is_changed_and_written_down(classroom, olga):
    await staffed(classroom)
    changed = await classroom.data(
        "PATCH",
        "/admin/cohort",
        token=olga,
        json={
            "name": "Spring",
            "joining": {"mail_domains": ["@School.Example", "school.example"], "require_approval": False},
        },
    )
    assert changed["cohort"]["name"] == "Spring"
    assert changed["joining"]["mail_domains"] == ["school.example"]
    assert changed["joining"]["require_approval"] is False
    assert ("cohort.changed", "olga", "cohort demo") in await actions(classroom)
    before = len(await actions(classroom))
    await classroom.data("PATCH", "/admin/cohort", token=olga, json={"name": "Spring"})
    assert len(await actions(classroom)) == before
    for domain in ("school", "school..example", "sch\u00f6n.example", "*.example", "a b.example", ""):
        await classroom.error(
            "PATCH",
            "/admin/cohort",
            token=olga,
            json={"joining": {"mail_domains": [domain]}},
            status=422,
            code="validation_error",
        )


@pytest.mark.asyncio
async def test_members_are_listed_searched_filtered_and_sorted(classroom, olga):
    await staffed(classroom)

    async def names(query):
        return [row["username"] for row in await classroom.data("GET", f"/admin/members?{query}", token=olga)]

    assert await names("limit=3&sort_by=username") == ["adam", "gabriel", "ines"]
    assert await names("limit=3&page=2&sort_by=username&order=desc") == ["liam", "lea", "ines"]
    assert await names("search=LEA") == ["lea"]
    assert await names("search=%25") == []
    assert await names("role=instructor") == ["ines"]
    assert await names("role=org_owner") == ["olga"]
    assert await names("course=python-foundations&role=learner&sort_by=username") == ["lea", "liam"]
    assert await names("course=cooking") == []
    assert await names("state=removed") == []
    assert (await names("sort_by=last_seen_at&order=desc"))[0] == "olga"
    answer = await classroom.call("GET", "/admin/members?limit=2", token=olga)
    assert answer.json()["meta"]["total"] == 8
    ines = await classroom.data("GET", "/admin/members/ines", token=olga)
    assert ines["courses"] == [
        {"course": "python-foundations", "title": "Python foundations", "role": "instructor"}
    ]
    assert ines["roles"] == []
    await classroom.error("GET", "/admin/members/nobody", token=olga, status=404, code="unknown_member")


@pytest.mark.asyncio
async def test_roles_are_given_and_taken_and_counted_at_once(classroom, olga):
    await staffed(classroom)
    lea = classroom.token("lea", ADMIN_SCOPES)
    await classroom.error("GET", "/admin/members", token=lea, status=403, code="forbidden")
    path = "/admin/members/lea/roles"
    given = await classroom.data("PUT", path, token=olga, json={"roles": [ADMIN, MODERATOR], "expected": []})
    assert given["roles"] == [ADMIN, MODERATOR]
    await classroom.data("GET", "/admin/members", token=lea)
    await classroom.error(
        "PUT", path, token=olga, json={"roles": [], "expected": []}, status=409, code="changed_meanwhile"
    )
    await classroom.data("PUT", path, token=olga, json={"roles": [], "expected": [MODERATOR, ADMIN]})
    await classroom.error("GET", "/admin/members", token=lea, status=403, code="forbidden")
    assert [entry[:2] for entry in await actions(classroom, "lea")] == [
        ("cohort_roles.changed", "olga"),
        ("cohort_roles.changed", "olga"),
    ]


REFUSED = [
    # who, whose roles, before, after, what they read
    ("olga", "olga", [OWNER], [OWNER, ADMIN], "Nobody gives themselves"),
    ("olga", "lea", [], [SYSTEM], "system admin"),
    ("olga", "sam", [SYSTEM], [], "system admin"),
    ("olga", "olga", [OWNER], [], "last owner"),
    ("adam", "lea", [], [ADMIN], "admin"),
    ("adam", "olga", [OWNER], [], "owner"),
    ("adam", "adam", [ADMIN], [ADMIN, OWNER], "Nobody gives themselves"),
]


@pytest.mark.asyncio
async def test_nobody_gives_more_than_their_own_role_lets_them(classroom):
    await staffed(classroom)
    for actor, member, before, after, said in REFUSED:
        error = await classroom.error(
            "PUT",
            f"/admin/members/{member}/roles",
            token=classroom.token(actor, ADMIN_SCOPES),
            json={"roles": after, "expected": before},
            status=403,
            code="role_refused",
        )
        assert said in error["message"]
    assert await actions(classroom) == []


@pytest.mark.asyncio
async def test_the_last_owner_goes_by_a_system_admins_hand_or_after_another_one_came(classroom, olga):
    await staffed(classroom)
    await classroom.data(
        "PUT", "/admin/members/lea/roles", token=olga, json={"roles": [OWNER], "expected": []}
    )
    await classroom.data(
        "PUT", "/admin/members/olga/roles", token=olga, json={"roles": [], "expected": [OWNER]}
    )
    sam = classroom.token("sam", ADMIN_SCOPES)
    await classroom.data(
        "PUT", "/admin/members/lea/roles", token=sam, json={"roles": [], "expected": [OWNER]}
    )


@pytest.mark.asyncio
async def test_an_admin_gives_parts_in_courses_but_not_to_themselves(classroom):
    await staffed(classroom)
    adam = classroom.token("adam", ADMIN_SCOPES)
    path = "/admin/members/{}/courses/python-foundations"
    given = await classroom.data("PUT", path.format("mona"), token=adam, json={"role": "grader"})
    assert given["courses"][0]["role"] == "grader"
    await classroom.error(
        "PUT", path.format("adam"), token=adam, json={"role": "grader"}, status=403, code="role_refused"
    )
    left = await classroom.data("DELETE", path.format("mona"), token=adam)
    assert left["courses"] == []
    await classroom.error(
        "PUT",
        "/admin/members/mona/courses/cooking",
        token=adam,
        json={"role": "grader"},
        status=404,
        code="unknown_course",
    )
    assert [entry[0] for entry in await actions(classroom, "mona")] == ["enrolment.changed"] * 2


@pytest.mark.asyncio
async def test_who_is_removed_is_out_with_the_next_request_and_comes_back_with_their_courses(classroom, olga):
    await staffed(classroom)
    lea = classroom.token("lea")
    await classroom.data("GET", "/courses", token=lea)
    removed = await classroom.data(
        "DELETE", "/admin/members/lea", token=olga, json={"reason": "Left the school"}
    )
    assert removed["state"] == "removed"
    error = await classroom.error("GET", "/courses", token=lea, status=403, code="not_a_member")
    assert "Left the school." in error["message"]
    answer = await classroom.data(
        "POST", "/hub/sign-ins", token="service-token", json={"username": "lea", "origin": "local"}
    )
    assert answer["state"] == "removed"
    assert "Left the school." in answer["sentence"]
    await classroom.error(
        "PUT",
        "/admin/members/lea/roles",
        token=olga,
        json={"roles": [ADMIN], "expected": []},
        status=404,
        code="unknown_member",
    )
    back = await classroom.data("POST", "/admin/members/lea/restore", token=olga)
    assert back["courses"][0]["role"] == "learner"
    await classroom.data("GET", "/courses", token=lea)
    assert [entry[0] for entry in await actions(classroom, "lea")] == ["member.removed", "member.restored"]


@pytest.mark.asyncio
async def test_nobody_removes_themselves_or_somebody_above_them(classroom, olga):
    await staffed(classroom)
    adam = classroom.token("adam", ADMIN_SCOPES)
    for token, member in ((olga, "olga"), (olga, "sam"), (adam, "olga")):
        await classroom.error(
            "DELETE",
            f"/admin/members/{member}",
            token=token,
            json={"reason": None},
            status=403,
            code="role_refused",
        )
    await classroom.data("DELETE", "/admin/members/mona", token=adam, json={})


@pytest.mark.asyncio
async def test_only_cohorts_of_the_same_organisation_are_listed(classroom, olga):
    from studyhall.organizations.service import ensure_cohort

    await staffed(classroom)
    async with classroom.session() as session:
        await ensure_cohort(session, organization="demo", cohort="autumn")
        await ensure_cohort(session, organization="other", cohort="elsewhere")
    rows = await classroom.data("GET", "/admin/cohorts", token=olga)
    assert [(row["slug"], row["current"]) for row in rows] == [("autumn", False), ("demo", True)]
    assert rows[0].keys() == {"slug", "name", "plan", "state", "starts_on", "ends_on", "current"}


@pytest.mark.asyncio
async def test_a_role_counts_only_with_the_scope_and_the_scope_only_with_a_role(classroom):
    await staffed(classroom)
    await classroom.error(
        "GET", "/admin/members", token=classroom.token("olga"), status=403, code="forbidden"
    )
    await classroom.error(
        "GET", "/admin/members", token=classroom.token("ines", ADMIN_SCOPES), status=403, code="forbidden"
    )
    narrow = classroom.token(
        "olga", ["custom:studyhall:learner", "custom:studyhall:admin!group=course:x:instructors"]
    )
    await classroom.error("GET", "/admin/members", token=narrow, status=403, code="forbidden")


@pytest.mark.asyncio
async def test_an_admin_is_no_teacher(classroom):
    """Those who run a cohort see no grades: that takes a part in the course."""
    await staffed(classroom)
    token = classroom.token("olga", [*ADMIN_SCOPES, "custom:studyhall:teach", "custom:studyhall:grade"])
    await classroom.error(
        "GET",
        "/staff/courses/python-foundations/gradebook",
        token=token,
        status=403,
        code="not_enrolled",
    )
    await classroom.add_person("olga", Role.LEARNER)
    await classroom.error(
        "GET", "/staff/courses/python-foundations/gradebook", token=token, status=403, code="forbidden"
    )
