"""A roster in the browser: what each line means or what is wrong with it, then doing just what was shown."""

import uuid

import pytest
from classrooms import STAFF_SCOPES
from sqlalchemy import insert, select
from studyhall.audit.models import AuditEntry
from studyhall.members.models import CohortRoleGrant
from studyhall.permissions import CohortRole

PREVIEW = "/admin/roster/preview"
APPLY = "/admin/roster"
COURSE = "python-foundations"
ADMIN_SCOPES = [*STAFF_SCOPES, "custom:studyhall:admin"]
HEADER = "username,display_name,email,course,role"


@pytest.fixture
def signed_in_as(classroom):
    """Sign somebody in who holds a role in the cohort."""

    async def enter(username, role=CohortRole.ADMIN):
        user_id = await classroom.add_person(username, course=None)
        async with classroom.session() as session:
            await session.execute(
                insert(CohortRoleGrant).values(
                    id=uuid.uuid4(),
                    cohort_id=classroom.context.cohort_id,
                    user_id=user_id,
                    role=role.value,
                    granted_by="operator",
                    granted_at=classroom.clock(),
                )
            )
        return classroom.token(username, ADMIN_SCOPES)

    return enter


def roster(*lines):
    return "\n".join((HEADER, *lines))


@pytest.mark.asyncio
async def test_a_preview_says_what_each_line_changes_and_applying_does_just_that(classroom, signed_in_as):
    adam = await signed_in_as("adam")
    text = roster(f"lea,Lea Li,,{COURSE},grader", f"mia,Mia,mia@school.example,{COURSE},", "adam,,,,")
    shown = await classroom.data("POST", PREVIEW, token=adam, json={"csv": text})
    assert shown == {
        "lines": [
            {
                "line": 2,
                "username": "lea",
                "what": f"display name 'Lea Li', was 'Lea'; grader of {COURSE}, was learner",
                "problem": None,
            },
            {
                "line": 3,
                "username": "mia",
                "what": f"new in the cohort; display name 'Mia'; email 'mia@school.example'; learner of {COURSE}",
                "problem": None,
            },
        ],
        "changes": 4,
        "unchanged": 1,
        "problems": 0,
    }
    await classroom.error(
        "POST",
        APPLY,
        token=adam,
        json={"csv": text, "expected_changes": 3},
        status=409,
        code="changed_meanwhile",
    )
    again = {"csv": text, "expected_changes": 4}
    assert await classroom.data("POST", APPLY, token=adam, json=again) == shown
    after = await classroom.data("POST", PREVIEW, token=adam, json={"csv": text})
    assert (after["lines"], after["changes"], after["unchanged"]) == ([], 0, 3)
    await classroom.error("POST", APPLY, token=adam, json=again, status=409, code="changed_meanwhile")
    await classroom.data("POST", APPLY, token=adam, json={"csv": text, "expected_changes": 0})
    async with classroom.session() as session:
        rows = list(await session.scalars(select(AuditEntry)))
    assert sorted((row.action, row.object) for row in rows) == [
        ("enrolment.changed", "lea"),
        ("enrolment.changed", "mia"),
        ("person.changed", "lea"),
        ("person.changed", "mia"),
        ("roster.applied", "roster with 4 changes"),
    ]
    assert {(row.actor, row.origin, row.address) for row in rows} == {("adam", "cli", "127.0.0.1")}


@pytest.mark.asyncio
async def test_mistakes_are_named_with_their_lines_and_nothing_is_done(classroom, signed_in_as):
    adam = await signed_in_as("adam")
    text = roster("lea,,,no-such-course,", "a b,,,,", f"mia,,,{COURSE},head", f"noor,,,{COURSE},")
    shown = await classroom.data("POST", PREVIEW, token=adam, json={"csv": text})
    assert [(line["line"], line["what"]) for line in shown["lines"]] == [(2, ""), (3, ""), (4, "")]
    assert [line["username"] for line in shown["lines"]] == ["lea", "a b", "mia"]
    assert shown["lines"][2]["problem"].startswith("role: There is no role 'head'.")
    assert (shown["changes"], shown["problems"]) == (0, 3)
    error = await classroom.error(
        "POST",
        APPLY,
        token=adam,
        json={"csv": text, "expected_changes": 0},
        status=422,
        code="validation_error",
    )
    assert [detail["field"] for detail in error["details"]] == ["line 2", "line 3", "line 4"]
    unknown = await classroom.data("POST", PREVIEW, token=adam, json={"csv": roster("lea,,,no-such-course,")})
    assert unknown["lines"][0] == {
        "line": 2,
        "username": "lea",
        "what": "",
        "problem": f"course: The cohort takes no course 'no-such-course'. It takes: {COURSE}.",
    }
    assert (await classroom.data("POST", PREVIEW, token=adam, json={"csv": ""}))["problems"] == 1


@pytest.mark.asyncio
async def test_nobody_makes_themselves_an_instructor_with_a_roster(classroom, signed_in_as):
    adam = await signed_in_as("adam")
    shown = await classroom.data(
        "POST", PREVIEW, token=adam, json={"csv": roster("lea,,,,", f"adam,,,{COURSE},instructor")}
    )
    assert [(line["line"], line["username"]) for line in shown["lines"]] == [(3, "adam")]
    assert "Nobody gives themselves a role" in shown["lines"][0]["problem"]


@pytest.mark.asyncio
async def test_a_roster_says_who_stays_removed(classroom, signed_in_as):
    adam = await signed_in_as("adam")
    await classroom.data("DELETE", "/admin/members/lea", token=adam, json={"reason": None})
    shown = await classroom.data("POST", PREVIEW, token=adam, json={"csv": roster(f"lea,,,{COURSE},grader")})
    assert shown["lines"][0]["what"].endswith("stays removed: a roster brings nobody back")


@pytest.mark.asyncio
async def test_moderators_bring_nobody_in(classroom, signed_in_as):
    mona = await signed_in_as("mona", CohortRole.MODERATOR)
    for path, body in ((PREVIEW, {"csv": ""}), (APPLY, {"csv": "", "expected_changes": 0})):
        await classroom.error("POST", path, token=mona, json=body, status=403, code="forbidden")
