"""Which answers are right, and what they are worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall.quizzes import policy

CHOICE = {"id": "q1", "type": "multiple_choice", "points": 10, "options": [{"id": "a"}, {"id": "b"}]}
SHORT = {"id": "q2", "type": "short_answer", "points": 5, "options": []}
KEYS = {
    "q1": {"answer": "b", "accepted": [], "explanation": ""},
    "q2": {"answer": None, "accepted": ["while", "a = 5"], "explanation": ""},
}


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        (CHOICE, "b", True),
        (CHOICE, "a", False),
        (CHOICE, "B", False),
        (CHOICE, None, False),
        (SHORT, "while", True),
        (SHORT, "  WHILE ", True),
        (SHORT, "a=5", True),
        (SHORT, "A\t=\n5", True),
        (SHORT, "while:", False),
        (SHORT, "", False),
        (SHORT, None, False),
    ],
)
def test_an_answer_is_right_or_it_is_not(question, answer, right):
    assert policy.is_right(question, KEYS[question["id"]], answer) is right


def test_letters_that_look_equal_are_equal():
    key = {"accepted": ["Crème brûlée"]}
    decomposed = "cre\u0300me bru\u0302le\u0301e"
    assert policy.is_right(SHORT, key, decomposed)


@pytest.mark.parametrize(
    ("answers", "score", "percent"),
    [
        ({}, 0, 0.0),
        ({"q1": "b"}, 10, 66.7),
        ({"q2": "while"}, 5, 33.3),
        ({"q1": "b", "q2": "While"}, 15, 100.0),
        ({"q1": "b", "q2": "for", "q9": "b"}, 10, 66.7),
    ],
)
def test_scores_are_percent_of_points(answers, score, percent):
    outcome = policy.mark([CHOICE, SHORT], KEYS, answers)
    assert (outcome.score, outcome.total, outcome.percent) == (score, 15, percent)


@pytest.mark.parametrize(
    ("score", "total", "pass_score", "passes"),
    [(7, 10, 70, True), (6999, 10000, 70, False), (0, 10, 0, True), (2, 3, 67, False), (3, 3, 100, True)],
)
def test_the_pass_mark_is_counted_in_points_and_never_rounded_up(score, total, pass_score, passes):
    assert policy.Outcome((), score, total).passes(pass_score) is passes


def test_unanswered_questions_are_numbered_as_the_learner_sees_them():
    assert policy.unanswered([CHOICE, SHORT], {"q1": "a", "q2": "  "}) == [(2, "q2")]
    assert policy.unanswered([CHOICE, SHORT], {}) == [(1, "q1"), (2, "q2")]
    assert policy.named([3]) == "question 3"
    assert policy.named([1, 2, 4]) == "questions 1, 2 and 4"


@given(st.text())
def test_comparing_is_blind_to_case_and_spaces_around_any_text(text):
    assert policy.comparable(f" {text}\n") == policy.comparable(text)
    once = policy.comparable(text)
    assert policy.comparable(once) == policy.comparable(policy.comparable(once))
