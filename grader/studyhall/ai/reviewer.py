"""The interface of reviewers: what they are given, what they say, and nothing about databases or HTTP.

What they are given is all that they can give away: a learner's own cells, the task as every learner reads it, and the
learner's view of the results. It has no place for a hidden test.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

DIMENSIONS = ("correctness", "efficiency", "code_quality", "best_practices", "security")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class WorkCell(_Frozen):
    """A cell of the learner's notebook.

    ``own`` says that the learner wrote it; the others are the author's and only tell which names exist.
    """

    notebook: str
    cell_id: str
    kind: Literal["code", "markdown"]
    source: str
    own: bool

    @property
    def handle(self) -> str:
        """Return what tells the cell from all others of the lesson; ids repeat between notebooks."""
        return f"{self.notebook}/{self.cell_id}"

    @property
    def lines(self) -> list[str]:
        """Return the lines of the source; the first one is line 1."""
        return self.source.split("\n")


class TaskText(_Frozen):
    """A task as every learner reads it, in markdown."""

    notebook: str
    text: str


class TestOutcome(_Frozen):
    """A test's result as the learner sees it; of a hidden one there is no message."""

    __test__ = False  # the name is the field's word, not a pytest class

    title: str
    status: str
    hidden: bool
    points: float
    max_points: float
    message: str
    hint: str
    notebook: str
    cell_id: str | None
    """The answer cell that the test is about."""


class Material(_Frozen):
    """All that a reviewer gets."""

    lesson: str
    language: str
    passed: bool
    score: float | None
    max_score: float | None
    tasks: tuple[TaskText, ...]
    cells: tuple[WorkCell, ...]
    tests: tuple[TestOutcome, ...]
    focus: tuple[str, ...] = ()

    @property
    def own_cells(self) -> list[WorkCell]:
        """Return the cells that the learner wrote and that are not empty."""
        return [cell for cell in self.cells if cell.own and cell.source.strip()]


class Remark(BaseModel):
    """Something to look at, tied to a cell and lines of the learner's notebook where it can be."""

    text: str
    notebook: str | None = None
    cell_id: str | None = None
    line_start: int | None = None
    line_end: int | None = None


class CodeSuggestion(BaseModel):
    """Another way to write some lines of a cell."""

    notebook: str
    cell_id: str
    line_start: int
    line_end: int
    current_code: str
    suggested_code: str
    explanation: str


class Findings(BaseModel):
    """What a reviewer says. Scores are opinions of a language model and never grades; automatic checks give none."""

    overall_score: int | None = None
    dimensions: dict[str, int] | None = None
    summary: str
    strengths: list[str] = Field(default_factory=list)
    improvements: list[Remark] = Field(default_factory=list)
    code_suggestions: list[CodeSuggestion] = Field(default_factory=list)
    complexity_analysis: str | None = None


class Reviewer(Protocol):
    """Somebody who reads an attempt and says something helpful about it."""

    name: str

    def speaker(self, *, passed: bool) -> str:
        """Return who speaks, as the learner reads it above the review."""
        ...

    async def review(self, material: Material) -> Findings:
        """Read the material and return findings whose cells and lines exist.

        Raises:
            ReviewerBusy: asking again later may help.
            ReviewerFailed, ReviewerMisconfigured: asking again by itself does not help.
        """
        ...


def numbered(lines: Sequence[str]) -> str:
    """Return lines with their numbers, so that remarks can name them."""
    width = len(str(len(lines)))
    return "\n".join(f"{number:>{width}} | {line}" for number, line in enumerate(lines, start=1))
