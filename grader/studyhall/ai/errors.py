"""What can go wrong between us and a reviewer; the message is for the learner, the cause for the log."""


class ReviewerError(Exception):
    """The review could not be made this time. Your points are not affected; ask again in a few minutes."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class ReviewerBusy(ReviewerError):
    """The reviewer is not answering right now. Your points are not affected; ask again in a few minutes."""


class ReviewerFailed(ReviewerError):
    """The reviewer's answer could not be used. Your points are not affected; ask again, or ask your instructor."""


class ReviewerMisconfigured(ReviewerError):
    """The reviewer refused this installation's settings; asking again does not help. Please tell your instructor."""
