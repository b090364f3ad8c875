"""A grader's week with nbgrader's own command against the running product; and formgrader on a server of its hub.

`make screenshots` writes the week down as docs/a-graders-week.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from graders_desk import Desk, Page, Zygote, commands_of, server_of, sign_terminal_in, until
from graders_week import SERVICE, Week
from installations import Installation, submit, token_of
from kitchen_course import BREAD, COURSE, CUPS, ESSAY, LOAVES, handed_in
from nbgrader_environments import VERSIONS, environment_of
from staff_servers import DESK, LEARNER

TESTS = Path(__file__).parents[2]
DOCUMENT = TESTS.parent / "docs" / "a-graders-week.md"

pytestmark = pytest.mark.timeout(900)  # a week of many commands and servers, beside another file's tests


@pytest.fixture(scope="module")
def nbgrader_python():
    return environment_of(VERSIONS[-1])


@pytest.fixture(scope="module")
def installation(tmp_path_factory, kitchen, nbgrader_python):
    """The product with a course that has an nbgrader gradebook, and a hub with servers for staff."""
    with Installation(
        tmp_path_factory.mktemp("studyhall"),
        environment={"STUDYHALL_NBGRADER_PYTHON": str(nbgrader_python)},
        arguments=("--course", str(kitchen)),
        program=(str(TESTS / "staff_servers.py"), str(nbgrader_python), "run"),
    ) as running:
        made = subprocess.run(
            [sys.executable, "-m", "studyhall.cli", "nbgrader", "gradebook", COURSE],
            env={"PATH": os.environ["PATH"], **running.operator_settings()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        yield running


@pytest.fixture(scope="module")
def zygote(nbgrader_python):
    made = Zygote(nbgrader_python)
    yield made
    made.stop()


@pytest.fixture
def page_of_the_week(installation, tmp_path):
    return Page(
        {
            str(installation.data / "learners"): "/home",
            str(tmp_path): "/home",
            installation.url: "https://hub.example",
        }
    )


@pytest.fixture
def desk(installation, zygote, page_of_the_week, tmp_path):
    """Sit somebody down at a terminal: staff's is in the home of their server, with its course folder."""

    def sit(who, *, staff):
        home = (installation.data / "learners" if staff else tmp_path) / who
        service = installation.url + SERVICE
        if staff:
            variables = {"STUDYHALL_URL": service}
        else:
            variables = {"STUDYHALL_SERVICE_URL": service, "JUPYTERHUB_USER": who}
            variables["JUPYTERHUB_API_TOKEN"] = token_of(installation, who)
        return Desk(
            who,
            zygote,
            page_of_the_week,
            home=home,
            folder=home / DESK,
            variables=variables,
        )

    return sit


@pytest.fixture
def visitor(installation):
    """Open a client of somebody who has signed in at the hub, as a browser does."""
    opened = []

    def arrive(name):
        client = httpx.Client(base_url=installation.url, follow_redirects=True, timeout=120)
        opened.append(client)
        client.get("/hub/login")
        client.post(
            "/hub/login",
            params={"_xsrf": client.cookies.get("_xsrf", path="/hub/")},
            data={"username": name, "password": installation.passwords[name]},
            follow_redirects=False,
        )
        return client

    yield arrive
    for client in opened:
        client.close()


# ---------------------------------------------------------------- the week


def test_a_graders_week(installation, desk, sign_in, visitor, screenshot, page_of_the_week):
    week = Week(installation, desk, sign_in, visitor, screenshot, page_of_the_week)
    week.monday()
    week.wednesday()
    week.thursday()
    week.friday()
    if folder := os.environ.get("STUDYHALL_SCREENSHOTS"):
        (Path(folder).parent / DOCUMENT.name).write_text(week.page.text, encoding="utf-8")
    else:
        assert commands_of(DOCUMENT.read_text(encoding="utf-8")) == commands_of(week.page.text)


# ---------------------------------------------------------------- formgrader, on a server of the hub

PAGES = {
    "": "Manage Assignments",
    "/manage_assignments": "Manage Assignments",
    f"/manage_submissions/{BREAD}": "Manage Submissions",
    "/gradebook": "Manual Grading",
    f"/gradebook/{BREAD}": BREAD,
    f"/gradebook/{BREAD}/{BREAD}": "Overall Score",
    "/manage_students": "Students",
    "/manage_students/lea": "lea",
    f"/manage_students/lea/{BREAD}": BREAD,
}
"""What stands on each of formgrader's pages."""


@pytest.fixture(scope="module")
def class_work(installation):
    """Two learners have handed in the bread."""
    for name, loaves in (("lea", LOAVES), ("liam", "def loaves(guests):\n    return guests")):
        answers = {"loaves": loaves, "why_sourdough": ESSAY, "cups": CUPS}
        submit(installation, token_of(installation, name), COURSE, BREAD, handed_in(BREAD, answers))


def approve_as(client):
    """Return who approves a terminal's code, without a browser."""

    def approve(code):
        page = f"{SERVICE}/access"
        for told in ({"code": code}, {"code": code, "decision": "approve"}):
            xsrf = re.search(r'name="_xsrf" value="([^"]+)"', client.get(page).text)[1]
            answered = client.post(page, data={"_xsrf": xsrf, **told})
            assert answered.status_code == httpx.codes.OK, answered.text

    return approve


def test_formgraders_pages_are_for_staff_of_the_hub_alone(installation, kitchen, class_work, desk, visitor):
    gabriel = visitor("gabriel")
    gabriels = desk("gabriel", staff=True)
    shutil.copytree(kitchen / "source", gabriels.folder / "source")
    sign_terminal_in(gabriels, COURSE, approve_as(gabriel))
    gabriels.studyhall("nbgrader", "configure", "--course", COURSE, "--yes")
    gabriels.nbgrader("collect", BREAD)
    gabriels.nbgrader("autograde", BREAD)
    with server_of(installation, gabriel, "gabriel"):
        place = "/user/gabriel/formgrader"
        for path, words in PAGES.items():
            shown = gabriel.get(place + path)
            assert shown.status_code == httpx.codes.OK, path
            assert words in shown.text, path
        rows = {row["name"]: row for row in gabriel.get(f"{place}/api/assignments").json()}
        assert (rows[BREAD]["num_submissions"], rows[BREAD]["max_score"]) == (2, 15)
        assert {row["id"] for row in gabriel.get(f"{place}/api/students").json()} >= {"lea", "liam"}
        notebooks = gabriel.get(f"{place}/api/submitted_notebooks/{BREAD}/{BREAD}").json()
        assert {row["student"]: row["score"] for row in notebooks} == {"lea": 5, "liam": 0}
        (lea,) = [row["id"] for row in notebooks if row["student"] == "lea"]
        submission = f"{place}/submissions/{lea}/"
        shown = gabriel.get(submission)
        assert shown.status_code == httpx.codes.OK
        assert "wild yeast" in shown.text
        assert 'id="why_sourdough"' in shown.text
        assert gabriel.get(f"{place}/submissions/nothing/").status_code == httpx.codes.NOT_FOUND

        # A mark that is typed there is the platform's within seconds.
        (grade,) = [
            row
            for row in gabriel.get(f"{place}/api/grades", params={"submission_id": lea}).json()
            if row["name"] == "why_sourdough"
        ]
        mark = {"manual_score": 4, "extra_credit": 0.5}
        xsrf = {"X-XSRFToken": gabriel.cookies.get("_xsrf", path="/user/gabriel/")}
        saved = gabriel.put(f"{place}/api/grade/{grade['id']}", json=grade | mark, headers=xsrf)
        assert saved.status_code == httpx.codes.OK, saved.text
        until(lambda: cell_of(gabriels, "lea")["score"] == 9.5)

        # Neither a learner of the hub nor a stranger gets in, by page or by API.
        learner = visitor(LEARNER)
        for path in (*PAGES, "/api/students", f"/submissions/{lea}/"):
            assert learner.get(place + path).status_code == httpx.codes.FORBIDDEN, path
            shown = httpx.get(installation.url + place + path, timeout=120)
            assert "/hub/" in shown.headers.get("location", "") or shown.status_code == httpx.codes.FORBIDDEN
        refused = httpx.put(
            f"{installation.url}{place}/api/grade/{grade['id']}",
            json=grade | {"manual_score": 5},
            headers={"Authorization": f"token {token_of(installation, LEARNER)}"},
            timeout=120,
        )
        assert refused.status_code == httpx.codes.FORBIDDEN
        assert cell_of(gabriels, "lea")["score"] == 9.5


def cell_of(desk, learner):
    """Return a learner's cell in the platform's gradebook, as the terminal's own token may read it."""
    (kept,) = json.loads((desk.home / ".config/studyhall/tokens.json").read_text())["tokens"]
    answered = httpx.get(
        f"{kept['service']}/api/v1/staff/courses/{COURSE}/gradebook",
        headers={"Authorization": f"token {kept['token']}"},
        timeout=120,
    )
    rows = {row["learner"]["username"]: row["cells"] for row in answered.json()["data"]["rows"]}
    return rows[learner][BREAD]


def test_a_learners_server_has_no_formgrader_though_nbgrader_is_installed(installation, visitor):
    learner = visitor(LEARNER)
    with server_of(installation, learner, LEARNER):
        place = f"/user/{LEARNER}"
        assert learner.get(f"{place}/lab").status_code == httpx.codes.OK
        for path in (*PAGES, "/api/students", "/static/js/formgrade.js"):
            assert learner.get(f"{place}/formgrader{path}").status_code == httpx.codes.NOT_FOUND, path
        for path in ("/assignments", "/courses", "/assignments/validate", "/formgraders"):
            assert learner.get(place + path).status_code == httpx.codes.NOT_FOUND, path
