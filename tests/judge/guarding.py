"""A guard as compiled tests have it, and what the tests of it share."""

from __future__ import annotations

import sysconfig

import numpy as np  # noqa: F401 - the fork server has it, and so its classes are there before a learner's
import pandas as pd  # noqa: F401 - likewise
import pytest
from studyhall_judge.sandbox.compiler import Lesson, compile_test
from studyhall_judge.sandbox.kinds import all_types
from studyhall_judge.sandbox.testcell import run
from studyhall_judge.sandbox.values import Guard

TRUSTED = all_types()
"""Taken before the classes below exist, as in the fork server."""

PREFIXES = (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"])
NOTHING = Lesson(frozenset(), frozenset(), frozenset(), frozenset())


def lesson(**names):
    kinds = {"functions": (), "classes": (), "imports": (), "names": ()} | names
    return Lesson(**{kind: frozenset(found) for kind, found in kinds.items()})


class Yes:
    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.fixture
def told():
    return []


@pytest.fixture
def guard(told):
    guard = Guard(TRUSTED, PREFIXES, told.append)
    guard.start(frozenset())
    return guard


def run_test(guard, source, namespace, about=NOTHING):
    compiled = compile_test(source, about)
    guard.start(compiled.exempt, namespace)
    return run(compiled.code, namespace, guard)
