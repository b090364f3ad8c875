"""Everything that can go wrong with a lesson notebook or a course folder, in words for people."""

from typing import ClassVar


class NotebookError(Exception):
    """This notebook cannot be used."""

    code: ClassVar[str] = "notebook_error"

    def __init__(self, message: str | None = None) -> None:
        """Keep ``message`` for people; without one, the class's docstring is the message."""
        self.message = message or " ".join((type(self).__doc__ or "").split())
        super().__init__(self.message)


class NotJsonError(NotebookError):
    """This file is not a notebook that can be read: its contents are not complete JSON text."""

    code = "not_json"


class TooLargeError(NotebookError):
    """This notebook is too large. Clear its outputs, save it and try again."""

    code = "too_large"


class TooDeepError(NotebookError):
    """This notebook's data is nested too deeply. Clear its outputs, save it and try again."""

    code = "too_deep"


class NotANotebookError(NotebookError):
    """This file is JSON, but not a Jupyter notebook."""

    code = "not_a_notebook"


class UnsupportedVersionError(NotebookError):
    """This notebook's format is not supported. Open it in JupyterLab, save it and try again."""

    code = "unsupported_version"


class ReleaseError(NotebookError):
    """This source notebook cannot be turned into a version for learners.

    ``reason`` is a short machine word (``duplicate_grade_id``, ``unclosed_region`` …), ``cell`` names the
    cell for people (its grade id or its place) and ``index`` is the cell's place from 0, or None when no
    cell is to blame.
    """

    code = "cannot_release"

    def __init__(self, message: str, *, reason: str, cell: str = "", index: int | None = None) -> None:
        """Keep which cell is to blame beside the message."""
        super().__init__(message)
        self.reason = reason
        self.cell = cell
        self.index = index


class CourseError(NotebookError):
    """This course folder cannot be read.

    ``path`` is the file or folder at fault relative to the course folder (``.`` for the folder itself) and
    ``way_out`` one sentence on what to do about it.
    """

    code = "course_error"

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        """Join path, problem and way out to one message for people."""
        self.path = path
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{path}: {problem} {way_out}".strip())
