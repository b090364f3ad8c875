"""A cohort's log: who, what, when and from where, for its owners; nobody else reads it and nobody changes it."""

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from classrooms import STAFF_SCOPES
from sqlalchemy import insert
from studyhall.administration.command import OPERATOR
from studyhall.audit.service import Action, Actor, AuditOrigin, record
from studyhall.cli import app
from studyhall.members.models import CohortRoleGrant
from studyhall.organizations import administration
from studyhall.permissions import CohortRole
from studyhall.supervisor.postgres import APP, OWNER
from typer.testing import CliRunner

AUDIT = "/admin/audit"
EXPORT = f"{AUDIT}/export"
ADMIN_SCOPES = [*STAFF_SCOPES, "custom:studyhall:admin"]
CHANGES = (
    "UPDATE audit_entries SET actor = 'nobody'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "UPDATE organization_entries SET actor = 'nobody'",
    "DELETE FROM organization_entries",
    "TRUNCATE organization_entries",
)
POLICY = "/staff/courses/python-foundations/assignments/values-and-names/policy"


@pytest.fixture
def signed_in_as(classroom):
    """Sign somebody in who holds a role in the cohort."""

    async def enter(username, role=CohortRole.ORG_OWNER):
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


async def write(classroom, *moments, actor="ines", action=Action.GRADE_CHANGED, **more):
    async with classroom.session() as session:
        for at in moments:
            record(
                session,
                Actor(None, actor, AuditOrigin.STAFF_PAGE, address="198.51.100.7", agent="Firefox"),
                action,
                **{"about": "values-and-names, lea", "course": "python-foundations", "at": at, **more},
            )


@pytest.mark.asyncio
async def test_an_entry_says_from_where_and_a_forged_header_does_not(classroom, signed_in_as):
    ines = classroom.token("ines", STAFF_SCOPES)
    await classroom.data(
        "PATCH",
        POLICY,
        token=ines,
        json={"grace_minutes": 5},
        headers={
            # What a caller writes about itself stands first; the hub's proxy, on loopback here, adds the last one.
            "X-Forwarded-For": "203.0.113.66, 198.51.100.7",
            "X-Real-IP": "203.0.113.66",
            "User-Agent": "Mozilla/5.0 (X11; Linux)",
        },
    )
    (entry,) = await classroom.data("GET", AUDIT, token=await signed_in_as("olga"))
    assert (entry["actor"], entry["action"], entry["course"]) == (
        "ines",
        "policy.changed",
        "python-foundations",
    )
    assert (entry["address"], entry["agent"]) == ("198.51.100.7", "Mozilla/5.0 (X11; Linux)")
    assert (entry["before"], entry["after"]) == ({"grace_minutes": 0}, {"grace_minutes": 5})


@pytest.mark.asyncio
async def test_the_log_is_filtered_and_paged(classroom, signed_in_as):
    start = datetime(2026, 11, 1, 8, tzinfo=UTC)
    await write(classroom, *(start + timedelta(hours=hour) for hour in range(5)))
    await write(
        classroom, start, actor="gabriel", action=Action.GRADES_EXPORTED, course="other", about="100%"
    )
    olga = await signed_in_as("olga")

    async def found(**query):
        return len(await classroom.data("GET", AUDIT, token=olga, params=query))

    assert await found() == 6
    assert await found(limit=4, page=2) == 2
    assert await found(actor="gabriel") == 1
    assert await found(action="grade.changed") == 5
    assert await found(course="other") == 1
    assert await found(object="%") == 1
    assert await found(since="2026-11-01T10:00:00Z") == 3
    assert await found(since="2026-11-01T10:00:00Z", until="2026-11-01T12:00:00Z") == 2
    assert await found(actor="gabriel", action="grade.changed") == 0
    await classroom.error(
        "GET", AUDIT, token=olga, params={"since": "2026-11-01"}, status=422, code="validation_error"
    )


@pytest.mark.asyncio
async def test_owners_see_what_concerns_their_organisation_and_admins_do_not(classroom, signed_in_as):
    now = classroom.clock()
    async with classroom.session() as session:
        await administration.make_organization(session, "rival", name=None, actor=OPERATOR, now=now)
        await administration.close_organization(session, "demo", closed=True, actor=OPERATOR, now=now)
        await administration.close_organization(session, "demo", closed=False, actor=OPERATOR, now=now)
    rows = await classroom.data("GET", AUDIT, token=await signed_in_as("olga"))
    assert {row["object"] for row in rows} == {"organisation demo"}, "and none of the rival's"
    assert {row["action"] for row in rows} == {"organization.closed", "organization.reopened"}
    assert rows[0]["address"] is None
    assert " at " in rows[0]["agent"], "the account and the machine of whoever called the command"
    adam = await signed_in_as("adam", CohortRole.ADMIN)
    assert await classroom.data("GET", AUDIT, token=adam) == []


@pytest.mark.asyncio
async def test_a_file_holds_every_entry_and_its_taking_is_written_down(classroom, signed_in_as):
    await write(classroom, classroom.clock(), about="=HYPERLINK(1)", after={"score": 3})
    olga = await signed_in_as("olga")
    answer = await classroom.call("GET", EXPORT, token=olga, params={"actor": "ines"})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["object"] == "'=HYPERLINK(1)", "no formula"
    assert (row["actor"], row["address"], row["agent"]) == ("ines", "198.51.100.7", "Firefox")
    assert json.loads(row["after"]) == {"score": 3}
    newest, _ = await classroom.data("GET", AUDIT, token=olga)
    assert (newest["action"], newest["actor"]) == ("audit.exported", "olga")
    assert newest["after"] == {"actor": "ines", "format": "csv"}


@pytest.mark.asyncio
async def test_moderators_and_teachers_do_not_read_it(classroom, signed_in_as):
    tokens = [
        await signed_in_as("mona", CohortRole.MODERATOR),
        classroom.token("ines", ADMIN_SCOPES),
        classroom.token("olga", STAFF_SCOPES),
    ]
    await signed_in_as("olga")
    for token in tokens:
        for path in (AUDIT, EXPORT):
            await classroom.error("GET", path, token=token, status=403, code="forbidden")


@pytest.mark.asyncio
async def test_nobody_changes_what_is_written_down(classroom, postgres, database):
    await write(classroom, classroom.clock())
    async with classroom.session() as session:
        await administration.make_organization(
            session, "rival", name=None, actor=OPERATOR, now=classroom.clock()
        )
    for role, refusal in (
        (APP, psycopg.errors.InsufficientPrivilege),
        (OWNER, psycopg.errors.RestrictViolation),
    ):
        for change in CHANGES:
            with psycopg.connect(postgres.url(role, database)) as connection, pytest.raises(refusal):
                connection.execute(change)


def test_the_command_shows_the_log(postgres, database, monkeypatch):
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, database))

    def typed(*words):
        result = CliRunner().invoke(app, list(words))
        return result.exit_code, result.stdout

    typed("org", "new", "acme")
    typed("cohort", "new", "spring", "--organization", "acme")
    typed("cohort", "change", "spring", "--plan", "basic")
    code, text = typed("audit", "spring", "--json")
    rows = json.loads(text)
    assert code == 0
    assert [(row["action"], row["object"]) for row in rows] == [
        ("cohort.changed", "cohort spring"),
        ("cohort.made", "cohort spring"),
        ("organization.made", "organisation acme"),
    ]
    assert (rows[0]["before"]["plan"], rows[0]["after"]["plan"]) == ("organization", "basic")
    code, text = typed("audit", "spring", "--action", "cohort.changed")
    assert code == 0
    assert "plan: organization -> basic" in text
    assert OPERATOR.agent in text
    assert "newest 1 of 3" in typed("audit", "spring", "--limit", "1")[1]
    assert typed("audit", "spring", "--until", "2020-01-01") == (
        0,
        "Nothing in the log fits. Leave an option out, or look at another time.\n",
    )
    assert json.loads(typed("audit", "spring", "--actor", "olga", "--json")[1]) == []
    code, text = typed("audit", "nowhere", "--json")
    assert (code, json.loads(text)["error"]["code"]) == (1, "unknown_cohort")
