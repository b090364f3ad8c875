"""The judge's cases once more, each in a container of its own, with the same expected verdicts.

All attacks on the machine (class C), and of every other class some that lean on what a sandbox is made of. They are
graded side by side, as a judge does it; each test then looks at one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from judge import test_cases as cases

OTHERS = {
    "driven/patched-builtins",
    "squares/deleted-test-nbgrader",
    "squares/forged-answers",
    "squares/forked-child",
    "squares/magics",
    "squares/os-exit",
    "squares/own-cells",
    "squares/partial",
    "squares/proc-and-environment",
    "squares/reach-for-the-judge",
    "squares/remembers-in-a-file",
    "squares/shadowing-files",
    "squares/thread",
}


def _read(folder):
    return yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))


FOLDERS = [one for one in cases.FOLDERS if cases.name_of(one) in OTHERS or _read(one)["class"] == "C"]


class Ahead:
    """A judge that has been asked already; it answers for the case whose turn it is."""

    def __init__(self, answers):
        self._answers = answers
        self.folder = None

    def grade(self, *_request, **_options):
        return self._answers[self.folder].result()


@pytest.fixture(scope="module")
def ahead(judge, assignment, submit, limits):
    with ThreadPoolExecutor(judge.ready["slots"]) as pool:
        answers = {}
        for folder in FOLDERS:
            case, subject = _read(folder), assignment(folder.parent.name)
            options = {"scoring": case.get("scoring", "default"), "limits": limits(case)}
            answers[folder] = pool.submit(judge.grade, subject.release, submit(subject, case), **options)
        yield Ahead(answers)
        pool.shutdown(cancel_futures=True)  # when a test has ended the run early, nobody waits for the others


@pytest.mark.parametrize(
    ("folder", "case"), [(one, one) for one in FOLDERS], ids=map(cases.name_of, FOLDERS), indirect=["case"]
)
def test_case(folder, case, ahead, assignment, submit, limits, forbidden_paths):
    ahead.folder = folder
    cases.test_case(folder, case, ahead, assignment, submit, limits, forbidden_paths)


def test_every_class_is_there():
    assert {cases.name_of(one) for one in FOLDERS} >= OTHERS
    assert {_read(one)["class"] for one in FOLDERS} == set("ABCDE")
