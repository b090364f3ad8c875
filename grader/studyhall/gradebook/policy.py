"""Pure rules of grades: which attempt counts, what a score is, how late it was, and what that costs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from studyhall.courses.policy import Deadlines, is_late
from studyhall.gradebook.models import Counting, LatePolicy

DAY = timedelta(days=1)


class Scored(Protocol):
    """An attempt as far as it matters for counting: its place among the learner's, and its automatic result."""

    @property
    def number(self) -> int:
        """Return its place among the learner's attempts, from 1."""

    @property
    def score(self) -> float | None:
        """Return its automatic score; nothing when it was refused or is not graded yet."""

    @property
    def max_score(self) -> float | None:
        """Return the most that it could have."""


AnyScored = TypeVar("AnyScored", bound=Scored)


@dataclass(frozen=True)
class LateRule:
    """What lateness costs."""

    policy: LatePolicy = LatePolicy.NONE
    percent_per_day: float = 0
    max_percent: float = 100
    grace: timedelta = timedelta()


@dataclass(frozen=True)
class Mark:
    """What a person gave for one cell; none means that they said nothing about it."""

    manual_score: float | None = None
    extra_credit: float | None = None
    comment: str | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is left of it."""
        return self.manual_score is None and self.extra_credit is None and not self.comment


@dataclass(frozen=True)
class Outcome:
    """One test of an attempt as the judge left it."""

    test_id: str
    notebook: str
    points: float
    max_points: float
    needs_person: bool


@dataclass(frozen=True)
class NotebookGrade:
    """The sum of one notebook, and what lateness takes from it."""

    raw: float
    extra_credit: float
    automatic_penalty: float
    penalty: float
    """The override where staff have set one, else the automatic penalty."""
    overridden: bool


@dataclass(frozen=True)
class Final:
    """All things together."""

    raw: float
    extra_credit: float
    penalty: float
    score: float
    max_score: float
    waiting: tuple[str, ...]
    """Ids of the tests that wait for a person."""
    late: bool
    notebooks: Mapping[str, NotebookGrade] = field(default_factory=dict)


def default_counting(*, graded_by_hand: bool) -> Counting:
    """Return which attempt counts where nobody has decided: a person's work is done on the newest one."""
    return Counting.LAST if graded_by_hand else Counting.BEST


def counting_attempt(attempts: Iterable[AnyScored], rule: Counting) -> AnyScored | None:
    """Return the attempt that counts; one that was refused, failed inside or is not graded yet never does."""
    finished = [attempt for attempt in attempts if attempt.score is not None]
    if not finished:
        return None
    if rule is Counting.LAST:
        return max(finished, key=lambda attempt: attempt.number)

    def goodness(attempt: Scored) -> tuple[float, int]:
        share = (attempt.score or 0) / attempt.max_score if attempt.max_score else 0.0
        return share, -attempt.number

    return max(finished, key=goodness)


def deadlines(
    *,
    rule: LateRule,
    released: tuple[datetime | None, datetime | None],
    decided: tuple[datetime | None, datetime | None] = (None, None),
    extension: tuple[datetime, datetime | None] | None = None,
) -> Deadlines:
    """Return one learner's deadlines.

    Args:
        rule: the assignment's late policy.
        released: due and closing time as the author published them.
        decided: what staff have set in their place.
        extension: this learner's own due time, and their own closing time if any.
    """
    due_at = decided[0] or released[0]
    closes_at = decided[1] or released[1]
    everybody = _with_rule(rule, due_at, closes_at)
    if extension is None:
        return everybody
    # Never less time than everybody has, wherever their dates have been moved to since it was given.
    due_at = max(due_at, extension[0]) if due_at else extension[0]
    closing = [moment for moment in (closes_at, extension[1]) if moment]
    # More time would be none if the door closed before.
    own = _with_rule(rule, due_at, max(*closing, due_at) if closing else None)
    if own.closes_at is None or everybody.closes_at is None:
        return own
    return replace(own, closes_at=max(own.closes_at, everybody.closes_at))


def _with_rule(rule: LateRule, due_at: datetime | None, closes_at: datetime | None) -> Deadlines:
    late_after = due_at + rule.grace if due_at else None
    if rule.policy is LatePolicy.HARD_CLOSE and late_after is not None:
        closes_at = min(closes_at, late_after) if closes_at else late_after
    return Deadlines(due_at=due_at, late_after=late_after, closes_at=closes_at)


def is_less_time(everybody: Deadlines, due_at: datetime, closes_at: datetime | None) -> bool:
    """Say whether somebody who is given these moments would have less time than everybody, or a door closed too soon.

    Where there is no due date, nobody is late: time lasts until the closing, or is not limited at all.
    """
    ends = everybody.due_at or everybody.closes_at
    return (
        ends is None
        or due_at < ends
        or (closes_at is not None and is_closed_early(everybody, due_at, closes_at))
    )


def is_closed_early(everybody: Deadlines, due_at: datetime, closes_at: datetime) -> bool:
    """Say whether a closing time of one's own comes before the due time beside it, or before everybody's closing."""
    return closes_at < max(due_at, everybody.closes_at or due_at)


def days_late(submitted_at: datetime, late_after: datetime | None) -> int:
    """Return by how many days a submission is late; a day that has begun counts whole."""
    if late_after is None or not is_late(late_after, submitted_at):
        return 0
    return math.ceil((submitted_at - late_after) / DAY)


def penalty(raw: float, days: int, rule: LateRule) -> float:
    """Return what lateness takes from a notebook's raw score."""
    if rule.policy is not LatePolicy.PERCENT_PER_DAY or days <= 0 or raw <= 0:
        return 0.0
    return raw * min(rule.percent_per_day * days, rule.max_percent, 100) / 100


def test_score(outcome: Outcome, mark: Mark | None) -> float:
    """Return what one test is worth: a person's word where there is one, else the judge's; and extra credit."""
    given = outcome.points if mark is None or mark.manual_score is None else mark.manual_score
    return given + extra_credit(outcome, mark)


def extra_credit(outcome: Outcome, mark: Mark | None) -> float:
    """Return the extra credit that counts: as in nbgrader, none beside an answer that still waits for its score."""
    if mark is None or (outcome.needs_person and mark.manual_score is None):
        return 0.0
    return mark.extra_credit or 0.0


def final_grade(
    outcomes: Sequence[Outcome],
    *,
    marks: Mapping[str, Mark],
    penalties: Mapping[str, float],
    submitted_at: datetime,
    late_after: datetime | None,
    rule: LateRule,
) -> Final:
    """Return an attempt's grade.

    Args:
        outcomes: the judge's, in their order.
        marks: what people gave, by test.
        penalties: penalties that staff have set, by notebook.
        submitted_at: when it was accepted.
        late_after: the learner's due date and grace.
        rule: what lateness costs.
    """
    days = days_late(submitted_at, late_after)
    notebooks: dict[str, NotebookGrade] = {}
    for notebook in dict.fromkeys(outcome.notebook for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.notebook == notebook]
        raw = math.fsum(test_score(outcome, marks.get(outcome.test_id)) for outcome in mine)
        automatic = penalty(raw, days, rule)
        notebooks[notebook] = NotebookGrade(
            raw=raw,
            extra_credit=math.fsum(extra_credit(outcome, marks.get(outcome.test_id)) for outcome in mine),
            automatic_penalty=automatic,
            penalty=penalties.get(notebook, automatic),
            overridden=notebook in penalties,
        )
    raw = math.fsum(notebook.raw for notebook in notebooks.values())
    taken = math.fsum(notebook.penalty for notebook in notebooks.values())
    return Final(
        raw=raw,
        extra_credit=math.fsum(notebook.extra_credit for notebook in notebooks.values()),
        penalty=taken,
        score=max(raw - taken, 0.0),
        max_score=math.fsum(outcome.max_points for outcome in outcomes),
        waiting=tuple(
            outcome.test_id
            for outcome in outcomes
            if outcome.needs_person
            and (outcome.test_id not in marks or marks[outcome.test_id].manual_score is None)
        ),
        late=days > 0,
        notebooks=notebooks,
    )
