"""The arithmetic of grades, for any attempts, marks and dates."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall.courses.policy import is_late
from studyhall.gradebook import policy
from studyhall.gradebook.models import Counting, LatePolicy
from studyhall.gradebook.policy import LateRule, Mark, Outcome

DUE = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Attempt:
    number: int
    score: float | None
    max_score: float | None = 10.0


scores = st.none() | st.floats(min_value=0, max_value=10)
attempts = st.lists(scores, max_size=8).map(
    lambda found: [Attempt(number, score) for number, score in enumerate(found, start=1)]
)
moments = st.integers(-90 * 86_400, 90 * 86_400).map(lambda seconds: DUE + timedelta(seconds=seconds))
points = st.floats(min_value=0, max_value=100).map(lambda value: round(value, 2))
outcomes = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), points, st.booleans()), min_size=1, max_size=8
).map(
    lambda rows: [
        Outcome(f"{stem}/t{place}", stem, 0.0 if person else worth / 2, worth, person)
        for place, (stem, worth, person) in enumerate(rows)
    ]
)
marks = st.builds(Mark, manual_score=st.none() | points, extra_credit=st.none() | points)
rules = st.builds(
    LateRule,
    policy=st.sampled_from(LatePolicy),
    percent_per_day=points,
    max_percent=points,
    grace=st.integers(0, 600).map(lambda minutes: timedelta(minutes=minutes)),
)


def final(outcomes, *, marks=None, penalties=None, submitted_at=DUE, late_after=DUE, rule=None):
    return policy.final_grade(
        outcomes,
        marks=marks or {},
        penalties=penalties or {},
        submitted_at=submitted_at,
        late_after=late_after,
        rule=rule or LateRule(),
    )


@given(attempts, st.sampled_from(Counting), st.randoms(use_true_random=False))
def test_the_order_in_which_attempts_are_looked_at_does_not_matter(found, rule, random):
    shuffled = random.sample(found, len(found))
    assert policy.counting_attempt(found, rule) == policy.counting_attempt(shuffled, rule)


@given(attempts)
def test_best_is_the_earliest_of_the_highest(found):
    best = policy.counting_attempt(found, Counting.BEST)
    graded = [attempt for attempt in found if attempt.score is not None]
    if not graded:
        assert best is None
        return
    assert best.score == max(attempt.score for attempt in graded)
    assert not any(attempt.score == best.score and attempt.number < best.number for attempt in graded)


@given(attempts)
def test_last_is_the_newest_that_was_graded(found):
    last = policy.counting_attempt(found, Counting.LAST)
    graded = [attempt.number for attempt in found if attempt.score is not None]
    assert (last.number if last else None) == (max(graded) if graded else None)


def test_best_compares_shares_since_a_regrade_may_have_changed_the_points():
    found = [Attempt(1, 6, 10), Attempt(2, 7, 20)]
    assert policy.counting_attempt(found, Counting.BEST).number == 1


def test_an_assignment_without_points_still_has_an_attempt_that_counts():
    assert policy.counting_attempt([Attempt(1, 0, 0), Attempt(2, 0, 0)], Counting.BEST).number == 1


def test_where_a_person_grades_the_last_counts():
    assert policy.default_counting(graded_by_hand=True) is Counting.LAST
    assert policy.default_counting(graded_by_hand=False) is Counting.BEST


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (timedelta(), 0),
        (timedelta(microseconds=1), 1),
        (DAY, 1),
        (DAY + timedelta(seconds=1), 2),
        (-DAY, 0),
    ],
)
def test_a_day_that_has_begun_counts_whole(after, days):
    assert policy.days_late(DUE + after, DUE) == days


@given(moments)
def test_without_a_due_date_nothing_is_late(moment):
    assert policy.days_late(moment, None) == 0


@given(moments, moments)
def test_late_and_days_late_agree(moment, late_after):
    assert is_late(late_after, moment) == (policy.days_late(moment, late_after) > 0)


@given(points, st.integers(0, 400), rules)
def test_a_penalty_is_never_more_than_there_is_and_grows_with_time(raw, days, rule):
    taken = policy.penalty(raw, days, rule)
    assert 0 <= taken <= raw
    assert taken <= policy.penalty(raw, days + 1, rule)
    if rule.policy is not LatePolicy.PERCENT_PER_DAY or days == 0:
        assert taken == 0


def test_ten_percent_a_day_up_to_half():
    rule = LateRule(policy=LatePolicy.PERCENT_PER_DAY, percent_per_day=10, max_percent=50)
    assert [policy.penalty(20, days, rule) for days in (0, 1, 3, 5, 9)] == [0, 2, 6, 10, 10]


@given(rules, st.none() | moments, st.none() | moments, st.none() | moments, st.none() | moments)
def test_an_extension_never_gives_less_time_to_submit(rule, due, closes, longer, own_close):
    # Everybody's dates may have been moved past it since it was given.
    without = policy.deadlines(rule=rule, released=(due, closes))
    extension = (longer, own_close) if longer is not None else None
    extended = policy.deadlines(rule=rule, released=(due, closes), extension=extension)
    if extension is None:
        assert extended == without
        return
    assert extended.due_at == (longer if due is None else max(due, longer))
    assert extended.closes_at is None or extended.closes_at >= longer
    if due is not None:
        assert extended.late_after >= without.late_after
        if without.closes_at is not None:
            assert extended.closes_at >= without.closes_at


@pytest.mark.parametrize(
    ("everybody", "given", "less"),
    [
        ((DUE, None), (DUE + DAY, None), False),
        ((DUE, None), (DUE, None), False),
        ((DUE, None), (DUE - timedelta(minutes=1), None), True),
        ((DUE, DUE + DAY), (DUE + DAY, DUE + 2 * DAY), False),
        ((DUE, DUE + DAY), (DUE + DAY / 2, DUE + DAY / 2), True),
        ((DUE, None), (DUE + DAY, DUE), True),
        ((None, DUE), (DUE + DAY, None), False),
        ((None, DUE), (DUE - DAY, None), True),
        ((None, None), (DUE + 9 * DAY, None), True),
    ],
)
def test_an_extension_that_takes_time_away_is_seen(everybody, given, less):
    found = policy.deadlines(rule=LateRule(), released=everybody)
    assert policy.is_less_time(found, *given) is less


def test_what_staff_decide_stands_above_what_the_author_published():
    found = policy.deadlines(rule=LateRule(), released=(DUE, DUE + DAY), decided=(DUE + 2 * DAY, None))
    assert (found.due_at, found.closes_at) == (DUE + 2 * DAY, DUE + DAY)


def test_a_hard_close_closes_after_the_grace():
    rule = LateRule(policy=LatePolicy.HARD_CLOSE, grace=timedelta(minutes=30))
    found = policy.deadlines(rule=rule, released=(DUE, None))
    assert found.closes_at == found.late_after == DUE + timedelta(minutes=30)
    early = policy.deadlines(rule=rule, released=(DUE, DUE - DAY))
    assert early.closes_at == DUE - DAY
    assert policy.deadlines(rule=rule, released=(None, None)).closes_at is None


@given(outcomes, st.data(), rules, moments)
def test_a_final_grade_adds_up(found, data, rule, submitted_at):
    given_marks = {
        outcome.test_id: data.draw(marks) for outcome in found if data.draw(st.booleans(), label="marked")
    }
    penalties = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), points))
    grade = final(
        found, marks=given_marks, penalties=penalties, submitted_at=submitted_at, late_after=DUE, rule=rule
    )
    assert grade.score >= 0
    assert grade.score == max(grade.raw - grade.penalty, 0)
    assert grade.raw == pytest.approx(
        sum(policy.test_score(outcome, given_marks.get(outcome.test_id)) for outcome in found)
    )
    assert grade.max_score == pytest.approx(sum(outcome.max_points for outcome in found))
    assert math.isclose(grade.penalty, sum(one.penalty for one in grade.notebooks.values()), abs_tol=1e-9)
    for stem, notebook in grade.notebooks.items():
        assert notebook.overridden == (stem in penalties)
        assert notebook.penalty == penalties.get(stem, notebook.automatic_penalty)
    waiting = {
        outcome.test_id
        for outcome in found
        if outcome.needs_person
        and (outcome.test_id not in given_marks or given_marks[outcome.test_id].manual_score is None)
    }
    assert set(grade.waiting) == waiting


def test_a_persons_nought_is_not_nothing():
    found = [Outcome("a/t", "a", 3, 5, needs_person=False)]
    assert final(found, marks={"a/t": Mark(manual_score=0)}).score == 0
    assert final(found, marks={"a/t": Mark(comment="Nearly.")}).score == 3
    assert final(found, marks={"a/t": Mark(extra_credit=1)}).score == 4


def test_extra_credit_counts_once_there_is_a_score_as_in_nbgrader():
    found = [Outcome("a/t", "a", 0, 5, needs_person=True)]
    waiting = final(found, marks={"a/t": Mark(extra_credit=2)})
    assert (waiting.raw, waiting.extra_credit, waiting.waiting) == (0, 0, ("a/t",))
    scored = final(found, marks={"a/t": Mark(manual_score=0, extra_credit=2)})
    assert (scored.raw, scored.extra_credit, scored.waiting) == (2, 2, ())


def test_extra_credit_is_subject_to_the_penalty_too_as_in_nbgrader():
    found = [Outcome("a/t", "a", 8, 10, needs_person=False)]
    rule = LateRule(policy=LatePolicy.PERCENT_PER_DAY, percent_per_day=10)
    grade = final(found, marks={"a/t": Mark(extra_credit=2)}, submitted_at=DUE + DAY, rule=rule)
    assert (grade.raw, grade.penalty, grade.score) == (10, 1, 9)
    overridden = final(found, penalties={"a": 20}, submitted_at=DUE + DAY, rule=rule)
    assert (overridden.penalty, overridden.score) == (20, 0)
