"""`studyhall import nbgrader`: an operator takes an nbgrader course over, with a worker's settings."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from studyhall_notebooks.course import CourseBundle
from studyhall_notebooks.errors import CourseError

from studyhall.app import RELEASE_WRITERS, open_context
from studyhall.errors import ConfigurationError, StudyhallError
from studyhall.grading.tasks import enqueue_with
from studyhall.moving_in import service
from studyhall.moving_in.reading import FoundCourse, MovingInError, read_course
from studyhall.settings import Settings


def take_course(
    settings: Settings, path: Path, *, course: str | None, agreed: Callable[[service.Taken], bool]
) -> service.Taken | None:
    """Read a course folder, show what would be done to ``agreed``, and do it when that says yes.

    Returns:
        What was done; None when it was not agreed to.

    Raises:
        MovingInError: with a sentence for the operator; nothing or a part was taken, and it may be run again.
    """
    try:
        found = read_course(path)
        if course is not None:
            found.bundle = _renamed(found, course)
        return asyncio.run(_take(settings, found, agreed))
    except ValidationError as error:
        raise MovingInError(f"{course!r} can't be a course's name.") from error
    except (CourseError, ConfigurationError, StudyhallError) as error:
        raise MovingInError(str(error)) from error
    except OperationalError as error:
        raise MovingInError(
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running."
        ) from error


def _renamed(found: FoundCourse, course: str) -> CourseBundle:
    """Return the course under another slug."""
    settings = found.bundle.course
    return replace(
        found.bundle, course=type(settings).model_validate({**settings.model_dump(), "slug": course})
    )


async def _take(
    settings: Settings, found: FoundCourse, agreed: Callable[[service.Taken], bool]
) -> service.Taken | None:
    async with open_context(settings) as context:
        async with context.database.session(context.cohort_id) as session:
            planned = await service.plan(session, found)
        if not agreed(planned):
            return None
        return await service.take(
            context, found, writers=RELEASE_WRITERS, enqueue=enqueue_with(context.queue)
        )
