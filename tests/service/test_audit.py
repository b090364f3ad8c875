"""The audit log: what staff do is in it with who, when, how it was and how it is, and only teaching staff read it."""

import base64

import pytest
from classrooms import SAMPLE, STAFF_SCOPES

AUDIT = "/staff/courses/python-foundations/audit"
POLICY = "/staff/courses/python-foundations/assignments/values-and-names/policy"


async def log_of(room, token, **query):
    return await room.data("GET", AUDIT, token=token, params=query)


@pytest.mark.asyncio
async def test_an_entry_says_who_what_when_and_the_difference(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    for minutes in (5, 10):
        await classroom.data(
            "PATCH",
            POLICY,
            token=ines,
            json={"grace_minutes": minutes},
            headers={"X-Request-ID": f"grace-{minutes}"},
        )
    await classroom.data("PATCH", POLICY, token=ines, json={"grace_minutes": 10})
    newest, oldest = await log_of(classroom, ines)
    assert (newest["actor"], newest["action"], newest["object"]) == (
        "ines",
        "policy.changed",
        "values-and-names",
    )
    assert (newest["before"], newest["after"]) == ({"grace_minutes": 5}, {"grace_minutes": 10})
    assert (newest["request_id"], newest["origin"]) == ("grace-10", "cli")
    assert oldest["before"] == {"grace_minutes": 0}
    (page,) = await log_of(classroom, ines, limit=1, page=2)
    assert page["id"] == oldest["id"]
    assert await log_of(classroom, ines, actor="gabriel") == []
    assert len(await log_of(classroom, ines, object="names", action="policy.changed")) == 2
    assert await log_of(classroom, ines, object="%") == []


@pytest.mark.asyncio
async def test_what_is_refused_is_not_in_the_log(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    await classroom.error(
        "PATCH",
        POLICY,
        token=ines,
        json={"grace_minutes": 5, "expected_version": 7},
        status=409,
        code="changed_meanwhile",
    )
    assert await log_of(classroom, ines) == []
    await classroom.error(
        "GET", AUDIT, token=classroom.token("gabriel", STAFF_SCOPES), status=403, code="forbidden"
    )


@pytest.mark.asyncio
async def test_publishing_and_grading_again_are_in_the_log(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    files = [
        {
            "path": path.relative_to(SAMPLE).as_posix(),
            "content": base64.b64encode(path.read_bytes()).decode(),
        }
        for path in sorted(SAMPLE.rglob("*"))
        if path.is_file()
    ]
    await classroom.data(
        "POST",
        "/staff/courses/python-foundations/releases",
        token=ines,
        json={"files": files},
        status=201,
    )
    notebook = (SAMPLE / "source" / "values-and-names" / "values-and-names.ipynb").read_text()
    await classroom.submit(classroom.token("lea"), {"values-and-names": notebook})
    regrades = "/staff/courses/python-foundations/lessons/values-and-names/regrades"
    run = await classroom.data("POST", regrades, token=ines, status=202)
    await classroom.data("POST", f"{regrades}/{run['id']}/discard", token=ines)
    assert [row["action"] for row in await log_of(classroom, ines)] == [
        "regrade.discarded",
        "regrade.requested",
        "course.published",
    ]
