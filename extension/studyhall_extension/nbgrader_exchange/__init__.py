"""nbgrader's exchange over the classroom service: the eight classes that `nbgrader_config.py` names.

They carry nbgrader's own class names, because nbgrader routes flags and settings by these. Staff verbs show the token
of `studyhall login` (or STUDYHALL_TOKEN), learner verbs the notebook server's own; who somebody is, the service knows
from the token alone.

The classes are imported when nbgrader asks for them: the credentials are also used where nbgrader is not installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from studyhall_extension.nbgrader_exchange.credentials import Credentials, NotSignedIn

if TYPE_CHECKING:
    from studyhall_extension.nbgrader_exchange.collect import ExchangeCollect
    from studyhall_extension.nbgrader_exchange.exchange import Exchange
    from studyhall_extension.nbgrader_exchange.fetch_assignment import ExchangeFetchAssignment
    from studyhall_extension.nbgrader_exchange.fetch_feedback import ExchangeFetchFeedback
    from studyhall_extension.nbgrader_exchange.listing import ExchangeList
    from studyhall_extension.nbgrader_exchange.release_assignment import ExchangeReleaseAssignment
    from studyhall_extension.nbgrader_exchange.release_feedback import ExchangeReleaseFeedback
    from studyhall_extension.nbgrader_exchange.submit import ExchangeSubmit

__all__ = [
    "Exchange",
    "ExchangeCollect",
    "ExchangeFetchAssignment",
    "ExchangeFetchFeedback",
    "ExchangeList",
    "ExchangeReleaseAssignment",
    "ExchangeReleaseFeedback",
    "ExchangeSubmit",
    "configure",
]

CLASSES = {
    "exchange": "Exchange",
    "release_assignment": "ExchangeReleaseAssignment",
    "fetch_assignment": "ExchangeFetchAssignment",
    "submit": "ExchangeSubmit",
    "collect": "ExchangeCollect",
    "release_feedback": "ExchangeReleaseFeedback",
    "fetch_feedback": "ExchangeFetchFeedback",
    "list": "ExchangeList",
}
"""What nbgrader's factory calls each verb, and the class that does it."""

MODULES = {"Exchange": "exchange", "ExchangeList": "listing"} | {
    name: verb for verb, name in CLASSES.items() if verb not in {"exchange", "list"}
}
"""Where each class is."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)


def configure(c: Any) -> None:
    """Set the eight classes in a configuration, as `nbgrader_config.py` gets it, and the gradebook of its course.

    The gradebook's address holds a password: it stays in the file of `studyhall login` and ends with it.
    """
    for verb, name in CLASSES.items():
        c.ExchangeFactory[verb] = f"{__name__}.{name}"
    course = c.CourseDirectory.get("course_id")
    if not isinstance(course, str) or not course:
        return
    try:
        gradebook = Credentials().gradebook(course)
    except NotSignedIn:
        return  # the verb that needs a token says it
    if gradebook:
        c.CourseDirectory.db_url = gradebook
