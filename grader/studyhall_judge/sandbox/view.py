"""What stands for an object of the learner's whose comparisons are not to be believed.

A test that compares such objects among themselves, or asks one for its own value, gets the learner's own answer: nobody
has said yet what is expected. Only where a value of the test's comes in, the learner's class is not asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Iterator
from typing import Any

_NUMPYS_OWN = "__array"
"""How everything begins that numpy asks an object for before it looks at its elements."""

Operation = Callable[[Any, Any], Any]

# Taken now: student code can patch the module's own.
_equal, _unequal = operator.eq, operator.ne
_less, _less_equal, _greater, _greater_equal = operator.lt, operator.le, operator.gt, operator.ge

_REFUSED = (
    "an object of a class that the test does not name met a value of the test's; naming the class allows that"
)


SEE, MIX, TELL = range(3)
"""What a view asks the guard: to see a value, to see what came of one of the test's, and to tell of a class."""


def hidden(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that does the same and leads nowhere: what it calls is a local name of a generator.

    A learner's function may be handed a view, for instance as the key of a sort, and take it apart. The audit hook
    refuses the frame of a generator of ours.
    """

    def answering() -> Generator[Any, Any, None]:
        value = None
        while True:
            value = function((yield value))

    answers = answering()
    next(answers)
    return answers.send


class View:
    """Stands for a learner's object whose comparisons are not to be believed: equal only to another one of these.

    A ``mixed`` one is what came of it and a value of the test's: of that nothing is believed.
    """

    __slots__ = ("_ask", "_mixed", "_value")

    def __init__(self, value: Any, ask: Callable[[Any], Any], *, mixed: bool = False) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_mixed", mixed)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # isinstance must see the real class
            return type(value_of(self))
        if name.startswith(_NUMPYS_OWN):
            raise AttributeError(name)
        return _see(self, getattr(View._own(self), name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(value_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(value_of(self), name)

    def __eq__(self, other: object) -> bool:
        return bool(View._decide(self, other, _equal, unknown=False))

    def __ne__(self, other: object) -> bool:
        return bool(View._decide(self, other, _unequal, unknown=True))

    def __lt__(self, other: object) -> Any:
        return View._decide(self, other, _less, unknown=NotImplemented)

    def __le__(self, other: object) -> Any:
        return View._decide(self, other, _less_equal, unknown=NotImplemented)

    def __gt__(self, other: object) -> Any:
        return View._decide(self, other, _greater, unknown=NotImplemented)

    def __ge__(self, other: object) -> Any:
        return View._decide(self, other, _greater_equal, unknown=NotImplemented)

    def _decide(self, other: object, operation: Operation, *, unknown: Any) -> Any:
        """Let the learner's classes compare two of their objects; ``unknown`` is said of any other comparison."""
        mine, theirs = value_of(self), value_of(other) if type(other) is View else other
        if mine is theirs and operation in (_equal, _unequal):
            return operation is _equal
        mixed = _is_mixed(self) or (type(other) is View and _is_mixed(other))
        learners = type(other) is View or type(theirs) is type(mine)
        if learners and not mixed:
            return operation(mine, theirs)
        _tell(self, type(mine))
        return unknown

    def _own(self) -> Any:
        """Return the learner's object, which is asked for what is its own.

        Raises:
            TypeError: a value of the test's has come in, and so anything that it says could be about that.
        """
        if _is_mixed(self):
            _tell(self, type(value_of(self)))
            raise TypeError(_REFUSED)
        return value_of(self)

    def __hash__(self) -> int:
        return hash(View._own(self))

    def __bool__(self) -> bool:
        return bool(View._own(self))

    def __len__(self) -> int:
        return len(View._own(self))

    def __iter__(self) -> Iterator[Any]:
        ask = _ask_of(self)
        return (ask((SEE, item)) for item in View._own(self))

    def __reversed__(self) -> Iterator[Any]:
        ask = _ask_of(self)
        return (ask((SEE, item)) for item in reversed(View._own(self)))

    def __next__(self) -> Any:
        return _see(self, next(View._own(self)))

    def __contains__(self, item: object) -> bool:
        try:
            elements = View.__iter__(self)
        except TypeError:
            if type(item) is View and not _is_mixed(item):
                return value_of(item) in View._own(self)
            _tell(self, type(value_of(self)))
            raise TypeError(_REFUSED) from None
        return any(item is one or item == one for one in elements)

    def __getitem__(self, key: Any) -> Any:
        return _see(self, View._own(self)[key])

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: D102 - stands for the learner's own
        return _see(self, View._own(self)(*arguments, **named))

    def __str__(self) -> str:
        return View.__repr__(self) if _is_mixed(self) else str(value_of(self))

    def __repr__(self) -> str:
        return "(what a class of the learner's made of it)" if _is_mixed(self) else repr(value_of(self))

    def __format__(self, form: str) -> str:
        return format(View._own(self), form)

    def _came(self, result: Any, *, mixed: bool) -> Any:
        """Return what came of an operation. A plain value that the learner's class made of the test's is refused."""
        if not mixed:
            return _see(self, result)
        seen = _ask_of(self)((MIX, result))
        if type(seen) is View:
            return seen
        _tell(self, type(value_of(self)))
        raise TypeError(_REFUSED)

    def _combine(self, operation: Operation, first: Any, second: Any) -> Any:
        """Do what an operator does, ``self`` being one of the two."""
        both = type(first) is View and type(second) is View
        mixed = not both or _is_mixed(first) or _is_mixed(second)
        values = (value_of(one) if type(one) is View else one for one in (first, second))
        return View._came(self, operation(*values), mixed=mixed)


value_of: Callable[[Any], Any] = View.__dict__["_value"].__get__
"""Returns what a view stands for."""

_ask_of: Callable[[Any], Callable[[Any], Any]] = View.__dict__["_ask"].__get__
_is_mixed: Callable[[Any], bool] = View.__dict__["_mixed"].__get__


def _see(view: View, value: Any) -> Any:
    return _ask_of(view)((SEE, value))


def _tell(view: View, kind: type) -> None:
    _ask_of(view)((TELL, kind))


def _forward(operation: Operation) -> Any:
    return lambda self, other: View._combine(self, operation, self, other)  # noqa: SLF001 - its own


def _reflected(operation: Operation) -> Any:
    return lambda self, other: View._combine(self, operation, other, self)  # noqa: SLF001 - its own


def _alone(operation: Callable[..., Any]) -> Any:
    return lambda self, *more: View._came(self, operation(value_of(self), *more), mixed=_is_mixed(self))  # noqa: SLF001 - its own


BETWEEN_TWO: dict[str, Operation] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")},
    **{name: getattr(operator, name) for name in ("matmul", "lshift", "rshift", "xor")},
    "and": operator.and_,
    "or": operator.or_,
    "divmod": divmod,
}
_OF_ONE: dict[str, Callable[..., Any]] = {
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "abs": abs,
    "round": round,
    "int": int,
    "float": float,
    "complex": complex,
}
for _name, _function in BETWEEN_TWO.items():
    setattr(View, f"__{_name}__", _forward(_function))
    setattr(View, f"__r{_name}__", _reflected(_function))
for _name, _function in _OF_ONE.items():
    setattr(View, f"__{_name}__", _alone(_function))
