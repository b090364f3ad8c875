"""One command brings up a classroom of two cohorts, and a browser walks both; what its containers may; back-ups."""

from __future__ import annotations

import re
import time

import pytest
from containers.compose_classroom import ComposeClassroom, build_classroom_images
from lab_pages import LESSON, SOLUTIONS, open_lab, open_lesson, write_answer
from lab_pages import submit as press_submit
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.timeout(1800)
PASSWORD = "four plain words here"
COHORTS = {"acme-spring": ("olga", "ines", "lea"), "birch-autumn": ("oscar", "ivan", "noor")}
"""Owner, instructor, learner of each."""
STAFF = "/services/studyhall"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
CHROMIUM += ["--disable-sync", "--no-first-run", "--ignore-certificate-errors"]
PATIENCE = 150_000
"""A bound on waiting, in milliseconds, and no statement about speed."""


@pytest.fixture(scope="module")
def classroom(engine, tmp_path_factory):
    build_classroom_images(engine)
    made = ComposeClassroom(engine, tmp_path_factory.mktemp("compose") / "home")
    said = made.do("up", "--demo")
    assert "https://acme-spring.studyhall.localhost" in said
    assert "https://birch-autumn.studyhall.localhost" in said
    yield made
    made.destroy()
    made.leave()


@pytest.fixture(scope="module")
def chromium(classroom, tmp_path_factory):
    with sync_playwright() as playwright:
        program = classroom.browser_program(tmp_path_factory.mktemp("browser"))
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def at_browser(chromium):
    """Open a browser of one's own."""
    contexts = []

    def enter():
        context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context.new_page()

    yield enter
    for context in contexts:
        context.close()


def first_sign_in(page, classroom, cohort, name, *, path=""):
    """Choose a password at the address that `docker/up` gave, and sign in with it."""
    page.goto(classroom.links(cohort)[name])
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/hub/login**")
    sign_in(page, cohort, name, path=path)


def sign_in(page, cohort, name, *, path=""):
    page.goto(f"https://{cohort}.studyhall.localhost/hub/login?next={path}")
    page.fill("#username_input", name)
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")


@pytest.mark.parametrize("cohort", COHORTS)
def test_a_cohort_is_walked_by_learner_instructor_and_owner(classroom, at_browser, cohort):
    owner, instructor, learner = COHORTS[cohort]
    (strangers,) = (people for other, people in COHORTS.items() if other != cohort)

    page = at_browser()
    first_sign_in(page, classroom, cohort, learner)
    open_lab(page)
    assert page.url.startswith(f"https://{learner}.{cohort}.studyhall.localhost/user/{learner}/lab")
    open_lesson(page)
    write_answer(page, "oven_time", SOLUTIONS["oven_time"])
    press_submit(page)
    expect(page.get_by_test_id("result-headline")).to_contain_text(re.compile(r"\d+ of 20 points"))

    page = at_browser()
    first_sign_in(page, classroom, cohort, instructor)
    page.wait_for_url(f"https://studyhall--service.{cohort}.studyhall.localhost{STAFF}/**")
    page.get_by_test_id("staff-course-python-foundations").get_by_role("link", name="Assignments").click()
    page.get_by_test_id(f"assignment-row-{LESSON}").get_by_role("link").first.click()
    rows = page.locator('[data-testid^="attempt-row-"]')
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(re.compile(learner, re.IGNORECASE))

    page = at_browser()
    first_sign_in(page, classroom, cohort, owner)
    service = f"https://studyhall--service.{cohort}.studyhall.localhost{STAFF}"
    page.wait_for_url(f"{service}/**")
    page.goto(f"{service}/cohort/members")
    table = page.get_by_test_id("members-table")
    for member in COHORTS[cohort]:
        expect(table.get_by_test_id(f"member-{member}")).to_be_visible()
    for stranger in strangers:
        expect(table.get_by_test_id(f"member-{stranger}")).to_have_count(0)
    # An account here is none next door, nor is a session.
    other = next(name for name in COHORTS if name != cohort)
    page.goto(f"https://studyhall--service.{other}.studyhall.localhost{STAFF}/")
    page.wait_for_url(f"https://{other}.studyhall.localhost/hub/login**")
    page.fill("#username_input", owner)
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    expect(page.get_by_role("alert")).to_contain_text("Invalid username or password")


def test_containers_are_locked_down(classroom):
    parts = classroom.parts()
    shared = {"front", "postgres", "valkey", "judge", "worker", "migrate"}
    assert parts.keys() == shared | {
        f"{one} {part}" for one in COHORTS for part in ("hub", "service", "proxy", "engine-door")
    }
    for name, about in parts.items():
        host, config = about["HostConfig"], about["Config"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert (host["CapAdd"] or []) == (["NET_BIND_SERVICE"] if name == "front" else []), name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert 0 < host["PidsLimit"] <= 1024, name
        assert not host["Privileged"], name
        assert config["User"].partition(":")[0] not in ("", "0", "root"), name
        assert bool(host["PortBindings"]) == (name == "front"), name
        assert name == "migrate" or config["Healthcheck"]["Test"], name
        assert host["RestartPolicy"]["Name"] == ("no" if name == "migrate" else "unless-stopped"), name


def test_no_secret_is_shown_by_inspect(classroom):
    secrets = [
        file.read_text().strip()
        for folder in ("secrets", "cohorts/acme-spring/secrets", "cohorts/birch-autumn/secrets")
        for file in (classroom.home / folder).iterdir()
    ]
    assert len(secrets) >= 12
    for name, about in classroom.parts().items():
        shown = str(about)
        assert not any(secret in shown for secret in secrets), name


def test_the_judge_has_nothing(classroom):
    about = classroom.parts()["judge"]
    assert about["NetworkSettings"]["Networks"].keys() == {"none"}
    assert [mount["Destination"] for mount in about["Mounts"]] == ["/run/studyhall-judge"]
    assert {line.partition("=")[0] for line in about["Config"]["Env"]} <= {"PATH", "LANG"}
    assert any(option.startswith("seccomp={") for option in about["HostConfig"]["SecurityOpt"])


@pytest.mark.parametrize("cohort", COHORTS)
def test_a_cohort_s_parts_reach_nothing_of_the_other_s(classroom, cohort):
    other = next(name for name in COHORTS if name != cohort)
    parts = classroom.parts()
    for part in ("hub", "service"):
        own = parts[f"{cohort} {part}"]["NetworkSettings"]["Networks"].keys()
        both = own & parts[f"{other} hub"]["NetworkSettings"]["Networks"].keys()
        assert both == {"studyhall--outward"}
        address = parts[f"{other} hub"]["NetworkSettings"]["Networks"]["studyhall--outward"]["IPAddress"]
        for host in (f"hub-{other}", address):
            reached = classroom.engine.docker(
                *("exec", parts[f"{cohort} {part}"]["Id"], "python3", "-c"),
                "import socket, sys\n"
                f"try: socket.create_connection(({host!r}, 8081), 2); print('reached')\n"
                "except OSError: print('nothing')",
            )
            assert reached.strip() == "nothing", (part, host)


def test_pages_come_by_tls_only(classroom):
    (front,) = (about for name, about in classroom.parts().items() if name == "front")
    program = """
import http.client, ssl
plain = http.client.HTTPConnection("127.0.0.1", 8080)
plain.request("GET", "/hub/login", headers={"Host": "lea.acme-spring.studyhall.localhost"})
answer = plain.getresponse()
print(answer.status, answer.headers["Location"])
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
class Named(http.client.HTTPSConnection):
    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = context.wrap_socket(self.sock, server_hostname="acme-spring.studyhall.localhost")
secure = Named("127.0.0.1", 8443)
secure.request("GET", "/hub/login", headers={"Host": "acme-spring.studyhall.localhost"})
answer = secure.getresponse()
print(answer.status, answer.headers["Strict-Transport-Security"])
"""
    said = classroom.engine.docker("exec", front["Id"], "python3", "-c", program).splitlines()
    assert said == ["308 https://lea.acme-spring.studyhall.localhost/hub/login", "200 max-age=31536000"]


def test_a_second_up_changes_nothing(classroom):
    before = {name: about["Id"] for name, about in classroom.parts().items()}
    began = {name: about["State"]["StartedAt"] for name, about in classroom.parts().items()}
    classroom.do("up")
    after = classroom.parts()
    assert {name: about["Id"] for name, about in after.items()} == before
    assert {name for name, about in after.items() if about["State"]["StartedAt"] != began[name]} <= {
        "migrate"
    }


def test_what_was_destroyed_is_restored(classroom, at_browser, tmp_path):
    attempts = "SELECT cohort_id, user_id FROM attempts ORDER BY id"
    before = classroom.sql("studyhall", attempts)
    assert len(before) == len(COHORTS)
    file = tmp_path / "backup.tar"
    said = classroom.do("backup", str(file), "--with-secrets")
    assert "hub_acme_spring" in said
    # A learner's work that was never submitted is in the volume only.
    volume = "acme-spring.learner.lea"
    assert classroom.engine.docker("volume", "inspect", volume)

    classroom.destroy()
    secrets = classroom.home / "secrets"
    secrets.rename(tmp_path / "lost")

    said = classroom.do("restore", str(file), "--yes")
    classroom.do("up")
    assert classroom.sql("studyhall", attempts) == before
    assert (secrets / "content_key").read_text() == (tmp_path / "lost" / "content_key").read_text()
    page = at_browser()
    sign_in(page, "acme-spring", "lea")
    open_lab(page)
    open_lesson(page)
    # What lea wrote into the cell comes from her volume, the result from the database.
    expect(page.locator(".jp-Notebook")).to_contain_text("seconds // 60")


def test_what_is_wrong_is_said(classroom, tmp_path):
    began = time.monotonic()
    broken = classroom.command("up", "--self-signed", "--help")
    assert broken.returncode == 0
    odd = classroom.command("restore", str(tmp_path / "missing.tar"))
    assert odd.returncode == 1
    assert "There is no" in odd.stderr
    assert "Traceback" not in odd.stderr
    assert time.monotonic() - began < 60
