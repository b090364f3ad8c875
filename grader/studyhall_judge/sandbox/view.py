"""What stands for an object of the learner's whose comparisons are not to be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class View:
    """Stands for a learner's object whose comparisons are not to be believed: equal only to itself."""

    __slots__ = ("_see", "_value")
    __hash__ = object.__hash__

    def __init__(self, value: Any, see: Callable[[Any], Any]) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_see", see)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # isinstance must see the real class
            return type(object.__getattribute__(self, "_value"))
        if name in ("_value", "_see"):
            raise AttributeError(name)
        return getattr(object.__getattribute__(self, "_value"), name)

    def __eq__(self, other: object) -> bool:
        mine = object.__getattribute__(self, "_value")
        if type(other) is View:
            theirs = object.__getattribute__(other, "_value")
            # Two objects of the learner's own class: no expected value is involved that could be forged.
            return mine is theirs or (type(mine) is type(theirs) and bool(mine == theirs))
        return False

    def __ne__(self, other: object) -> bool:
        return not View.__eq__(self, other)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "_value"))

    def __iter__(self) -> Iterator[Any]:
        see = object.__getattribute__(self, "_see")
        return (see(item) for item in object.__getattribute__(self, "_value"))

    def __contains__(self, item: object) -> bool:
        return any(item is one or item == one for one in View.__iter__(self))

    def __getitem__(self, key: Any) -> Any:
        see = object.__getattribute__(self, "_see")
        return see(object.__getattribute__(self, "_value")[key])

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: D102 - stands for the learner's own
        return object.__getattribute__(self, "_value")(*arguments, **named)

    def __str__(self) -> str:
        return str(object.__getattribute__(self, "_value"))

    def __repr__(self) -> str:
        return repr(object.__getattribute__(self, "_value"))
