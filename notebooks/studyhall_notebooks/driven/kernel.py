"""`check` as it works in a kernel: each statement runs at once and raises `AssertionError` when it does not hold."""

import builtins
import contextlib
import copy
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from studyhall_notebooks.driven.statements import (
    DEFAULT_ABS,
    DEFAULT_REL,
    Check,
    Expectation,
    Judgement,
    Observed,
    Raised,
    Step,
    Subject,
    decide,
)
from studyhall_notebooks.driven.values import to_plain


class Checks:
    """Begins statements about the code of the notebook in which it is used. Use `check`, its one instance."""

    def call(self, name: str, /, *args: Any, **kwargs: Any) -> "Statement":
        """Begin a statement about a call: ``check.call("square", 3).equals(9)``."""
        return Statement(self, Subject("call", name, args, kwargs), _names_of_caller())

    def variable(self, name: str, /) -> "Statement":
        """Begin a statement about a variable: ``check.variable("total").equals(12)``."""
        return Statement(self, Subject("variable", name), _names_of_caller())

    def partial(self) -> "PartialChecks":
        """Return a `check` of which each statement counts for itself: see `PartialChecks.points`."""
        return PartialChecks()

    def settle(self, judgement: Judgement, cause: BaseException | None) -> None:
        """Take one statement's outcome. Raises `AssertionError` when it does not hold."""
        if not judgement.held:
            raise AssertionError(judgement.said) from cause


class PartialChecks(Checks):
    """Counts which statements hold; what does not is printed."""

    def __init__(self) -> None:
        self._held = 0
        self._all = 0

    def settle(self, judgement: Judgement, cause: BaseException | None) -> None:  # noqa: ARG002 - as in `Checks`
        """Take one statement's outcome."""
        self._all += 1
        self._held += bool(judgement.held)
        if not judgement.held:
            print(judgement.said)  # noqa: T201 - the learner reads it below the cell

    def points(self, most: float, /) -> float:
        """Return the cell's points, ``most`` when all held; the last line of the cell, as nbgrader wants it."""
        return float(most) * self._held / self._all if self._all else 0.0


class Statement:
    """What is looked at, and then what is expected of it. Names are looked up when the expectation is said."""

    def __init__(self, checks: Checks, subject: Subject, names: dict[str, Any]) -> None:
        self._checks = checks
        self._subject = subject
        self._names = names

    def then(self, method: str, /, *args: Any, **kwargs: Any) -> "Statement":
        """Call a method of the object that the call gave; the last one's value counts."""
        return self._with_step(Step("method", method, args, kwargs))

    def attribute(self, name: str, /) -> "Statement":
        """Read an attribute of the object that the call gave."""
        return self._with_step(Step("attribute", name))

    def given_input(self, text: str, /) -> "Statement":
        r"""Say what ``input()`` reads, with ``\n`` after each line."""
        return self._with(stdin=text)

    def as_list(self) -> "Statement":
        """Compare an array, column, table, iterator or other collection as the list of its items (or rows)."""
        return self._with(form="list")

    def as_dict(self) -> "Statement":
        """Compare a column or table as a dictionary (of lists, for a table)."""
        return self._with(form="dict")

    def equals(self, expected: Any, /) -> None:
        """Expect a value. Raises `AssertionError`."""
        self._settle(Expectation("equals", expected))

    def approx(self, expected: Any, /, *, rel: float = DEFAULT_REL, abs: float = DEFAULT_ABS) -> None:  # noqa: A002 - the word of every library for it
        """Expect numbers, also within containers, within a tolerance. Raises `AssertionError`."""
        self._settle(Expectation("approx", expected, rel=rel, abs=abs))

    def raises(self, kind: type[BaseException] | str, /, *, saying: str = "") -> None:
        """Expect an error of a kind, given as a class or by its name. Raises `AssertionError`.

        Args:
            kind: a class of Python's own, or one that the learner defines.
            saying: a part of the error's text.
        """
        name = kind if isinstance(kind, str) else kind.__name__
        self._settle(Expectation("raises", name, saying=saying))

    def prints(self, text: str, /, *, exact: bool = False) -> None:
        """Expect printed text. Raises `AssertionError`.

        Args:
            text: all that is printed, prompts of ``input()`` included.
            exact: whether spaces at the ends of lines and empty lines at the end count, too.
        """
        self._settle(Expectation("prints", text, exact=exact))

    def satisfies(self, comparator: Callable[[Any], Any], /) -> None:
        """Expect that a function of the test cell says yes to the value. Raises `AssertionError`."""
        self._settle(Expectation("satisfies", comparator.__name__), comparator)

    def _with_step(self, step: Step) -> "Statement":
        return self._with(steps=(*self._subject.steps, step))

    def _with(self, **changes: Any) -> "Statement":
        return Statement(self._checks, replace(self._subject, **changes), self._names)

    def _settle(self, wanted: Expectation, comparator: Callable[[Any], Any] | None = None) -> None:
        seen, cause = observe(self._subject, self._names, quiet=wanted.verb == "prints")
        judgement = decide(Check(self._subject, wanted), seen)
        if judgement.held is None and comparator is not None:
            try:
                judgement = replace(judgement, held=bool(comparator(seen.value)))
            except Exception as error:  # noqa: BLE001 - a comparator may also use asserts
                judgement, cause = replace(judgement, held=False), error
        self._checks.settle(judgement, cause)


def observe(subject: Subject, names: dict[str, Any], *, quiet: bool) -> tuple[Observed, BaseException | None]:
    """Run what a statement looks at. Returns what came of it and the error itself.

    Args:
        subject: the call or variable.
        names: the notebook's names.
        quiet: whether to keep what is printed from the cell's output.
    """
    printed = io.StringIO()
    streams = contextlib.redirect_stdout(printed) if quiet else contextlib.nullcontext()
    try:
        with streams, _input(subject.stdin):
            value = to_plain(_value(subject, names), subject.form)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the learner's code may raise anything
        return Observed(error=_describe(error), printed=printed.getvalue()), error
    return Observed(value, printed=printed.getvalue()), None


def _value(subject: Subject, names: dict[str, Any]) -> Any:
    first, *rest = subject.name.split(".")
    if first not in names:
        raise NameError(f"name '{first}' is not defined")
    found = names[first]
    for part in rest:
        found = getattr(found, part)
    if subject.kind == "call":
        found = found(*_fresh(subject.args), **_fresh(dict(subject.kwargs)))
    value = found
    for step in subject.steps:
        value = getattr(found, step.name)
        if step.kind == "method":
            value = value(*_fresh(step.args), **_fresh(dict(step.kwargs)))
    return value


def _fresh(arguments: Any) -> Any:
    """Return a copy of arguments: what the code does to them must not reach the test's own values.

    Values that can be written out are copied as if each were written where it stands, so that the rows of
    ``[[0] * 2] * 2`` are two lists, as they are for the judge. Others are copied as they hang together.
    """
    try:
        return _as_written(arguments)
    except (_NotWritten, RecursionError):
        return copy.deepcopy(arguments)


class _NotWritten(Exception):
    """A value is not of the kinds that a driven test can write out."""


def _as_written(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return value
    if kind in (list, tuple, set, frozenset):
        return kind(map(_as_written, value))
    if kind is dict:
        return {_as_written(key): _as_written(item) for key, item in value.items()}
    raise _NotWritten


@contextlib.contextmanager
def _input(text: str | None) -> Iterator[None]:
    if text is None:
        yield
        return
    lines = io.StringIO(text)

    def read(prompt: object = "", /) -> str:
        sys.stdout.write(str(prompt))
        line = lines.readline()
        if not line:
            raise EOFError("There is no more input.")
        return line.removesuffix("\n")

    kept = builtins.input, sys.stdin
    builtins.input, sys.stdin = read, lines
    try:
        yield
    finally:
        builtins.input, sys.stdin = kept


def _describe(error: BaseException) -> Raised:
    base = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a learner's class may fail to describe itself
        message = ""
    return Raised(type(error).__name__, base, message)


def _names_of_caller() -> dict[str, Any]:
    return sys._getframe(2).f_globals  # noqa: SLF001 - the documented way to see who calls


check = Checks()
