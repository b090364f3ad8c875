"""The tests of another kernel once more, with nbclient, kernel and notebook in a container."""

from __future__ import annotations

import pytest
from containers.engines import SANDBOX
from judge_programs.test_kernels import (
    judge_of_bash,
    test_a_right_answer_earns_everything,
    test_a_wrong_answer_fails_its_tests_and_says_no_more,
    test_an_answer_that_ends_the_kernel_earns_only_what_does_not_need_it,
    test_an_endless_answer_costs_only_what_calls_it,
)

__all__ = [
    "test_a_right_answer_earns_everything",
    "test_a_wrong_answer_fails_its_tests_and_says_no_more",
    "test_an_answer_that_ends_the_kernel_earns_only_what_does_not_need_it",
    "test_an_endless_answer_costs_only_what_calls_it",
]
KERNELS = "studyhall-sandbox:kernels"


@pytest.fixture(scope="module")
def bash(engine, tmp_path_factory):
    """As docker/judge/README.md says how a kernel comes into the image."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "Dockerfile").write_text(
        f"FROM {SANDBOX}\nUSER 0\nRUN HOME=/ python3 -m bash_kernel.install --prefix /usr/local\nUSER 64100:64100\n"
    )
    engine.docker("build", "--quiet", "--network", "none", "--tag", KERNELS, str(folder))
    words = ["--sandbox", "docker", "--engine", engine.url, "--sandbox-image", KERNELS]
    with judge_of_bash("python3", *words) as grade:
        yield grade
