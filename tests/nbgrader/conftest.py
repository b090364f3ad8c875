"""The real nbgrader of both versions, each in an environment of its own, and classrooms with it."""

import pytest
import pytest_asyncio
from kitchen_course import COURSE, write_course
from nbgrader_environments import OURS, VERSIONS, environment_of
from nbgrader_sides import side_of
from studyhall.permissions import Role


@pytest.fixture(scope="session", params=VERSIONS)
def nbgrader_python(request):
    """An interpreter with the real nbgrader: each test that asks for it runs once with every version."""
    return environment_of(request.param)


@pytest.fixture(scope="session")
def newest_nbgrader_python():
    """An interpreter with the newest nbgrader, for tests that take long and look at our side."""
    return environment_of(VERSIONS[-1])


@pytest_asyncio.fixture
async def classroom(classroom_with, newest_nbgrader_python):
    """A running service with the sample course: instructor ines, grader gabriel, learners lea and liam."""
    async with classroom_with(nbgrader_python=newest_nbgrader_python) as room:
        yield room


@pytest.fixture(scope="session")
def nbgrader_path():
    """Our own packages as a grader's environment has them."""
    return OURS


@pytest_asyncio.fixture
async def kitchen(classroom_with, newest_nbgrader_python, judge, tmp_path):
    """A course with answers that a person grades: instructor ines, grader gabriel, learners lea and liam."""
    async with classroom_with(nbgrader_python=newest_nbgrader_python) as room:
        await room.publish(write_course(tmp_path / "kitchen"))
        await room.add_person("ines", Role.INSTRUCTOR, course=COURSE)
        await room.add_person("gabriel", Role.GRADER, course=COURSE)
        await room.add_person("lea", course=COURSE)
        await room.add_person("liam", course=COURSE)
        yield room


@pytest_asyncio.fixture
async def side(kitchen):
    async with side_of(kitchen) as one:
        yield one
