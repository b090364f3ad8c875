"""Organisations and cohorts as operators make, change, close and open them; what a closed one means to learners."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from classrooms import SAMPLE
from sqlalchemy import select, text
from studyhall.administration.command import OPERATOR
from studyhall.audit.models import AuditEntry
from studyhall.cli import app
from studyhall.db.session import Database
from studyhall.organizations import administration, policy
from studyhall.organizations.policy import CohortState
from studyhall.organizations.schemas import CohortTerms
from studyhall.supervisor.postgres import APP, OWNER
from typer.testing import CliRunner

LESSON = "values-and-names"
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def typed(postgres, database, monkeypatch):
    """Type a command against a database of one's own; gives its exit code and what it prints."""
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, database))

    def run(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


@pytest.fixture
def said(typed):
    """Type a command that succeeds, and read its JSON."""

    def run(*words):
        result = typed(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture
def refused(typed):
    """Type a command that is refused, once for people and once for machines; gives code and message."""

    def run(*words):
        people, machines = typed(*words), typed(*words, "--json")
        assert people.exit_code == machines.exit_code == 1, people.output
        error = json.loads(machines.stdout)["error"]
        assert error["message"] in people.stderr
        assert f"({error['code']})" in people.stderr
        assert people.stdout == ""
        return error["code"], error["message"]

    return run


def entries(postgres, database, table="audit_entries", cohort=None):
    with psycopg.connect(postgres.url(OWNER, database)) as connection:
        if cohort is not None:
            row = connection.execute("SELECT id FROM cohorts WHERE slug = %s", (cohort,)).fetchone()
            connection.execute("SELECT set_config('studyhall.cohort_id', %s, true)", (str(row[0]),))
        query = psycopg.sql.SQL("SELECT action, before, after FROM {} ORDER BY at, created_at")
        return connection.execute(query.format(psycopg.sql.Identifier(table))).fetchall()


# ---------------------------------------------------------------- days and states


@pytest.mark.parametrize(
    ("closed", "organization", "starts", "ends", "state"),
    [
        (False, False, None, None, CohortState.OPEN),
        (True, False, None, None, CohortState.CLOSED),
        (False, True, None, None, CohortState.CLOSED),
        (True, False, None, -1, CohortState.CLOSED),
        (False, False, None, -1, CohortState.ENDED),
        (False, False, None, 0, CohortState.ENDED),
        (False, False, None, 1, CohortState.OPEN),
        (False, False, 1, 2, CohortState.UPCOMING),
        (False, False, 0, 2, CohortState.OPEN),
    ],
)
def test_what_a_cohort_is_at_a_moment(closed, organization, starts, ends, state):
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    found = policy.state_of(
        closed_at=now if closed else None,
        organization_closed_at=now if organization else None,
        starts_at=None if starts is None else now + timedelta(hours=starts),
        ends_at=None if ends is None else now + timedelta(hours=ends),
        now=now,
    )
    assert found is state


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), date(2026, 7, 1)])
def test_the_last_day_is_over_at_midnight_of_the_cohorts_zone_in_summer_time_too(day):
    ends_at = policy.day_begins(day + timedelta(days=1), NEW_YORK)
    assert policy.last_day(ends_at.astimezone(UTC), NEW_YORK) == day
    almost = ends_at.astimezone(UTC) - timedelta(seconds=1)
    words = {"closed_at": None, "organization_closed_at": None, "ends_at": ends_at, "zone": NEW_YORK}
    assert policy.closed_because(**words, now=almost) is None
    assert f"ended on {day.day} {day:%B %Y}" in policy.closed_because(**words, now=ends_at.astimezone(UTC))


@pytest.mark.parametrize("slug", ["a", "spring-2026", "3rd", "a" * 63])
def test_a_slug_fits_into_a_hosts_name(slug):
    assert policy.is_slug(slug)


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "a.b", "ä", "a b", "a/b", "a\n", "a" * 64])
def test_anything_else_is_no_slug(slug):
    assert not policy.is_slug(slug)


# ---------------------------------------------------------------- commands


def test_an_organisation_is_made_listed_closed_and_opened_again(typed, said, postgres, database):
    assert "no organisations yet" in typed("org", "list").stdout
    made = said("org", "new", "acme", "--name", "Acme [Academy]")
    assert made == {
        "slug": "acme",
        "name": "Acme [Academy]",
        "cohorts": 0,
        "closed_at": None,
        "changed": True,
    }
    assert said("org", "new", "acme", "--name", "Acme [Academy]")["changed"] is False
    assert said("org", "new", "acme")["changed"] is False, "no name given is no other name"
    assert "Acme [Academy]" in typed("org", "list").stdout
    closed = said("org", "close", "acme")
    assert closed["changed"] is True
    again = said("org", "close", "acme")
    assert again == {**closed, "changed": False}, "closed since the first time"
    assert "is open now" in typed("org", "reopen", "acme").stdout
    assert "is open already" in typed("org", "reopen", "acme").stdout
    assert said("org", "list") == [
        {"slug": "acme", "name": "Acme [Academy]", "cohorts": 0, "closed_at": None}
    ]
    log = entries(postgres, database, "organization_entries")
    assert [row[0] for row in log] == ["organization.made", "organization.closed", "organization.reopened"]
    assert log[1][1] == {"closed_at": None}
    assert log[2][2] == {"closed_at": None}


def test_a_cohort_is_made_with_all_it_is_to_have(typed, said, postgres, database):
    said("org", "new", "acme")
    wanted = ("--organization", "acme", "--name", "Spring", "--timezone", "America/New_York")
    days = ("--plan", "premium", "--starts", "2026-02-01", "--ends", "2026-06-30")
    made = said("cohort", "new", "spring", *wanted, *days)
    assert made["changed"] is True
    terms = {
        "name": "Spring",
        "timezone": "America/New_York",
        "plan": "premium",
        "starts_on": "2026-02-01",
        "ends_on": "2026-06-30",
    }
    assert made == made | terms
    with psycopg.connect(postgres.url(APP, database)) as connection:
        row = connection.execute("SELECT starts_at, ends_at FROM cohorts").fetchone()
    assert row == (
        datetime(2026, 2, 1, tzinfo=NEW_YORK),
        datetime(2026, 7, 1, tzinfo=NEW_YORK),
    ), "from the first midnight to the one after the last day"
    assert said("cohort", "new", "spring", *wanted, *days)["changed"] is False
    assert said("cohort", "new", "spring", "--organization", "acme")["changed"] is False
    assert said("org", "list")[0]["cohorts"] == 1
    assert entries(postgres, database, cohort="spring") == [("cohort.made", None, terms)]
    assert "Spring" in typed("cohort", "list", "--organization", "acme").stdout


def test_another_time_zone_keeps_the_days_and_an_end_can_be_taken_away(said, postgres, database):
    said("org", "new", "acme")
    said(
        "cohort", "new", "spring", "--organization", "acme", "--starts", "2026-02-01", "--ends", "2026-06-30"
    )
    moved = said("cohort", "change", "spring", "--timezone", "Asia/Tokyo")
    assert (moved["starts_on"], moved["ends_on"], moved["changed"]) == ("2026-02-01", "2026-06-30", True)
    with psycopg.connect(postgres.url(APP, database)) as connection:
        ends_at = connection.execute("SELECT ends_at FROM cohorts").fetchone()[0]
    assert ends_at == datetime(2026, 7, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert said("cohort", "change", "spring", "--timezone", "Asia/Tokyo")["changed"] is False
    later = said("cohort", "change", "spring", "--no-end", "--starts", "2027-01-01")
    assert (later["starts_on"], later["ends_on"]) == ("2027-01-01", None), "the old end is in nobody's way"
    log = entries(postgres, database, cohort="spring")
    assert [row[0] for row in log] == ["cohort.made", "cohort.changed", "cohort.changed"]
    assert (log[1][1]["timezone"], log[1][2]["timezone"]) == ("UTC", "Asia/Tokyo")


def test_a_cohort_that_is_opened_again_says_what_still_shuts_it(typed, said):
    said("org", "new", "acme")
    said("cohort", "new", "old", "--organization", "acme", "--ends", "2020-01-31")
    assert said("cohort", "list")[0]["state"] == "ended"
    assert said("cohort", "close", "old")["state"] == "closed"
    assert said("cohort", "close", "old")["changed"] is False
    reopened = typed("cohort", "reopen", "old").stdout
    assert "is no longer closed" in reopened
    assert "`studyhall cohort change old --ends DAY`" in reopened
    said("org", "close", "acme")
    assert "`studyhall org reopen acme`" in typed("cohort", "reopen", "old").stdout


REFUSALS = {
    "org new No_Slug": "invalid_slug",
    "org new acme --name Another": "exists_already",
    "org close nobody": "unknown_organization",
    "org reopen nobody": "unknown_organization",
    "cohort new Spring! --organization acme": "invalid_slug",
    "cohort new summer --organization nobody": "unknown_organization",
    "cohort new summer --organization shut": "organization_closed",
    "cohort new spring --organization shut": "exists_already",
    "cohort new spring --organization acme --plan free": "exists_already",
    "cohort new summer --organization acme --timezone Mars/Olympus": "unknown_timezone",
    "cohort new summer --organization acme --timezone ../etc": "unknown_timezone",
    "cohort new summer --organization acme --starts 2026-05-02 --ends 2026-05-01": "invalid_dates",
    "cohort new summer --organization acme --ends 9999-12-31": "invalid_dates",
    "cohort change spring --ends 2026-05-01 --no-end": "invalid_dates",
    "cohort change nobody --name x": "unknown_cohort",
    "cohort close nobody": "unknown_cohort",
    "cohort reopen nobody": "unknown_cohort",
    "cohort list --organization nobody": "unknown_organization",
}


def test_what_is_refused_has_a_code_and_changes_nothing(said, refused):
    said("org", "new", "acme")
    said("org", "new", "shut")
    said("cohort", "new", "spring", "--organization", "acme")
    said("org", "close", "shut")
    before = said("org", "list"), said("cohort", "list")
    found = {words: refused(*words.split())[0] for words in REFUSALS}
    assert found == REFUSALS
    assert refused("org", "new", "other", "--name", " ")[0] == "invalid_name"
    assert (said("org", "list"), said("cohort", "list")) == before


def test_a_database_that_is_not_there_or_not_named_is_said_in_words(refused, monkeypatch, postgres):
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, "no_such_database"))
    assert refused("org", "list")[0] == "database_unreachable"
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", "")
    code, message = refused("cohort", "list")
    assert code == "not_configured"
    assert "STUDYHALL_DATABASE_URL" in message


def test_a_database_that_waits_for_its_upgrade_is_said_in_words(refused, monkeypatch, postgres):
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    try:
        monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, name))
        code, message = refused("org", "new", "acme")
        assert code == "database_outdated"
        assert "`studyhall db upgrade`" in message
    finally:
        postgres.drop_database(name)


def test_the_services_role_deletes_no_cohort_and_rewrites_no_log(typed, said, postgres, database):
    said("org", "new", "acme")
    said("cohort", "new", "spring", "--organization", "acme")
    with psycopg.connect(postgres.url(APP, database), autocommit=True) as connection:
        for statement in (
            "DELETE FROM cohorts",
            "DELETE FROM organizations",
            "DELETE FROM organization_entries",
            "UPDATE organization_entries SET actor = 'nobody'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


# ---------------------------------------------------------------- learners


def press(key=None):
    notebook = (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()
    return {
        "json": {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: notebook}},
        "headers": {"Idempotency-Key": str(key or uuid.uuid4())},
    }


@pytest.mark.asyncio
async def test_a_closed_cohort_takes_nothing_says_why_and_keeps_everything(classroom):
    lea, key = classroom.token("lea"), uuid.uuid4()
    accepted = await classroom.data("POST", "/submissions", token=lea, status=202, **press(key))
    async with classroom.session() as session:
        await administration.close_cohort(session, closed=True, actor=OPERATOR, now=classroom.clock.now)
    refusal = {"status": 409, "code": "cohort_closed"}
    error = await classroom.error("POST", "/submissions", token=lea, **refusal, **press())
    assert "Your cohort was closed on" in error["message"]
    assert "results stay" in error["message"]
    quiz = {"json": {"course": "python-foundations"}}
    await classroom.error("POST", "/quizzes/names-quiz/attempts", token=lea, **refusal, **quiz)
    again = await classroom.data("POST", "/submissions", token=lea, status=202, **press(key))
    assert again["id"] == accepted["id"], "a retry of what was accepted in time still gets its answer"
    shown = await classroom.data("GET", f"/submissions/{accepted['id']}", token=lea)
    assert shown["number"] == 1
    async with classroom.session() as session:
        await administration.close_cohort(session, closed=False, actor=OPERATOR, now=classroom.clock.now)
        actions = list(await session.scalars(select(AuditEntry.action).order_by(AuditEntry.created_at)))
    await classroom.data("POST", "/submissions", token=lea, status=202, **press())
    assert actions == ["cohort.closed", "cohort.reopened"]


@pytest.mark.asyncio
async def test_a_cohort_takes_submissions_until_its_last_day_is_over(classroom):
    lea = classroom.token("lea")
    today = classroom.clock.now.astimezone(NEW_YORK).date()
    async with classroom.session() as session:
        await administration.change_cohort(
            session,
            terms=CohortTerms(timezone="America/New_York", ends_on=today),
            drop=frozenset(),
            actor=OPERATOR,
            now=classroom.clock.now,
        )
    await classroom.data("POST", "/submissions", token=lea, status=202, **press())
    classroom.clock.now = policy.day_begins(today + timedelta(days=1), NEW_YORK).astimezone(UTC)
    error = await classroom.error(
        "POST", "/submissions", token=lea, status=409, code="cohort_closed", **press()
    )
    assert f"ended on {today.day} {today:%B %Y}" in error["message"]


@pytest.mark.asyncio
async def test_a_closed_organisation_closes_its_cohorts_and_nobody_elses(classroom):
    lea = classroom.token("lea")
    now = classroom.clock.now
    async with classroom.session() as session:
        await administration.make_organization(session, "other", name=None, actor=OPERATOR, now=now)
        await administration.close_organization(session, "other", closed=True, actor=OPERATOR, now=now)
    await classroom.data("POST", "/submissions", token=lea, status=202, **press())
    async with classroom.session() as session:
        await administration.close_organization(session, "demo", closed=True, actor=OPERATOR, now=now)
    await classroom.error("POST", "/submissions", token=lea, status=409, code="cohort_closed", **press())


@pytest.mark.asyncio
async def test_one_cohort_sees_nothing_of_anothers_log(postgres, database):
    pool = Database(postgres.url(APP, database), pool_size=1)
    now = datetime(2026, 5, 4, tzinfo=UTC)
    first, second = uuid.uuid4(), uuid.uuid4()
    try:
        async with pool.session(None) as session:
            await administration.make_organization(session, "acme", name=None, actor=OPERATOR, now=now)
        for cohort_id, slug in ((first, "one"), (second, "two")):
            async with pool.session(cohort_id) as session:
                await administration.make_cohort(
                    session, slug, organization="acme", terms=CohortTerms(), actor=OPERATOR, now=now
                )
        async with pool.session(second) as session:
            assert list(await session.scalars(select(AuditEntry.object))) == ["cohort two"]
            assert (await session.scalar(text("SELECT count(*) FROM cohorts"))) == 2
    finally:
        await pool.close()
