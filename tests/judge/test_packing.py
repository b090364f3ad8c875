"""Code that every notebook runs is made anew, side by side, and does what it did."""

from __future__ import annotations

import gc
import sys

import pytest
from studyhall_judge.sandbox import packing

PAGE = 4096


def outer(n: int, *, scale: int = 2) -> list[int]:
    """Use a function within, a default and a comprehension."""

    def inner(value: int) -> int:
        return value * scale

    return [inner(value) for value in range(n)]


def never() -> int:
    """Is not run."""
    return 1


class Thing:
    """Has a method that runs."""

    def method(self) -> str:
        """Say who it is."""
        return type(self).__name__


@pytest.fixture(autouse=True)
def _thawed():
    """What other tests have frozen is not among the objects that the collector lists."""
    gc.unfreeze()


def test_what_has_run_is_made_anew_and_nothing_else():
    before = outer.__code__, Thing.method.__code__, never.__code__
    runs = []
    said = []

    def work():
        runs.append(1)
        said.append((outer(3), outer(2, scale=5), Thing().method()))

    packing.pack(work)
    assert len(runs) == 1 + packing.ROUNDS
    assert set(map(repr, said)) == {"([0, 2, 4], [0, 5], 'Thing')"}
    assert outer.__code__ is not before[0]
    assert outer.__code__ == before[0]
    assert Thing.method.__code__ is not before[1]
    assert never.__code__ is before[2]
    assert outer.__doc__ == "Use a function within, a default and a comprehension."


def test_code_within_code_is_made_anew_with_it():
    inner = [one for one in outer.__code__.co_consts if hasattr(one, "co_code")]
    packing.pack(lambda: outer(1))
    fresh = [one for one in outer.__code__.co_consts if hasattr(one, "co_code")]
    assert fresh == inner
    assert not any(one is other for one, other in zip(fresh, inner, strict=True))


def test_a_tracer_of_profiles_that_was_there_is_there_again():
    heard = []

    def listen(_frame, event, _argument):
        heard.append(event)

    sys.setprofile(listen)
    try:
        packing.pack(lambda: outer(1))
        assert sys.getprofile() is listen
    finally:
        sys.setprofile(None)
