"""What nbgrader's own pages call: formgrader's NbGraderAPI and the assignment list, as their handlers do."""

import json

import pytest
from classrooms import SAMPLE, STAFF_SCOPES
from studyhall.permissions import Role

from .terminals import RIGHT, answer, write_source

pytestmark = pytest.mark.asyncio

FORMGRADER = """
import json, os
from traitlets.config import Config
from nbgrader.apps import NbGrader
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.auth import Authenticator
app = NbGrader()
app.config_file_paths.append(os.getcwd())
app.load_config_file()
coursedir = CourseDirectory(parent=app)
api = NbGraderAPI(coursedir, Authenticator(parent=app), parent=app)
"""

ASSIGNMENT_LIST = """
import json, os
from nbgrader.server_extensions.assignment_list.handlers import AssignmentList
pages = AssignmentList()
pages.root_dir = os.getcwd()
"""


async def says(terminal, program):
    """Run a program and return what it prints in its last line."""
    return json.loads((await terminal.python_says(program)).strip().splitlines()[-1])


async def test_formgrader_releases_collects_and_hands_back(grader, terminal, course, classroom):
    said = await says(
        grader,
        FORMGRADER
        + """
made = api.generate_assignment("ps1")
before = api.get_assignment("ps1")
done = api.release_assignment("ps1")
after = api.get_assignment("ps1")
print(json.dumps({"functional": bool(api.exchange_is_functional), "root": api.exchange_root,
    "success": [made["success"], done["success"]],
    "log": done.get("log", ""), "status": [before["status"], after["status"]],
    "releaseable": after["releaseable"]}))
""",
    )
    assert said["success"] == [True, True], said
    assert (said["functional"], said["root"]) == (True, "")
    assert said["status"] == ["draft", "released"]
    assert said["releaseable"] is True
    lea = terminal("lea")
    await lea.nbgrader("fetch_assignment", "ps1", "--course", course)
    answer(lea.folder / "ps1" / "ps1.ipynb", RIGHT)
    await lea.nbgrader("submit", "ps1", "--course", course)
    said = await says(
        grader,
        FORMGRADER
        + """
collected = api.collect("ps1")
graded = api.autograde("ps1", "lea")
made = api.generate_feedback("ps1", "lea")
one = api.release_feedback("ps1", "lea")
everybody = api.release_feedback("ps1")
rows = api.get_submissions("ps1")
gone = api.unrelease("ps1")
print(json.dumps({"success": [x["success"] for x in (collected, graded, made, one, everybody, gone)],
    "logs": [x.get("log", "") + str(x.get("error", "")) for x in (collected, graded, made, one, everybody, gone)],
    "students": [row["student"] for row in rows], "status": api.get_assignment("ps1")["status"]}))
""",
    )
    assert said["success"] == [True] * 6, said["logs"]
    assert said["students"] == ["lea"]
    assert said["status"] == "draft"
    said = await says(
        lea,
        FORMGRADER.replace("coursedir = ", f"app.config.CourseDirectory.course_id = {course!r}\ncoursedir = ")
        + """
done = api.fetch_feedback("ps1", "lea")
print(json.dumps({"success": done["success"], "value": done["value"]}, default=str))
""",
    )
    assert said["success"] is True, said
    (row,) = said["value"]
    assert row["submissions"][0]["has_local_feedback"] is True
    assert row["submissions"][0]["has_exchange_feedback"] is True


async def test_formgrader_says_that_the_exchange_is_missing(grader, unused_tcp_port):
    grader.variables["STUDYHALL_URL"] = f"http://127.0.0.1:{unused_tcp_port}/services/studyhall"
    said = await says(
        grader,
        FORMGRADER
        + """
print(json.dumps({"missing": api.exchange_missing, "assignments": [a["name"] for a in api.get_assignments()]}))
""",
    )
    assert said == {"missing": True, "assignments": ["ps1"]}


async def test_the_assignment_list_shows_all_of_ones_courses_and_two_may_use_one_name(
    grader, terminal, course, classroom, tmp_path
):
    # Another course with an assignment of the same name.
    (tmp_path / "other").mkdir()
    for part in ("source", "quizzes"):
        (tmp_path / "other" / part).symlink_to(SAMPLE / part)
    (tmp_path / "other" / "course.yaml").write_text(
        (SAMPLE / "course.yaml").read_text().replace("slug: python-foundations", "slug: cooking")
    )
    import shutil

    shutil.copytree(tmp_path / "other", tmp_path / "cooking", symlinks=False)
    await classroom.publish(tmp_path / "cooking")
    for name, role in (("ines", Role.INSTRUCTOR), ("lea", Role.LEARNER)):
        await classroom.add_person(name, role, course="cooking")
    second = terminal("ines2", staff=True)
    second.variables["STUDYHALL_TOKEN"] = classroom.token("ines", STAFF_SCOPES)
    second.configure('c.CourseDirectory.course_id = "cooking"')
    write_source(second.folder)
    for one in (grader, second):
        await one.nbgrader("generate_assignment", "ps1")
        await one.nbgrader("release_assignment", "ps1")

    lea = terminal("lea")
    lea.configure("c.Exchange.path_includes_course = True")
    said = await says(
        lea,
        ASSIGNMENT_LIST
        + """
print(json.dumps({"courses": pages.list_courses(), "all": pages.list_assignments()}))
""",
    )
    assert said["courses"] == {"success": True, "value": ["cooking", course]}
    rows = [row for row in said["all"]["value"] if row["assignment_id"] == "ps1"]
    assert [(row["course_id"], row["status"]) for row in rows] == [
        ("cooking", "released"),
        (course, "released"),
    ]
    assert rows[0]["notebooks"][0]["notebook_id"] == "ps1"
    said = await says(
        lea,
        ASSIGNMENT_LIST
        + f"""
done = [pages.fetch_assignment("cooking", "ps1"), pages.fetch_assignment({course!r}, "ps1")]
print(json.dumps(done))
""",
    )
    assert said == [{"success": True}] * 2
    answer(lea.folder / "cooking" / "ps1" / "ps1.ipynb", RIGHT)
    said = await says(
        lea,
        ASSIGNMENT_LIST
        + """
done = pages.submit_assignment("cooking", "ps1")
feedback = pages.fetch_feedback("cooking", "ps1")
print(json.dumps({"done": [done, feedback], "all": pages.list_assignments(course_id="cooking")}))
""",
    )
    assert said["done"] == [{"success": True}] * 2
    submitted = [row for row in said["all"]["value"] if row["status"] == "submitted"]
    assert [(row["course_id"], row["assignment_id"], row["student_id"]) for row in submitted] == [
        ("cooking", "ps1", "lea")
    ]
    assert submitted[0]["submissions"][0]["notebooks"][0]["has_exchange_feedback"] is False
    fetched = [row for row in said["all"]["value"] if row["status"] == "fetched"]
    assert fetched[0]["path"] == "cooking/ps1"

    # `*` is nbgrader's other word for all of one's courses.
    text = (await lea.nbgrader("list", "--course", "*")).text
    assert "cooking ps1" in text
    assert f"{course} ps1" in text
    text = (await grader.nbgrader("list", "--inbound", "--course", "*")).text
    assert "cooking lea ps1" in text
    assert (await grader.nbgrader("list", "--inbound")).text.count(" ps1 ") == 0
