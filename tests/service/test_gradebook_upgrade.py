"""What was graded before there was a gradebook is in it after the upgrade, and the audit log can't be altered."""

import uuid

import psycopg
import pytest
from studyhall.migrations.upgrade import upgrade
from studyhall.supervisor.postgres import OWNER

BEFORE = "0003_regrades"


@pytest.fixture
def old_database(postgres):
    """A database as it was before the gradebook."""
    name = f"old_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    upgrade(postgres.url(OWNER, name), revision=BEFORE)
    yield postgres.url(OWNER, name)
    postgres.drop_database(name)


def insert(connection, table, **values):
    """Insert a row with an id of its own, and return the id."""
    values = {"id": uuid.uuid4(), **values}
    columns = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, values))
    marks = psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(values))
    statement = psycopg.sql.SQL("INSERT INTO {} ({}) VALUES ({})")
    connection.execute(statement.format(psycopg.sql.Identifier(table), columns, marks), list(values.values()))
    return values["id"]


def classroom_of(connection, *, manual):
    """One learner with three attempts: 4 of 10, 9 of 10, and 6 of 10 with an answer that waits."""
    from psycopg.types.json import Jsonb

    organization = insert(connection, "organizations", slug=uuid.uuid4().hex, name="O")
    cohort = insert(connection, "cohorts", organization_id=organization, slug=uuid.uuid4().hex, name="C")
    connection.execute("SELECT set_config('studyhall.cohort_id', %s, true)", (str(cohort),))
    course = insert(
        connection,
        "courses",
        organization_id=organization,
        slug="c",
        title="C",
        description="",
        level="x",
    )
    release = insert(
        connection,
        "course_releases",
        course_id=course,
        number=1,
        content_hash="h",
        outline=Jsonb([]),
        published_by="test",
    )
    lesson = insert(connection, "lessons", course_id=course, slug="l")
    lesson_release = insert(
        connection,
        "lesson_releases",
        release_id=release,
        lesson_id=lesson,
        title="L",
        minutes=1,
        pass_score=70,
        environment="default",
        scoring="default",
        reveal="never",
        ai_review=False,
        tests=Jsonb([{"id": "l/t", "manual": manual}]),
        notebooks=Jsonb(["l"]),
        quizzes=Jsonb([]),
        content_hash="h",
        graded_hash="g",
        graded=b"",
    )
    offering = insert(connection, "course_offerings", cohort_id=cohort, course_id=course, release_id=release)
    user = insert(connection, "users", cohort_id=cohort, hub_username="lea", display_name="Lea")
    attempts = []
    for number, score in enumerate((4, 9, 6), start=1):
        attempt = insert(
            connection,
            "attempts",
            cohort_id=cohort,
            user_id=user,
            offering_id=offering,
            lesson_id=lesson,
            lesson_release_id=lesson_release,
            release=1,
            number=number,
            idempotency_key=uuid.uuid4(),
            status="needs_manual" if number == 3 else "graded",
            late=False,
            submitted_at="2026-01-01T00:00:00Z",
            score=score,
            max_score=10,
            size=1,
        )
        status = "needs_manual" if number == 3 else "passed"
        insert(
            connection,
            "reports",
            cohort_id=cohort,
            attempt_id=attempt,
            status="graded",
            score=score,
            max_score=10,
            for_learner=Jsonb({"tests": [{"id": "l/t", "status": status}]}),
            sealed=b"",
            flagged=False,
            duration_ms=1,
            judge_version="",
            graded_at="2026-01-01T00:00:00Z",
        )
        attempts.append(attempt)
    return cohort, attempts


@pytest.mark.parametrize(("manual", "counts", "score", "waiting"), [(False, 1, 9, []), (True, 2, 6, ["l/t"])])
def test_what_was_graded_before_is_in_the_gradebook(old_database, manual, counts, score, waiting):
    with psycopg.connect(old_database) as connection:
        cohort, attempts = classroom_of(connection, manual=manual)
    upgrade(old_database)
    with psycopg.connect(old_database) as connection:
        connection.execute("SELECT set_config('studyhall.cohort_id', %s, true)", (str(cohort),))
        (grade,) = connection.execute(
            "SELECT attempt_id, score, raw_score, max_score, waiting, needs_grading FROM grades"
        ).fetchall()
        (counting,) = connection.execute("SELECT attempt_id, final FROM counting_attempts").fetchall()
    assert grade == (attempts[counts], score, score, 10, waiting, bool(waiting))
    assert counting == (attempts[counts], None)


def test_not_even_the_owner_alters_the_audit_log(old_database):
    upgrade(old_database)
    with psycopg.connect(old_database) as connection:
        for statement in ("UPDATE audit_entries SET actor = 'x'", "DELETE FROM audit_entries"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)
            connection.rollback()
