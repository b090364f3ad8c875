"""A page that a learner's server serves to an instructor who visits it must not act as staff, nor read what staff read.

Hub, staff pages and servers have a subdomain each here, behind TLS, as in a real class. The learner's server is wholly
hostile: it answers without a sign-in, plants cookies, keeps whatever it is sent.
"""

import hashlib
import json
import os
import secrets
from types import SimpleNamespace
from urllib.parse import urlencode

import httpx
import pytest
from end_to_end.conftest import CHROMIUM, LONGEST
from hostile_pages import SERVER_CONFIG, SERVICE_WORKER, page
from installations import Installation
from playwright.sync_api import sync_playwright
from subdomain_installations import ADMINISTRATOR, DOMAIN, PROGRAM, SERVICE_DOMAIN

COURSE, LESSON = "python-foundations", "values-and-names"
SERVICE = "/services/studyhall"
STAFF = f"{SERVICE}/api/v1/staff/courses/{COURSE}"


@pytest.fixture(scope="module")
def hall(tmp_path_factory):
    token = secrets.token_hex(32)
    data = tmp_path_factory.mktemp("subdomains")
    with Installation(data, program=(*PROGRAM, "run"), environment={ADMINISTRATOR: token}) as running:
        running.hub = json.loads((data / "places.json").read_text())["hub_url"]
        running.administrator = token
        yield running


@pytest.fixture(scope="module")
def at(hall):
    """Public addresses."""
    return SimpleNamespace(
        hub=f"https://{DOMAIN}:{hall.port}",
        staff=f"https://{SERVICE_DOMAIN}:{hall.port}{SERVICE}",
        lea=f"https://lea.{DOMAIN}:{hall.port}/user/lea",
        ines=f"https://ines.{DOMAIN}:{hall.port}/user/ines",
    )


@pytest.fixture(scope="module")
def chromium():
    """A browser that takes the tests' certificate, for service workers' scripts too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=[*CHROMIUM, "--ignore-certificate-errors"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def enter(hall, at, chromium):
    """Open a browser of somebody's own, signed in at the hub."""
    contexts = []

    def signed_in(username):
        context = chromium.new_context(ignore_https_errors=True)
        context.set_default_timeout(LONGEST)
        contexts.append(context)
        tab = context.new_page()
        tab.goto(f"{at.hub}/hub/login?next=/hub/home")
        tab.fill("#username_input", username)
        tab.fill("#password_input", hall.passwords[username])
        tab.click("#login_submit")
        tab.wait_for_url("**/hub/home")
        return tab

    yield signed_in
    for context in contexts:
        context.close()


def as_administrator(hall, method, path, **options):
    headers = {"Authorization": f"token {hall.administrator}"}
    return httpx.request(method, f"{hall.hub}/hub/api{path}", headers=headers, timeout=120, **options)


@pytest.fixture(scope="module")
def home(hall):
    """Lea's home, with what her code leaves there."""
    folder = hall.data / "learners" / "lea"
    for file, text in (
        (".jupyter/jupyter_server_config.py", SERVER_CONFIG),
        ("public/worker.js", SERVICE_WORKER),
    ):
        (folder / file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


@pytest.fixture(scope="module")
def lea(at, enter, home):
    """Lea's browser; her hostile server runs."""
    tab = enter("lea")
    tab.goto(f"{at.hub}/hub/spawn")
    tab.wait_for_url(f"{at.lea}/**")
    tab.goto(f"{at.staff}/")
    return tab


@pytest.fixture(scope="module")
def ines(hall, at, enter, lea):
    """The instructor's browser, with the staff pages open and a server of her own."""
    started = as_administrator(hall, "POST", "/users/ines/server")
    assert started.status_code in (201, 202), started.text
    tab = enter("ines")
    tab.goto(f"{at.hub}/hub/spawn")
    tab.wait_for_url(f"{at.ines}/**")
    open_staff_pages(tab, at)
    return tab


def open_staff_pages(tab, at):
    tab.goto(f"{at.staff}/")
    tab.get_by_role("heading", level=1).wait_for()


SAY = """async ([method, path, body]) => {
  const answer = await fetch(path, { method, headers: { "Content-Type": "application/json",
    "X-XSRFToken": document.querySelector("meta[name=studyhall-xsrf]").content },
    body: body === null ? undefined : JSON.stringify(body) });
  return [answer.status, await answer.json()];
}"""


def as_staff(tab, method, path, body=None):
    """Call the API from the staff pages that are open in this tab; return the envelope's data."""
    status, envelope = tab.evaluate(SAY, [method, path, body])
    assert envelope["success"], (status, envelope)
    return envelope["data"]


def planted(lea):
    """Return cookies for the whole domain in place of the visitor's, with values that are good for Lea."""
    own = lea.context.cookies()
    lines = []
    for cookie in own:
        value = cookie["value"]
        bare = cookie["name"].removeprefix("__Host-")
        for name in {cookie["name"], bare}:
            lines += [
                f"{name}={value}; Domain={DOMAIN}; Path={path}; Secure; HttpOnly"
                for path in ("/", "/hub/", f"{SERVICE}/", "/user/ines/")
            ]
        lines.append(f"{cookie['name']}={value}; Path=/; Secure")
    return lines


def seen_by(home):
    return [json.loads(line) for line in (home / "seen.jsonl").read_text().splitlines()]


def test_a_visited_page_neither_reads_what_staff_read_nor_acts_as_staff(hall, at, home, lea, ines):
    waiting, secret = waiting_terminal(hall)
    audit = as_staff(ines, "GET", f"{STAFF}/audit")
    secret_cookies = {
        one["name"]: one["value"] for one in ines.context.cookies() if one["name"] != "jupyterhub-session-id"
    }
    tokens = {cookie["value"] for cookie in lea.context.cookies() if cookie["name"] == "_xsrf"}
    read = [
        f"{at.staff}/",
        f"{at.staff}/access",
        f"{at.staff}/api/v1/me",
        f"{at.staff}/api/v1/staff/courses",
        f"{at.staff}/api/v1/staff/courses/{COURSE}/gradebook/export?format=csv",
        f"{at.hub}/hub/home",
        f"{at.hub}/hub/token",
        f"{at.hub}/hub/api/user",
        f"{at.ines}/api/contents",
        f"{at.ines}/studyhall/api/v1/me",
    ]
    release = f"{at.staff}/api/v1/staff/courses/{COURSE}/assignments/{LESSON}/release-grades"
    write = [
        {"method": "POST", "url": release, "body": {}},
        {"method": "DELETE", "url": release, "body": None},
        {"method": "PATCH", "url": release.replace("release-grades", "policy"), "body": {"grace_minutes": 7}},
        {
            "method": "POST",
            "url": f"{at.staff}/access",
            "body": {"code": waiting["code"], "decision": "approve"},
            "fields": [{"code": waiting["code"], "decision": "approve"}],
        },
        {
            "method": "POST",
            "url": f"{at.hub}/hub/api/users/ines/tokens",
            "body": {"note": "stolen"},
            "fields": [{"note": "stolen"}],
        },
        {"method": "POST", "url": f"{at.hub}/hub/api/users/lea/shares", "body": {"user": "lea"}},
        {"method": "POST", "url": f"{at.hub}/hub/spawn/ines", "body": {}, "fields": [{"x": "y"}]},
        {"method": "DELETE", "url": f"{at.hub}/hub/api/users/ines/server", "body": None},
        {"method": "POST", "url": f"{at.ines}/api/contents", "body": {"type": "file", "ext": ".stolen"}},
        {"method": "POST", "url": f"{at.ines}/api/kernels", "body": {"name": "python3"}},
        {"method": "POST", "url": f"{at.ines}/api/terminals", "body": {}},
    ]
    (home / "cookies.json").write_text(json.dumps(planted(lea)))
    (home / "public/solution.html").write_text(
        page(
            read=[*read, f"{at.lea}/public/plain"],
            write=write,
            frames=[
                f"{at.staff}/",
                f"{at.staff}/access",
                f"{at.hub}/hub/home",
                f"{at.hub}/hub/token",
                f"{at.ines}/lab",
            ],
            streams=[f"{at.staff}/api/v1/events", f"{at.ines}/studyhall/api/v1/events"],
            sockets=[f"{at.ines}/api/events/subscribe".replace("https:", "wss:")],
            cookies=[line.replace("; HttpOnly", "") for line in planted(lea)],
            xsrf=sorted(tokens),
        )
    )
    visited = ines.context.new_page()
    visited.goto(f"{at.lea}/public/plant")
    visited.goto(f"{at.lea}/public/solution.html")
    visited.wait_for_function("window.found")
    found = visited.evaluate("window.found")

    # The page can do what it tries, where it may.
    assert found.pop(f"read {at.lea}/public/plain") == "GOT 200 nothing here"
    assert found.pop("service worker") == f"GOT https://lea.{DOMAIN}:{hall.port}/"
    assert found.pop(f"script {at.lea}/public/plain") == "GOT ran"
    assert {name: what for name, what in found.items() if not what.startswith("refused")} == {}
    assert len(found) == 2 * len(read) + len(write) + 5 + 3, "each was tried"

    # Nothing has happened, and the instructor goes on as herself.
    open_staff_pages(ines, at)
    assert as_staff(ines, "GET", f"{SERVICE}/api/v1/me")["username"] == "ines"
    assert as_staff(ines, "GET", f"{STAFF}/audit") == audit
    assert claim(hall, waiting, secret) == {"state": "waiting"}
    mine = as_administrator(hall, "GET", "/users/ines/tokens").json()["api_tokens"]
    assert [token["note"] for token in mine if "stolen" in (token["note"] or "")] == []
    about = as_administrator(hall, "GET", "/users/ines").json()
    assert about["servers"][""]["ready"]
    assert sorted(about["groups"]) == ["cohort:owners", f"course:{COURSE}:instructors"]
    assert not list((hall.data / "learners" / "ines").glob("*.stolen"))
    as_staff(ines, "PATCH", f"{STAFF}/assignments/{LESSON}/policy", {"grace_minutes": 5})
    assert len(as_staff(ines, "GET", f"{STAFF}/audit")) == len(audit) + 1
    ines.goto(f"{at.hub}/hub/home")
    assert "ines" in ines.text_content("body")

    # What her browser told Lea's server on the way is worth nothing.
    seen = (home / "seen.jsonl").read_text()
    assert "solution.html" in seen
    assert [name for name, value in secret_cookies.items() if value in seen] == []
    assert "code=" not in seen
    visited.evaluate(FORGET_WORKERS)
    visited.close()


FORGET_WORKERS = """async () => {
  for (const kept of await navigator.serviceWorker.getRegistrations()) await kept.unregister();
}"""


def waiting_terminal(hall):
    """Let a terminal wait for its approval, as `studyhall login` does; return its code and its secret."""
    secret = secrets.token_hex(32)
    device = hashlib.sha256(secret.encode()).hexdigest()
    return service(hall, "/access/requests", {"course": COURSE, "hours": 1, "device": device}), secret


def claim(hall, waiting, secret):
    return service(hall, "/access/requests/claim", {"code": waiting["code"], "secret": secret})


def service(hall, path, body):
    url = json.loads((hall.data / "places.json").read_text())["service_url"]
    answer = httpx.post(url + path, json=body, timeout=120)
    assert answer.is_success, answer.text
    return answer.json()["data"]


def test_a_page_sees_nothing_of_the_windows_that_it_opens(at, home, ines):
    visited = ines.context.new_page()
    visited.goto(f"{at.lea}/public/plain")
    for url, cut_off in (
        (f"{at.staff}/", True),
        (f"{at.staff}/access", True),
        (f"{at.hub}/hub/token", False),
    ):
        with ines.context.expect_page() as opened:
            visited.evaluate("url => { window.opened = window.open(url) }", url)
        opened.value.wait_for_load_state()
        # The window is there before the page that opened it has heard of what is in it now.
        visited.wait_for_function(IS_OUT_OF_REACH)
        for peek in ("opened.document.body.innerText", "opened.location.href"):
            said = visited.evaluate(
                f"() => {{ try {{ return {peek} }} catch (error) {{ return error.name }} }}"
            )
            assert said in ("SecurityError", "TypeError"), (url, peek, said)
        assert visited.evaluate("opened.closed") is cut_off
        assert opened.value.evaluate("window.opener === null") is cut_off
        opened.value.close()
    # Nor where a visitor comes from.
    for begin, referer in (
        (f"{at.staff}/access?course=secret", ""),
        (f"{at.hub}/hub/home?secret", f"{at.hub}/"),
    ):
        visited.goto(begin)
        visited.evaluate("url => location.assign(url)", f"{at.lea}/public/linked")
        visited.wait_for_url("**/public/linked")
        assert seen_by(home)[-1]["Referer"] == referer
    visited.close()


IS_OUT_OF_REACH = """() => {
  try { return !opened.document; } catch (error) { return true; }
}"""


def test_no_sign_in_is_diverted_to_a_learner_s_server(hall, at, home, ines):
    before = len(seen_by(home))
    visited = ines.context.new_page()
    for client, goal in (("service-studyhall", "/public/stolen"), ("jupyterhub-user-lea", "/oauth_callback")):
        asked = {"client_id": client, "redirect_uri": at.lea + goal, "response_type": "code", "state": "x"}
        answer = visited.goto(f"{at.hub}/hub/api/oauth2/authorize?{urlencode(asked)}")
        assert answer.status in (400, 403), answer.status
        assert visited.url.startswith(at.hub)
    visited.goto(f"{at.hub}/hub/login?{urlencode({'next': f'{at.lea}/public/next'})}")
    visited.close()
    after = seen_by(home)[before:]
    assert [one for one in after if one["path"] != "next"] == []
    assert not any(one["query"] for one in after)


def test_a_shared_server_gets_a_token_that_opens_only_itself(hall, at, home, lea, enter):
    # Learners cannot share by themselves; somebody with more power did.
    shared = as_administrator(hall, "POST", "/shares/lea/", json={"user": "ines"})
    assert shared.is_success, shared.text
    visited = enter("ines")
    visited.goto(f"{at.lea}/lab")
    visited.get_by_role("button", name="Authorize").click()
    visited.wait_for_url(f"{at.lea}/**")
    (token,) = (one["token"] for one in seen_by(home) if one["path"] == "token" and is_of(hall, one, "ines"))
    shown = {"Authorization": f"token {token}"}
    url = json.loads((hall.data / "places.json").read_text())["service_url"]
    for path in ("/me", "/staff/courses", f"/staff/courses/{COURSE}/gradebook", "/submissions"):
        answer = httpx.get(f"{url}/api/v1{path}", headers=shown, timeout=120)
        assert answer.status_code == httpx.codes.FORBIDDEN, path
    for method, path in (
        ("GET", "/users"),
        ("GET", "/users/liam"),
        ("POST", "/users/ines/tokens"),
        ("POST", "/users/ines/server"),
        ("POST", "/shares/ines/"),
        ("GET", "/groups"),
    ):
        answer = httpx.request(method, f"{hall.hub}/hub/api{path}", headers=shown, timeout=120)
        assert answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND), (path, answer.text)


def is_of(hall, one, name):
    shown = {"Authorization": f"token {one['token']}"}
    return httpx.get(f"{hall.hub}/hub/api/user", headers=shown, timeout=120).json().get("name") == name


def test_nobody_is_signed_in_as_a_learner_by_that_learner_s_page(hall, at, home, lea, chromium):
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(LONGEST)
    visited = context.new_page()
    visited.goto(f"{at.lea}/public/plain")
    # Lea's code asks the hub for a form's token in the name of her visitor, and plants it.
    visitor = {"X-Forwarded-For": "127.0.0.1", "User-Agent": visited.evaluate("navigator.userAgent")}
    token = httpx.get(f"{hall.hub}/hub/login", headers=visitor, timeout=120).cookies["_xsrf"]
    (home / "cookies.json").write_text(json.dumps([f"_xsrf={token}; Domain={DOMAIN}; Path=/hub/; Secure"]))
    visited.goto(f"{at.lea}/public/plant")
    fields = {"username": "lea", "password": hall.passwords["lea"], "_xsrf": token}
    with visited.expect_navigation():
        visited.evaluate(POST_A_FORM, [f"{at.hub}/hub/login?_xsrf={token}", fields])
    visited.goto(f"{at.hub}/hub/home")
    assert "/hub/login" in visited.url
    context.close()


POST_A_FORM = """([action, fields]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""
