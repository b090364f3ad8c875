"""`studyhall export nbgrader`: an operator moves a course out into a folder, with a worker's settings."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.app import open_context
from studyhall.courses.errors import UnknownCourse
from studyhall.courses.models import Course, CourseOffering
from studyhall.errors import ConfigurationError, StudyhallError
from studyhall.moving_out import service
from studyhall.moving_out.errors import MovingOutError, Reason
from studyhall.moving_out.folder import ExportFolder, Owner, examined, require_room
from studyhall.moving_out.report import Written
from studyhall.moving_out.service import Planned, Progress
from studyhall.nbgrader_gradebooks import tasks
from studyhall.nbgrader_gradebooks.errors import ProjectorFailed
from studyhall.settings import Settings

Agreed = Callable[[Planned, bool], bool]
"""Called with what would be written and whether the folder has an export already; says whether to go on."""

UNUSABLE = "?*[]%#{}"
"""What a gradebook's address, or nbgrader looking for files, would take for something else in a path."""


def export_course(
    settings: Settings,
    course: str,
    folder: Path,
    *,
    all_attempts: bool = False,
    agreed: Agreed,
    progress: Progress,
) -> Written | None:
    """Show what moving a course out would write to ``agreed``, and write it when that says yes.

    Returns:
        What was written; None when it was not agreed to.

    Raises:
        MovingOutError: with a sentence for the operator; the same command may be run again.
    """
    try:
        return asyncio.run(_export(settings, course, folder.absolute(), all_attempts, agreed, progress))
    except ConfigurationError as error:
        raise MovingOutError(Reason.NOT_CONFIGURED, str(error)) from error
    except ProjectorFailed as error:
        raise MovingOutError(
            Reason.NBGRADER_FAILED,
            f"{error} gradebook.db is as it was before; the same command goes on from here.",
        ) from error
    except OperationalError as error:
        raise MovingOutError(
            Reason.DATABASE_UNREACHABLE,
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running.",
        ) from error
    except StudyhallError as error:
        raise MovingOutError(Reason.UNKNOWN_COURSE, str(error)) from error


async def _export(
    settings: Settings,
    course: str,
    root: Path,
    all_attempts: bool,  # noqa: FBT001 - called once, a few lines above
    agreed: Agreed,
    progress: Progress,
) -> Written | None:
    if any(character in UNUSABLE for character in str(root)):
        raise MovingOutError(
            Reason.CANNOT_WRITE,
            f"{root}: nbgrader can't have a gradebook in a path with any of {' '.join(UNUSABLE)}. Name another folder.",
        )
    async with open_context(settings) as context:
        owner = Owner(course, context.cohort_id)
        async with context.database.session(context.cohort_id) as session:
            try:
                planned = await service.plan(session, course, all_attempts=all_attempts)
            except UnknownCourse as error:
                raise MovingOutError(
                    Reason.UNKNOWN_COURSE,
                    f"The cohort {settings.cohort} has no course called {course!r}. It has: {await _known(session)}.",
                ) from error
        there = examined(root, owner)
        require_room(root, planned.sizes.bytes)
        if not agreed(planned, there):
            return None
        projector = tasks.projector_for(context)
        try:
            with ExportFolder.opened(root, owner, context.clock()) as opened:
                return await service.export(context, planned, opened, projector, progress=progress)
        finally:
            await projector.close()


async def _known(session: AsyncSession) -> str:
    rows = await session.scalars(select(Course.slug).join(CourseOffering).order_by(Course.slug))
    return ", ".join(rows) or "none"
