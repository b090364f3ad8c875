"""What can go wrong when a learner's notebook is to run in the sandbox."""

from studyhall_extension.errors import ErrorCode, ExtensionError


class StaffLoginNeededError(ExtensionError):
    """The sandbox needs you to be signed in as staff. Type `studyhall login` in a terminal here."""

    status = 403
    code = ErrorCode.STAFF_LOGIN_NEEDED


class CourseUnclearError(ExtensionError):
    """It isn't clear which course this notebook belongs to. Set c.CourseDirectory.course_id in nbgrader_config.py."""

    status = 422
    code = ErrorCode.COURSE_UNCLEAR


class NotLearnersWorkError(ExtensionError):
    """This notebook isn't a learner's work as far as this server knows. Run it with its kernel, as your own."""

    status = 404
    code = ErrorCode.NOT_FOUND
