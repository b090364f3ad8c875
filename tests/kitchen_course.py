"""A small course with what a grader meets: tests, a driven test, an essay and a drawing that a person grades."""

import json
import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

COURSE = "harbour-kitchen"
BREAD = "weekly-bread"
CAKE = "cake-day"
PANCAKES = "pancakes"

SETTINGS = f"""slug: {COURSE}
title: Harbour kitchen
description: Bread on weekdays, cake on Sundays.
units:
  - slug: baking
    title: Baking
    lessons:
      - slug: {BREAD}
        title: Weekly bread
        ai_review: false
        due: 2026-10-01T18:00:00Z
      - slug: {CAKE}
        title: Cake day
        ai_review: false
"""

LOAVES = "def loaves(guests):\n    return guests // 4 + 1"
CUPS = "def cups(grams):\n    return round(grams / 120, 1)"
ESSAY = (
    "Flour and water rest together, and wild yeast does the work slowly: that is where the taste comes from."
)
EGGS = "def eggs(people):\n    return (people + 1) // 2"
SLICES = "def slices(guests, each):\n    return guests * each"


def _graded(cell, grade_id, *, points=None, solution=False):
    about = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": points is not None and not solution,
        "task": False,
    }
    if points is not None:
        about["points"] = points
    cell.metadata["nbgrader"] = about
    return cell


def _answer(grade_id, code):
    head, _, body = code.partition("\n")
    text = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
    return _graded(new_code_cell(text), grade_id, solution=True)


def _test(grade_id, code, points, *, title=None):
    cell = _graded(new_code_cell(code), grade_id, points=points)
    if title:
        cell.metadata["studyhall"] = {"title": title}
    return cell


PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def _bread():
    return new_notebook(
        metadata=PYTHON,
        cells=[
            new_markdown_cell(
                "# Weekly bread\n\nFour guests share a loaf, and one loaf stays on the counter."
            ),
            _answer("loaves", LOAVES),
            _test("test_loaves", "assert loaves(8) == 3, 'eight guests need three loaves'", 2),
            _test(
                "test_loaves_more",
                "from studyhall_notebooks.driven import check\n\n### BEGIN HIDDEN TESTS\n"
                'check.call("loaves", 0).equals(1)\ncheck.call("loaves", 41).equals(11)\n### END HIDDEN TESTS',
                3,
            ),
            new_markdown_cell(
                "## Sourdough\n\nWhy does sourdough need a whole night? Answer in a sentence or two."
            ),
            _graded(new_markdown_cell("Write your answer here."), "why_sourdough", points=5, solution=True),
            new_markdown_cell(
                "## Cups\n\nTurn grams of flour into cups. A person looks at how you wrote it."
            ),
            _graded(
                new_code_cell(
                    "def cups(grams):\n    ### BEGIN SOLUTION\n    return round(grams / 120, 1)\n    ### END SOLUTION"
                ),
                "cups",
                points=5,
                solution=True,
            ),
        ],
    )


def _cake(expected):
    return new_notebook(
        metadata=PYTHON,
        cells=[
            new_markdown_cell("# Cake day\n\nHow many slices does the kitchen cut?"),
            _answer("slices", SLICES),
            _test("test_slices", f"assert slices(6, 2) == {expected}, 'six guests, two slices each'", 4),
            _test("test_no_guests", "assert slices(0, 3) == 0", 6),
        ],
    )


def pancakes():
    """Return the source of an assignment that is not in the course: a grader makes it with nbgrader's own commands."""
    return new_notebook(
        metadata=PYTHON,
        cells=[
            new_markdown_cell("# Pancakes\n\nTwo people share an egg, and nobody gets half of one."),
            _answer("eggs", EGGS),
            _test("test_eggs", "assert eggs(4) == 2, 'four people need two eggs'", 1),
            _test(
                "test_eggs_odd",
                "assert eggs(2) == 1\n### BEGIN HIDDEN TESTS\nassert eggs(5) == 3\n### END HIDDEN TESTS",
                2,
            ),
            new_markdown_cell("## The batter\n\nWhy does it rest before it meets the pan?"),
            _graded(new_markdown_cell("Flour needs time."), "why_rest", points=5, solution=True),
        ],
    )


def write_course(folder, *, slices=12):
    """Write the course; `slices` is what its cake test expects, so that a test can be wrong and be mended."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "course.yaml").write_text(SETTINGS)
    for lesson, notebook in ((BREAD, _bread()), (CAKE, _cake(slices))):
        place = folder / "source" / lesson
        place.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, place / f"{lesson}.ipynb")
    return folder


def handed_in(lesson, answers):
    """Return a lesson's notebook with answers by grade id, as a learner would hand it in.

    Cells that no answer is given for are left as the learner found them.
    """
    notebook = _bread() if lesson == BREAD else _cake(12)
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader")
        cell.source = re.sub(
            r"\n### BEGIN HIDDEN TESTS.*### END HIDDEN TESTS", "", cell.source, flags=re.DOTALL
        )
        if not about or not about["solution"]:
            continue
        if about["grade_id"] in answers:
            cell.source = answers[about["grade_id"]]
        elif cell.cell_type == "code":
            cell.source = "# YOUR CODE HERE\nraise NotImplementedError()"
    return {lesson: json.dumps(notebook)}
