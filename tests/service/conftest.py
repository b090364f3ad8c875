"""Classrooms for the service's tests; what they are made of is in classroom_parts.py."""

import pytest
import pytest_asyncio
from classrooms import STAFF_SCOPES
from essay_course import LESSON, course_with_an_essay, submission


@pytest_asyncio.fixture
async def classroom(classroom_with):
    """A running service with the sample course: instructor ines, grader gabriel, learners lea and liam."""
    async with classroom_with() as room:
        yield room


@pytest_asyncio.fixture
async def essays(classroom, judge, tmp_path):
    """A classroom where lea and liam have submitted a lesson with a question that people grade."""
    await classroom.publish(course_with_an_essay(tmp_path / "course"))
    await classroom.submit(classroom.token("lea"), {LESSON: submission()})
    await classroom.submit(classroom.token("liam"), {LESSON: submission("I don't know.", solved=False)})
    await classroom.run_jobs()
    return classroom


@pytest.fixture
def ines(essays):
    """The instructor's token."""
    return essays.token("ines", STAFF_SCOPES)


@pytest.fixture
def gabriel(essays):
    """The grader's token."""
    return essays.token("gabriel", STAFF_SCOPES)
