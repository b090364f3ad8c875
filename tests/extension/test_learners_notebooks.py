"""A learner's notebook on a grader's server: known by its place, never trusted, run in the judge and nowhere else."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from jupyter_server.auth import IdentityProvider, User
from nbformat.v4 import new_code_cell, new_notebook, new_output
from studyhall_extension.learners_notebooks import runs, staff
from studyhall_extension.learners_notebooks.folders import in_course_folder
from studyhall_extension.learners_notebooks.runs import plain_text

STAFF_TOKEN = "what-studyhall-login-got"
COURSE = "harbour-kitchen"
WORK = "kitchen/submitted/lea/weekly-bread/weekly-bread.ipynb"
SETTINGS = f"c = get_config()\nc.CourseDirectory.course_id = {COURSE!r}\nraise SystemExit\n"
RUNS = "/learners-notebooks/runs"
SCRIPT = "<script>window.pwned = 1</script>"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A machine that does something else for seconds is no service that does not answer."""
    monkeypatch.setattr(staff, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(runs, "CONNECT_SECONDS", 60.0)


@pytest.fixture
def course(jp_root_dir):
    folder = jp_root_dir / "kitchen"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(SETTINGS)
    return folder


@pytest.fixture
def written(jp_root_dir):
    """Write a notebook with a script in its output; returns what stands in it."""

    def write(path, **metadata):
        output = new_output("display_data", data={"text/html": SCRIPT})
        notebook = new_notebook(metadata=metadata, cells=[new_code_cell("x = 1", outputs=[output])])
        file = jp_root_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, file)
        return nbformat.read(file, as_version=4)

    return write


@pytest.fixture
def roles(classroom, scripted, ask):
    """Say which roles the owner of the server has, as the service does when it is asked next."""

    async def say(**given):
        body = {"success": True, "data": {"roles": given}, "meta": {}, "error": None}
        classroom.script.append(scripted(200, body))
        return (await ask("GET", "/learners-notebooks")).data["staff"]

    return say


@pytest.fixture
def signed_in(tmp_path, monkeypatch, classroom):
    """What `studyhall login` leaves, by default at another address than the server knows the service by."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("STUDYHALL_TOKEN", raising=False)

    def keep(course=COURSE):
        file = tmp_path / "config" / "studyhall" / "tokens.json"
        file.parent.mkdir(parents=True)
        row = {
            "service": classroom.url.replace("127.0.0.1", "localhost"),
            "course": course,
            "token": STAFF_TOKEN,
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        file.write_text(json.dumps({"tokens": [row]}))
        file.chmod(0o600)

    return keep


def pressed(path, notebook):
    return {"path": path, "notebook": notebook, "idempotency_key": str(uuid.uuid4())}


async def is_trusted(jp_fetch, path):
    answer = await jp_fetch("api", "contents", path)
    [cell] = json.loads(answer.body)["content"]["cells"]
    return cell["metadata"]["trusted"]


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        (WORK, (COURSE, "lea", "weekly-bread", "weekly-bread")),
        ("kitchen/autograded/lea/ps 1/sub/n.ipynb", (COURSE, "lea", "ps 1", "n")),
        ("kitchen/submitted/lea/n.ipynb", (COURSE, "lea", "n", "n")),
        ("kitchen/source/ps1/n.ipynb", None),
        ("kitchen/release/ps1/n.ipynb", None),
        ("submitted/lea/ps1/n.ipynb", None),
        ("kitchen/own/submitted.ipynb", None),
    ],
)
def test_a_learners_work_is_known_by_its_folder(jp_root_dir, course, path, whose):
    found = in_course_folder(jp_root_dir / path)
    assert (found and (found.course, found.student, found.assignment, found.notebook)) == whose


def test_other_folder_names_and_courses_without_settings(jp_root_dir):
    named = jp_root_dir / "named"
    named.mkdir()
    (named / "nbgrader_config.py").write_text("c.CourseDirectory.submitted_directory = 'work/in'\n")
    assert in_course_folder(named / "work/in/lea/ps1/n.ipynb").student == "lea"
    assert in_course_folder(named / "submitted/lea/ps1/n.ipynb") is None
    (jp_root_dir / "bare").mkdir()
    assert in_course_folder(jp_root_dir / "bare/submitted/lea/ps1/n.ipynb") is None
    (jp_root_dir / "bare/gradebook.db").touch()
    assert in_course_folder(jp_root_dir / "bare/submitted/lea/ps1/n.ipynb").course == ""


def test_a_course_that_was_handed_in_is_no_course(jp_root_dir, course, written):
    written("kitchen/submitted/eve/ps1/deep/submitted/lea/ps1/n.ipynb")
    (course / "submitted/eve/ps1/deep/nbgrader_config.py").write_text(
        "c.CourseDirectory.course_id = 'mine'\n"
    )
    found = in_course_folder(course / "submitted/eve/ps1/deep/submitted/lea/ps1/n.ipynb")
    assert (found.course, found.student) == (COURSE, "eve")
    link = jp_root_dir / "harmless.ipynb"
    link.symlink_to(course / "submitted/eve/ps1/deep/submitted/lea/ps1/n.ipynb")
    assert in_course_folder(link).student == "eve"


async def test_a_signature_is_no_trust_in_a_learners_notebook(course, written, roles, jp_fetch, jp_serverapp):
    notary = jp_serverapp.contents_manager.notary
    copy = {"studyhall": {"course": COURSE, "lesson": "weekly-bread", "notebook": "n", "release": 1}}
    own = f"{COURSE}/weekly-bread/n.ipynb"
    for path, metadata in ((WORK, {}), ("downloads/n.ipynb", copy), (own, copy), ("mine.ipynb", {})):
        notary.sign(written(path, **metadata))
    assert await is_trusted(jp_fetch, WORK) is False  # before anything is known of this person
    assert await roles(**{COURSE: "grader"}) is True
    assert await is_trusted(jp_fetch, WORK) is False
    assert await is_trusted(jp_fetch, "downloads/n.ipynb") is False
    assert await is_trusted(jp_fetch, own) is True
    assert await is_trusted(jp_fetch, "mine.ipynb") is True


async def test_saving_a_learners_notebook_signs_nothing(
    course, written, roles, jp_fetch, jp_serverapp, jp_root_dir
):
    assert await roles(**{COURSE: "grader"}) is True
    content = written(WORK, about="this")
    for cell in content.cells:
        cell.metadata["trusted"] = True
    for path in (WORK, "mine.ipynb"):
        body = json.dumps({"type": "notebook", "format": "json", "content": content})
        await jp_fetch("api", "contents", path, method="PUT", body=body)
        saved = nbformat.read(jp_root_dir / path, as_version=4)
        signed = jp_serverapp.contents_manager.notary.check_signature(saved)
        assert signed is (path == "mine.ipynb")


async def test_for_learners_nothing_is_different(course, written, roles, ask, jp_fetch, jp_serverapp):
    jp_serverapp.contents_manager.notary.sign(written(WORK))
    assert await roles(**{COURSE: "learner"}) is False
    assert await is_trusted(jp_fetch, WORK) is True
    assert (await ask("GET", f"/learners-notebooks?path={WORK}")).data == {"staff": False, "work": None}
    reply = await ask("POST", RUNS, pressed(WORK, {"cells": []}))
    assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_the_browser_is_told_whose_work_it_is(course, roles, ask, classroom):
    assert await roles(**{COURSE: "instructor", "other": "learner"}) is True
    lea = {"course": COURSE, "student": "lea", "assignment": "weekly-bread", "notebook": "weekly-bread"}
    assert (await ask("GET", f"/learners-notebooks?path={WORK}")).data == {"staff": True, "work": lea}
    copy = f"/learners-notebooks?path=downloads/n.ipynb&course={COURSE}&lesson=cake-day&notebook=cake"
    told = (await ask("GET", copy)).data["work"]
    assert (told["course"], told["assignment"], told["notebook"]) == (COURSE, "cake-day", "cake")
    for path in ("mine.ipynb", "downloads/n.ipynb&course=other&lesson=x", "../out.ipynb", "notes.md", "%00"):
        assert (await ask("GET", f"/learners-notebooks?path={path}")).data["work"] is None, path
    # The service was asked once: notebooks that are opened do not wait for it each time.
    assert len(classroom.asked("GET", "/me")) == 1


async def test_without_the_service_a_learners_work_is_still_known(course, classroom, ask):
    await classroom.down()
    told = (await ask("GET", f"/learners-notebooks?path={WORK}")).data
    assert (told["staff"], told["work"]["student"]) == (None, "lea")


async def test_a_run_goes_out_with_the_staff_token_and_the_files_beside(
    course, written, roles, ask, classroom, scripted, signed_in, monkeypatch
):
    signed_in()
    await roles(**{COURSE: "grader"})
    notebook = written(WORK)
    beside = course / "submitted/lea/weekly-bread"
    (beside / "data").mkdir()
    (beside / "data/flour.csv").write_text("spelt")
    (beside / "prices.csv").write_text("forged")
    (beside / "timestamp.txt").write_text("2026-01-01")
    (beside / "secrets.txt").symlink_to("/etc/passwd")
    (beside / "huge.bin").write_bytes(b"x" * 31_000_000)
    (course / "source/weekly-bread").mkdir(parents=True)
    (course / "source/weekly-bread/prices.csv").write_text("given")
    run = str(uuid.uuid4())
    data = {"id": run, "status": "queued", "message": "", "result": None}
    envelope = {"success": True, "data": data, "meta": {}, "error": None}
    classroom.script.append(scripted(202, envelope))
    body = pressed(WORK, notebook)
    reply = await ask("POST", RUNS, body)
    assert (reply.status, reply.data) == (202, {"id": run, "course": COURSE, "left_out": ["huge.bin"]})
    sent = classroom.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/staff/courses/{COURSE}/autograde")
    assert sent.headers["Authorization"] == f"token {STAFF_TOKEN}"
    assert sent.headers["Idempotency-Key"] == body["idempotency_key"]
    assert (sent.json["student"], sent.json["assignment"]) == ("lea", "weekly-bread")
    assert sent.json["interactive"] is True
    assert base64.b64decode(sent.json["course_files"]["prices.csv"]) == b"given"
    assert {name: base64.b64decode(text) for name, text in sent.json["own_files"].items()} == {
        "data/flour.csv": b"spelt"
    }
    assert SCRIPT not in sent.json["source"]

    classroom.script.append(scripted(200, envelope))
    assert (await ask("GET", f"{RUNS}/{COURSE}/{run}")).data == data
    classroom.script.append(scripted(204))
    assert (await ask("DELETE", f"{RUNS}/{COURSE}/{run}")).status == 204
    gone = classroom.requests[-1]
    assert (gone.method, gone.path) == ("DELETE", f"/staff/courses/{COURSE}/autograde/{run}")
    assert gone.headers["Authorization"] == f"token {STAFF_TOKEN}"


async def test_without_a_login_it_says_how_to_get_one(course, written, roles, ask, classroom, signed_in):
    await roles(**{COURSE: "grader"})
    asked = len(classroom.requests)
    reply = await ask("POST", RUNS, pressed(WORK, written(WORK)))
    assert (reply.status, reply.error["code"]) == (403, "staff_login_needed")
    assert f"studyhall login --course {COURSE}" in reply.error["message"]
    assert len(classroom.requests) == asked  # least of all with the server's own token

    signed_in()
    reply = await ask("POST", RUNS, pressed(WORK, written(WORK)))  # the service knows no such token any more
    assert (reply.status, reply.error["code"]) == (403, "staff_login_needed")
    assert "has ended" in reply.error["message"]


async def test_what_the_service_says_is_passed_on(
    course, written, roles, ask, classroom, scripted, signed_in, refused
):
    signed_in()
    await roles(**{COURSE: "grader"})
    classroom.script.append(scripted(403, refused("forbidden", "You are not staff of this course any more.")))
    reply = await ask("POST", RUNS, pressed(WORK, written(WORK)))
    assert (reply.status, reply.error["message"]) == (403, "You are not staff of this course any more.")
    await classroom.down()
    reply = await ask("POST", RUNS, pressed(WORK, written(WORK)))
    assert (reply.status, reply.error["code"]) == (503, "service_unavailable")


async def test_a_course_that_nobody_names_is_asked_for(jp_root_dir, written, roles, ask, signed_in):
    (jp_root_dir / "kitchen").mkdir()
    (jp_root_dir / "kitchen/gradebook.db").touch()
    await roles(**{COURSE: "grader", "other": "grader"})
    reply = await ask("POST", RUNS, pressed(WORK, written(WORK)))
    assert (reply.status, reply.error["code"]) == (422, "course_unclear")


class TestALimit:
    @pytest.fixture
    def extension_settings(self):
        return {"max_notebook_bytes": 2000}

    async def test_a_notebook_that_is_too_large_is_not_sent(self, course, roles, ask, signed_in):
        signed_in()
        await roles(**{COURSE: "grader"})
        for size in (2000, 20_000):
            large = new_notebook(cells=[new_code_cell("x" * size)])
            reply = await ask("POST", RUNS, pressed(WORK, large))
            assert (reply.status, reply.error["code"]) == (413, "notebook_too_large")
            assert "by hand" in reply.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": WORK, "notebook": {"cells": []}},
        {"path": WORK, "notebook": {"cells": []}, "idempotency_key": "x"},
        pressed("", {"cells": []}),
        pressed(WORK, None),
        pressed(WORK, {"cells": [{"cell_type": "code"}]}),
        pressed(WORK, {"cells": [{"cell_type": "spell", "source": ""}]}),
    ],
)
async def test_what_is_no_run_is_refused(course, roles, ask, signed_in, classroom, body):
    signed_in()
    await roles(**{COURSE: "grader"})
    assert (await ask("POST", RUNS, body)).status == 422
    assert classroom.asked("POST", f"/staff/courses/{COURSE}/autograde") == []


def test_what_is_sent_is_a_notebook():
    cells = [
        {
            "cell_type": "code",
            "source": ["a = 1\n", "a"],
            "metadata": {"nbgrader": {"grade_id": "a"}, "x": 1},
        },
        {"cell_type": "markdown", "source": "b", "attachments": {"p.png": {}}},
    ]
    sent = nbformat.reads(plain_text({"cells": cells, "metadata": {"widgets": {}}}), as_version=4)
    nbformat.validate(sent)
    assert [cell.source for cell in sent.cells] == ["a = 1\na", "b"]
    assert sent.cells[0].metadata == {"nbgrader": {"grade_id": "a"}}
    assert sent.metadata == {}


class Visitors(IdentityProvider):
    """Says who somebody is by a header, as a hub does by its own means."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-Test-User")
        return User(username=name) if name else None


class TestAServerOfSomebody:
    @pytest.fixture
    def jp_server_config(self, jp_server_config, monkeypatch):
        jp_server_config["ServerApp"]["identity_provider_class"] = Visitors
        monkeypatch.setenv("JUPYTERHUB_USER", "gabriel")
        return jp_server_config

    @pytest.fixture
    def jp_auth_header(self):
        return {}

    async def test_a_visitor_learns_nothing_with_the_owners_token(self, ask, classroom, signed_in):
        signed_in()
        for name, status in (("eve", 403), ("gabriel", 403)):
            reply = await ask("GET", f"{RUNS}/{COURSE}/{uuid.uuid4()}", headers={"X-Test-User": name})
            assert reply.status == status
            assert reply.error["code"] == ("not_the_owner" if name == "eve" else "staff_login_needed")
        assert len(classroom.requests) == 1  # the owner's, whose token the service does not know
