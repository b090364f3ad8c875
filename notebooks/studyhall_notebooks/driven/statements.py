"""What a driven test says, and the decision whether it holds: the same for a kernel and for the judge."""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from studyhall_notebooks.driven.values import Form, close, difference, is_plain, same, show

Verb = Literal["equals", "approx", "raises", "prints", "satisfies"]

DEFAULT_REL: Final = 1e-6
DEFAULT_ABS: Final = 1e-9


@dataclass(frozen=True)
class Step:
    """What is asked of an object that the call gave: a method with its arguments, or an attribute."""

    kind: Literal["method", "attribute"]
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f".{self.name}" + (_in_brackets(self.args, self.kwargs) if self.kind == "method" else "")


@dataclass(frozen=True)
class Subject:
    """What is looked at: a call of a learner's function or class, or a variable.

    ``steps`` are taken one after the other on the object itself; the last one's value counts. ``stdin`` is what
    ``input()`` reads, None when nobody types.
    """

    kind: Literal["call", "variable"]
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    stdin: str | None = None
    form: Form = ""

    def __str__(self) -> str:
        words = self.name + (_in_brackets(self.args, self.kwargs) if self.kind == "call" else "")
        words += "".join(map(str, self.steps))
        return words if self.stdin is None else f"{words} with the input {show(self.stdin)}"


def _in_brackets(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    return f"({', '.join([*map(show, args), *(f'{name}={show(value)}' for name, value in kwargs.items())])})"


@dataclass(frozen=True)
class Expectation:
    """What should come of it. ``expected`` is a value, an exception's name, a text, or a comparator's name."""

    verb: Verb
    expected: Any
    rel: float = DEFAULT_REL
    abs: float = DEFAULT_ABS
    saying: str = ""
    exact: bool = False

    def __str__(self) -> str:
        match self.verb:
            case "approx":
                return f"about {show(self.expected)}"
            case "raises":
                saying = f" that says {show(self.saying)}" if self.saying else ""
                return f"an error of the kind {self.expected}{saying}"
            case "prints":
                return f"the output {show(self.expected)}"
            case "satisfies":
                return "a value that fits"
        return show(self.expected)


@dataclass(frozen=True)
class Check:
    """One statement of a driven test; ``line`` is counted from 1 within the cell."""

    subject: Subject
    expectation: Expectation
    line: int = 0


@dataclass(frozen=True)
class DrivenTest:
    """A test cell that is driven.

    ``partial`` is how many points all checks together give when each counts for itself, None when all must hold.
    ``comparators`` is the staff's own code that ``satisfies`` names, with what it needs of the cell.
    """

    checks: tuple[Check, ...]
    partial: float | None = None
    comparators: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The learner's names that the test asks for."""
        return frozenset(check.subject.name.partition(".")[0] for check in self.checks)


@dataclass(frozen=True)
class Raised:
    """What code raised: its class's name, the nearest class of Python's own that it is derived from, and its text."""

    name: str
    base: str
    message: str = ""


@dataclass(frozen=True)
class Observed:
    """What came of a check's subject: a converted value or an error, and what was printed meanwhile."""

    value: Any = None
    error: Raised | None = None
    printed: str = ""


@dataclass(frozen=True)
class Judgement:
    """Whether a check holds. None: a comparator of the staff's decides (`Check.expectation.expected` names it).

    ``said`` tells what came back instead; ``told`` only what the test's own text says anyway. ``error`` is what the
    code raised where no error was expected.
    """

    held: bool | None
    said: str = ""
    told: str = ""
    error: Raised | None = field(default=None)


def decide(check: Check, seen: Observed) -> Judgement:
    """Compare what came back with what the check expects."""
    subject, wanted = check.subject, check.expectation
    told = f"{subject} did not lead to {wanted}."
    if wanted.verb == "raises":
        return _decide_raised(check, seen, told)
    if seen.error is not None:
        said = f"{subject} ended with an error: {seen.error.name}: {seen.error.message}".rstrip(": ")
        return Judgement(False, said, told, seen.error)
    if wanted.verb == "prints":
        printed, expected = (_printed(text, exact=wanted.exact) for text in (seen.printed, wanted.expected))
        said = f"{subject} printed {show(seen.printed)}, expected {show(wanted.expected)}."
        return _compared(said, told, printed, expected, same)
    said = f"{subject} gave {show(seen.value)}, expected {wanted}."
    if wanted.verb == "satisfies":
        return Judgement(None if is_plain(seen.value) else False, said, told)
    near = partial(close, rel=wanted.rel, abs_=wanted.abs)
    return _compared(said, told, seen.value, wanted.expected, near if wanted.verb == "approx" else same)


def _compared(
    said: str, told: str, value: Any, expected: Any, alike: Callable[[Any, Any], bool]
) -> Judgement:
    if alike(value, expected):
        return Judgement(True)
    return Judgement(False, f"{said} {difference(value, expected, alike)}".rstrip(), told)


def _judgement(said: str, told: str, *, held: bool) -> Judgement:
    return Judgement(True) if held else Judgement(False, said, told)


def _decide_raised(check: Check, seen: Observed, told: str) -> Judgement:
    wanted = check.expectation
    if seen.error is None:
        return Judgement(False, f"{check.subject} gave {show(seen.value)}, expected {wanted}.", told)
    if not is_error_of(seen.error, wanted.expected):
        return Judgement(False, f"{check.subject} raised {seen.error.name}, expected {wanted}.", told)
    held = wanted.saying in seen.error.message
    said = f"{check.subject} raised an error that says {show(seen.error.message)}, expected {wanted}."
    return _judgement(said, told, held=held)


def is_error_of(error: Raised, wanted: str) -> bool:
    """Return whether an error is of a kind: by its own name, or by the built-in class that it is derived from.

    A class of the learner's that is derived from many kinds counts for the first only, so that no class fits all.
    """
    if wanted in (error.name, error.base):
        return True
    kinds = _builtin_error(error.base), _builtin_error(wanted)
    return kinds[0] is not None and kinds[1] is not None and issubclass(kinds[0], kinds[1])


def _builtin_error(name: str) -> type[BaseException] | None:
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _printed(text: str, *, exact: bool) -> str:
    """Return printed text as it is compared: without spaces at the ends of lines and empty lines at the end."""
    if exact:
        return text
    # Not `splitlines`, which takes a form feed and others for the end of a line.
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip(" \t\r") for line in lines).rstrip("\n")
