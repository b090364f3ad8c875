"""What libraries do by themselves though it looks like an attack: late code, decorated methods, their own threads."""

from __future__ import annotations

import importlib
import sys
import threading
import time

import pytest
from studyhall_judge.sandbox.audit import LEARNER, NotHere, Watch
from studyhall_judge.sandbox.bindings import Touched
from studyhall_judge.sandbox.harmless import is_harmless
from studyhall_judge.sandbox.kinds import Kinds
from studyhall_judge.sandbox.threads import kept_by_libraries
from studyhall_judge.sandbox.watched import Record, fill_tables

DECORATING = """
def answering(function):
    def answer(self, other):
        return function(self, other)
    return answer
"""
VALUES = """
from shipyard.decorating import answering

class Plank:
    @answering
    def __eq__(self, other):
        return True
    __hash__ = None
"""
LATE = """
def late(make):
    def stub():
        stub.__code__ = make().__code__
        return stub()
    return stub

def fill(function, code, asked):
    function.__code__
    asked("object.__setattr__", (function, "__code__", code))

def given(function, code, asked):
    asked("object.__setattr__", (function, "__code__", code))
"""
BARS = """
import threading

class Monitor(threading.Thread):
    def __init__(self, done):
        super().__init__(daemon=True)
        self.done = done

    def run(self):
        self.done.wait()
"""


@pytest.fixture
def shipyard(tmp_path, monkeypatch):
    """A library in a folder that is trusted; returns its modules by name, and the folder."""
    package = tmp_path / "shipyard"
    package.mkdir()
    texts = {"__init__": "", "decorating": DECORATING, "values": VALUES, "late": LATE, "bars": BARS}
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    modules = {name: importlib.import_module(f"shipyard.{name}") for name in texts if name != "__init__"}
    yield modules, f"{tmp_path}/"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shipyard"]:
        del sys.modules[name]


def kinds_of(folder):
    kinds = Kinds(frozenset({object, type}), (folder,))
    kinds.start(frozenset(), lambda name: None)
    return kinds


def test_a_librarys_methods_may_be_decorated_in_another_of_its_modules(shipyard):
    modules, folder = shipyard
    assert not kinds_of(folder).is_forged(modules["values"].Plank)


def test_a_method_that_a_learner_put_there_is_not_the_librarys(shipyard):
    modules, folder = shipyard
    modules["values"].Plank.__eq__ = lambda self, other: True
    assert kinds_of(folder).is_forged(modules["values"].Plank)


def test_a_library_may_give_its_own_function_the_code_that_it_made_late(shipyard):
    modules, folder = shipyard
    asked = asked_of(Watch((folder,), Touched()))
    late = modules["late"]
    late.fill(late.late(None), fill_tables.__code__, asked)


def test_nobody_else_gives_a_librarys_function_other_code(shipyard):
    modules, folder = shipyard
    asked = asked_of(Watch((folder,), Touched()))
    late = modules["late"]
    with pytest.raises(NotHere):
        late.fill(modules["decorating"].answering, fill_tables.__code__, asked)
    with pytest.raises(NotHere):
        late.given(late.late(None), fill_tables.__code__, asked)


def asked_of(watch):
    watch.mode = LEARNER
    return watch._hook()


def test_a_thread_of_a_librarys_own_class_is_the_librarys(shipyard):
    modules, folder = shipyard
    prefixes = (folder, threading.__file__)
    done = threading.Event()
    before = kept_by_libraries(prefixes)
    threads = [modules["bars"].Monitor(done), threading.Thread(target=done.wait), Own(done)]
    for thread in threads:
        thread.start()
    try:
        assert kept_by_libraries(prefixes) == before + 1
    finally:
        done.set()
        for thread in threads:
            thread.join()


class Own(threading.Thread):
    def __init__(self, done):
        super().__init__()
        self.done = done

    def run(self):
        self.done.wait()


def test_what_a_module_notes_for_itself_is_no_change():
    namespace = dict(vars(time))
    record = Record("time", time, namespace)
    namespace["tzname"] = ("here", "there")
    assert record.is_intact()
    namespace["sleep"] = print
    assert not record.is_intact()


def test_only_a_builtin_under_its_own_name_is_harmless_in_numpy():
    import numpy as np

    namespace = dict(vars(np))
    record = Record("numpy", np, namespace)
    for name, value, fine in (("bool", bool, True), ("bool", int, False), ("all", all, False)):
        namespace[name] = value
        assert is_harmless(record, name) is fine
    namespace["float"], namespace["object"] = float, int
    assert record.overriding() == ["object"]
