"""What an operator reads of a setting that cannot be used: its name and the way out, no trace and no secret."""

import pytest
from studyhall import cli
from studyhall.db.session import sqlalchemy_url
from studyhall.errors import ConfigurationError
from studyhall.settings import Settings


def said_by(monkeypatch, capsys, arguments, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["studyhall", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    # A code of 1 with its sentence printed, or the sentence itself, which Python prints at the end.
    return ended.value.code, said.out + said.err + str(ended.value.code)


@pytest.mark.parametrize("command", [["worker"], ["service"], ["judge"], ["db", "upgrade"], ["org", "list"]])
def test_each_setting_that_cannot_be_used_is_named(monkeypatch, capsys, command):
    _, said = said_by(monkeypatch, capsys, command, STUDYHALL_JOB_ATTEMPTS="abc", STUDYHALL_AI_PROVIDER="gpt")
    assert "STUDYHALL_JOB_ATTEMPTS: " in said
    assert "STUDYHALL_AI_PROVIDER: " in said
    assert "'offline'" in said
    assert "Traceback" not in said


def test_what_a_setting_holds_is_not_told(monkeypatch):
    monkeypatch.setenv("STUDYHALL_JOB_ATTEMPTS", "s3cret")
    with pytest.raises(ConfigurationError) as refused:
        Settings()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("address", ["db.example/studyhall", "postgresql://role:p@ss:w/rd@host:x/studyhall"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(address):
    with pytest.raises(
        ConfigurationError, match=r"STUDYHALL_OWNER_DATABASE_URL .*studyhall_owner@host"
    ) as refused:
        sqlalchemy_url(address, setting="STUDYHALL_OWNER_DATABASE_URL")
    assert "p@ss" not in str(refused.value)
    assert refused.value.__cause__ is None
