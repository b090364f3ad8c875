"""What makes a comparison hold because there was nothing to compare.

Threat: an array of no elements is broadcast to any shape, so that it is equal to whatever a test expects, and as near
to it as it asks: ``np.allclose([], 3.14)``, ``(np.zeros((0, 1)) == [1, 2, 3]).all()``. A column in which every value is
missing is so, too, since ``all`` passes missing ones over. Nothing is still equal to nothing, and beside one number it
still compares as ever: a test may say what holds for all that there are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

MATCHING = frozenset(
    {"all", "allclose", "isclose", "array_equiv", "assert_allclose", "assert_equal", "assert_almost_equal"}
    | {"assert_array_equal", "assert_array_almost_equal", "assert_approx_equal", "assert_array_less"}
)
"""Functions of numpy's that say of two values whether they are equal, and `all`."""

_DECIDING = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "subtract"})
_SAID = "could not be broadcast together: one of the two holds nothing"
_DEEP = 20
_kinds: list[type] = []


def as_nothing(value: Any) -> Any:
    """Return what a test compares in the place of ``value``: where that is an array of nothing, one that knows it."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.size:
        return value
    if not _kinds:
        _kinds.append(_make(numpy))
    return numpy.ndarray.view(value, _kinds[0])


def is_nothing(kind: type) -> bool:
    """Whether a class is that of what `as_nothing` returns."""
    return any(kind is one for one in _kinds)


def matching(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of `MATCHING` that does not hold of nothing beside something."""
    name = getattr(function, "__name__", "")

    def match(*arguments: Any, **named: Any) -> Any:
        if name == "all":
            missing = len(arguments) == 1 and is_all_missing(arguments[0])
            return False if missing else function(*arguments, **named)
        pair = [*arguments[:2], *(named[one] for one in _NAMED if one in named)]
        if len(pair) == 2 and _is_beside_nothing(*pair):
            if name.startswith("assert"):
                raise AssertionError(f"The values {_SAID}.")
            return False
        return function(*arguments, **named)

    return match


_NAMED = ("a", "a1", "x", "actual", "b", "a2", "y", "desired")


def is_all_missing(value: Any) -> bool:
    """Whether a column or table of pandas' has values, and each of them is missing."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) not in (pandas.Series, pandas.DataFrame) or not value.size:
        return False
    return bool(value.isna().to_numpy().all())


def _is_beside_nothing(one: Any, other: Any) -> bool:
    empty = _holds_nothing(one), _holds_nothing(other)
    if all(empty) or not any(empty):
        return False
    something = other if empty[0] else one
    return not (type(something) in (int, float) and something == 0)


def _holds_nothing(value: Any, depth: int = 0) -> bool:
    if type(value) in (list, tuple):
        return depth < _DEEP and all(_holds_nothing(one, depth + 1) for one in value)
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and issubclass(type(value), numpy.ndarray):
        return bool(value.ndim and not value.size)
    tables = () if pandas is None else (pandas.Series, pandas.DataFrame, pandas.Index)
    return type(value) in tables and not value.size


def _make(numpy: Any) -> type:
    plain = numpy.ndarray

    def bare(value: Any) -> Any:
        return plain.view(value, plain) if issubclass(type(value), Nothing) else value

    class Nothing(plain):  # type: ignore[misc, valid-type]  # numpy is found late
        """An array of no elements that is not broadcast to the shape of one that has some."""

        @property
        def flat(self) -> Any:
            """What pytest's approximations ask for, each of which must be near: one that nothing is near to."""
            return iter([None])

        def __array_ufunc__(
            self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **named: Any
        ) -> Any:
            """Calculate as a plain array does, but compare with no array that holds something."""
            for one in inputs:
                asked = getattr(type(one), "__array_ufunc__", plain.__array_ufunc__)
                if asked is not plain.__array_ufunc__ and not issubclass(type(one), Nothing):
                    return NotImplemented
            if method == "__call__" and ufunc.__name__ in _DECIDING:
                shapes = [numpy.shape(one) for one in inputs]
                if any(shape and 0 not in shape for shape in shapes):
                    raise ValueError(f"operands {_SAID}")
            if out is not None:
                named["out"] = tuple(map(bare, out))
            return getattr(ufunc, method)(*map(bare, inputs), **named)

    return Nothing
