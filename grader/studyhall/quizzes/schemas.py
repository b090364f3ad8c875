"""What the API says of quizzes. Keys and explanations appear in :class:`QuizResult` only."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studyhall.web.envelope import NoQuery


class QuizQuery(NoQuery):
    """Which course the quiz is of; quiz names are unique within a course only."""

    course: str = Field(max_length=100, description="Slug of the course.")


class QuizOption(BaseModel):
    """One choice of a multiple-choice question; its text is markdown."""

    id: str
    text: str


class QuizQuestion(BaseModel):
    """A question as learners see it before they have answered."""

    id: str
    type: Literal["multiple_choice", "short_answer"]
    text: str
    points: int
    options: list[QuizOption]


class QuizAttemptSummary(BaseModel):
    """A finished attempt in the list."""

    id: uuid.UUID
    number: int
    score: int
    total: int
    percent: float
    passed: bool
    completed_at: datetime


class QuizInProgress(BaseModel):
    """The attempt that is under way, with the answers saved so far."""

    attempt_id: uuid.UUID
    answers: dict[str, str]


class QuizOut(BaseModel):
    """A quiz with the learner's attempts, newest first; the last twenty finished ones are listed."""

    id: str
    title: str
    lesson: str
    pass_score: int
    questions: list[QuizQuestion]
    attempts: list[QuizAttemptSummary]
    best_percent: float | None
    in_progress: QuizInProgress | None


class StartQuiz(BaseModel):
    """In which course the quiz is taken."""

    model_config = ConfigDict(extra="forbid")

    course: str = Field(max_length=100)


class QuizStarted(BaseModel):
    """An attempt under way: a new one, or the one that was under way already."""

    attempt_id: uuid.UUID
    questions: list[QuizQuestion]
    started_at: datetime
    answers: dict[str, str]
    """Answers saved so far by question id: an option's id, or the text."""


class QuizAnswer(BaseModel):
    """One answer. Neither an option nor a text (or an empty one) means: not answered."""

    model_config = ConfigDict(extra="forbid")

    question_id: str = Field(max_length=100)
    selected_option_id: str | None = Field(default=None, max_length=100)
    answer_text: str | None = Field(default=None, max_length=2000)


class QuizAnswers(BaseModel):
    """A learner's answers. Who answers is known from the token, never from the body."""

    model_config = ConfigDict(extra="forbid")

    answers: list[QuizAnswer] = Field(max_length=200)


class QuizSaved(BaseModel):
    """What is saved of an attempt under way."""

    attempt_id: uuid.UUID
    answers: dict[str, str]
    saved_at: datetime


class QuestionResult(BaseModel):
    """One question after it was answered."""

    question_id: str
    is_correct: bool
    points_earned: int
    points: int
    correct_option_id: str | None
    accepted_answer: str | None
    explanation: str
    your_answer: str | None


class QuizResult(BaseModel):
    """A finished attempt with keys and explanations."""

    attempt_id: uuid.UUID
    score: int
    total_points: int
    percent: float
    correct_answers: int
    total_questions: int
    passed: bool
    completed_at: datetime
    detailed_results: list[QuestionResult]
