"""Quizzes: their files, and the cells of a notebook that show them.

A quiz file holds the keys and explanations, so it stays with the service; a notebook holds only the quiz's
id and the questions as readable markdown.
"""

from typing import Annotated, Literal, Self

from nbformat.notebooknode import NotebookNode
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from studyhall_notebooks.cells import CellRole, quiz_id, role_of

QuizId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
_Answer = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(_Strict):
    """One choice of a multiple-choice question."""

    id: QuizId
    text: _Text


class Question(_Strict):
    """One question and its key.

    ``answer`` is the right option's id (multiple choice), ``accepted`` the right texts (short answer).
    ``text``, option texts and ``explanation`` are markdown; ``points`` is what a right answer gives.
    """

    id: QuizId
    type: Literal["multiple_choice", "short_answer"]
    text: _Text
    options: list[Option] = Field(default_factory=list, max_length=20)
    answer: QuizId | None = None
    accepted: list[_Answer] = Field(default_factory=list, max_length=100)
    explanation: str = Field(default="", max_length=20_000)
    points: int = Field(default=10, ge=1, le=1000)

    @model_validator(mode="after")
    def _key_fits_type(self) -> Self:
        if self.type == "multiple_choice":
            ids = [option.id for option in self.options]
            if len(ids) < 2:
                raise ValueError("a multiple_choice question needs at least two options")
            if len(set(ids)) != len(ids):
                raise ValueError("two options have the same id")
            if self.answer not in ids:
                raise ValueError("answer must be the id of one of the options")
            if self.accepted:
                raise ValueError("accepted belongs to short_answer questions; use answer here")
        else:
            if not self.accepted:
                raise ValueError("a short_answer question needs at least one accepted answer")
            if self.options or self.answer is not None:
                raise ValueError("options and answer belong to multiple_choice questions; use accepted here")
        return self


class Quiz(_Strict):
    """A quiz of a lesson. ``pass_score`` is in percent of all points."""

    id: QuizId
    title: _Text
    lesson: str
    pass_score: int = Field(default=70, ge=0, le=100)
    questions: list[Question] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _question_ids_differ(self) -> Self:
        ids = [question.id for question in self.questions]
        if len(set(ids)) != len(ids):
            raise ValueError("two questions have the same id")
        return self

    @property
    def total_points(self) -> int:
        """Return the sum of all questions' points."""
        return sum(question.points for question in self.questions)


def quiz_ids(notebook: NotebookNode) -> list[str]:
    """Return the ids of the quizzes that the notebook shows, in order, each once."""
    found = [quiz_id(cell) for cell in notebook.cells if role_of(cell) is CellRole.quiz]
    return list(dict.fromkeys(identifier for identifier in found if identifier is not None))
