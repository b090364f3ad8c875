"""Rules of signing in, settings, and mail, without a hub."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing_in import mail_server
from studyhall_hub.settings import HubSettingsError, load_settings
from studyhall_hub.sign_in import policy
from studyhall_hub.sign_in.__main__ import main
from studyhall_hub.sign_in.mail import SmtpMailer, message
from studyhall_hub.sign_in.passwords import Passwords
from studyhall_hub.sign_in.profile import public_hub_url
from studyhall_hub.sign_in.settings import LocalAccountSettings, MailSettings

MINUTE = 60


@pytest.mark.parametrize("name", ["lea", "l2", "lea-k", "githuber", "a" * 31])
def test_names_that_may_be(name):
    assert policy.is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "l",
        "Lea",
        "2lea",
        "-lea",
        "lea-",
        "lea--k",
        "lea k",
        "lea\n",
        "lea.k",
        "léa",
        "a" * 32,
        "root",
        "github-x",
        "google",
    ],
)
def test_names_that_may_not_be(name):
    assert not policy.is_name(name)


@given(st.text())
def test_an_address_that_passes_is_one_header(mail):
    if policy.is_mail(mail):
        assert message("hall@school.example", mail, "Subject", ("Text",))["To"] == mail


@given(st.from_regex(policy.NAME, fullmatch=True))
def test_every_local_name_differs_from_every_name_from_elsewhere(name):
    assert not (policy.is_name(name) and name.startswith(("github-", "google-", "github.", "google.")))


@pytest.mark.parametrize(
    ("failures", "now", "until"),
    [
        ([], 0, None),
        ([0, 1, 2, 3], 4, None),
        ([0, 1, 2, 3, 4], 5, 4 + 15 * MINUTE),
        ([0, 1, 2, 3, 4], 4 + 15 * MINUTE, None),
        ([0, 1, 2, 3, 15 * MINUTE], 15 * MINUTE + 1, 30 * MINUTE),
        ([0, 1, 2, 3, 15 * MINUTE + 1], 15 * MINUTE + 2, None),
        ([4, 3, 2, 1, 0, -100], 5, 4 + 15 * MINUTE),
    ],
)
def test_who_has_to_pause(failures, now, until):
    assert policy.paused_until(failures, limit=5, window=15 * MINUTE, now=now) == until


def test_when_to_try_again_is_never_now():
    assert policy.when(1000.5, now=1000) == "at 00:16 UTC, in 1 minute"
    assert policy.when(900 + 1, now=0) == "at 00:15 UTC, in 16 minutes"


async def test_passwords_cost_what_they_should_and_odd_ones_are_only_wrong():
    passwords = Passwords(LocalAccountSettings().bcrypt_cost)
    kept = await passwords.made("grüße an alle")
    assert kept.startswith(b"$2b$12$")
    assert await passwords.fit("grüße an alle", kept)
    for odd in ("", "grüße an alle ", "x" * 73, "x" * 100_000, "\0", "\ud800"):
        assert not await passwords.fit(odd, kept)
    assert not await passwords.fit("-", None)


def test_a_cost_below_twelve_is_refused():
    with pytest.raises(ValueError, match="greater than or equal to 12"):
        LocalAccountSettings(bcrypt_cost=11)


@pytest.mark.parametrize(
    ("bind_url", "subdomain_host", "expected"),
    [
        ("https://school.example/", "", "https://school.example/hub/"),
        ("http://127.0.0.1:8000/spring/", "", "http://127.0.0.1:8000/spring/hub/"),
        ("http://127.0.0.1:8000/", "https://school.example", "https://school.example/hub/"),
    ],
)
def test_links_lead_to_the_public_address(bind_url, subdomain_host, expected):
    assert public_hub_url(bind_url=bind_url, subdomain_host=subdomain_host) == expected


async def test_a_server_that_cannot_encrypt_gets_no_message(caplog):
    with mail_server() as box:
        mailer = SmtpMailer(MailSettings(host="127.0.0.1", port=box.port, sender="hall@school.example"))
        with caplog.at_level(logging.ERROR):
            mailer.send(
                "lea@school.example", "Secret", ("https://school.example/hub/confirm?token=t0ps3cret",)
            )
            (task,) = mailer.under_way
            await task
        assert box.messages == []
    assert "could not be sent" in caplog.text
    assert "sign_in.local.mail" in caplog.text
    assert "lea@" not in caplog.text
    assert "t0ps3cret" not in caplog.text


@pytest.fixture
def settings_file(tmp_path):
    def write(**parts):
        file = tmp_path / "hub.json"
        settings = {
            "profile": "try-it",
            "bind_url": "http://127.0.0.1:8000/",
            "hub_url": "http://127.0.0.1:8081",
            "database_url": f"sqlite:///{tmp_path}/nothing/hub.sqlite",
            "cookie_secret_file": str(tmp_path / "cookie_secret"),
            "proxy": {"api_url": "http://127.0.0.1:8001", "token": "proxy-token"},
            "service": {"url": "http://127.0.0.1:8015", "token": "service-token"},
            "servers": {
                "folder": "/f",
                "log_folder": "/l",
                "service_url": "http://127.0.0.1:8015/services/studyhall",
            },
        }
        file.write_text(json.dumps(settings | parts))
        return file

    return write


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "either by the part accounts or by the part sign_in"),
        ({"accounts": {"file": "/a"}, "sign_in": {"local": {}}}, "give one of them"),
        ({"sign_in": {}}, "at least one of local, github, google and lti"),
        (
            {"sign_in": {"github": {"client_id": "a", "client_secret": "b", "organizations": []}}},
            "organizations",
        ),
        ({"sign_in": {"google": {"client_id": "a", "client_secret": "b", "domains": []}}}, "domains"),
        (
            {"sign_in": {"local": {"mail": {"host": "h", "sender": "a@b.example\r\nBcc: c@d.example"}}}},
            "sender",
        ),
    ],
)
def test_settings_that_would_let_the_wrong_people_in_are_refused(settings_file, parts, said):
    with pytest.raises(HubSettingsError, match=said):
        load_settings(settings_file(**parts))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"accounts": {"file": "/a"}}, "keeps no accounts of its own"),
        ({"sign_in": {"local": {}}}, "database can't be reached"),
    ],
)
def test_the_operator_is_told_what_is_missing(settings_file, capsys, parts, said):
    assert main(["list", "--settings", str(settings_file(**parts))]) == 1
    assert said in capsys.readouterr().err


def test_the_operator_is_told_to_name_a_hub(monkeypatch, capsys):
    monkeypatch.delenv("STUDYHALL_HUB_SETTINGS", raising=False)
    assert main(["list"]) == 1
    assert "--settings FILE" in capsys.readouterr().err
