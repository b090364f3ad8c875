"""Pure rules of quizzes: which answers are right, and what they are worth."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Marked:
    """One question's outcome."""

    question_id: str
    is_correct: bool
    points_earned: int


@dataclass(frozen=True)
class Outcome:
    """A finished attempt's outcome, in points."""

    marked: tuple[Marked, ...]
    score: int
    total: int

    @property
    def percent(self) -> float:
        """Return the score in percent of all points, to one decimal."""
        return round(100 * self.score / self.total, 1) if self.total else 0.0

    def passes(self, pass_score: int) -> bool:
        """Say whether the pass mark (in percent) is reached; counted in points, so that rounding passes nobody."""
        return self.total > 0 and 100 * self.score >= pass_score * self.total


def comparable(text: str) -> str:
    """Return a short answer without letter case and white space: `` New york`` equals ``newYork``."""
    return "".join(unicodedata.normalize("NFC", text).casefold().split())


def is_right(question: Mapping[str, Any], key: Mapping[str, Any], answer: str | None) -> bool:
    """Say whether an answer is right.

    Args:
        question: its public part; ``type`` decides how the key is read.
        key: ``{"answer": option id}`` or ``{"accepted": [text, …]}``.
        answer: an option's id or a text; none is never right.
    """
    if answer is None:
        return False
    if question["type"] == "multiple_choice":
        return bool(answer == key["answer"])
    return comparable(answer) in {comparable(str(text)) for text in key["accepted"]}


def mark(
    questions: Sequence[Mapping[str, Any]],
    keys: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, str],
) -> Outcome:
    """Return what the answers are worth: all of a question's points, or none."""
    marked = []
    for question in questions:
        right = is_right(question, keys[question["id"]], answers.get(question["id"]))
        marked.append(Marked(question["id"], right, int(question["points"]) if right else 0))
    return Outcome(
        tuple(marked),
        score=sum(item.points_earned for item in marked),
        total=sum(int(question["points"]) for question in questions),
    )


def unanswered(questions: Iterable[Mapping[str, Any]], answers: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return the questions without an answer as (number counted from 1, id)."""
    return [
        (number, str(question["id"]))
        for number, question in enumerate(questions, start=1)
        if not answers.get(question["id"], "").strip()
    ]


def named(numbers: Sequence[int]) -> str:
    """Return question numbers as people say them: ``question 1``, ``questions 1, 2 and 4``."""
    if len(numbers) == 1:
        return f"question {numbers[0]}"
    return f"questions {', '.join(str(number) for number in numbers[:-1])} and {numbers[-1]}"
