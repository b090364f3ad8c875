"""What tests import is found in their text, and loaded only where that does no more than define."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from studyhall_judge.fetching import fetched_by
from studyhall_judge.rebuild import CellKind
from studyhall_judge.releases import unspoken
from studyhall_judge.sandbox import libraries, root


def cell(source, kind=CellKind.test, driven=None):
    return SimpleNamespace(source=source, kind=kind, driven=driven)


def test_all_ways_to_import_are_found_once():
    tests = [
        "import a.b as c, d\nfrom a.b import e, f",
        "def g():\n    from d import *\n    importlib.import_module('h.i')\n    pytest.importorskip('k')",
        "%time from l import m",
    ]
    assert fetched_by(map(cell, tests)) == [["a.b", "e", "f"], ["d"], ["h.i"], ["k"], ["l", "m"]]


def test_what_is_no_tests_own_import_is_left_out():
    cells = [
        cell("import a", CellKind.learner),
        cell("import b", driven=object()),
        cell("from . import c\nfrom __future__ import annotations\nimport_module(name)"),
        cell("import d d"),
    ]
    assert fetched_by(cells) == []


@pytest.fixture
def beside(tmp_path, monkeypatch):
    monkeypatch.setattr(root, "WORK", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("fetched_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("'''Words.'''\nprint('here')\ndef f(): pass", True),
        ("import random\nrandom.seed(4)", False),
        ("1 / 0 if False else None", False),
        ("x = 1 / 0", False),
        ("not Python", False),
    ],
)
def test_a_module_of_the_lessons_is_loaded_in_advance_when_it_only_defines(beside, text, loaded):
    (beside / "fetched_one.py").write_text(text, encoding="utf-8")
    libraries.load([["fetched_one", "nothing"], ["fetched_not_there"]])
    assert ("fetched_one" in sys.modules) is loaded
    assert [one.name for one in beside.iterdir()] == ["fetched_one.py"]


def test_files_that_only_tests_name_are_told_apart(assignment):
    cells = [
        SimpleNamespace(shown="Read `data.csv`.", role="plain"),
        SimpleNamespace(shown="", role="test"),
    ]
    assert unspoken(["in/data.csv", "in/wanted.csv"], cells) == {"in/wanted.csv"}
