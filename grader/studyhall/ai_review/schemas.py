"""What the API says of reviews."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studyhall.ai.reviewer import CodeSuggestion, Remark
from studyhall.ai_review.models import ReviewStatus

Focus = Literal["correctness", "efficiency", "code_quality", "best_practices", "security"]


class ReviewRequest(BaseModel):
    """What to look at above all; nothing in particular when it is left out."""

    model_config = ConfigDict(extra="forbid")

    focus_areas: list[Focus] = Field(default_factory=list, max_length=5)


class ReviewAsked(BaseModel):
    """The review that was asked for, or the one that is under way already."""

    review_id: uuid.UUID
    status: ReviewStatus


class ReviewOut(BaseModel):
    """The current review of an attempt. Scores are a reviewer's opinion; they never count."""

    id: uuid.UUID
    submission_id: uuid.UUID
    status: ReviewStatus
    provider: str
    speaker: str
    overall_score: int | None
    dimensions: dict[str, int] | None
    summary: str
    strengths: list[str]
    improvements: list[Remark]
    code_suggestions: list[CodeSuggestion]
    complexity_analysis: str | None
    generated_at: datetime | None
    message: str
    """Why there is no review; empty otherwise."""
