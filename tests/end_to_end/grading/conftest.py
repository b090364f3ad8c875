"""An installation of its own, whose course has work for a grader."""

import pytest
from installations import Installation
from kitchen_course import write_course


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """The course's folder; its cake test expects too many slices, until somebody mends it."""
    return write_course(tmp_path_factory.mktemp("courses") / "kitchen", slices=13)


@pytest.fixture(scope="module")
def installation(tmp_path_factory, kitchen):
    with Installation(tmp_path_factory.mktemp("studyhall"), arguments=("--course", str(kitchen))) as running:
        yield running
