"""What can go wrong on the learner's side, each with a sentence for people and a code for programs."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from inspect import cleandoc
from typing import ClassVar

from tornado.web import HTTPError


class ErrorCode(StrEnum):
    """Codes of the errors made here; errors of the service are passed on with the service's own codes."""

    COURSE_UNCLEAR = "course_unclear"
    DISK_FULL = "disk_full"
    DISK_UNUSABLE = "disk_unusable"
    FOLDER_BLOCKED = "folder_blocked"
    FORBIDDEN = "forbidden"
    INTERNAL_ERROR = "internal_error"
    LESSON_DAMAGED = "lesson_damaged"
    LESSON_UNSAFE = "lesson_unsafe"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_FOUND = "not_found"
    NOT_THE_OWNER = "not_the_owner"
    NOTEBOOK_NOT_FOUND = "notebook_not_found"
    NOTEBOOK_NOT_JSON = "notebook_not_json"
    NOTEBOOK_TOO_LARGE = "notebook_too_large"
    RELEASE_UNKNOWN = "release_unknown"
    SERVICE_UNAVAILABLE = "service_unavailable"
    STAFF_LOGIN_NEEDED = "staff_login_needed"
    STILL_WAITING = "still_waiting"
    VALIDATION = "validation"
    WRONG_LESSON = "wrong_lesson"


class ExtensionError(HTTPError):
    """Something went wrong in this server. Try again; if it happens again, tell your instructor."""

    status: ClassVar[int] = 500
    code: ErrorCode | str = ErrorCode.INTERNAL_ERROR

    def __init__(self, message: str | None = None, *, details: Sequence[tuple[str, str]] = ()) -> None:
        """Take the person's sentence (default: the class docstring) and (field, message) pairs."""
        self.message = message or cleandoc(type(self).__doc__ or "")
        self.details = [{"field": field, "message": text} for field, text in details]
        super().__init__(self.status, self.message)


class ServiceUnavailableError(ExtensionError):
    """The classroom can't be reached right now. Your files are safe here; try again in a minute."""

    status = 503
    code = ErrorCode.SERVICE_UNAVAILABLE


class NotFoundError(ExtensionError):
    """There is nothing at this address. Reload the page; if it happens again, tell your instructor."""

    status = 404
    code = ErrorCode.NOT_FOUND


class MethodNotAllowedError(ExtensionError):
    """This address does not take that kind of request. Reload the page and try again."""

    status = 405
    code = ErrorCode.METHOD_NOT_ALLOWED


class ValidationError(ExtensionError):
    """The request could not be understood. Reload the page and try again."""

    status = 422
    code = ErrorCode.VALIDATION


class RequestTooLargeError(ExtensionError):
    """The request is too large to pass on. Make it shorter and try again."""

    status = 413
    code = ErrorCode.VALIDATION


class NotTheOwnerError(ExtensionError):
    """This server is somebody else's: you can look but not work here. Open your own server from the hub."""

    status = 403
    code = ErrorCode.NOT_THE_OWNER


class FolderBlockedError(ExtensionError):
    """Something else is where the lesson's folder should be. Rename it, then open the lesson again."""

    status = 409
    code = ErrorCode.FOLDER_BLOCKED


class LessonUnsafeError(ExtensionError):
    """This lesson has a file name that can't be stored safely. Nothing was written; tell your instructor."""

    status = 502
    code = ErrorCode.LESSON_UNSAFE


class LessonDamagedError(ExtensionError):
    """The lesson arrived damaged and nothing was written. Open it again, or tell your instructor."""

    status = 502
    code = ErrorCode.LESSON_DAMAGED


class NotebookNotFoundError(ExtensionError):
    """There is no such notebook on this server. Save the notebook and submit again."""

    status = 404
    code = ErrorCode.NOTEBOOK_NOT_FOUND


class NotebookNotJsonError(ExtensionError):
    """This notebook's file is damaged and was left as it is. Open the lesson again to get a fresh copy."""

    status = 422
    code = ErrorCode.NOTEBOOK_NOT_JSON


class NotebookTooLargeError(ExtensionError):
    """This notebook is too large to submit. Clear its outputs, save and submit again."""

    status = 413
    code = ErrorCode.NOTEBOOK_TOO_LARGE


class WrongLessonError(ExtensionError):
    """This notebook belongs to another lesson. Submit it from its own lesson."""

    status = 422
    code = ErrorCode.WRONG_LESSON


class ReleaseUnknownError(ExtensionError):
    """It isn't clear which version of the lesson this is. Open the lesson from the outline, then submit."""

    status = 422
    code = ErrorCode.RELEASE_UNKNOWN


class StillWaitingError(ExtensionError):
    """This submission is still on its way, so it stays. It is sent by itself when the classroom is back."""

    status = 409
    code = ErrorCode.STILL_WAITING


class DiskFullError(ExtensionError):
    """Your disk is full, so nothing was written. Delete files you no longer need, then try again."""

    status = 507
    code = ErrorCode.DISK_FULL


class DiskUnusableError(ExtensionError):
    """Your folder can't be read or written. Check that you own it and may write to it, then try again."""

    status = 500
    code = ErrorCode.DISK_UNUSABLE


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the operating system says about the disk into words for people; the cause is kept.

    Raises:
        DiskFullError: no space or quota is left.
        DiskUnusableError: any other refusal of the disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError from error
        raise DiskUnusableError from error
