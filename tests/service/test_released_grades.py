"""What a released grade means to a learner's way through a course: tests alone may never reach what people give."""

import pytest
from essay_course import ASSIGNMENT, COURSE, LESSON, cell_of, give
from hypothesis import given
from hypothesis import strategies as st
from studyhall.courses.policy import Result, best_result, is_passed, percent

NEXT = "choices-and-loops"
points = st.floats(min_value=0, max_value=1000)
some_points = st.none() | points
released = st.none() | st.builds(Result, score=points, max_score=st.just(0) | points)


@given(score=some_points, max_score=some_points, grade=released)
def test_the_better_one_counts_and_is_never_a_mixture(score, max_score, grade):
    best = best_result(score, max_score, grade)
    assert best in ((score, max_score), (grade.score, grade.max_score) if grade else None)
    of_all = [percent(score, max_score), percent(grade.score, grade.max_score) if grade else None]
    assert percent(*best) == max((one for one in of_all if one is not None), default=None)


@pytest.mark.parametrize(
    ("state", "grade", "passes"),
    [
        ("submitted", None, False),
        ("passed", None, True),
        ("submitted", Result(7, 10), True),
        ("submitted", Result(6.9, 10), False),
        ("passed", Result(0, 10), True),
        ("submitted", Result(0, 0), False),
        ("passed", Result(0, 0), True),
    ],
)
def test_a_grade_passes_where_tests_have_not_and_takes_no_pass_away(state, grade, passes):
    assert is_passed(state, grade, pass_score=70) == passes


async def lessons(room, name):
    """Somebody's outline: each lesson with state, percent and why it is locked."""
    outline = await room.data("GET", "/courses/python-foundations/outline", token=room.token(name))
    rows = [row for unit in outline["units"] for row in unit["lessons"]]
    return {row["slug"]: (row["state"], row["best_percent"], row["locked_reason"]) for row in rows}


async def passed(room, name, staff):
    """How many lessons somebody has passed, and how many learners have passed the first one."""
    (course,) = await room.data("GET", "/courses", token=room.token(name))
    rows = await room.data("GET", f"{COURSE}/assignments", token=staff)
    return course["lessons_passed"], next(row["passed"] for row in rows if row["lesson"] == LESSON)


async def start_next(room, name):
    path = f"/courses/python-foundations/lessons/{NEXT}/start"
    return (await room.call("POST", path, token=room.token(name), json={})).status_code


@pytest.mark.asyncio
async def test_a_released_grade_passes_a_lesson_and_opens_the_next_one(essays, ines, gabriel):
    attempt = (await cell_of(essays, gabriel, "liam"))["attempt_id"]
    await give(essays, gabriel, attempt, manual_score=4, extra_credit=16)
    before = await lessons(essays, "liam")
    assert before[LESSON] == ("submitted", 0.0, None)
    assert before[NEXT][0] == "locked", "what is not released yet opens nothing"
    assert await start_next(essays, "liam") == 403
    assert await passed(essays, "liam", ines) == (0, 1)

    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    after = await lessons(essays, "liam")
    assert after[LESSON] == ("passed", 83.3, None)
    assert after[NEXT] == ("new", None, None)
    assert await passed(essays, "liam", ines) == (1, 2)
    assert await start_next(essays, "liam") == 200

    await essays.call("DELETE", f"{ASSIGNMENT}/release-grades", token=ines)
    back = await lessons(essays, "liam")
    assert back[LESSON] == ("submitted", 0.0, None)
    assert back[NEXT][0] == "started", "what was begun stays open"
    assert await passed(essays, "liam", ines) == (0, 1)


@pytest.mark.asyncio
async def test_a_grade_below_what_tests_gave_takes_nothing_away(essays, ines, gabriel):
    attempt = (await cell_of(essays, gabriel, "lea"))["attempt_id"]
    before = await lessons(essays, "lea")
    assert before[LESSON] == ("passed", 83.3, None)
    await essays.data(
        "PUT", f"/staff/attempts/{attempt}/penalties", token=gabriel, json={"notebook": LESSON, "penalty": 15}
    )
    await essays.data("POST", f"{ASSIGNMENT}/release-grades", token=ines, json={})
    assert await lessons(essays, "lea") == before
    assert await passed(essays, "lea", ines) == (1, 1)
