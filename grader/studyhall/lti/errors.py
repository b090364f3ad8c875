"""What can go wrong with learning platforms; each class's docstring is the sentence that people read."""

from studyhall.errors import Conflict, Forbidden, NotFound, StudyhallError


class UnknownPlatform(Forbidden):
    """This learning platform is not set up for this cohort. Its operator adds it."""


class NoCourseThere(Forbidden):
    """The learning platform does not say which course you come from. Open the activity from within a course."""


class NotConnected(Forbidden):
    """This course is not connected with Studyhall yet. Ask its instructor to open the activity once."""


class NoCourseToConnect(Forbidden):
    """No course here may be connected with this one. Ask the people who run this Studyhall to allow one."""


class NoRole(Forbidden):
    """You are neither learner nor staff of this course in the learning platform, so there is nothing to open here."""


class StaffOnly(Forbidden):
    """Only an instructor of this course chooses lessons. Ask yours."""


class UnknownChoice(NotFound):
    """This page was used already, or is too old. Open the activity in the learning platform again."""


class NotLetIn(Forbidden):
    """Somebody is not taken in here; the message is for them."""

    def __init__(self, message: str, *, for_staff: str) -> None:
        super().__init__(message)
        self.for_staff = for_staff
        """The same for those who look after the course."""


class NoRoster(Conflict):
    """The learning platform shows no roster of this course: allow its tool to see names and roles, open it once."""


class PlatformRefused(StudyhallError):
    """The learning platform refused it, and will again until something is changed there or here."""


class PlatformBusy(StudyhallError):
    """The learning platform does not take it at the moment."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
        """Seconds that the platform wants us to wait; None when it does not say."""


class GivenUp(StudyhallError):
    """A grade could not be passed to the learning platform."""
