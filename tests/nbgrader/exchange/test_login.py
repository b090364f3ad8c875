"""`studyhall login` and `logout` with a real hub: approved in the browser, good for one course, ended at once."""

import contextlib
import json
import os
import re
import stat
import subprocess
import sys

import httpx
import pytest
from installations import Installation, token_of

COURSE = "python-foundations"
PAGE = "/services/studyhall/access"
LONGEST = 120
"""Seconds for one answer, and for one command to end."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with Installation(tmp_path_factory.mktemp("studyhall")) as running:
        yield running


@pytest.fixture
def browser(installation):
    """Open a browser of somebody who has signed in at the hub."""
    with contextlib.ExitStack() as opened:

        def open_for(name):
            client = opened.enter_context(
                httpx.Client(base_url=installation.url, follow_redirects=True, timeout=LONGEST)
            )
            client.get("/hub/login")
            client.post(
                "/hub/login",
                params={"_xsrf": client.cookies.get("_xsrf", path="/hub/")},
                data={"username": name, "password": installation.passwords[name]},
                follow_redirects=False,
            )
            return client

        yield open_for


@pytest.fixture
def studyhall(installation, tmp_path):
    """Start the command in a terminal that is nobody's yet."""
    service = f"{installation.url}/services/studyhall"
    environment = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path / "config")}
    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "studyhall.cli", *words],
            env={**environment, "STUDYHALL_URL": service, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    start.file = tmp_path / "config" / "studyhall" / "tokens.json"
    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def code_of(process):
    """Read what the terminal says up to its code."""
    for line in process.stdout:
        if found := re.fullmatch(r"\s+([A-Z]{4}-[A-Z]{4})\s*", line):
            return found[1]
    raise AssertionError("the terminal showed no code")


def xsrf_of(page):
    return re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]


def decide(browser, code, decision):
    """Type a code on the page and press a button; returns the page that asks and the one that ends it."""
    page = browser.get(PAGE)
    assert page.status_code == 200, page.text
    asking = browser.post(PAGE, data={"_xsrf": xsrf_of(page), "code": code.lower().replace("-", " ")})
    if asking.status_code != 200:
        return asking, None
    ended = browser.post(PAGE, data={"_xsrf": xsrf_of(asking), "code": code, "decision": decision})
    return asking, ended


def courses_for(installation, token):
    return httpx.get(
        f"{installation.url}/services/studyhall/api/v1/staff/courses/{COURSE}/exchange/assignments",
        headers={"Authorization": f"token {token}"},
        timeout=LONGEST,
    )


def test_a_grader_signs_a_terminal_in_works_and_signs_out(installation, browser, studyhall):
    process = studyhall("login", "--course", COURSE, "--hours", "2")
    code = code_of(process)
    asking, ended = decide(browser("gabriel"), code, "approve")
    assert code in asking.text
    assert COURSE in asking.text
    assert "2 hours" in asking.text
    assert "collect and grade" in asking.text
    assert "signed in" in ended.text
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert f"Signed in as gabriel, grader of {COURSE}" in said
    assert stat.S_IMODE(studyhall.file.stat().st_mode) == 0o600
    (kept,) = json.loads(studyhall.file.read_text())["tokens"]
    assert courses_for(installation, kept["token"]).status_code == 200
    me = httpx.get(
        f"{installation.url}/hub/api/user",
        headers={"Authorization": f"token {kept['token']}"},
        timeout=LONGEST,
    ).json()
    custom = {scope for scope in me["scopes"] if "grade" in scope or "teach" in scope}
    assert custom == {f"custom:studyhall:grade!group=course:{COURSE}:graders"}
    assert not any(scope.startswith(("tokens", "servers", "access:servers")) for scope in me["scopes"])

    process = studyhall("logout")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert f"Signed out of {COURSE}." in said
    assert not studyhall.file.exists()
    assert courses_for(installation, kept["token"]).status_code in {401, 403}, (
        "it is over at once, not in a minute"
    )
    assert "was not signed in" in studyhall("logout").communicate()[0]


def test_what_was_refused_makes_nothing_and_a_code_is_good_once(browser, studyhall):
    process = studyhall("login", "--course", COURSE)
    code = code_of(process)
    ines = browser("ines")
    _, ended = decide(ines, code, "refuse")
    assert "refused" in ended.text
    said = process.communicate()[0]
    assert process.returncode == 1
    assert "refused in the browser" in said
    assert not studyhall.file.exists()
    again, _ = decide(ines, code, "approve")
    assert again.status_code == 404
    assert "No terminal waits with this code" in again.text


def test_a_learner_approves_no_terminal_and_a_token_approves_none_either(installation, browser, studyhall):
    process = studyhall("login", "--course", COURSE)
    code = code_of(process)
    refused, _ = decide(browser("lea"), code, "approve")
    assert refused.status_code == 403
    assert "neither in this course" in refused.text
    token = token_of(installation, "ines")
    answer = httpx.post(
        f"{installation.url}{PAGE}",
        data={"code": code, "decision": "approve"},
        headers={"Authorization": f"token {token}"},
        timeout=LONGEST,
    )
    assert answer.status_code == 403
    ines = browser("ines")
    ines.get(PAGE)
    without = ines.post(PAGE, data={"code": code, "decision": "approve"})
    assert without.status_code in {401, 403}, "a page elsewhere must not press the button"
    assert process.poll() is None, "it still waits"


def test_only_the_terminal_that_asked_gets_the_token(installation, browser, studyhall):
    process = studyhall("login", "--course", COURSE)
    code = code_of(process)
    claim, guessed = f"{installation.url}{PAGE}/requests/claim", {"code": code, "secret": "0" * 64}
    answer = httpx.post(claim, json=guessed, timeout=LONGEST)
    assert answer.status_code == 404
    decide(browser("ines"), code, "approve")
    assert process.wait(LONGEST) == 0
    answer = httpx.post(claim, json=guessed, timeout=LONGEST)
    assert answer.status_code == 404
    assert studyhall("logout").wait(LONGEST) == 0


def test_a_token_of_the_hubs_page_is_kept_when_it_is_of_the_courses_staff(
    installation, studyhall, monkeypatch
):
    from studyhall.access import terminal

    service = f"{installation.url}/services/studyhall"
    with pytest.raises(terminal.AccessError, match="not one of"):
        terminal.keep_pasted(service, COURSE, 1, token_of(installation, "lea"), file=studyhall.file)
    kept = terminal.keep_pasted(service, COURSE, 1, token_of(installation, "ines"), file=studyhall.file)
    assert kept["role"] == "instructor"
    said = studyhall("logout").communicate()[0]
    assert "end it on the hub's token page, too" in said
    assert not studyhall.file.exists()
