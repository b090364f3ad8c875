"""Every address of the extension, in one table."""

from typing import Any

from studyhall_extension.ai_review.routes import RELAYED as AI_REVIEW
from studyhall_extension.courses.handlers import Lessons, OpenLessonHandler
from studyhall_extension.courses.routes import RELAYED as COURSES
from studyhall_extension.events.handlers import EventsHandler, OpenStreams, StreamTiming
from studyhall_extension.events.local_events import LocalEvents
from studyhall_extension.identity.routes import RELAYED as IDENTITY
from studyhall_extension.learners_notebooks.handlers import (
    LearnersNotebooksHandler,
    RunHandler,
    RunsHandler,
)
from studyhall_extension.learners_notebooks.recognising import Recogniser
from studyhall_extension.learners_notebooks.runs import Runs
from studyhall_extension.notifications.routes import RELAYED as NOTIFICATIONS
from studyhall_extension.quizzes.routes import RELAYED as QUIZZES
from studyhall_extension.relay import RelayRoute, UnknownRouteHandler, path_pattern, relay_handlers
from studyhall_extension.rewards.routes import RELAYED as REWARDS
from studyhall_extension.service_client import ServiceClient
from studyhall_extension.submissions.handlers import OutboxEntryHandler, OutboxHandler, SubmitLessonHandler
from studyhall_extension.submissions.routes import RELAYED as SUBMISSIONS
from studyhall_extension.submissions.sender import Sender

PREFIX = "/studyhall/api/v1"
RELAYED: tuple[RelayRoute, ...] = (
    *IDENTITY,
    *COURSES,
    *SUBMISSIONS,
    *QUIZZES,
    *REWARDS,
    *AI_REVIEW,
    *NOTIFICATIONS,
)


def build_routes(
    *,
    service: ServiceClient,
    lessons: Lessons,
    sender: Sender,
    local_events: LocalEvents,
    streams: OpenStreams,
    timing: StreamTiming,
    recogniser: Recogniser,
    runs: Runs,
) -> list[tuple[Any, ...]]:
    """Tornado's routes. The last takes everything else below `/studyhall/`, so that nothing slips through."""
    lesson = PREFIX + path_pattern("/courses/{course}/lessons/{lesson}")
    return [
        (f"{lesson}/open", OpenLessonHandler, {"lessons": lessons}),
        (f"{lesson}/submissions", SubmitLessonHandler, {"sender": sender}),
        (f"{PREFIX}/outbox", OutboxHandler, {"sender": sender}),
        (PREFIX + path_pattern("/outbox/{key}"), OutboxEntryHandler, {"sender": sender}),
        (
            f"{PREFIX}/events",
            EventsHandler,
            {"service": service, "local_events": local_events, "streams": streams, "timing": timing},
        ),
        (f"{PREFIX}/learners-notebooks", LearnersNotebooksHandler, {"recogniser": recogniser}),
        (f"{PREFIX}/learners-notebooks/runs", RunsHandler, {"recogniser": recogniser, "runs": runs}),
        (PREFIX + path_pattern("/learners-notebooks/runs/{course}/{key}"), RunHandler, {"runs": runs}),
        *relay_handlers(RELAYED, service, PREFIX),
        (r"/studyhall(?:/.*)?", UnknownRouteHandler, {}),
    ]
