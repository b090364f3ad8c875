"""What is read where it lies in memory is what Python itself would say, before and after a change."""

from __future__ import annotations

import sys
from types import CellType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall_judge.sandbox.watched import COUNTS_CHANGES, Record, Records
from studyhall_judge.sandbox.words import classes_of, contents_of_cells


class Other(ModuleType):
    """A class that a module can be given."""


def test_an_object_that_was_given_another_class_is_noticed():
    modules = [ModuleType(name) for name in "abc"]
    steady = classes_of(modules)
    assert steady.is_intact()
    modules[1].__class__ = Other
    assert not steady.is_intact()
    modules[1].__class__ = ModuleType
    assert steady.is_intact()


def test_a_cell_that_holds_something_else_or_nothing_is_noticed():
    held = [object(), object()]
    cells = [CellType(one) for one in held]
    steady = contents_of_cells(cells, held)
    assert steady.is_intact()
    cells[0].cell_contents = held[1]
    assert not steady.is_intact()
    cells[0].cell_contents = held[0]
    assert steady.is_intact()
    del cells[1].cell_contents
    assert not steady.is_intact()


def test_what_cannot_be_read_is_never_called_intact():
    cell = CellType(object())
    assert not contents_of_cells([cell], [object()]).is_intact()


def test_reading_touches_no_count_of_references():
    held = object()
    cells = [CellType(held)]
    steady = contents_of_cells(cells, [held])
    before = sys.getrefcount(held)
    assert steady.is_intact()
    assert sys.getrefcount(held) == before


@pytest.mark.skipif(not COUNTS_CHANGES, reason="this Python does not count changes")
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["written", "looked at"])), max_size=20))
def test_exactly_those_records_are_named_that_were_written_to_since_they_were_looked_at(steps):
    spaces = [{"name": number} for number in range(5)]
    records = Records()
    records.add([Record(str(number), space, space) for number, space in enumerate(spaces)])
    written: set[int] = set()
    for number, what in steps:
        if what == "written":
            spaces[number]["name"] = object()
            written.add(number)
            continue
        found = []
        for record in records.written_to():
            found.append(int(record.name))
            if int(record.name) == number:
                record.settle()
        assert found == sorted(written)
        written.discard(number)


def test_records_whose_changes_are_not_counted_are_always_looked_at(monkeypatch):
    monkeypatch.setattr("studyhall_judge.sandbox.watched.COUNTS_CHANGES", False)
    space = {"name": 1}
    records = Records()
    records.add([Record("space", space, space)])
    for _ in range(2):
        assert [record.name for record in records.written_to()] == ["space"]
        for record in records:
            record.settle()
