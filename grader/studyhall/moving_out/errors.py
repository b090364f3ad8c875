"""What can go wrong when a course moves out."""

from enum import StrEnum


class Reason(StrEnum):
    """Why nothing, or not everything, was written; scripts may rely on these words."""

    UNKNOWN_COURSE = "unknown_course"
    NOT_AN_EXPORT = "not_an_export"
    OTHER_COURSE = "other_course"
    UNDER_WAY = "export_under_way"
    NO_SPACE = "no_space"
    CANNOT_WRITE = "cannot_write"
    NBGRADER_FAILED = "nbgrader_failed"
    NOT_CONFIGURED = "not_configured"
    DATABASE_UNREACHABLE = "database_unreachable"


class MovingOutError(Exception):
    """The export was not made, or not all of it; the message says why and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)
