"""Pure rules of following: what of nbgrader's values is ours, and what somebody has typed there.

A value in nbgrader's tables that we may have written is ours; any other was typed by a person. Before something is
written it is noted as possible beside what was there before, so that a process that dies in between leaves no value of
ours that looks like a person's. What a person typed is never overwritten: the platform takes it over instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studyhall.gradebook.policy import Mark

FIELDS = ("manual_score", "extra_credit", "manual_comment")
"""What people give for a cell, under nbgrader's names."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """What people gave for one attempt: by test and field, and penalties by notebook. Nothing is left out, not None."""

    marks: Mapping[str, Values] = field(default_factory=dict)
    penalties: Mapping[str, float] = field(default_factory=dict)


def given(marks: Mapping[str, Mark], penalties: Mapping[str, float]) -> Given:
    """Return what people gave in nbgrader's words.

    Args:
        marks: the platform's, by test.
        penalties: late penalties by notebook; where there is none, nbgrader has none either.
    """
    return Given(
        marks={
            test: {
                name: value
                for name, value in zip(
                    FIELDS, (mark.manual_score, mark.extra_credit, mark.comment or None), strict=True
                )
                if value is not None
            }
            for test, mark in marks.items()
            if not mark.is_empty
        },
        penalties=dict(penalties),
    )


def possible(written: Mapping[str, Any], target: Given) -> dict[str, Any]:
    """Return what may stand in nbgrader's tables while the target is being written: all of before, and the target."""
    marks: dict[str, dict[str, list[Any]]] = {}
    before = accepted_marks(written)
    for test in {*before, *target.marks}:
        marks[test] = {
            name: _with(before.get(test, {}).get(name, [None]), target.marks.get(test, {}).get(name))
            for name in FIELDS
        }
    known = accepted_penalties(written)
    penalties = {
        notebook: _with(known.get(notebook, [None]), target.penalties.get(notebook))
        for notebook in {*known, *target.penalties}
    }
    return {"marks": marks, "penalties": penalties}


def _with(values: list[Any], value: Any) -> list[Any]:
    return values if value in values else [*values, value]


def accepted_marks(written: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the values of ours that may stand there, by test and field; without an entry nothing was written."""
    return dict(written.get("marks", {}))


def accepted_penalties(written: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Return the penalties of ours that may stand there, by notebook."""
    return dict(written.get("penalties", {}))


def settled(target: Given, edits: Mapping[str, Values], penalties: Mapping[str, float]) -> dict[str, Any]:
    """Return what stands there now that it was written: the target, but where somebody had typed something else.

    Args:
        target: what was to be written.
        edits: what somebody had typed, by test and field; it was left alone.
        penalties: likewise, by notebook.
    """
    marks: dict[str, dict[str, list[Any]]] = {}
    for test in {*target.marks, *edits}:
        values = {**target.marks.get(test, {}), **edits.get(test, {})}
        marks[test] = {name: [values.get(name)] for name in FIELDS}
    return {
        "marks": marks,
        "penalties": {notebook: [value] for notebook, value in {**target.penalties, **penalties}.items()},
    }


def with_edits(mark: Mark, edits: Values) -> Mark:
    """Return what a person gave, with what they typed in nbgrader in place of what it was."""
    return Mark(
        manual_score=edits.get("manual_score", mark.manual_score),
        extra_credit=edits.get("extra_credit", mark.extra_credit),
        comment=edits.get("manual_comment", mark.comment),
    )
