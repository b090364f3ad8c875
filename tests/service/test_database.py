"""The second wall: row-level security, the roles' rights, and a schema that equals the sum of its migrations."""

import uuid

import psycopg
import psycopg.sql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from studyhall.db.base import learner_tables
from studyhall.db.session import Database, sqlalchemy_url
from studyhall.errors import ConfigurationError
from studyhall.identity.models import User
from studyhall.identity.service import ensure_user
from studyhall.migrations.env_filter import include_name
from studyhall.migrations.models import METADATA
from studyhall.migrations.upgrade import upgrade
from studyhall.organizations.service import ensure_cohort
from studyhall.supervisor.postgres import APP, OWNER


def test_the_models_equal_the_sum_of_the_migrations(postgres):
    engine = create_engine(sqlalchemy_url(postgres.url(OWNER, "migrated"), setting="test"))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": include_name,
            },
        )
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_a_second_upgrade_does_nothing(postgres):
    assert upgrade(postgres.url(OWNER, "migrated")) == []


def test_an_upgrade_as_the_services_role_names_the_owner(postgres):
    with pytest.raises(ConfigurationError, match=r"studyhall_app may not .*studyhall_owner"):
        upgrade(postgres.url(APP, "migrated"))


def test_a_database_of_a_newer_version_is_told_as_that(postgres):
    postgres.drop_database("newer")
    postgres.create_database("newer")
    with postgres.connect(OWNER, "newer") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('of-tomorrow')")
    with pytest.raises(ConfigurationError, match=r"'of-tomorrow'.*newer one.*Nothing was changed"):
        upgrade(postgres.url(OWNER, "newer"))


def test_every_learner_table_has_forced_row_level_security(postgres):
    with psycopg.connect(postgres.url(OWNER, "migrated")) as connection:
        rows = connection.execute(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = ANY(%s)",
            (learner_tables(),),
        ).fetchall()
        policies = connection.execute("SELECT tablename, qual, with_check FROM pg_policies").fetchall()
    assert {row[0] for row in rows} == set(learner_tables())
    assert all(enabled and forced for _, enabled, forced in rows)
    assert {row[0] for row in policies} == set(learner_tables())
    for _, using, check in policies:
        assert using == check
        assert "studyhall.cohort_id" in using


def test_the_services_role_owns_nothing_and_bypasses_nothing(postgres):
    with psycopg.connect(postgres.url(APP, "migrated")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        ).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
    assert row == (False, False, False, False)
    assert owned == (0,)


@pytest.mark.parametrize("table", ["events", "snapshots", "xp_ledger", "audit_entries"])
def test_ledgers_and_events_cannot_be_changed(postgres, table):
    with psycopg.connect(postgres.url(APP, "migrated")) as connection:
        for statement in ("UPDATE {} SET cohort_id = cohort_id", "DELETE FROM {}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(psycopg.sql.SQL(statement).format(psycopg.sql.Identifier(table)))
            connection.rollback()


@pytest.mark.asyncio
async def test_a_session_sees_and_writes_only_its_own_cohort(postgres, database):
    # A pool of one connection: what one session set must not be there for the next one.
    pool = Database(postgres.url(APP, database), pool_size=1)
    try:
        async with pool.session(None) as session:
            first = (await ensure_cohort(session, organization="one", cohort="one")).id
            second = (await ensure_cohort(session, organization="two", cohort="two")).id
        async with pool.session(first) as session:
            await ensure_user(session, username="lea")
        async with pool.session(second) as session:
            await ensure_user(session, username="lea")
            await ensure_user(session, username="bea")
        async with pool.session(first) as session:
            assert [user.hub_username for user in await session.scalars(select(User))] == ["lea"]
            assert (await session.scalar(text("SHOW timezone"))) == "UTC"
        async with pool.session(None) as session:
            assert list(await session.scalars(select(User))) == []
        with pytest.raises(Exception, match="row-level security"):
            async with pool.session(first) as session:
                session.add(User(id=uuid.uuid4(), cohort_id=second, hub_username="eve", display_name="Eve"))
    finally:
        await pool.close()


@pytest.mark.asyncio
async def test_a_commit_in_between_does_not_forget_the_cohort(postgres, database):
    pool = Database(postgres.url(APP, database), pool_size=1)
    try:
        async with pool.session(None) as session:
            cohort = (await ensure_cohort(session, organization="one", cohort="one")).id
        async with pool.session(cohort) as session:
            await ensure_user(session, username="lea")
        sessions = pool._sessions
        async with sessions(info={"cohort_id": cohort, "after_commit": []}) as session:
            assert len(list(await session.scalars(select(User)))) == 1
            await session.commit()
            assert len(list(await session.scalars(select(User)))) == 1
    finally:
        await pool.close()


def test_another_database_than_postgresql_is_refused():
    with pytest.raises(ConfigurationError, match="PostgreSQL"):
        sqlalchemy_url("sqlite:///x.db", setting="STUDYHALL_DATABASE_URL")
    with pytest.raises(ConfigurationError, match="STUDYHALL_DATABASE_URL is not set"):
        sqlalchemy_url("", setting="STUDYHALL_DATABASE_URL")
