"""Why there is no review."""

from studyhall.errors import Conflict, ErrorCode, Forbidden, NotFound, Unavailable


class NoReview(NotFound):
    """Nobody has asked for a review of this attempt yet."""


class ReviewsOff(Forbidden):
    """Your course gives no AI reviews for this lesson. Ask your instructor or the others when you are stuck."""

    code = ErrorCode.AI_REVIEW_OFF


class NotGradedYet(Conflict):
    """This attempt is still being graded. Ask for a review as soon as its result is there."""

    code = ErrorCode.NOT_GRADED_YET


class AiUnavailable(Unavailable):
    """AI reviews are switched off on this installation. Your results and hints are in the result panel as always."""

    code = ErrorCode.AI_UNAVAILABLE
