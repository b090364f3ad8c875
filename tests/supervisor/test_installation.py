import json
import os
import socket
import stat

import pytest
from studyhall import __version__
from studyhall.cli import app
from studyhall.supervisor import lock, ports
from studyhall.supervisor.errors import (
    AlreadyRunningError,
    DataFolderError,
    MissingPackageError,
    PortTakenError,
    SupervisorError,
)
from studyhall.supervisor.installation import find_course, lay_out, open_data_folder
from studyhall.supervisor.keys import DEMO_PEOPLE, easy_password, kept_keys, write_accounts
from studyhall.supervisor.launch import clean_environment, package_folder, tail
from studyhall.supervisor.ports import check_free, check_loopback, is_free, reserved_port
from typer.testing import CliRunner


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_data_folder_is_closed_to_others(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    assert mode(open_data_folder(data)) == 0o700


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderError, match="cannot be used"):
        open_data_folder(tmp_path / "data")


def test_a_data_folder_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="cannot be used"):
        open_data_folder(tmp_path / "file" / "data")


def test_a_broken_link_is_one_sentence(tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "data")
    with pytest.raises((DataFolderError, RuntimeError)):
        open_data_folder(tmp_path / "data")


def test_secrets_are_made_once(tmp_path):
    file = tmp_path / "secrets.json"
    first = kept_keys(file, database=tmp_path / "postgres")
    assert mode(file) == 0o600
    assert kept_keys(file, database=tmp_path / "postgres") == first
    assert {account.name: account.role for account in first.accounts} == DEMO_PEOPLE
    secrets = [first.content_key, first.service_token, first.supervisor_token, first.proxy_token]
    assert len({*secrets, *first.database_passwords.values()}) == len(secrets) + len(first.database_passwords)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"content_key": "x"}', None], ids=["empty", "half", "list", "little", "key"]
)
def test_damaged_secrets_are_one_sentence_that_shows_none(tmp_path, text):
    file = tmp_path / "secrets.json"
    keys = kept_keys(file, database=tmp_path / "postgres")
    if text is None:
        text = json.dumps(keys.model_dump() | {"content_key": "abc"})
    file.write_text(text)
    with pytest.raises(DataFolderError, match="are damaged") as caught:
        kept_keys(file, database=tmp_path / "postgres")
    assert keys.service_token not in str(caught.value)


def test_secrets_that_are_gone_while_there_is_data_are_one_sentence(tmp_path):
    (tmp_path / "postgres").mkdir()
    with pytest.raises(DataFolderError, match="are gone"):
        kept_keys(tmp_path / "secrets.json", database=tmp_path / "postgres")


def test_secrets_open_to_others_are_refused(tmp_path):
    file = tmp_path / "secrets.json"
    kept_keys(file, database=tmp_path / "postgres")
    file.chmod(0o644)
    with pytest.raises(DataFolderError, match="chmod 600"):
        kept_keys(file, database=tmp_path / "postgres")


def test_the_accounts_file_is_private(tmp_path):
    keys = kept_keys(tmp_path / "secrets.json", database=tmp_path / "postgres")
    write_accounts(tmp_path / "accounts.json", keys)
    assert mode(tmp_path / "accounts.json") == 0o600
    assert json.loads((tmp_path / "accounts.json").read_text()).keys() == DEMO_PEOPLE.keys()


def test_passwords_differ_and_can_be_typed():
    made = {easy_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 14 and not set(password) & set("0O1lIi o") for password in made)


def test_one_studyhall_per_data_folder(tmp_path):
    assert lock.holder(tmp_path) is None
    with lock.locked(tmp_path):
        assert lock.holder(tmp_path) == os.getpid()
        with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"), lock.locked(tmp_path):
            pass
    assert lock.holder(tmp_path) is None
    with lock.locked(tmp_path):
        pass


def test_the_lock_goes_with_its_process(tmp_path, python):
    program = """
import pathlib, signal, sys
from studyhall.supervisor.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    signal.pause()
"""
    other = python(program, tmp_path)
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(AlreadyRunningError, match=f"process {other.pid}"), lock.locked(tmp_path):
        pass
    other.kill()
    other.wait()
    with lock.locked(tmp_path):
        pass


def test_a_taken_port_is_one_sentence_with_another_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortTakenError, match=rf"Port {port} on 127\.0\.0\.1 is taken.*--port"):
            check_free(port, "127.0.0.1")


@pytest.mark.parametrize("command", ["run", "doctor"])
@pytest.mark.parametrize("port", ["0", "-1", "65536", "http"])
def test_a_port_that_cannot_be_is_told_as_that(tmp_path, command, port):
    ran = CliRunner().invoke(app, [command, "--port", port, "--data", str(tmp_path)])
    assert ran.exit_code == 2
    assert "--port" in ran.output


def test_the_last_port_that_is_taken_is_told_as_well(monkeypatch):
    monkeypatch.setattr(ports, "is_free", lambda port, host: {65534: False, 65535: True}[port])
    with pytest.raises(PortTakenError, match="--port 65535"):
        check_free(65534, "127.0.0.1")


def test_the_version_is_told():
    assert CliRunner().invoke(app, ["--version"]).output == f"studyhall {__version__}\n"


def test_inner_ports_are_free_for_us_and_nobody_else_gets_one():
    ports = {reserved_port() for _ in range(20)}
    assert len(ports) == 20
    assert all(is_free(port) for port in ports)
    with socket.create_server(("127.0.0.1", 0)) as server:
        # Each connection takes a port at its end; they go round all that there are.
        for _ in range(10_000):
            with socket.create_connection(server.getsockname()) as connection:
                server.accept()[0].close()
                assert connection.getsockname()[1] not in ports
    for port in ports:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)):
                pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])  # noqa: S104 - refused is the point
def test_it_listens_on_this_machine_only(host):
    with pytest.raises(SupervisorError, match="other machines"):
        check_loopback(host)


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]
)
def test_addresses_of_this_machine_are_fine(host, address):
    assert check_loopback(host) == address


def test_everything_is_laid_out_in_the_data_folder(tmp_path):
    data = open_data_folder(tmp_path / "data")
    at = lay_out(data=data, course=tmp_path, host="::1", port=8765)
    assert at.public_url == "http://[::1]:8765/"
    ports = [at.ports.public, at.ports.hub, at.ports.proxy_api, at.ports.service, at.ports.worker]
    assert len(set(ports)) == len(ports)
    for folder in (at.logs, at.learners, at.hub, at.judge_socket.parent):
        assert mode(folder) == 0o700


def test_a_course_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(SupervisorError, match="no course folder"):
        find_course(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    assert find_course(tmp_path) == tmp_path.resolve()
    assert find_course(None).name == "python-foundations"


def test_a_missing_package_is_one_sentence():
    with pytest.raises(MissingPackageError, match="no_such_package is missing"):
        package_folder("no_such_package")


def test_parts_get_none_of_our_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "AWS_SECRET_ACCESS_KEY" not in clean_environment()
    assert clean_environment(A="b")["A"] == "b"


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("x\n" * 20_000 + "one\n\ntwo\n  three  \n\n")
    assert tail(log) == "one\ntwo\nthree"
