"""What a learner is told to go on with: never a lesson that takes nothing from them any more."""

import json
import shutil

import pytest
from classrooms import SAMPLE

FIRST, SECOND = "values-and-names", "choices-and-loops"
OUTLINE = "/courses/python-foundations/outline"


def course(folder, settings):
    """The sample course with settings of its first lesson; its second one is not locked."""
    shutil.copytree(SAMPLE, folder)
    file = folder / "course.yaml"
    lines = []
    for line in file.read_text().splitlines():
        if line.strip().startswith("after:"):
            continue
        lines.append(line)
        if line.strip() == f"- slug: {FIRST}":
            indent = " " * line.index("slug")
            lines += [indent + setting for setting in settings]
    file.write_text("\n".join(lines))
    return folder


@pytest.mark.asyncio
async def test_a_closed_lesson_is_not_gone_on_with(classroom, tmp_path):
    lea = classroom.token("lea")
    await classroom.data("POST", f"/courses/python-foundations/lessons/{FIRST}/start", token=lea, json={})
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == FIRST
    await classroom.publish(course(tmp_path / "closed", ["closes: 2020-01-01T00:00:00Z"]))
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == SECOND


@pytest.mark.asyncio
async def test_a_lesson_that_is_only_read_is_gone_on_with_once(classroom, tmp_path):
    folder = course(tmp_path / "reading", [])
    file = folder / "source" / FIRST / f"{FIRST}.ipynb"
    notebook = json.loads(file.read_text())
    notebook["cells"] = [cell for cell in notebook["cells"] if not cell["metadata"]]
    file.write_text(json.dumps(notebook))
    await classroom.publish(folder)
    lea = classroom.token("lea")
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == FIRST
    await classroom.data("POST", f"/courses/python-foundations/lessons/{FIRST}/start", token=lea, json={})
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == SECOND


@pytest.mark.asyncio
async def test_a_lesson_without_attempts_left_is_not_gone_on_with(classroom, tmp_path):
    await classroom.publish(course(tmp_path / "once", ["max_attempts: 1"]))
    lea = classroom.token("lea")
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == FIRST
    await classroom.submit(lea, {FIRST: (SAMPLE / "source" / FIRST / f"{FIRST}.ipynb").read_text()})
    assert (await classroom.data("GET", OUTLINE, token=lea))["continue"]["lesson"] == SECOND
