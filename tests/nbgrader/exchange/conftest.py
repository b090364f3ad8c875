"""A grader's terminal and two students', before a running service with its judge."""

import pytest
from classrooms import STAFF_SCOPES
from studyhall.supervisor.ports import reserved_port

from .terminals import Terminal, Zygote, write_source


@pytest.fixture
def course():
    """The course that the terminals are about: the sample course's slug is nbgrader's course id."""
    return "python-foundations"


@pytest.fixture(scope="session")
def zygote_of():
    """Give nbgrader in an environment, imported and waiting for commands; importing it takes longer than most tests."""
    started = {}

    def find(python):
        if python not in started or started[python].has_ended():
            started[python] = Zygote(python)
        return started[python]

    yield find
    for zygote in started.values():
        zygote.stop()


@pytest.fixture
def zygote(zygote_of, nbgrader_python):
    """nbgrader, waiting for commands."""
    return zygote_of(nbgrader_python)


@pytest.fixture
def terminal(tmp_path, nbgrader_python, zygote, classroom):
    """Make a terminal of somebody: staff with a token of their own, students with their server's."""

    def make(name, *, staff=False, **variables):
        token = classroom.token(name, STAFF_SCOPES) if staff else classroom.token(name)
        shown = {"STUDYHALL_TOKEN" if staff else "JUPYTERHUB_API_TOKEN": token}
        shown |= {
            "STUDYHALL_URL" if staff else "STUDYHALL_SERVICE_URL": classroom.url,
            "JUPYTERHUB_USER": name,
        }
        return Terminal(nbgrader_python, zygote, tmp_path / name, shown | variables)

    return make


@pytest.fixture
def grader(terminal, course):
    """An instructor's terminal in a course folder with one assignment."""
    made = terminal("ines", staff=True)
    made.configure(f'c.CourseDirectory.course_id = "{course}"')
    write_source(made.folder)
    return made


@pytest.fixture
def unused_tcp_port():
    """A port that nobody listens on."""
    return reserved_port()
