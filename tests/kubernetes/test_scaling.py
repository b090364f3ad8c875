"""What KEDA asks PostgreSQL, on our own tables with jobs in them, as the role that may see nothing else."""

from __future__ import annotations

import psycopg
import pytest
from kubernetes.conftest import FOLDER
from procrastinate import App, SyncPsycopgConnector
from studyhall.grading.tasks import QUEUE as JUDGED
from studyhall.migrations.upgrade import upgrade
from studyhall.nbgrader_gradebooks.executions import QUEUE as SENT
from studyhall.regrading.tasks import QUEUE as REGRADED
from studyhall.supervisor.postgres import APP, OWNER, SUPERUSER, EmbeddedPostgres

PASSWORD = "counts only"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        upgrade(server.url(OWNER, "studyhall"))
        with psycopg.connect(server.url(SUPERUSER, "studyhall"), autocommit=True) as connection:
            connection.execute((FOLDER / "workers" / "scaler-role.sql").read_text())
            connection.execute(f"ALTER ROLE studyhall_scaler PASSWORD '{PASSWORD}'")
        yield server


@pytest.fixture(scope="module")
def query(request):
    (scaled,) = [one for one in request.getfixturevalue("workers") if one["kind"] == "ScaledObject"]
    return scaled["spec"]["triggers"][0]["metadata"]["query"]


@pytest.fixture
def as_scaler(postgres):
    login = {
        "user": "studyhall_scaler",
        "password": PASSWORD,
        "dbname": "studyhall",
        "host": str(postgres.sockets),
    }
    with psycopg.connect(**login, autocommit=True) as connection:
        yield connection


def test_it_counts_what_waits_for_a_judge_or_is_being_judged(postgres, as_scaler, query):
    def asked():
        return as_scaler.execute(query).fetchall()

    assert asked() == [(0,)]
    with App(connector=SyncPsycopgConnector(conninfo=postgres.url(APP, "studyhall"))).open() as app:
        for queue in (JUDGED, JUDGED, JUDGED, SENT, REGRADED, "events", "ai-review"):
            app.configure_task("anything", queue=queue, allow_unknown=True).defer(cohort_id="a secret")
        app.configure_task("anything", queue=JUDGED, schedule_in={"hours": 1}).defer(cohort_id="later")
    assert asked() == [(5,)]
    with psycopg.connect(postgres.url(APP, "studyhall"), autocommit=True) as connection:
        # One is being judged, one is done.
        connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE id ="
            " (SELECT min(id) FROM procrastinate_jobs WHERE queue_name = 'judge')"
        )
        connection.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id ="
            " (SELECT max(id) FROM procrastinate_jobs WHERE queue_name = 'judge' AND scheduled_at IS NULL)"
        )
    assert asked() == [(4,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT args FROM procrastinate_jobs",
        "SELECT * FROM procrastinate_jobs",
        "DELETE FROM procrastinate_jobs",
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM attempts",
    ],
)
def test_its_role_sees_nothing_of_what_is_in_a_job_or_a_class(as_scaler, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_scaler.execute(statement)
