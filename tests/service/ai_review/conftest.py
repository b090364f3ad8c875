"""The sample course with a canary in it, and classrooms with and without Claude."""

from contextlib import asynccontextmanager

import nbformat
import pytest
import pytest_asyncio
from classrooms import SAMPLE
from messages_api import open_messages_api
from reviewed_attempts import LESSON
from studyhall_notebooks.parsing import read_notebook


@pytest.fixture
def course(tmp_path):
    """The sample course with a canary in a hidden test."""
    import shutil

    root = tmp_path / "course"
    shutil.copytree(SAMPLE, root)
    path = root / "source" / LESSON / f"{LESSON}.ipynb"
    notebook = read_notebook(path.read_text())
    for cell in notebook.cells:
        if "BEGIN HIDDEN TESTS" in cell.source:
            cell.source = cell.source.replace(
                "### END HIDDEN TESTS", "assert 'CANARY_SOURCE' != 'x'\n### END HIDDEN TESTS"
            )
    path.write_text(nbformat.writes(notebook))
    return root


@pytest.fixture
def room_with(classroom_with, course):
    """Open a classroom with the course, and settings of one's own."""

    @asynccontextmanager
    async def open_room(**settings):
        async with classroom_with(**settings) as room:
            await room.publish(course)
            await room.add_person("lea")
            await room.add_person("liam")
            yield room

    return open_room


@pytest_asyncio.fixture
async def room(room_with):
    """A classroom without a key for Claude."""
    async with room_with() as opened:
        yield opened


@pytest_asyncio.fixture
async def api():
    async with open_messages_api() as stub:
        yield stub


@pytest.fixture
def with_claude(room_with, api):
    """Open a classroom whose Claude is the stand-in."""

    def open_room(**settings):
        # The stand-in answers when it is to, however long the rest of a test takes.
        patient = {"ai_timeout_seconds": 600.0, **settings}
        return room_with(anthropic_api_key="key", anthropic_base_url=api.url, **patient)

    return open_room
