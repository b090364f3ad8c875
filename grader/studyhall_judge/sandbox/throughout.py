"""Looks through containers in containers by their classes alone, all of one depth together.

A test may compare a million pairs. Where everything in them is plain, or of a class that is believed, they are as they
should be, and only the interpreter's own C code has gone through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from studyhall_judge.sandbox.sorts import MAPPINGS, SEQUENCES, is_alone

MOST = 20_000_000
"""Elements that are looked at, about half a second; many lists that are the same one may stand for very many more."""

_DEEPEST = 50
_CONTAINERS = frozenset(map(id, SEQUENCES | MAPPINGS))
"""Told apart by who they are: a learner's class may say that it equals one."""


def look_through(value: Any, is_known: Callable[[Any], bool]) -> int:
    """Return how many elements a container holds at any depth, where all of them are of known classes.

    Args:
        value: a container of one of the plain sorts, and of no class below one.
        is_known: says of an object whether those of its class are taken as they are.

    Returns:
        0 also where something else is in it, too much or too deep to tell, or a thread runs that could change it.
    """
    level = [value]
    looked = 0
    for _ in range(_DEEPEST if is_alone() else 0):
        looked += sum(map(len, level))
        if looked > MOST:
            return 0
        kinds = set(map(id, map(type, _elements(level))))
        within = kinds & _CONTAINERS
        if not all(is_known(_one_of(level, kind)) for kind in kinds - within):
            return 0
        if not within:
            return looked
        elements = _elements(level)
        level = list(elements) if within == kinds else [one for one in elements if id(type(one)) in within]
    return 0


def _elements(containers: list[Any]) -> Iterable[Any]:
    kinds = set(map(type, containers))
    if not kinds & MAPPINGS:
        return chain.from_iterable(containers)
    mappings = [one for one in containers if type(one) in MAPPINGS]
    others = [one for one in containers if type(one) not in MAPPINGS]
    keys, values = map(dict.keys, mappings), map(dict.values, mappings)
    return chain(chain.from_iterable(others), chain.from_iterable(keys), chain.from_iterable(values))


def _one_of(level: list[Any], kind: int) -> Any:
    return next(one for one in _elements(level) if id(type(one)) == kind)
