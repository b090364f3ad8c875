"""Pure rules: when a lesson is locked, how its state is drawn, and whether it is late."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import bidirectional

from studyhall.courses.models import LessonState
from studyhall.courses.schemas import OutlineState


@dataclass(frozen=True)
class Deadlines:
    """When a lesson is due for one learner, and when it takes no more submissions."""

    due_at: datetime | None
    late_after: datetime | None
    """Due date and grace together: a submission up to this moment is in time."""
    closes_at: datetime | None


@dataclass(frozen=True)
class Result:
    """What a learner has in a lesson."""

    score: float
    max_score: float


def percent(score: float | None, max_score: float | None) -> float | None:
    """Return a score in percent of its maximum, to one decimal; nothing when there is nothing to score."""
    if score is None or not max_score:
        return None
    return round(100 * score / max_score, 1)


def best_result(
    score: float | None, max_score: float | None, released: Result | None
) -> tuple[float | None, float | None]:
    """Return score and maximum of the better one: what tests gave, or the grade that staff have released."""
    if released is None:
        return score, max_score
    given, tested = percent(released.score, released.max_score), percent(score, max_score)
    if given is None or (tested is not None and tested >= given):
        return score, max_score
    return released.score, released.max_score


def is_passed(state: str, released: Result | None, *, pass_score: float) -> bool:
    """Say whether a learner has passed a lesson: with its tests, or by the grade that staff have released."""
    given = percent(released.score, released.max_score) if released else None
    return state == LessonState.PASSED.value or (given is not None and given >= pass_score)


def locked_reason(
    prerequisite: Mapping[str, Any] | None,
    *,
    titles: Mapping[str, str],
    best_percents: Mapping[str, float | None],
) -> str | None:
    """Say why a lesson is locked, or None when it is open.

    Args:
        prerequisite: ``{"lesson": slug, "score": percent}`` or nothing.
        titles: titles of the course's lessons by slug; a prerequisite that left the course locks nothing.
        best_percents: the learner's best result per lesson slug.
    """
    if not prerequisite:
        return None
    slug = str(prerequisite["lesson"])
    if slug not in titles:
        return None
    wanted = float(prerequisite["score"])
    best = best_percents.get(slug)
    if best is not None and best >= wanted:
        return None
    return f"after {_isolated(titles[slug])}, {wanted:g} %"


def _isolated(title: str) -> str:
    """Return a title so that, if it is written from right to left, it does not drag what follows it along."""
    if any(bidirectional(character) in {"R", "AL"} for character in title):
        return f"\u2068{title}\u2069"
    return title


def outline_state(state: str | None, *, locked: bool) -> OutlineState:
    """Return the state that a row shows; work that exists is never hidden behind a lock."""
    if state is None or state == LessonState.NEW.value:
        return OutlineState.LOCKED if locked else OutlineState.NEW
    return OutlineState(state)


def advanced(old: str | None, new: LessonState) -> LessonState:
    """Return the further of two states."""
    order = list(LessonState)
    if old is None:
        return new
    return max(LessonState(old), new, key=order.index)


def is_late(due_at: datetime | None, now: datetime) -> bool:
    """Say whether a submission at this moment is late."""
    return due_at is not None and now > due_at


def is_closed(closes_at: datetime | None, now: datetime) -> bool:
    """Say whether a lesson takes no more submissions."""
    return closes_at is not None and now > closes_at
