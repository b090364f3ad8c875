"""What the API says of rewards."""

import unicodedata
import uuid
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from studyhall.web.envelope import NoQuery


class StreakOut(BaseModel):
    """Days in a row on which the learner was active."""

    current: int
    longest: int
    active_today: bool
    freezes: int


class ActivityDay(BaseModel):
    """One of the learner's own days."""

    date: date
    xp: int
    actions: int


class RewardProfile(BaseModel):
    """A learner's XP, level and streak. Where the cohort has no rewards, ``enabled`` is false and all is empty."""

    enabled: bool
    xp: int
    level: int
    band: str
    level_xp: int
    """XP at which the level begins."""
    xp_into_level: int
    xp_to_next_level: int
    streak: StreakOut
    today: ActivityDay
    last_30_days: list[ActivityDay]
    """Oldest first, ending today."""


class Gain(BaseModel):
    """XP that was earned just now."""

    xp: int
    reason: str
    object: str
    """``course/lesson`` or ``course/quizzes/quiz``."""
    attempt_id: uuid.UUID | None
    """The attempt at the lesson or quiz that brought it; None where the event named none."""


class RewardsUpdate(RewardProfile):
    """The live update after something was counted."""

    gained: Gain | None
    level_up: bool


class Window(StrEnum):
    """How far back a leaderboard looks."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ALL_TIME = "all_time"


class LeaderboardQuery(NoQuery):
    """Which leaderboard."""

    window: Window = Field(
        default=Window.WEEKLY, description="Weeks begin on Monday, in the cohort's time zone."
    )
    limit: int = Field(default=10, ge=1, le=100, description="Rows at most.")


class LeaderboardEntry(BaseModel):
    """One row; ``xp`` was earned in the window, ``level`` is of all time."""

    rank: int
    display_name: str
    xp: int
    level: int
    is_me: bool


class LeaderboardPlace(BaseModel):
    """One's own place, seen by oneself only."""

    rank: int
    xp: int


class Leaderboard(BaseModel):
    """The best of a cohort's learners."""

    enabled: bool
    window: Window
    entries: list[LeaderboardEntry]
    me: LeaderboardPlace | None


class Preferences(BaseModel):
    """How one appears on the leaderboard."""

    leaderboard_visible: bool
    pseudonym: str | None


def _plain_name(value: str | None) -> str | None:
    if value is None:
        return None
    name = " ".join(value.split())
    if not name:
        return None
    if not 2 <= len(name) <= 40:
        raise ValueError("A name has 2 to 40 characters.")
    if any(unicodedata.category(character).startswith("C") for character in name):
        raise ValueError("This name has characters that can't be seen.")
    return name


class PreferencesChange(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    leaderboard_visible: bool | None = None
    pseudonym: Annotated[str | None, AfterValidator(_plain_name)] = Field(
        default=None, max_length=200, description="2 to 40 characters; empty is one's own name."
    )
