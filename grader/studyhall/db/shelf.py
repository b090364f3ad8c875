"""What a process may keep between requests."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shelf(Generic[Key, Value]):
    """Values by key, up to a number of them; what was not asked for the longest time goes first.

    Best for rows that are written once and never changed: nothing then has to tell it to forget.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """Return what is kept under a key, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> Value:
        """Keep a value and return it."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def drop(self, which: Callable[[Key], bool]) -> None:
        """Forget all keys that a function says yes to."""
        for key in [key for key in self._values if which(key)]:
            del self._values[key]
