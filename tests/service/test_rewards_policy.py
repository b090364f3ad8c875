"""Levels, what results are worth, streaks, and when a week begins."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall.rewards import policy

TODAY = date(2026, 5, 14)


def days(*back):
    """Days before today, by how long ago they were."""
    return [TODAY - timedelta(days=number) for number in back]


@pytest.mark.parametrize(
    ("xp", "level", "into", "to_go"),
    [
        (0, 1, 0, 200),
        (199, 1, 199, 1),
        (200, 2, 0, 400),
        (599, 2, 399, 1),
        (600, 3, 0, 600),
        (2450, 5, 450, 550),
        (1_000_000_000, 3162, 491_800, 140_600),
    ],
)
def test_levels(xp, level, into, to_go):
    assert policy.level_of(xp) == level
    assert xp - policy.level_start(level) == into
    assert policy.level_start(level + 1) - xp == to_go


@pytest.mark.parametrize(
    ("level", "band"),
    [
        (1, "Beginner"),
        (3, "Beginner"),
        (4, "Intermediate"),
        (6, "Intermediate"),
        (7, "Advanced"),
        (9, "Advanced"),
        (10, "Expert"),
        (99, "Expert"),
    ],
)
def test_bands(level, band):
    assert policy.band_of(level) == band


@given(st.integers(0, 10**15))
def test_a_level_holds_its_xp_and_more_xp_never_lowers_it(xp):
    level = policy.level_of(xp)
    assert policy.level_start(level) <= xp < policy.level_start(level + 1)
    assert policy.level_of(xp + 1) >= level


@pytest.mark.parametrize(
    ("percent", "lesson", "quiz"),
    [(None, 0, 0), (0, 0, 0), (66.7, 66, 33), (99.9, 99, 49), (100, 100, 50), (150, 100, 50), (-3, 0, 0)],
)
def test_what_results_are_worth(percent, lesson, quiz):
    assert policy.lesson_worth(percent) == lesson
    assert policy.quiz_worth(percent) == quiz


@given(st.lists(st.floats(0, 150), max_size=30))
def test_however_results_come_all_gains_together_are_what_the_best_is_worth(percents):
    paid = 0
    for percent in percents:
        gained = policy.gain(worth=policy.quiz_worth(percent), paid=paid)
        assert gained >= 0
        paid += gained
    assert paid == policy.quiz_worth(max(percents, default=0))
    assert paid <= policy.MAX_QUIZ_XP


@pytest.mark.parametrize(
    ("active", "freezes", "current", "longest", "active_today", "held"),
    [
        ((), (), 0, 0, False, 0),
        ((0,), (), 1, 1, True, 0),
        ((1,), (), 1, 1, False, 0),
        ((2,), (), 0, 1, False, 0),
        ((2, 1, 0), (), 3, 3, True, 0),
        ((3, 2, 1), (), 3, 3, False, 0),
        ((5, 4, 3, 1, 0), (), 2, 3, True, 0),
        ((9, 8, 7, 6, 2), (), 0, 4, False, 0),
        # A freeze carries over one missed day, is spent, and does not lengthen the streak.
        ((3, 2, 0), (9,), 3, 3, True, 0),
        # Two missed days need two.
        ((4, 3, 0), (9,), 1, 2, True, 1),
        ((4, 3, 0), (9, 9), 3, 3, True, 0),
        # Two are held at most.
        ((4, 3), (9, 9, 9), 2, 2, False, 0),
        ((5, 4, 0), (9, 9, 9), 1, 2, True, 2),
        # One that is spent is gone.
        ((5, 3, 1), (9,), 1, 2, False, 0),
        # One that was received too late does not bring a streak back.
        ((9, 8, 0), (0,), 1, 2, True, 1),
    ],
)
def test_streaks(active, freezes, current, longest, active_today, held):
    found = policy.streak(days(*active), TODAY, freezes=days(*freezes))
    assert found == policy.Streak(current, longest, active_today, held)


@given(st.sets(st.integers(0, 60)))
def test_a_streak_is_the_run_of_days_that_ends_today_or_yesterday(back):
    found = policy.streak(days(*back), TODAY)
    start = 0 if 0 in back else 1
    expected = next(length for length in range(63) if start + length not in back)
    assert found.current == expected
    assert found.longest >= found.current
    assert found.longest <= len(back)
    assert found.active_today == (0 in back)
    assert found.freezes == 0


@given(st.sets(st.integers(0, 60)), st.lists(st.integers(0, 60), max_size=6))
def test_freezes_never_shorten_a_streak_and_two_are_held_at_most(back, freezes):
    without = policy.streak(days(*back), TODAY)
    helped = policy.streak(days(*back), TODAY, freezes=days(*freezes))
    assert helped.current >= without.current
    assert helped.longest >= without.longest
    assert 0 <= helped.freezes <= policy.MAX_FREEZES


@given(st.sets(st.integers(1, 60)))
def test_an_action_today_extends_by_exactly_one_or_begins_anew(back):
    before = policy.streak(days(*back), TODAY)
    after = policy.streak(days(0, *back), TODAY)
    assert after.current == before.current + 1
    assert policy.streak(days(0, 0, *back), TODAY) == after


def test_a_day_that_has_not_come_in_the_new_zone_counts_as_today():
    tomorrow = TODAY + timedelta(days=1)
    found = policy.streak([*days(1, 0), tomorrow], TODAY)
    assert found == policy.Streak(3, 3, True, 0)


@pytest.mark.parametrize(
    ("window", "now", "zone", "expected"),
    [
        ("weekly", "2026-05-14T10:00:00+00:00", "UTC", "2026-05-11T00:00:00+00:00"),
        ("weekly", "2026-05-11T00:00:00+00:00", "UTC", "2026-05-11T00:00:00+00:00"),
        ("weekly", "2026-05-10T23:00:00+00:00", "Europe/Madrid", "2026-05-10T22:00:00+00:00"),
        ("weekly", "2026-05-11T03:00:00+00:00", "America/New_York", "2026-05-04T04:00:00+00:00"),
        ("monthly", "2026-03-31T23:00:00+00:00", "Europe/Madrid", "2026-03-31T22:00:00+00:00"),
        # The clocks changed in between: midnight of the first was in winter time.
        ("monthly", "2026-03-30T12:00:00+00:00", "Europe/Madrid", "2026-02-28T23:00:00+00:00"),
        ("all_time", "2026-05-14T10:00:00+00:00", "UTC", None),
    ],
)
def test_windows_begin_at_midnight_of_the_cohort(window, now, zone, expected):
    begins = policy.window_start(window, datetime.fromisoformat(now), ZoneInfo(zone))
    assert begins == (None if expected is None else datetime.fromisoformat(expected).astimezone(UTC))
