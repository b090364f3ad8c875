"""Pure rules of the queue's order: bands of priority, and whose turn it is within the interactive one.

A waiting submission has a *turn*: the moment as of which the queue counts it as sent. Somebody who waits for nothing
yet gets the present. What crowds in behind one's own is counted as sent later: each further submission of a learner by
:data:`LEARNER_STEP`, each further learner of a course by :data:`COURSE_STEP`. So a learner who presses twenty times, or
a course with three hundred learners in its last minute, waits behind others who want one thing; and since turns are
moments, nobody can be overtaken for ever: whoever comes after one's turn goes behind.
"""

from datetime import UTC, datetime, timedelta
from enum import IntEnum

LEARNER_STEP = timedelta(seconds=60)
COURSE_STEP = timedelta(seconds=1)

FIRST_MOMENT = datetime(2025, 1, 1, tzinfo=UTC)
"""Turns are whole seconds since then, so that they fit beside the bands into the queue's 32 bits until 2056."""


class Priority(IntEnum):
    """Bands of the queue: a job of a higher band goes first; within one, the higher number, then the older job."""

    INTERACTIVE = 2_000_000_000
    """Somebody looks at the screen and waits. The top of the band; a job has :func:`priority_of` its turn."""
    DEFAULT = 20
    REGRADE = 10
    BATCH = 0


def turn(now: datetime, *, learners_last: datetime | None, courses_last: datetime | None) -> datetime:
    """Return the turn of a new submission.

    Args:
        now: when it was sent.
        learners_last: the last turn among the learner's own waiting submissions, if any.
        courses_last: the last turn among the course's waiting learners, if any.
    """
    moments = [now]
    if courses_last is not None:
        moments.append(courses_last + COURSE_STEP)
    if learners_last is not None:
        moments.append(learners_last + LEARNER_STEP)
    return max(moments)


def priority_of(moment: datetime) -> int:
    """Return the priority of an interactive job whose turn is a moment: earlier is higher."""
    return Priority.INTERACTIVE - int((moment - FIRST_MOMENT).total_seconds())
