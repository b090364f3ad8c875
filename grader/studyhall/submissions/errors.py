"""Why a submission is not accepted. Each sentence says that nothing was lost and what to do."""

from studyhall.errors import BadRequest, Conflict, ErrorCode, Forbidden, Invalid, TooLarge, TooManyRequests


class NotebookNotJson(BadRequest):
    """This notebook can't be read: it is not complete JSON text. Save it again in JupyterLab and submit once more."""

    code = ErrorCode.NOTEBOOK_NOT_JSON


class NotebookInvalid(Invalid):
    """This is not a Jupyter notebook."""

    code = ErrorCode.NOTEBOOK_INVALID


class NotebookTooLarge(TooLarge):
    """This notebook is too large. Clear its outputs, save it and submit again; your copy is safe."""

    code = ErrorCode.NOTEBOOK_TOO_LARGE


class FileInvalid(Invalid):
    """A file beside the notebooks can't be submitted."""

    code = ErrorCode.FILE_INVALID


class FilesTooLarge(TooLarge):
    """The files beside your notebooks are too large together. Remove some and submit again; your copy is safe."""


class WrongCourse(Invalid):
    """This notebook belongs to another lesson."""

    code = ErrorCode.WRONG_COURSE


class NothingToGrade(Invalid):
    """This lesson has no graded tasks, so there is nothing to submit."""

    code = ErrorCode.NOTHING_TO_GRADE


class NoAttemptsLeft(Forbidden):
    """You have used all attempts for this lesson. Your copy is safe; ask your instructor for another one."""

    code = ErrorCode.NO_ATTEMPTS_LEFT


class KeyReused(Conflict):
    """This submission's key was used for another lesson. Press Submit again to send it under a new one."""

    code = ErrorCode.KEY_REUSED


class TooManyWaiting(TooManyRequests):
    """Several of your submissions of this lesson are still waiting. Wait for their results; your copy is safe."""
