"""What the tests of lesson notebooks share: courses on disk, and notebooks made in a line."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
SAMPLE_COURSE = Path(__file__).parents[2] / "course-content" / "python-foundations"


def nbgrader(identifier: str, **settings: Any) -> dict[str, Any]:
    base = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "grade_id": identifier}
    return {"nbgrader": {**base, **settings}}


def cell(kind: str, source: str, metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    made = {"cell_type": kind, "metadata": metadata or {}, "source": source, **more}
    if kind == "code":
        made = {"outputs": [], "execution_count": None, **made}
    return made


def notebook_bytes(*cells: dict[str, Any], metadata: dict[str, Any] | None = None, minor: int = 4) -> bytes:
    content = {"cells": list(cells), "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": minor}
    return json.dumps(content).encode()


def answer(
    grade_id: str = "answer",
    source: str = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
):
    return cell("code", source, nbgrader(grade_id, solution=True))


def visible_test(grade_id: str = "test_f", source: str = "assert f() == 1", **more: Any) -> dict[str, Any]:
    return cell("code", source, nbgrader(grade_id, grade=True, locked=True, points=2), **more)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Makers of cells and notebooks, as a fixture because tests are not a package."""
    return SimpleNamespace(
        answer=answer, cell=cell, nbgrader=nbgrader, notebook_bytes=notebook_bytes, visible_test=visible_test
    )


@pytest.fixture(scope="session")
def fixtures_folder() -> Path:
    return FIXTURES


@pytest.fixture(scope="session")
def sample_course() -> Path:
    return SAMPLE_COURSE


@pytest.fixture
def write_course(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    """Write files below a fresh course folder and return it."""

    def write(files: dict[str, str | bytes]) -> Path:
        root = tmp_path / "my-course"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write
