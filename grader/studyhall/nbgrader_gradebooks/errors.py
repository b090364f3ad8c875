"""What can go wrong with nbgrader's gradebooks. A class's docstring is the sentence that people read."""

from studyhall.errors import NotFound, StudyhallError


class GradebookMissing(NotFound):
    """This course has no nbgrader gradebook yet. Make one with `studyhall nbgrader gradebook COURSE`."""


class GradebookNotAllowed(StudyhallError):
    """The owner of Studyhall's tables may not make the gradebook's role. Give studyhall_owner CREATEROLE."""


class ProjectorFailed(Exception):
    """nbgrader could not do what it was told; the message says what. Trying again later can help."""
