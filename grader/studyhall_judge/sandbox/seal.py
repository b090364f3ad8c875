"""Notices when somebody has got at the executor's own code, and puts it back.

Nothing that learners can import or list leads there, but student code shares the process: a frame that it keeps, or a
handler of signals that it sets while a test calls it, may lead on to frames of ours, and from there to our modules. So
these are compared with what they were after every message, by a function that only the answering thread's own frame
holds: nothing leads to that one, and what it is made of are C functions, taken before any student code ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

from studyhall_judge.sandbox.watched import NOT_COUNTED, version_of
from studyhall_judge.sandbox.words import VALUE_OF

_RESTLESS = "__warningregistry__"
"""Added to a module by the interpreter when something in it warns."""


def seal(owners: Sequence[Any]) -> Callable[[], bool]:  # noqa: C901 - in parts, it would lead from one to the other
    """Remember namespaces as they are now: dictionaries, and those of classes.

    Returns:
        A function that puts back what has been written to them since, and says whether there was anything.
    """
    kept = []
    words = []
    versions = []
    for owner in owners:
        space = owner if type(owner) is dict else vars(owner)
        items = {key: value for key, value in space.items() if key != _RESTLESS}
        word = version_of(space)
        kept.append((owner, space, tuple(items), tuple(items.values()), frozenset(items)))
        words.append(NOT_COUNTED if word is None else word)
        versions.append(-1 if word is None else word.value)
    each, size, every, apply, same, together, kind = enumerate, len, all, map, is_, zip, type
    value_of, uncounted = VALUE_OF, NOT_COUNTED
    clear, update, put, remove, names = dict.clear, dict.update, type.__setattr__, type.__delattr__, list
    mapping, restless = dict, _RESTLESS

    def is_broken() -> bool:  # noqa: C901 - as above
        broken = False
        now = names(apply(value_of, words))
        if now == versions:
            return broken
        for number, version in each(now):
            if version == versions[number]:
                continue
            owner, space, keys, values, known = kept[number]
            present = size(space) - (restless in space)
            if present != size(keys) or not every(apply(same, apply(space.get, keys), values)):
                broken = True
                if kind(owner) is mapping:
                    clear(owner)
                    update(owner, together(keys, values))
                else:
                    for key in names(space):
                        if key not in known:
                            remove(owner, key)
                    for key, value in together(keys, values):
                        if space.get(key) is not value:
                            put(owner, key, value)
            if words[number] is not uncounted:
                versions[number] = value_of(words[number])
        return broken

    return is_broken
