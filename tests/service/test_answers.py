"""What graders read as a learner's answer to a task: what was added or rewritten, never the lesson's own cells."""

import json

from studyhall.gradebook.answers import Pages, cells_of

TASK = {"grade_id": "sketch", "task": True, "grade": False, "solution": False, "locked": True}


def notebook(*after):
    cells = [{"cell_type": "markdown", "source": "Sketch it.", "metadata": {"nbgrader": TASK}}]
    cells += [{"cell_type": "markdown", "source": text, "metadata": {}} for text in after]
    return {"p": cells_of(json.dumps({"cells": cells}))}


def answer(sent, released):
    found = Pages(sent=sent, released=released).answer("p", "sketch")
    return found.source, found.unchanged


def test_the_lessons_own_cells_behind_a_task_are_no_answer():
    released = notebook("A quiz.", "The end.")
    assert answer(released, released) == ("", True)


def test_what_the_learner_added_between_or_wrote_over_is_the_answer():
    released = notebook("Write here.", "The end.")
    assert answer(notebook("My sketch.", "Write here.", "The end."), released) == ("My sketch.", False)
    assert answer(notebook("My sketch.", "The end."), released) == ("My sketch.", False)
    assert answer(notebook("Write here.", "The end.", "The end."), released) == ("The end.", False)


def test_markdown_is_drawn_with_the_pictures_of_its_cells():
    cells = [
        {"cell_type": "markdown", "source": "Sketch it.", "metadata": {"nbgrader": TASK}},
        {
            "cell_type": "markdown",
            "source": "**Mine** $x^2$ ![s](attachment:s.png)",
            "metadata": {},
            "attachments": {"s.png": {"image/png": "QUFB"}},
        },
    ]
    pages = Pages(sent={"p": cells_of(json.dumps({"cells": cells}))}, released=notebook())
    pages.draw("p", "sketch")
    found = pages.answer("p", "sketch")
    assert "<strong>Mine</strong> <math" in found.html
    assert 'src="data:image/png;base64,QUFB"' in found.html
    assert found.source == "**Mine** $x^2$ ![s](attachment:s.png)"


def test_code_and_what_is_missing_are_not_drawn():
    code = {"grade_id": "f", "task": False, "grade": True, "solution": True}
    cells = [{"cell_type": "code", "source": "*1*", "metadata": {"nbgrader": code}, "attachments": 1}]
    pages = Pages(sent={"p": cells_of(json.dumps({"cells": cells}))}, released={})
    pages.draw("p", "f")
    pages.draw("p", "gone")
    assert pages.answer("p", "f").html is None
    assert pages.answer("p", "gone") is None
