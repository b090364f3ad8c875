"""What can go wrong while grading."""

from studyhall.errors import Conflict, ErrorCode, Invalid, NotFound


class ChangedMeanwhile(Conflict):
    """Somebody else has changed this in the meantime. Load it again, look at their change, then make yours."""

    code = ErrorCode.CHANGED_MEANWHILE


class Claimed(Conflict):
    """Somebody else is grading this answer right now. Take the next one; this one is free when they have left it."""

    code = ErrorCode.CLAIMED


class NotGradedYet(Conflict):
    """This attempt has no report yet. Wait until it has been graded automatically."""

    code = ErrorCode.NOT_GRADED_YET


class UnknownCell(NotFound):
    """This attempt has no cell of that name. Load it again and choose one that is shown."""

    code = ErrorCode.UNKNOWN_CELL


class UnknownLearner(NotFound):
    """Nobody of that name learns in this course. Choose somebody from the gradebook."""

    code = ErrorCode.UNKNOWN_LEARNER


class NoMoreTime(Invalid):
    """This would be less time than everybody has, not more. Choose a later moment."""

    code = ErrorCode.NO_MORE_TIME


class OutOfRange(Invalid):
    """This is not a number of points that the cell can have."""
