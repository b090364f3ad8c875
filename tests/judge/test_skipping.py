"""What a test of a test's shows of what failed in it."""

from __future__ import annotations

import doctest
import io
import unittest

import pytest
from studyhall_judge.sandbox.harmless import is_harmless
from studyhall_judge.sandbox.skipping import let_only_tests_skip
from studyhall_judge.sandbox.watched import Record


@pytest.fixture
def only_tests_skip(monkeypatch):
    outcome, suite = unittest.case._Outcome, unittest.TestSuite
    monkeypatch.setattr(outcome, "testPartExecutor", outcome.testPartExecutor)
    name = "_addClassOrModuleLevelException"
    monkeypatch.setattr(suite, name, getattr(suite, name))
    let_only_tests_skip()


@pytest.mark.usefixtures("only_tests_skip")
def test_the_trace_of_a_failed_method_shows_its_line_and_nothing_of_ours():
    class Tried(unittest.TestCase):
        def test_it(self):
            self.fail("it is wrong")

    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Tried)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    ((_, trace),) = result.failures
    assert 'self.fail("it is wrong")' in trace
    assert "run_part_that_may_skip" not in trace


def runner_with(**attributes):
    runner = doctest.DocTestRunner(verbose=False)
    vars(runner).update(attributes)
    return runner


class Forgetting(doctest.DocTestRunner):
    def merge(self, other):
        other.failures = 0


class Counts(dict):
    pass


@pytest.mark.parametrize(
    ("runner", "own"),
    [
        (runner_with(), True),
        (runner_with(merge=lambda other: vars(other).update(failures=0)), False),
        (runner_with(_name2ft=Counts(), _stats=Counts()), False),
        (Forgetting(), False),
        (7, False),
    ],
)
def test_only_a_runner_as_doctest_makes_it_may_be_kept_by_doctest(runner, own):
    record = Record("doctest", doctest, {"DocTestRunner": doctest.DocTestRunner, "master": None})
    record.namespace["master"] = runner
    assert is_harmless(record, "master") is own
    assert not is_harmless(record, "DocTestRunner")
