"""What can go wrong with courses and lessons."""

from studyhall.errors import Conflict, ErrorCode, Forbidden, Invalid, NotFound


class UnknownCourse(NotFound):
    """There is no course of that name here. Choose one from the outline, or ask your instructor."""

    code = ErrorCode.UNKNOWN_COURSE


class UnknownLesson(NotFound):
    """There is no lesson of that name in this course. It may have been renamed: choose one from the outline."""

    code = ErrorCode.UNKNOWN_LESSON


class LessonLocked(Forbidden):
    """This lesson is still locked."""

    code = ErrorCode.LESSON_LOCKED


class LessonClosed(Conflict):
    """This lesson is closed. Your copy is safe; ask your instructor for an extension."""

    code = ErrorCode.LESSON_CLOSED


class CourseInvalid(Invalid):
    """The course can't be published as it is."""

    code = ErrorCode.COURSE_INVALID
