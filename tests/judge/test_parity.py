"""Class F: nbgrader's own scores of a class of sixty, cell by cell. See ``fixtures/README.md``."""

from __future__ import annotations

import asyncio
import functools
import json
import tarfile
from pathlib import Path

import pytest
from studyhall_judge.report import GradeReport, GradeRequest, Limits, Release
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import ReleaseOptions, graded_source

ARCHIVE = Path(__file__).parent / "fixtures" / "nbgrader-class.tar.xz"
AT_ONCE = 4


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "nbgrader-class"


def release_of(course, assignment) -> Release:
    header = tuple(read_notebook((course / "source/header.ipynb").read_bytes()).cells)
    folder = course / "source" / assignment
    notebooks = {
        path.stem: write_notebook(
            graded_source(read_notebook(path.read_bytes()), ReleaseOptions(header=header))
        )
        for path in sorted(folder.glob("*.ipynb"))
    }
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".ipynb"}
    return Release.build(notebooks, files)


async def grade_class(judge, course, assignment, scoring) -> dict[str, GradeReport]:
    release = release_of(course, assignment)
    turns = asyncio.Semaphore(AT_ONCE)

    async def send():
        return release

    async def grade(folder):
        notebooks = {
            path.stem: path.read_bytes().decode("utf-8", "replace") for path in folder.glob("*.ipynb")
        }
        request = GradeRequest(
            request_id=folder.parent.name,
            release_hash=release.hash,
            scoring=scoring,
            notebooks=notebooks,
            limits=Limits(cell_seconds=5),
        )
        async with turns:
            async for event in judge.client.grade(request, send):
                if isinstance(event, GradeReport):
                    return folder.parent.name, event
        raise AssertionError("no report")

    folders = sorted(course.glob(f"submitted/*/{assignment}"))
    return dict(await asyncio.gather(*map(grade, folders)))


@pytest.fixture(scope="module")
def graded(judge, course):
    """Grade the class in an assignment, once for all who ask."""

    @functools.cache
    def reports(assignment, scoring):
        return asyncio.run(grade_class(judge, course, assignment, scoring))

    return reports


def differences(course, assignment, reports):
    """Yield (student, cell, nbgrader's score, ours) where nbgrader scored a cell and we differ."""
    scores = json.loads((course / "scores.json").read_text(encoding="utf-8"))
    for student, report in reports.items():
        ours = {(test.notebook, test.grade_id): test for test in report.tests}
        for notebook, graded in (scores[student][assignment].get("notebooks") or {}).items():
            for grade_id, grade in graded["grades"].items():
                test = ours[notebook, grade_id]
                mine = None if test.status == "needs_manual" else test.points
                if grade["auto_score"] is not None and mine != grade["auto_score"]:
                    yield student, grade_id, grade["auto_score"], mine


@pytest.mark.parametrize("assignment_name", ["ps1", "ps2"])
def test_nbgrader_mode_gives_nbgraders_scores(graded, course, assignment_name):
    reports = graded(assignment_name, "nbgrader")
    assert len(reports) == 60
    assert list(differences(course, assignment_name, reports)) == []


NAMES_OF_E = {"stderr", "numpy"}


@pytest.mark.parametrize("assignment_name", ["ps1", "ps2"])
def test_in_default_mode_every_difference_is_a_mended_quirk(graded, course, assignment_name):
    names = json.loads((course / "adversarial-names.json").read_text(encoding="utf-8"))
    reports = graded(assignment_name, "default")
    for student, grade_id, theirs, mine in differences(course, assignment_name, reports):
        stderr = names.get(student) == "stderr" and theirs == 0
        numpy_number = grade_id == "test_partial" and theirs == 2.0 and mine == 1.5
        assert stderr or numpy_number, (student, grade_id, theirs, mine)


def test_where_nbgrader_refused_the_damaged_notebooks_earn_what_they_hold(graded, course):
    names = {
        name: student for student, name in json.loads((course / "adversarial-names.json").read_text()).items()
    }
    reports = graded("ps1", "default")
    for name in ("grade_false", "solution_true", "duplicate", "type_change", "unknown_id", "old_schema"):
        report = reports[names[name]]
        assert report.status in ("graded", "needs_manual"), name
        assert report.score > 0, name
        assert report.repairs, name
