"""The sample course with a question that people grade, what learners send in, and how tests ask for grades."""

import copy
import json
import shutil

from classrooms import SAMPLE

COURSE = "/staff/courses/python-foundations"
LESSON = "values-and-names"
ASSIGNMENT = f"{COURSE}/assignments/{LESSON}"
ESSAY = f"{LESSON}/explain"
EXPLAIN = {
    "cell_type": "markdown",
    "id": "explain",
    "metadata": {
        "nbgrader": {
            "schema_version": 3,
            "grade": True,
            "solution": True,
            "locked": False,
            "task": False,
            "grade_id": "explain",
            "points": 4,
        }
    },
    "source": ["### BEGIN SOLUTION\n", "Because.\n", "### END SOLUTION\n"],
}


def source():
    return json.loads((SAMPLE / "source" / LESSON / f"{LESSON}.ipynb").read_text())


def course_with_an_essay(folder):
    """The sample course; its first lesson ends with a question that people grade."""
    shutil.copytree(SAMPLE, folder)
    text = source()
    text["cells"].append(copy.deepcopy(EXPLAIN))
    (folder / "source" / LESSON / f"{LESSON}.ipynb").write_text(json.dumps(text))
    return folder


def submission(essay="Names point at values.", *, solved=True):
    """What a learner sends: the code right or empty, and an essay."""
    text = source()
    for cell in text["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and not solved:
            cell["source"] = ["pass"]
    cell = copy.deepcopy(EXPLAIN)
    cell["source"] = [essay]
    text["cells"].append(cell)
    return json.dumps(text)


async def book(room, token, **query):
    return await room.data("GET", f"{COURSE}/gradebook", token=token, params=query)


async def cell_of(room, token, name, lesson=LESSON):
    (row,) = (await book(room, token, search=name))["rows"]
    return row["cells"][lesson]


async def own(room, name):
    return await room.data("GET", "/submissions", token=room.token(name))


async def grading(room, token, attempt_id, **query):
    return await room.data("GET", f"/staff/attempts/{attempt_id}/grading", token=token, params=query)


async def give(room, token, attempt_id, *, version=0, test_id=ESSAY, **given):
    return await room.data(
        "PUT",
        f"/staff/attempts/{attempt_id}/grading",
        token=token,
        json={"test_id": test_id, "expected_version": version, **given},
    )
