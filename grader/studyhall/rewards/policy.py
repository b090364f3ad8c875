"""Pure rules of rewards: what things are worth, levels, bands, and streaks."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

LESSON_COMPLETED_XP = 50
MAX_LESSON_XP = 100
MAX_QUIZ_XP = 50
MAX_FREEZES = 2


def lesson_worth(percent: float | None) -> int:
    """Return the XP that a best result in a lesson is worth: one per whole percent, 100 at most."""
    return math.floor(min(max(percent or 0.0, 0.0), float(MAX_LESSON_XP)))


def quiz_worth(percent: float | None) -> int:
    """Return the XP that a best result in a quiz is worth: half of its percent, 50 at most."""
    return math.floor(min(max(percent or 0.0, 0.0) / 2, float(MAX_QUIZ_XP)))


def gain(*, worth: int, paid: int) -> int:
    """Return the XP for a result: what its worth is above all that was paid for the same thing before."""
    return max(0, worth - paid)


def level_start(level: int) -> int:
    """Return the XP at which a level begins: 100·L·(L-1)."""
    return 100 * level * (level - 1)


def level_of(xp: int) -> int:
    """Return the highest level whose beginning is reached; nobody is below 1."""
    # The largest L with 100·L·(L-1) ≤ xp, solved with whole numbers: (2L-1)² ≤ 4·(xp/100) + 1.
    return (1 + math.isqrt(1 + 4 * (max(xp, 0) // 100))) // 2


def band_of(level: int) -> str:
    """Return the name of a level's band."""
    for first, name in ((10, "Expert"), (7, "Advanced"), (4, "Intermediate")):
        if level >= first:
            return name
    return "Beginner"


@dataclass(frozen=True)
class Streak:
    """Days in a row; ``freezes`` is how many are held."""

    current: int
    longest: int
    active_today: bool
    freezes: int


def streak(active: Collection[date], today: date, *, freezes: Sequence[date] = ()) -> Streak:
    """Return the streak of somebody who was active on these days.

    The next calendar day extends it. Each missed day spends a freeze if there are enough for the whole gap;
    otherwise the streak ends. Frozen days keep a streak and do not lengthen it. It is alive until the end of the day
    after the last active one.

    Args:
        active: the learner's own days with at least one action.
        today: the learner's own day. A zone further west may put it before the last active day; that day then
            counts as today.
        freezes: the days on which a freeze was received; two are held at most.
    """
    days = sorted(set(active))
    today = max(today, days[-1]) if days else today
    waiting = sorted(freezes)
    held = run = longest = 0
    for previous, day in zip([None, *days], [*days, None], strict=True):
        until = day if day is not None else today
        while waiting and waiting[0] < until:
            waiting.pop(0)
            held = min(held + 1, MAX_FREEZES)
        missed = 0 if previous is None else max(0, (until - previous).days - 1)
        if missed <= held:
            held -= missed
        else:
            run = 0
        if day is not None:
            run += 1
            longest = max(longest, run)
    for _ in waiting:
        held = min(held + 1, MAX_FREEZES)
    return Streak(current=run, longest=longest, active_today=today in set(days), freezes=held)


def window_start(window: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a leaderboard's window began; None when it has always been open.

    Weeks begin on Monday and months on their first, at midnight in the given zone.
    """
    local = now.astimezone(zone)
    if window == "weekly":
        first = local.date() - timedelta(days=local.weekday())
    elif window == "monthly":
        first = local.date().replace(day=1)
    else:
        return None
    return datetime(first.year, first.month, first.day, tzinfo=zone)
