"""``studyhall nbgrader gradebook``: an operator makes a course's gradebook, or mends it."""

from sqlalchemy.exc import OperationalError

from studyhall.app import open_context
from studyhall.errors import ConfigurationError, StudyhallError
from studyhall.nbgrader_gradebooks import tasks
from studyhall.nbgrader_gradebooks.errors import ProjectorFailed
from studyhall.settings import Settings


class GradebookError(Exception):
    """The gradebook could not be made; the message says why and what to do."""


async def make(settings: Settings, course: str) -> str:
    """Make the gradebook of a course that the settings' cohort takes, and return what to tell the operator.

    Raises:
        GradebookError: with a sentence for the operator.
    """
    try:
        async with open_context(settings) as context:
            projector = tasks.projector_for(context)
            try:
                gradebook, is_new = await tasks.make(context, projector, context.cohort_id, course)
            finally:
                await projector.close()
    except (ConfigurationError, StudyhallError, ProjectorFailed) as error:
        raise GradebookError(str(error)) from error
    except OperationalError as error:
        raise GradebookError(
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running."
        ) from error
    state = "made" if is_new else "was there and has been looked after"
    return (
        f"The nbgrader gradebook of {course} {state}: schema {gradebook.schema_name}, nbgrader "
        f"{gradebook.nbgrader_version}. Workers write all grades into it now. Graders get their login with: "
        f"studyhall login --course {course}"
    )
