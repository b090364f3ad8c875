import contextlib
import json
import os
import signal
import stat

import psycopg
import pytest
from psycopg import sql
from studyhall.supervisor.errors import DataFolderError, StartError
from studyhall.supervisor.orphans import children
from studyhall.supervisor.postgres import APP, HUB, OWNER, EmbeddedPostgres, major_version, user_to_become


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "postgres"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "postgres", durable=False) as postgres:
        yield postgres


def test_roles_can_do_no_more_than_they_need(server):
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles"
            " WHERE rolname LIKE 'studyhall%' ORDER BY rolname"
        ).fetchall()
    # The owner makes the roles of nbgrader's gradebooks, and rules none that it has not made.
    assert rows == [(role, False, False, False, role == OWNER) for role in sorted((OWNER, APP, HUB))]
    with server.connect(OWNER, "studyhall") as connection:
        for statement in (
            f"ALTER ROLE {HUB} PASSWORD 'x'",
            f"GRANT {HUB} TO {OWNER}",
            "CREATE ROLE x SUPERUSER",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_each_role_enters_its_own_database_only(server):
    for role, database in ((OWNER, "studyhall"), (APP, "studyhall"), (HUB, "studyhall_hub")):
        with psycopg.connect(server.url(role, database)) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == (
                role,
                database,
            )
    for role, database in ((APP, "studyhall_hub"), (OWNER, "studyhall_hub"), (HUB, "studyhall")):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.url(role, database))


def test_the_owner_makes_tables_and_the_service_cannot(server):
    server.create_database("tables")
    with psycopg.connect(server.url(OWNER, "tables"), autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with (
        psycopg.connect(server.url(APP, "tables")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE theirs (id int)")
    server.drop_database("tables")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(server.url(OWNER, "tables"))


def test_a_password_is_always_asked_for(server):
    wrong = server.url(APP).replace(server.url(APP).split(":")[2].split("@")[0], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    with server.connect() as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert methods == [("scram-sha-256",)]


def test_it_listens_on_a_socket_only_its_owner_reaches(server):
    with server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "passwords.json").stat().st_mode) == 0o600


def test_addresses_name_the_driver_when_asked(server):
    assert server.url(HUB, "studyhall_hub", driver="psycopg").startswith(
        "postgresql+psycopg://studyhall_hub:"
    )


def test_data_and_passwords_outlive_a_restart(folder):
    with EmbeddedPostgres(folder, durable=False) as first:
        with psycopg.connect(first.url(OWNER), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        url = first.url(OWNER)
    with EmbeddedPostgres(folder, durable=False) as second:
        assert second.url(OWNER) == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_new_passwords_for_roles_take_effect_at_the_next_start(folder):
    passwords = {"postgres": "p", OWNER: "o", APP: "a", HUB: "h"}
    with EmbeddedPostgres(folder, passwords=passwords, durable=False):
        pass
    with EmbeddedPostgres(folder, passwords=passwords | {APP: "b:/@ "}, durable=False) as server:
        psycopg.connect(server.url(APP)).close()


def test_another_superuser_password_is_one_sentence(folder):
    passwords = {"postgres": "p", OWNER: "o", APP: "a", HUB: "h"}
    with EmbeddedPostgres(folder, passwords=passwords, durable=False):
        pass
    stranger = EmbeddedPostgres(folder, passwords=passwords | {"postgres": "q"}, durable=False)
    try:
        with pytest.raises(DataFolderError, match="made with other passwords"):
            stranger.start()
    finally:
        stranger.stop()


def test_it_dies_with_its_parent_and_comes_back_with_its_data(folder, python, until, alive):
    program = """
import pathlib, signal, sys
from studyhall.supervisor.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False).start()
with server.connect("studyhall_owner", "studyhall") as connection:
    connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
print(server.process.pid, flush=True)
signal.pause()
"""
    parent = python(program, folder)
    pid = int(parent.stdout.readline())
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    until(lambda: not alive(pid), what="the server is gone")
    with EmbeddedPostgres(folder, durable=False) as server, psycopg.connect(server.url(OWNER)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_killed_in_the_middle_it_recovers(folder):
    server = EmbeddedPostgres(folder, durable=False).start()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert (server.cluster / "postmaster.pid").exists()
    server.start()
    try:
        assert server.answers()
    finally:
        server.stop()


def test_a_process_of_a_killed_server_that_is_late_to_notice_is_no_obstacle(folder):
    server = EmbeddedPostgres(folder, durable=False).start()
    late = children(server.process.pid)[0]
    os.kill(late, signal.SIGSTOP)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    try:
        server.start()
        assert server.answers()
    finally:
        # Where it was left, it goes on, notices, and ends.
        with contextlib.suppress(ProcessLookupError):
            os.kill(late, signal.SIGCONT)
        server.stop()


def test_a_stale_pid_file_of_another_process_is_no_obstacle(folder):
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.answers()


def test_a_creation_that_was_broken_off_starts_over(folder):
    half = folder / "cluster.new"
    half.mkdir(parents=True)
    (half / "rubbish").write_text("")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.answers()
    assert not half.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("15\n", "made by PostgreSQL 15, and this is"), (None, "is damaged"), (b"\xff\xfe", "is damaged")],
)
def test_a_cluster_it_cannot_use_is_one_sentence(folder, content, sentence):
    cluster = folder / "cluster"
    cluster.mkdir(parents=True)
    if isinstance(content, bytes):
        (cluster / "PG_VERSION").write_bytes(content)
    elif content is not None:
        (cluster / "PG_VERSION").write_text(content)
    with pytest.raises(DataFolderError, match=sentence):
        EmbeddedPostgres(folder).start()


def test_a_folder_that_is_a_file_is_one_sentence(folder):
    folder.write_text("not a folder")
    with pytest.raises(DataFolderError, match="cannot be used"):
        EmbeddedPostgres(folder).start()


def test_a_server_that_ends_at_once_names_its_log(folder):
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    server = EmbeddedPostgres(folder, durable=False)
    with pytest.raises(StartError, match=r"postgres\.log"):
        server.start()
    server.stop()


def test_long_paths_get_short_sockets(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep, durable=False) as server:
        assert len(os.fsencode(server.sockets)) < 90
        assert stat.S_IMODE(server.sockets.parent.stat().st_mode) == 0o700
        with server.connect() as connection:
            shown = connection.execute("SHOW unix_socket_directories").fetchone()
        assert shown == (str(server.sockets),)


def test_root_becomes_somebody_the_system_knows():
    become = user_to_become()
    assert (become is None) == (os.geteuid() != 0)
    assert become != 0


def test_the_version_is_a_number():
    assert major_version().isdigit()


def test_stopping_twice_is_harmless(folder):
    server = EmbeddedPostgres(folder, durable=False).start()
    server.stop()
    server.stop()
    assert not server.answers()


def test_kept_passwords_are_json_by_role(server):
    kept = json.loads((server.folder / "passwords.json").read_text())
    assert set(kept) == {"postgres", OWNER, APP, HUB}
    assert len(set(kept.values())) == 4


def test_identifiers_are_quoted(server):
    server.create_database('odd "name"')
    with server.connect() as connection:
        found = connection.execute(
            sql.SQL("SELECT count(*) FROM pg_database WHERE datname = {}").format('odd "name"')
        ).fetchone()
    assert found == (1,)
    server.drop_database('odd "name"')
