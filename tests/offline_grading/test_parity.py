"""A class of 60 against nbgrader's own points, cell by cell."""

import json

import nbgrader_class
import pytest
from graded_folders import run_grade

ASSIGNMENTS = ("ps1", "ps2")

STDERR = "any stderr output scores 0"
DELETED = 'a deleted test cell means "needs manual grade" for ever'
UNREAD = "np.float64(1.5) is not parsed and earns full marks"

DIFFERENCES = {
    ("ps1", "adv003", "correct_squares"): (DELETED, 1.0),
    ("ps1", "adv012", "correct_squares"): (STDERR, 1.0),
    ("ps1", "adv012", "squares_invalid_input"): (STDERR, 1.0),
    ("ps1", "adv012", "correct_sum_of_squares"): (STDERR, 0.5),
    ("ps1", "adv018", "correct_squares"): (DELETED, 1.0),
    ("ps1", "adv018", "squares_invalid_input"): (DELETED, 1.0),
    ("ps1", "adv018", "correct_sum_of_squares"): (DELETED, 0.5),
    ("ps1", "adv018", "sum_of_squares_uses_squares"): (DELETED, 0.5),
    ("ps1", "adv018", "sum_of_squares_equation"): (DELETED, 0.0),
    ("ps1", "adv018", "sum_of_squares_application"): (DELETED, 0.0),
    ("ps2", "adv003", "test_group_means"): (DELETED, 0.0),
    ("ps2", "adv012", "test_zscore"): (STDERR, 2.0),
    ("ps2", "adv012", "test_partial"): (STDERR, 2.0),
    ("ps2", "adv011", "test_partial"): (UNREAD, 1.5),
    ("ps2", "ok003", "test_partial"): (UNREAD, 1.5),
    ("ps2", "ok015", "test_partial"): (UNREAD, 1.5),
    ("ps2", "ok027", "test_partial"): (UNREAD, 1.5),
    ("ps2", "ok039", "test_partial"): (UNREAD, 1.5),
}
"""All cells on which default scoring and nbgrader disagree: which quirk of nbgrader it is, and the default points."""

SOLVED = {
    "correct_squares": 1.0,
    "squares_invalid_input": 1.0,
    "correct_sum_of_squares": 0.5,
    "sum_of_squares_uses_squares": 0.5,
}
NOTHING = dict.fromkeys(SOLVED, 0.0)
EARNED = {
    # What these notebooks hold is a right answer, damaged around it …
    ("ps1", "adv009"): SOLVED,
    ("ps1", "adv010"): SOLVED,
    ("ps1", "adv011"): SOLVED,
    ("ps1", "adv015"): SOLVED,
    ("ps1", "adv017"): SOLVED,  # whose file goes on after the notebook's end
    # … or a wrong squares() and a sum_of_squares() that calls it, which is worth half a point.
    ("ps1", "adv007"): NOTHING | {"sum_of_squares_uses_squares": 0.5},
    ("ps1", "adv008"): NOTHING | {"sum_of_squares_uses_squares": 0.5},
    ("ps1", "adv014"): NOTHING | {"sum_of_squares_uses_squares": 0.5},
    ("ps2", "adv014"): {"test_zscore": 0.0, "test_group_means": 3.0, "test_plot": 2.0, "test_partial": 0.0},
}
"""What damaged work has earned where nbgrader gave nothing: it refused the submission or stopped the class."""


@pytest.fixture(scope="module")
def class_of_60(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    course, scores = nbgrader_class.unpack(folder)
    graded = {}
    for scoring in ("nbgrader", "default"):
        for assignment in ASSIGNMENTS:
            file = folder / f"{assignment}-{scoring}.json"
            ran = run_grade(course, assignment, "--scoring", scoring, json_file=file)
            assert ran.code == 0, ran.err
            graded[scoring, assignment] = ran.results
    return scores, graded


def cells_of(result):
    return {
        (notebook, name): cell
        for notebook, one in result["notebooks"].items()
        for name, cell in one["cells"].items()
    }


def truth_of(scores, student, assignment):
    """Return nbgrader's cells, or None when it produced nothing."""
    told = scores[student][assignment]
    if not told["autograded_output_exists"]:
        return None
    return {
        (notebook, name): {
            "score": cell["score"],
            "max_score": cell["max_score"],
            "needs_manual": cell["needs_manual_grade"],
        }
        for notebook, one in told["notebooks"].items()
        for name, cell in one["grades"].items()
    }


def compared(scores, graded, scoring):
    """Yield (assignment, student, cell, nbgrader's, ours) for every cell that nbgrader scored."""
    for student in scores:
        for assignment in ASSIGNMENTS:
            theirs = truth_of(scores, student, assignment)
            if theirs is None:
                continue
            ours = cells_of(graded[scoring, assignment][student][assignment])
            for (notebook, name), cell in theirs.items():
                found = ours[notebook, name]
                yield assignment, student, name, cell, {key: found[key] for key in cell}


def test_nbgrader_scoring_equals_nbgrader_in_every_cell(class_of_60):
    scores, graded = class_of_60
    rows = list(compared(scores, graded, "nbgrader"))
    assert len(rows) == 763
    assert [row for row in rows if row[3] != row[4]] == []


def test_every_difference_of_default_scoring_is_a_quirk_of_nbgrader(class_of_60):
    scores, graded = class_of_60
    different = {row[:3]: row for row in compared(scores, graded, "default") if row[3] != row[4]}
    assert different.keys() == DIFFERENCES.keys()
    for place, (quirk, points) in DIFFERENCES.items():
        theirs, ours = different[place][3:]
        assert ours == {"score": points, "max_score": theirs["max_score"], "needs_manual": False}, place
        assert theirs["needs_manual"] == (quirk == DELETED), place
        assert theirs["score"] == (theirs["max_score"] if quirk == UNREAD else 0.0), place


@pytest.mark.parametrize("scoring", ["nbgrader", "default"])
def test_damaged_work_has_what_it_earned_where_nbgrader_gave_nothing(class_of_60, scoring):
    scores, graded = class_of_60
    nothing = {(a, s) for s in scores for a in ASSIGNMENTS if truth_of(scores, s, a) is None}
    assert nothing == EARNED.keys()
    for (assignment, student), earned in EARNED.items():
        result = graded[scoring, assignment][student][assignment]
        assert result["status"] in ("graded", "needs_manual")
        points = {name: cell["score"] for (_, name), cell in cells_of(result).items()}
        assert points | earned == points, (assignment, student)


def test_no_hidden_test_in_what_learners_see(class_of_60):
    _, graded = class_of_60
    for results in graded.values():
        for student in results.values():
            for words in ("BEGIN HIDDEN", "normal(3, 5", "default_rng", "arange(1000)"):
                assert words not in json.dumps([one["learner_text"] for one in student.values()])
