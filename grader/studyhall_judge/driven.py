"""Driven tests as seen from outside: what is asked, what came back, and whether that is right.

Nothing here runs in a sandbox. The learner's process gets a name and arguments; its answer is data that is compared
here, whoever made it. Staff's own comparators run in a sandbox of their own that never saw the learner's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.driven import (
    Check,
    DrivenTest,
    Expectation,
    Judgement,
    Observed,
    Raised,
    Subject,
    Unplain,
    decide,
    show,
)

from studyhall_judge.messages import COMPARATOR_ERROR
from studyhall_judge.rebuild import CellKind, PlannedCell
from studyhall_judge.sandbox import plain
from studyhall_judge.scoring import CellError, CellOutcome, Ending

MANY = 2_000
"""From this size on a value is looked at beside the event loop, and forgotten once it is decided: a hundred thousand
sets take a second and 20 MB, for each check of each test."""

_VIOLENT = (Ending.timed_out, Ending.memory, Ending.died, Ending.not_run)


def question(check: Check) -> dict[str, Any]:
    """Return what the sandbox is asked: everything about the subject, and nothing about what is expected."""
    subject = check.subject
    return {
        "kind": subject.kind,
        "name": subject.name,
        "args": plain.encode_arguments(subject.args),
        "kwargs": plain.encode_arguments(dict(subject.kwargs)),
        "steps": [
            [
                step.kind,
                step.name,
                plain.encode_arguments(step.args),
                plain.encode_arguments(dict(step.kwargs)),
            ]
            for step in subject.steps
        ],
        "stdin": subject.stdin,
        "form": subject.form,
    }


@dataclass
class DrivenRun:
    """The checks of one test cell, one after the other, as far as they were asked."""

    test: DrivenTest
    faithful: bool = False
    """Whether the points are those that nbgrader would give: none, when a check runs out of time."""
    seen: list[tuple[Check, Observed, Judgement]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    ended: CellOutcome | None = None
    """Set when a check ended the process or ran out of time."""

    @property
    def goes_on(self) -> bool:
        """Whether the next check is asked: as in a kernel, all must hold unless each counts for itself."""
        return self.ended is None and (self.test.partial is not None or self._first_failure() is None)

    def add(self, check: Check, outcome: CellOutcome, answer: dict[str, Any] | None) -> None:
        """Take what came of a check; ``answer`` is None when nothing did."""
        self.outputs += outcome.outputs
        if outcome.ending in _VIOLENT or answer is None:
            self.ended = outcome
            return
        seen = _observed(answer, outcome.outputs)
        judgement = decide(check, seen)
        if judgement.error is not None and judgement.error.name == "MemoryError":
            self.ended = replace(outcome, ending=Ending.memory)
        if judgement.held is not None and is_large(answer):
            seen = replace(seen, value=_Shown(show(seen.value)), printed="")
        self.seen.append((check, seen, judgement))

    @property
    def undecided(self) -> list[int]:
        """The places of checks that a comparator decides."""
        return [place for place, (_, _, judgement) in enumerate(self.seen) if judgement.held is None]

    def settle(self, place: int, *, held: bool, note: str, fault: bool = False) -> None:
        """Take a comparator's word for the check at ``place``; ``fault`` says that it failed to decide."""
        check, seen, judgement = self.seen[place]
        said = f"{judgement.said} {note}".strip()
        error = Raised(COMPARATOR_ERROR, "Exception", said) if fault else None
        self.seen[place] = check, seen, replace(judgement, held=held, said=said, error=error)

    def _first_failure(self) -> tuple[Check, Judgement] | None:
        return next((((one, said) for one, _, said in self.seen if said.held is False)), None)

    def outcome(self, seconds: float) -> CellOutcome:
        """Return the cell's outcome as that of a cell that had asserted all this."""
        outputs = [*self.outputs, {"output_type": "stream", "name": "stdout", "text": self._shown()}]
        outcome = CellOutcome(Ending.finished, outputs, seconds=seconds, driven=self)
        failure = self._first_failure()
        if self.test.partial is not None:
            return self._partial_outcome(outcome, self.test.partial)
        if self.ended is not None:
            outcome.ending, outcome.note = self.ended.ending, self.ended.note
        elif failure is not None:
            outcome.ending = Ending.raised
            outcome.error = _as_error(*failure)
        return outcome

    def _partial_outcome(self, outcome: CellOutcome, most: float) -> CellOutcome:
        held = sum(judgement.held is True for _, _, judgement in self.seen)
        points = most * held / len(self.test.checks)
        if self.ended is not None and (self.faithful or held == 0):
            outcome.ending, outcome.note = self.ended.ending, self.ended.note
        else:
            outcome.result = {"kind": "number", "value": points}
            data = {"text/plain": repr(points)}
            outcome.outputs.append(
                {"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}}
            )
        return outcome

    def _shown(self) -> str:
        """Return the checks and what came of them, for staff."""
        lines = []
        for check, seen, judgement in self.seen:
            came = (
                f"raised {seen.error.name}: {seen.error.message}"
                if seen.error
                else f"gave {show(seen.value)}"
            )
            verdict = {True: "holds", False: "does not hold", None: "is for a comparator"}[judgement.held]
            note = "" if judgement.held else f" ({judgement.said})"
            lines.append(f"line {check.line}: {check.subject} {came}; {verdict}{note}")
        for check in self.test.checks[len(self.seen) :]:
            lines.append(f"line {check.line}: {check.subject} has no answer")  # noqa: PERF401 - two kinds of line
        return "\n".join(lines).encode("utf-8", "replace").decode() + "\n"


class _Shown:
    """Stands for a value of which only what people read is still needed."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def is_large(answer: dict[str, Any] | None) -> bool:
    """Whether the value in an answer has more than `MANY` parts, or as much text; looks at no more than that."""
    left = MANY
    waiting: list[Any] = [] if answer is None else [answer.get("value")]
    while waiting and left > 0:
        one = waiting.pop()
        left -= 1
        if isinstance(one, list):
            left -= len(one)
            waiting += one[: max(0, left)]
        elif isinstance(one, str):
            left -= len(one) // 4
    return left <= 0


def _observed(answer: dict[str, Any], outputs: list[dict[str, Any]]) -> Observed:
    printed = "".join(
        str(one.get("text", ""))
        for one in outputs
        if one.get("output_type") == "stream" and one.get("name") == "stdout"
    )
    raised = answer.get("raised")
    if isinstance(raised, dict):
        name, base, message = (str(raised.get(key, ""))[:2000] for key in ("name", "base", "message"))
        return Observed(None, Raised(name, base, message), printed)
    try:
        if "value" in answer:
            return Observed(plain.decode(answer["value"], Unplain), None, printed)
    except plain.Malformed:
        pass
    # Never None, which a test may expect.
    return Observed(Unplain("unknown", "an answer that is not a value"), None, printed)


def _as_error(check: Check, judgement: Judgement) -> CellError:
    """Return a failed check as the error that its cell would have ended with."""
    raised = judgement.error
    if raised is None or raised.name == "AssertionError":
        return CellError("AssertionError", _text(judgement.said), check.line, told=_text(judgement.told))
    return CellError(raised.name, _text(raised.message), check.line, about=_text(str(check.subject)))


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


# Comparators: staff's code with the learner's value, in a sandbox that never saw the learner's code


def comparison(run: DrivenRun, node: NotebookNode) -> list[PlannedCell]:
    """Return the notebook that lets a test's comparators look at the values that came back; ``node`` is the test's."""
    checks = []
    for place in run.undecided:
        check, seen, _ = run.seen[place]
        # Of what the comparator returns only the truth comes out: it may be a match, or a number of any kind.
        asked = Subject("call", str(check.expectation.expected), (seen.value,), form="truth")
        checks.append(Check(asked, Expectation("equals", None), check.line))
    return [
        PlannedCell(CellKind.author, run.test.comparators, node, None),
        *(
            PlannedCell(CellKind.test, "# a comparator", node, None, driven=DrivenTest((check,)))
            for check in checks
        ),
    ]


def settle(run: DrivenRun, outcomes: Sequence[CellOutcome | None]) -> None:
    """Take the comparators' words: one outcome per undecided check, None where nothing ran."""
    for place, outcome in zip(run.undecided, outcomes, strict=True):
        said = outcome.driven if outcome is not None else None
        if said is None or not said.seen:
            run.settle(place, held=False, note="The comparator did not end.", fault=True)
            continue
        _, seen, _ = said.seen[0]
        if seen.error is None:
            run.settle(place, held=seen.value is True, note="")
        elif seen.error.name == "AssertionError":
            run.settle(place, held=False, note=seen.error.message)
        else:
            note = f"The comparator raised {seen.error.name}: {seen.error.message}"
            run.settle(place, held=False, note=note, fault=True)
