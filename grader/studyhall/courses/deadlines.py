"""How courses and submissions ask for a learner's deadlines, which the gradebook knows."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import CourseOffering, LessonRelease
from studyhall.courses.policy import Deadlines

DeadlinesOf = Callable[
    [AsyncSession, uuid.UUID, CourseOffering, Iterable[LessonRelease]],
    Awaitable[Mapping[uuid.UUID, Deadlines]],
]
"""Returns a learner's deadlines by lesson id, extensions and all; handed in by :mod:`studyhall.app`."""
