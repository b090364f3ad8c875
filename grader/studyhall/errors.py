"""What can go wrong, as data: one code per kind of error, one base class, and the sentence that a person reads.

The docstring of an error class is its default message. A person's text says what happened, why, and what to do;
the cause stays on the exception for the log.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel


class ErrorCode(StrEnum):
    """Codes that clients may rely on; they are listed in the OpenAPI document."""

    BAD_REQUEST = "bad_request"
    NOT_JSON = "not_json"
    VALIDATION_ERROR = "validation_error"
    NOT_SIGNED_IN = "not_signed_in"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNAVAILABLE = "unavailable"
    INTERNAL_ERROR = "internal_error"
    UNKNOWN_COURSE = "unknown_course"
    UNKNOWN_LESSON = "unknown_lesson"
    NOT_ENROLLED = "not_enrolled"
    LESSON_LOCKED = "lesson_locked"
    LESSON_CLOSED = "lesson_closed"
    COHORT_CLOSED = "cohort_closed"
    NOTHING_TO_GRADE = "nothing_to_grade"
    NO_ATTEMPTS_LEFT = "no_attempts_left"
    NOTEBOOK_NOT_JSON = "notebook_not_json"
    NOTEBOOK_INVALID = "notebook_invalid"
    NOTEBOOK_TOO_LARGE = "notebook_too_large"
    FILE_INVALID = "file_invalid"
    WRONG_COURSE = "wrong_course"
    KEY_REUSED = "key_reused"
    KEY_MISSING = "key_missing"
    COURSE_INVALID = "course_invalid"
    ALREADY_RELEASED = "already_released"
    UNKNOWN_QUIZ = "unknown_quiz"
    QUIZ_FINISHED = "quiz_finished"
    AI_UNAVAILABLE = "ai_unavailable"
    AI_REVIEW_OFF = "ai_review_off"
    REGRADE_UNDER_WAY = "regrade_under_way"
    REGRADE_NOT_READY = "regrade_not_ready"
    NOTHING_TO_REGRADE = "nothing_to_regrade"
    NOT_GRADED_YET = "not_graded_yet"
    CHANGED_MEANWHILE = "changed_meanwhile"
    CLAIMED = "claimed"
    UNKNOWN_CELL = "unknown_cell"
    UNKNOWN_LEARNER = "unknown_learner"
    NO_MORE_TIME = "no_more_time"
    NOT_A_MEMBER = "not_a_member"
    UNKNOWN_MEMBER = "unknown_member"
    ROLE_REFUSED = "role_refused"
    COHORT_FULL = "cohort_full"


class ErrorDetail(BaseModel):
    """One field of the request and what is wrong with it."""

    field: str
    message: str


class StudyhallError(Exception):
    """Something went wrong on our side. Nothing of yours was lost; please try again in a moment."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[ErrorDetail] = (),
        retry_after: int | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = list(details)
        self.retry_after = retry_after
        super().__init__(self.message)


class BadRequest(StudyhallError):
    """The request could not be understood."""

    code = ErrorCode.BAD_REQUEST
    status = 400


class NotJson(BadRequest):
    """The request's body is not JSON. Send a JSON object with Content-Type: application/json."""

    code = ErrorCode.NOT_JSON


class KeyMissing(BadRequest):
    """A submission needs an Idempotency-Key header holding a UUID, so that it is accepted exactly once."""

    code = ErrorCode.KEY_MISSING


class NotSignedIn(StudyhallError):
    """You are not signed in, or your sign-in has expired. Sign in again at the hub and retry."""

    code = ErrorCode.NOT_SIGNED_IN
    status = 401


class Forbidden(StudyhallError):
    """Your account may not do this. If it should, ask your instructor or administrator for the role."""

    code = ErrorCode.FORBIDDEN
    status = 403


class NotFound(StudyhallError):
    """There is nothing at this address, or it is not yours to see."""

    code = ErrorCode.NOT_FOUND
    status = 404


class MethodNotAllowed(StudyhallError):
    """This address exists, but not for this method."""

    code = ErrorCode.METHOD_NOT_ALLOWED
    status = 405


class Conflict(StudyhallError):
    """Something else changed at the same time. Load the page again and retry."""

    code = ErrorCode.CONFLICT
    status = 409


class TooLarge(StudyhallError):
    """What you sent is larger than this server accepts."""

    code = ErrorCode.TOO_LARGE
    status = 413


class Invalid(StudyhallError):
    """Some fields are missing or wrong."""

    code = ErrorCode.VALIDATION_ERROR
    status = 422


class TooManyRequests(StudyhallError):
    """That was a little fast. Wait a moment and try again; nothing was lost."""

    code = ErrorCode.TOO_MANY_REQUESTS
    status = 429


class Unavailable(StudyhallError):
    """This part of Studyhall is not available right now. It restarts by itself; try again in a minute."""

    code = ErrorCode.UNAVAILABLE
    status = 503


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the setting and the way out."""
