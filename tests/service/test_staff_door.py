"""What staff read of attempts, and publishing through the staff door."""

import base64
from datetime import timedelta
from html.parser import HTMLParser

import nbformat
import pytest
from classrooms import SAMPLE, STAFF_SCOPES
from sqlalchemy import select
from studyhall.courses.publishing import publish
from studyhall.events.models import Event, EventType
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import Role
from studyhall_notebooks.course import load_course

pytestmark = pytest.mark.asyncio

LESSON = "values-and-names"
COURSE = "/staff/courses/python-foundations"


class ScriptFinder(HTMLParser):
    """Reads a document as a browser would and collects everything in it that could run."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.cells = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.cells += "cell" in (values.get("class") or "").split()
        if tag in {"script", "iframe", "object", "embed", "base", "meta"} and "charset" not in values:
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


def solved():
    return (SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text()


def upload(path=SAMPLE, **changed):
    files = {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and ".ipynb_checkpoints" not in file.parts
    }
    files |= changed.get("files", {})
    return {
        "files": [
            {"path": name, "content": base64.b64encode(content).decode()} for name, content in files.items()
        ]
    }


async def test_staff_see_attempts_with_the_whole_report_and_the_executed_notebook(classroom, judge):
    lea, ines = classroom.token("lea"), classroom.token("ines", STAFF_SCOPES)
    first = await classroom.submit(lea, {LESSON: nbformat.writes(nbformat.v4.new_notebook())})
    classroom.clock.now += timedelta(seconds=1)
    second = await classroom.submit(lea, {LESSON: solved()})
    await classroom.run_jobs()
    rows = await classroom.data("GET", f"{COURSE}/attempts", token=ines)
    assert [row["id"] for row in rows] == [second["id"], first["id"]]
    assert {row["learner"]["username"] for row in rows} == {"lea"}
    detail = await classroom.data("GET", f"/staff/attempts/{second['id']}", token=ines)
    assert detail["attempt"]["score"] == 20
    assert detail["report"]["tests"][0]["staff_message"] is not None
    assert "executed_notebooks" not in detail["report"]
    assert [row["number"] for row in detail["history"]] == [2, 1]
    page = await classroom.call(
        "GET", f"/staff/attempts/{second['id']}/notebooks/{detail['notebooks'][0]}", token=ines
    )
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    nothing = await classroom.call(
        "GET", f"/staff/attempts/{first['id']}/notebooks/{LESSON}?cell=absent", token=ines
    )
    assert "nothing" in nothing.text
    assert nothing.headers["Content-Security-Policy"] == policy
    assignments = await classroom.data("GET", f"{COURSE}/assignments", token=ines)
    assert assignments[0]["submitted"] == 1
    assert assignments[0]["passed"] == 1
    assert assignments[0]["learners"] == 2


async def test_hostile_outputs_are_harmless_in_the_staffs_document(classroom, judge):
    lea, ines = classroom.token("lea"), classroom.token("ines", STAFF_SCOPES)
    notebook = nbformat.reads(solved(), as_version=4)
    attack = (
        "from IPython.display import HTML, SVG, Markdown, display\n"
        "display(HTML('<script>parent.location=1</script><img src=x onerror=alert(1)>'))\n"
        "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(2)</script></svg>'))\n"
        "display(Markdown('[x](javascript:alert(3))'))"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(attack))
    attempt = await classroom.submit(lea, {LESSON: nbformat.writes(notebook)})
    await classroom.run_jobs()
    page = await classroom.call("GET", f"/staff/attempts/{attempt['id']}/notebooks/{LESSON}", token=ines)
    scripts = ScriptFinder()
    scripts.feed(page.text)
    assert scripts.cells > 5, "the notebook is there"
    assert scripts.found == []


async def test_attempts_can_be_filtered_sorted_and_paged(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    for name in ("lea", "liam", "lea"):
        await classroom.submit(classroom.token(name), {LESSON: solved()})
    rows = await classroom.data("GET", f"{COURSE}/attempts?learner=LI&status=queued", token=ines)
    assert [row["learner"]["username"] for row in rows] == ["liam"]
    page = await classroom.call(
        "GET", f"{COURSE}/attempts?limit=2&page=2&sort_by=submitted_at&order=asc", token=ines
    )
    assert len(page.json()["data"]) == 1
    meta = page.json()["meta"]
    assert (meta["page"], meta["limit"], meta["total"]) == (2, 2, 3)
    await classroom.error(
        "GET", f"{COURSE}/attempts?limit=101", token=ines, status=422, code="validation_error"
    )
    await classroom.error(
        "GET", f"{COURSE}/attempts?order=up", token=ines, status=422, code="validation_error"
    )


async def test_publishing_the_same_course_again_changes_nothing(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    again = await classroom.data("POST", f"{COURSE}/releases", token=ines, json=upload(), status=201)
    assert again["changed"] is False
    assert again["release"] == 1
    assert {lesson["change"] for lesson in again["lessons"]} == {"unchanged"}


async def test_a_changed_lesson_makes_a_release_and_tells_who_fetched_the_old_one(classroom):
    ines, lea = classroom.token("ines", STAFF_SCOPES), classroom.token("lea")
    start = f"/courses/python-foundations/lessons/{LESSON}/start"
    await classroom.data("POST", start, token=lea, json={})
    notebook = nbformat.reads(solved(), as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("One more thought."))
    changed = {"files": {f"source/{LESSON}/{LESSON}.ipynb": nbformat.writes(notebook).encode()}}
    published = await classroom.data(
        "POST", f"{COURSE}/releases", token=ines, json=upload(**changed), status=201
    )
    assert published["release"] == 2
    assert {row["slug"]: row["change"] for row in published["lessons"]}[LESSON] == "changed"
    outline = await classroom.data("GET", "/courses/python-foundations/outline", token=lea)
    lessons = {row["slug"]: row for unit in outline["units"] for row in unit["lessons"]}
    assert lessons[LESSON]["update_available"] is True
    assert lessons[LESSON]["fetched_release"] == 1
    await classroom.data("POST", start, token=lea, json={})
    outline = await classroom.data("GET", "/courses/python-foundations/outline", token=lea)
    assert outline["units"][0]["lessons"][0]["update_available"] is True, "opening is not updating"
    await classroom.data("POST", start, token=lea, json={"update": True})
    outline = await classroom.data("GET", "/courses/python-foundations/outline", token=lea)
    assert outline["units"][0]["lessons"][0]["update_available"] is False


async def releases_told(classroom):
    async with classroom.session() as session:
        told = await session.scalars(select(Event).where(Event.type == EventType.COURSE_PUBLISHED.value))
        return sorted(event.data["release"] for event in told)


async def test_going_back_to_a_former_release_is_told_as_going_on_is(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    before = await releases_told(classroom)
    changed = {"files": {f"source/{LESSON}/{LESSON}.ipynb": solved().replace("name", "label").encode()}}
    for content in (changed, changed, {}, {}):
        await classroom.data("POST", f"{COURSE}/releases", token=ines, json=upload(**content), status=201)
    assert await releases_told(classroom) == sorted([*before, 1, 2])


async def test_going_back_where_only_a_date_or_a_quiz_differs_is_no_unchanged_course(classroom):
    ines = classroom.token("ines", STAFF_SCOPES)
    settings = (SAMPLE / "course.yaml").read_text()
    quiz = SAMPLE / "quizzes" / "names-quiz.yaml"
    dated = settings.replace("minutes: 25", "minutes: 7")
    told = []
    for content in (
        {"course.yaml": dated.encode()},
        {},
        {f"quizzes/{quiz.name}": quiz.read_bytes().replace(b"title: ", b"title: Our ", 1)},
        {},
        {},
    ):
        answer = await classroom.data(
            "POST", f"{COURSE}/releases", token=ines, json=upload(files=content), status=201
        )
        lesson = next(row for row in answer["lessons"] if row["slug"] == LESSON)
        told.append((answer["release"], answer["former_release"], answer["outcome"], lesson["change"]))
    assert told == [
        (2, 1, "published", "settings"),
        (1, 2, "returned", "settings"),
        (3, 1, "published", "unchanged"),
        (1, 3, "returned", "unchanged"),
        (1, 1, "unchanged", "unchanged"),
    ]


async def test_a_release_that_another_cohort_has_already_is_told_to_this_one(classroom):
    async with classroom.session() as session:
        autumn = await ensure_cohort(session, organization="demo", cohort="autumn")
        taken = {
            "organization_id": autumn.organization_id,
            "published_by": "ines",
            "cipher": classroom.context.cipher,
            "outbox": classroom.context.outbox,
        }
    async with classroom.context.database.session(autumn.id) as session:
        _, published = await publish(session, load_course(SAMPLE), **taken)
        told = await session.scalars(select(Event).where(Event.type == EventType.COURSE_PUBLISHED.value))
        assert [event.data["release"] for event in told] == [published.release]
    assert (published.changed, published.outcome) == (False, "taken_over"), "it is no new one"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"files": [{"path": "../../etc/passwd", "content": ""}]}, "validation_error"),
        ({"files": [{"path": "/etc/passwd", "content": ""}]}, "validation_error"),
        ({"files": [{"path": "course.yaml", "content": "%%%"}]}, "validation_error"),
        ({"files": []}, "course_invalid"),
    ],
)
async def test_a_broken_upload_is_refused_with_the_way_out(classroom, body, code):
    ines = classroom.token("ines", STAFF_SCOPES)
    error = await classroom.error("POST", f"{COURSE}/releases", token=ines, json=body, status=422, code=code)
    assert error["message"]


async def test_hidden_tests_are_nowhere_in_what_a_learner_fetches(classroom):
    lea = classroom.token("lea")
    answer = await classroom.call(
        "POST", f"/courses/python-foundations/lessons/{LESSON}/start", token=lea, json={}
    )
    assert "BEGIN HIDDEN TESTS" in solved()
    for secret in ("HIDDEN TESTS", "BEGIN SOLUTION"):
        assert secret not in answer.text


async def test_a_release_that_is_too_large_is_refused_before_anything_is_stored(classroom_with):
    async with classroom_with(max_release_bytes=10_000) as room:
        await room.publish()
        await room.add_person("ines", Role.INSTRUCTOR)
        ines = room.token("ines", STAFF_SCOPES)
        error = await room.error(
            "POST", f"{COURSE}/releases", token=ines, json=upload(), status=413, code="too_large"
        )
        assert "STUDYHALL_MAX_RELEASE_BYTES" in error["message"]


@pytest.mark.asyncio
async def test_a_page_that_is_asked_otherwise_than_by_a_browser_is_no_fault_of_the_service(classroom):
    headers = {"Authorization": f"token {classroom.token('ines', STAFF_SCOPES)}"}
    page = await classroom.http.post(f"{classroom.url}/courses", headers=headers)
    assert page.status_code == 405
    assert "not for this method" in page.text
    assert "our side" not in page.text
