"""Notebooks with driven tests: a release of them, and a learner's answers."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_notebook
from studyhall_judge.report import Release
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source, learner_version

IMPORT = "from studyhall_notebooks.driven import check\n"


def build(cells):
    """Return a release and the learner's notebook of (grade_id, source, points) cells; 0 points: an answer."""
    notebook = new_notebook()
    for identifier, source, points in cells:
        cell = new_code_cell(source, id=identifier)
        test = points > 0
        marks = {"grade_id": identifier, "grade": test, "solution": not test, "locked": test, "task": False}
        cell.metadata["nbgrader"] = marks | {"schema_version": 3} | ({"points": points} if test else {})
        notebook.cells.append(cell)
    graded = graded_source(notebook)
    learner = learner_version(graded, course="c", lesson="l", release=1, notebook="n")
    return Release.build({"n": write_notebook(graded)}), learner


def answered(learner, answers):
    """Return the files of a submission in which these answers stand, by grade id."""
    for cell in learner.cells:
        cell["source"] = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    return {"n": write_notebook(learner)}
