"""Why a terminal is not signed in."""

from studyhall.errors import Forbidden, NotFound


class UnknownCode(NotFound):
    """No terminal waits with this code. Codes are good once, for ten minutes; run studyhall login again."""


class NotStaff(Forbidden):
    """A terminal's token is for a course's instructors and graders, and you are neither in this course."""


class BrowserOnly(Forbidden):
    """A terminal is approved in the browser, by a person who has signed in there; a token approves nothing."""
