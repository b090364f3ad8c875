"""An engine and two images for all tests of this folder, and the judge's cases with a judge that uses containers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("judge.test_cases", "judge_programs.test_cases", "judge_programs.test_kernels")

from containers.engines import SANDBOX, build_images, running_engine  # noqa: E402 - after the line above
from judge.conftest import (  # noqa: E402 - after the line above
    assignment,
    forbidden_paths,
    limits,
    start,
    start_judge,
    stop_judge,
    submit,
)
from judge.test_cases import case  # noqa: E402 - after the line above

__all__ = ["assignment", "case", "forbidden_paths", "limits", "start", "submit"]

IMAGES_AND_A_TEST = 1800
"""Seconds. Whichever test comes first builds the images, on a machine that has other things to do."""


def pytest_collection_modifyitems(items):
    """Give the first test the time of the images, too."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(IMAGES_AND_A_TEST))


@pytest.fixture(scope="session")
def empty_engine():
    """The tests' engine, without any image."""
    with running_engine(in_memory=True) as started:
        yield started


@pytest.fixture(scope="session")
def engine(empty_engine):
    """The tests' engine with the judge's images."""
    build_images(empty_engine)
    return empty_engine


@pytest.fixture(scope="session")
def in_containers(engine):
    """The words that make a judge use containers of the tests' engine."""
    return ["--sandbox", "docker", "--engine", engine.url, "--sandbox-image", SANDBOX]


@pytest.fixture(scope="session")
def judge(in_containers):
    with tempfile.TemporaryDirectory(prefix="judge-") as folder:
        running = start_judge(Path(folder), "--slots", "2", "--preload", "numpy", *in_containers)
        yield running
        stop_judge(running)
