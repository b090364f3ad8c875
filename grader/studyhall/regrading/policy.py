"""Pure rules of regrades: which new results count, and how much they change."""

from studyhall.courses.policy import percent
from studyhall.submissions.models import AttemptStatus

APPLIED = (AttemptStatus.GRADED.value, AttemptStatus.NEEDS_MANUAL.value)
"""New results that replace old ones. A refusal or a fault of the judge takes nothing from anybody."""

Marks = tuple[str, float | None, float | None, bool | None]
"""An attempt's status, score, highest score and whether it passed."""


def passes(score: float, max_score: float, pass_score: float) -> bool:
    """Say whether a score is enough to pass, as when it is graded for the first time."""
    reached = percent(score, max_score)
    return reached is not None and reached >= pass_score


def change(old: Marks, new: Marks) -> tuple[bool, float]:
    """Return whether anything changes for the learner, and by how many percent points; nothing counts as zero."""
    if new[0] not in APPLIED:
        return False, 0.0
    points = (percent(new[1], new[2]) or 0.0) - (percent(old[1], old[2]) or 0.0)
    return old != new, round(points, 1)
