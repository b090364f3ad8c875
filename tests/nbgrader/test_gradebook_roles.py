"""Each course's gradebook is a schema and a role that reaches this schema and nothing else."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
import pytest_asyncio
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url
from studyhall.courses.models import Course, CourseOffering
from studyhall.courses.service import offering_of
from studyhall.db.session import cohort_of
from studyhall.nbgrader_gradebooks import roles
from studyhall.nbgrader_gradebooks.errors import GradebookMissing
from studyhall.nbgrader_gradebooks.projector_process import Projector
from studyhall.permissions import Role
from studyhall.supervisor.postgres import APP, OWNER


def connect(address):
    """Connect under nbgrader's own address, as a terminal would."""
    url = make_url(address).set(drivername="postgresql")
    # libpq reads no "+" as a space.
    return psycopg.connect(url.render_as_string(hide_password=False).replace("+", "%20"), autocommit=True)


@pytest_asyncio.fixture
async def two_courses(classroom):
    """The sample course and another one of the same cohort, each with a gradebook."""
    async with classroom.session() as session:
        first = await offering_of(session, "python-foundations")
        course = Course(
            organization_id=first.course.organization_id,
            slug="other",
            title="Other",
            description="",
            level="",
        )
        session.add(course)
        await session.flush()
        session.add(
            CourseOffering(cohort_id=cohort_of(session), course_id=course.id, release_id=first.release_id)
        )
        await session.flush()
        other = await offering_of(session, "other")
        made = [await roles.make_gradebook(session, one, classroom.context.cipher) for one in (first, other)]
    return first, other, made


def addresses(classroom, made):
    context = classroom.context
    return [roles.platform_address(context.database.url, one, context.cipher) for one in made]


@asynccontextmanager
async def projector(python):
    one = Projector(python)
    try:
        yield one
    finally:
        await one.close()


async def make_tables(python, address, schema):
    async with projector(python) as nbgrader:
        return await nbgrader.ask("make", url=address, course="x", schema=schema, app_role=APP)


@pytest.mark.asyncio
async def test_nbgrader_makes_its_own_tables_in_the_courses_schema(classroom, two_courses, nbgrader_python):
    _, _, made = two_courses
    mine, theirs = addresses(classroom, made)
    answered = await make_tables(nbgrader_python, mine, made[0].schema_name)
    assert answered["version"] == nbgrader_python.parents[1].name
    await make_tables(nbgrader_python, mine, made[0].schema_name)  # again: nothing changes
    await make_tables(nbgrader_python, theirs, made[1].schema_name)
    with connect(mine) as connection:
        tables = {
            row[0]
            for row in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            )
        }
    assert {"submitted_assignment", "grade", "comment", "alembic_version"} <= tables


@pytest.mark.asyncio
async def test_the_role_reaches_neither_another_course_nor_studyhalls_own_tables(
    classroom, two_courses, newest_nbgrader_python
):
    _, _, made = two_courses
    mine, theirs = addresses(classroom, made)
    for address, gradebook in zip((mine, theirs), made, strict=True):
        await make_tables(newest_nbgrader_python, address, gradebook.schema_name)
    other = made[1].schema_name
    forbidden = [
        f"SELECT * FROM {other}.grade",  # noqa: S608 - the schema's name is the test's own
        f"UPDATE {other}.grade SET manual_score = 100",  # noqa: S608 - the schema's name is the test's own
        f"DROP SCHEMA {other} CASCADE",
        "SELECT * FROM public.users",
        "SELECT * FROM public.attempts",
        "SELECT * FROM public.lesson_releases",
        "SELECT * FROM public.nbgrader_schemas",
        "SELECT public.studyhall_make_gradebook(gen_random_uuid(), 'x')",
        "SELECT public.procrastinate_finish_job_v1(1, 'failed', true)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        f"SET ROLE {OWNER}",
        f"SET ROLE {APP}",
        f"SET ROLE {other}",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ]
    with connect(mine) as connection:
        assert connection.execute("SELECT count(*) FROM grade").fetchone() == (0,)
        for statement in forbidden:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, False, False, False)


@pytest.mark.asyncio
async def test_the_services_role_reads_what_changed_and_no_grade(
    classroom, two_courses, postgres, database, newest_nbgrader_python
):
    _, _, made = two_courses
    mine, _ = addresses(classroom, made)
    schema = made[0].schema_name
    await make_tables(newest_nbgrader_python, mine, schema)
    with psycopg.connect(postgres.url(APP, database), autocommit=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {schema}.studyhall_changes").fetchone() == (0,)  # noqa: S608 - the schema's name is the test's own
        for statement in (
            f"SELECT * FROM {schema}.grade",  # noqa: S608 - the schema's name is the test's own
            f"DELETE FROM {schema}.studyhall_changes",  # noqa: S608 - the schema's name is the test's own
            "CREATE ROLE mine",
            f"SET ROLE {schema}",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.asyncio
async def test_a_gradebook_is_made_for_offerings_of_ones_own_cohort_only(
    classroom, two_courses, postgres, database
):
    first, _, _ = two_courses
    with psycopg.connect(postgres.url(APP, database), autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(b"x", b"y", b"scram-sha-256").decode()
        with pytest.raises(psycopg.errors.NoDataFound):
            connection.execute("SELECT studyhall_make_gradebook(%s, %s)", (first.id, verifier))
        connection.execute(
            "SELECT set_config('studyhall.cohort_id', %s, false)", (str(classroom.context.cohort_id),)
        )
        for wrong in ("plain", "SCRAM-SHA-256$1:a$b:c' SUPERUSER --", "md5abc"):
            with pytest.raises(psycopg.errors.InvalidPassword):
                connection.execute("SELECT studyhall_make_gradebook(%s, %s)", (first.id, wrong))


@pytest.mark.asyncio
async def test_a_terminals_login_lasts_until_it_is_closed(classroom, two_courses, newest_nbgrader_python):
    first, _, made = two_courses
    context = classroom.context
    mine, _ = addresses(classroom, made)
    await make_tables(newest_nbgrader_python, mine, made[0].schema_name)
    gabriel = await classroom.add_person("gabriel", course=None)
    async with classroom.session() as session:
        name, address = await roles.open_terminal(
            session,
            first,
            user_id=gabriel,
            until=classroom.clock() + timedelta(hours=8),
            database=context.database.url,
            now=classroom.clock(),
        )
    with connect(address) as terminal:
        terminal.execute("UPDATE grade SET manual_score = 1")
        terminal.execute("CREATE TABLE left_behind (id int)")
        for statement in (
            f"SELECT * FROM {made[1].schema_name}.grade",  # noqa: S608 - the schema's name is the test's own
            "SELECT * FROM public.users",
            f"SET ROLE {APP}",
        ):
            with pytest.raises(InsufficientPrivilege):
                terminal.execute(statement)
        async with classroom.session() as session:
            await roles.close_terminal(session, name, now=classroom.clock())
        with pytest.raises(psycopg.OperationalError):
            terminal.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connect(address)
    async with classroom.session() as session:
        await roles.close_terminal(session, name, now=classroom.clock())  # again: nothing happens
    with connect(mine) as connection:
        assert connection.execute("SELECT count(*) FROM left_behind").fetchone() == (0,)


@pytest.mark.asyncio
async def test_a_terminals_login_runs_out(classroom, two_courses, newest_nbgrader_python):
    first, _, made = two_courses
    context = classroom.context
    gabriel = await classroom.add_person("gabriel", course=None)
    now = classroom.clock()
    async with classroom.session() as session:
        _, address = await roles.open_terminal(
            session,
            first,
            user_id=gabriel,
            until=now - timedelta(seconds=1),
            database=context.database.url,
            now=now,
        )
    with pytest.raises(psycopg.OperationalError):
        connect(address)
    async with classroom.session() as session:
        await roles.close_expired(session, now=now)
    with connect(addresses(classroom, made)[0]) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname = %s", (make_url(address).username,)
        )
        assert left.fetchone() == (0,)


@pytest.mark.asyncio
async def test_who_grades_no_more_loses_the_login(classroom, two_courses):
    first, _, _ = two_courses
    now = classroom.clock()
    gabriel = await classroom.add_person("gabriel", Role.GRADER)
    async with classroom.session() as session:
        _, address = await roles.open_terminal(
            session,
            first,
            user_id=gabriel,
            until=now + timedelta(hours=8),
            database=classroom.context.database.url,
            now=now,
        )
        await roles.close_expired(session, now=now)
    with connect(address) as terminal:
        await classroom.add_person("gabriel", Role.LEARNER)
        async with classroom.session() as session:
            await roles.close_expired(session, now=now)
        with pytest.raises(psycopg.OperationalError):
            terminal.execute("SELECT 1")


@pytest.mark.asyncio
async def test_a_course_without_a_gradebook_says_so(classroom):
    gabriel = await classroom.add_person("gabriel", course=None)
    async with classroom.session() as session:
        offering = await offering_of(session, "python-foundations")
        with pytest.raises(GradebookMissing, match="studyhall nbgrader gradebook"):
            await roles.open_terminal(
                session,
                offering,
                user_id=gabriel,
                until=classroom.clock(),
                database=classroom.context.database.url,
                now=classroom.clock(),
            )


@pytest.mark.asyncio
async def test_the_command_line_works_under_the_address(classroom, two_courses, nbgrader_python, tmp_path):
    first, _, made = two_courses
    mine, _ = addresses(classroom, made)
    await make_tables(nbgrader_python, mine, made[0].schema_name)
    gabriel = await classroom.add_person("gabriel", course=None)
    async with classroom.session() as session:
        _, address = await roles.open_terminal(
            session,
            first,
            user_id=gabriel,
            until=classroom.clock() + timedelta(hours=8),
            database=classroom.context.database.url,
            now=classroom.clock(),
        )

    def nbgrader(*words):
        return subprocess.run(
            [nbgrader_python, "-W", "ignore", "-m", "nbgrader", *words, f"--db={address}"],
            cwd=tmp_path,
            env={"PATH": f"{nbgrader_python.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    for words in (("db", "student", "add", "lea"), ("db", "student", "list"), ("db", "upgrade")):
        done = nbgrader(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert words[1] != "list" or "lea" in done.stdout + done.stderr


@pytest.mark.asyncio
async def test_an_operator_makes_a_gradebook_with_a_command(classroom, newest_nbgrader_python):
    settings = classroom.context.settings
    environment = {
        "PATH": os.environ["PATH"],
        "STUDYHALL_DATABASE_URL": settings.database_url.get_secret_value(),
        "STUDYHALL_REDIS_URL": settings.redis_url.get_secret_value(),
        "STUDYHALL_CONTENT_KEY": settings.content_key.get_secret_value(),
        "STUDYHALL_COHORT": settings.cohort,
        "STUDYHALL_NBGRADER_PYTHON": str(newest_nbgrader_python),
    }

    async def studyhall(*words, **more):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "studyhall.cli",
            *words,
            env={**environment, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    code, said = await studyhall("nbgrader", "gradebook", "nowhere")
    assert code == 1
    assert "Traceback" not in said
    code, said = await studyhall(
        "nbgrader", "gradebook", "python-foundations", STUDYHALL_NBGRADER_PYTHON="/bin/false"
    )
    assert code == 1
    assert "Install nbgrader" in said
    code, said = await studyhall("nbgrader", "gradebook", "python-foundations")
    assert code == 0, said
    assert "studyhall login --course python-foundations" in said
    async with classroom.session() as session:
        (made,) = await roles.gradebooks(session)
    assert made.nbgrader_version == newest_nbgrader_python.parents[1].name
    code, said = await studyhall("nbgrader", "gradebook", "python-foundations")
    assert (code, "was there" in said) == (0, True)
