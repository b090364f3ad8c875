"""A roster brings a cohort in step with a file: shown first, then done all or nothing, and twice is once."""

import asyncio
import json

import psycopg
import pytest
from classrooms import open_classroom
from studyhall.cli import app
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import Role
from studyhall.supervisor.postgres import APP, OWNER
from typer.testing import CliRunner

HEADER = "username,display_name,email,course,role"
COURSE = "python-foundations"


@pytest.fixture
def cohort(postgres, valkey, database, judge_socket, monkeypatch):
    """The cohort demo with the sample course: instructor ines, learners lea and liam; and a cohort next door."""

    async def made():
        async with open_classroom(
            postgres=postgres, valkey=valkey, database=database, judge_socket=judge_socket
        ) as room:
            await room.publish()
            await room.add_person("ines", Role.INSTRUCTOR)
            await room.add_person("lea")
            await room.add_person("liam")
            async with room.session() as session:
                await ensure_cohort(session, organization="other", cohort="next-door")

    asyncio.run(made())
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, database))
    return "demo"


@pytest.fixture
def roster(cohort, tmp_path):
    """Give a roster of these lines to the command; its result."""

    def give(*lines, options=("--apply",), header=HEADER, into=cohort):
        file = tmp_path / "roster.csv"
        file.write_text("\r\n".join([header, *lines]), encoding="utf-8-sig")
        return CliRunner().invoke(app, ["cohort", "roster", into, str(file), *options])

    return give


@pytest.fixture
def done(roster):
    """Give a roster that is taken; what it changed, without what stayed."""

    def give(*lines, options=("--apply",), **more):
        result = roster(*lines, options=(*options, "--json"), **more)
        assert result.exit_code == 0, result.output
        said = json.loads(result.stdout)
        assert said["applied"] is ("--apply" in options)
        return [
            (part["change"], part["username"], part.get("course"), part["before"], part["after"])
            for part in said["people"] + said["parts"]
            if part["change"] != "unchanged"
        ]

    return give


@pytest.fixture
def read(postgres, database):
    """Ask the database, as the tables' owner in the cohort demo."""

    def ask(query):
        with psycopg.connect(postgres.url(OWNER, database)) as connection:
            (cohort_id,) = connection.execute("SELECT id FROM cohorts WHERE slug = 'demo'").fetchone()
            connection.execute("SELECT set_config('studyhall.cohort_id', %s, true)", (str(cohort_id),))
            return connection.execute(query).fetchall()

    return ask


ROLES = "SELECT hub_username, role FROM enrolments JOIN users ON users.id = user_id ORDER BY hub_username"
PEOPLE = "SELECT hub_username, display_name, email FROM users ORDER BY hub_username"
LOG = "SELECT action, course, object, before, after, actor FROM audit_entries ORDER BY action, object"
LINES = (
    f"Lea,Lea Li,lea@School.Example,{COURSE},",
    "",
    f'mia,"Mo, Mia",,{COURSE},grader',
    f"liam,,,{COURSE},grader",
    "noor,,,,",
)


def test_a_preview_shows_everything_and_changes_nothing(roster, done, read):
    before = read(ROLES), read(PEOPLE)
    expected = [
        (
            "changed",
            "lea",
            None,
            {"display_name": "Lea", "email": None},
            {"display_name": "Lea Li", "email": "lea@school.example"},
        ),
        ("added", "mia", None, None, {"display_name": "Mo, Mia"}),
        ("added", "noor", None, None, {}),
        ("changed", "liam", COURSE, {"role": "learner"}, {"role": "grader"}),
        ("added", "mia", COURSE, None, {"role": "grader"}),
    ]
    assert done(*LINES, options=()) == expected, "a preview unless it is to be applied"
    words = roster(*LINES, options=("--preview",)).stdout
    assert "changed  liam: grader of python-foundations, was learner" in words
    assert "added    mia: display name 'Mo, Mia'" in words
    assert "People: 2 added, 1 changed, 1 left as is." in words
    assert "Parts in courses: 1 added, 1 changed, 0 removed, 1 left as is." in words
    assert "this is a preview" in words
    assert (read(ROLES), read(PEOPLE), read(LOG)) == (*before, [])


def test_a_roster_is_applied_once_and_written_down(roster, done, read):
    assert len(done(*LINES)) == 5
    assert read(ROLES) == [("ines", "instructor"), ("lea", "learner"), ("liam", "grader"), ("mia", "grader")]
    assert read(PEOPLE) == [
        ("ines", "Ines", None),
        ("lea", "Lea Li", "lea@school.example"),
        ("liam", "Liam", None),
        ("mia", "Mo, Mia", None),
        ("noor", "Noor", None),
    ]
    log = read(LOG)
    assert [(row[0], row[2]) for row in log] == [
        ("enrolment.changed", "liam"),
        ("enrolment.changed", "mia"),
        ("person.changed", "lea"),
        ("person.changed", "mia"),
        ("person.changed", "noor"),
        ("roster.applied", "roster with 5 changes"),
    ]
    assert log[0] == (
        "enrolment.changed",
        COURSE,
        "liam",
        {"role": "learner"},
        {"role": "grader"},
        "operator",
    )
    assert done(*LINES) == []
    assert "There is nothing to change." in roster(*LINES).stdout
    assert read(LOG) == log, "twice is once, in the log too"


def test_nobody_leaves_a_course_unless_that_is_asked_for(done, read):
    lines = (f"ines,,,{COURSE},instructor", f"lea,,,{COURSE},learner")
    assert done(*lines) == []
    assert done("lea,,,,", options=("--apply", "--remove-missing")) == [], "a course that is not named stays"
    assert done(options=("--apply", "--remove-missing")) == [], "an empty roster empties no course"
    gone = [("removed", "liam", COURSE, {"role": "learner"}, None)]
    assert done(*lines, options=("--preview", "--remove-missing")) == gone
    assert ("liam", "learner") in read(ROLES)
    assert done(*lines, options=("--apply", "--remove-missing")) == gone
    assert read(ROLES) == [("ines", "instructor"), ("lea", "learner")]
    assert "liam" in [row[0] for row in read(PEOPLE)], "the person stays, and all that they did"
    assert read(LOG)[0][:5] == ("enrolment.changed", COURSE, "liam", {"role": "learner"}, None)
    assert done(*lines, options=("--apply", "--remove-missing")) == []


def test_all_mistakes_are_named_at_once_and_nothing_is_changed(roster, read):
    before = read(ROLES), read(PEOPLE)
    lines = ("new,,,python-foundations,", "a b,,,,", "mia,,,no-such-course,learner", "noor,,noor,,head")
    result = roster(*lines)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Line 3, username" in result.stderr
    assert (
        "Line 4, course: The cohort takes no course 'no-such-course'. It takes: python-foundations."
        in result.stderr
    )
    assert "Line 5, email" in result.stderr
    assert "Line 5, role" in result.stderr
    assert "(roster_invalid)" in result.stderr
    error = json.loads(roster(*lines, options=("--apply", "--json")).stdout)["error"]
    assert error["code"] == "roster_invalid"
    assert [detail["line"] for detail in error["details"]] == [3, 4, 5, 5, 5]
    assert (read(ROLES), read(PEOPLE), read(LOG)) == (*before, [])


def test_what_is_not_there_has_a_code(roster, cohort, tmp_path):
    assert "(unknown_cohort)" in roster(into="nobody").stderr
    missing = CliRunner().invoke(app, ["cohort", "roster", cohort, str(tmp_path / "none.csv")])
    assert missing.exit_code == 1
    assert "No such file" in missing.stderr
    assert "(unreadable_file)" in missing.stderr


def test_a_roster_of_many_reaches_its_own_cohort_only(roster, done, read, postgres, database):
    lines = [f"learner{number},,,{COURSE},learner" for number in range(2500)]
    assert len(done(*lines)) == 5000
    assert read("SELECT count(*) FROM enrolments") == [(2503,)]
    assert done(*lines) == []
    assert (
        "takes no course 'python-foundations'. It takes: none." in roster(*lines[:1], into="next-door").stderr
    )
    assert done("lea,Another Lea,,,", into="next-door")[0][:2] == ("added", "lea")
    assert ("lea", "Lea", None) in read(PEOPLE), "the same name next door is somebody else"
