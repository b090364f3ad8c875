"""What the API says of grades."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from studyhall.gradebook.models import Counting, LatePolicy
from studyhall.submissions.schemas import LearnerName
from studyhall.web.envelope import NoQuery, PageQuery

MOST_POINTS = 1_000_000
Points = Annotated[float, Field(ge=0, le=MOST_POINTS, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
TestId = Annotated[str, Field(min_length=1, max_length=300, description="`<notebook>/<grade_id>`.")]
Version = Annotated[
    int,
    Field(ge=0, le=2**31 - 1, description="The version that you have seen; 0 where there was nothing."),
]
GradeState = Literal["missing", "queued", "graded", "needs_grading", "problem"]

# ---------------------------------------------------------------- the table


class GradebookQuery(PageQuery):
    """Filter and order of a course's gradebook."""

    limit: int = Field(default=50, ge=1, le=500, description="Learners on a page.")
    search: str | None = Field(default=None, max_length=100, description="Part of a learner's name.")
    lesson: str | None = Field(
        default=None, max_length=100, description="Only this assignment's column; `state` is about it then."
    )
    state: Literal["needs_grading", "late", "missing", "flagged"] | None = Field(
        default=None, description="Only learners with such a cell."
    )
    sort_by: str = Field(default="name", max_length=100, description="`name`, `total`, or an assignment.")
    order: Literal["asc", "desc"] = "asc"


class GradebookAssignment(BaseModel):
    """A column of the gradebook."""

    lesson: str
    title: str
    unit: str
    points: float
    due_at: datetime | None
    closes_at: datetime | None
    counting: Counting
    late_policy: LatePolicy
    manual_tests: int
    needs_grading: int
    """Learners with answers that wait for a person."""
    grades_released_at: datetime | None


class GradebookCell(BaseModel):
    """What one learner has in one assignment."""

    attempt_id: uuid.UUID | None
    """The attempt that counts; while none does, the newest one."""
    score: float | None
    max_score: float
    state: GradeState
    late: bool
    penalty: float
    manual: bool
    extension: bool
    attempts: int


class GradebookRow(BaseModel):
    """One learner's line."""

    learner: LearnerName
    total: float
    total_max: float
    cells: dict[str, GradebookCell]


class Gradebook(BaseModel):
    """A page of a course's gradebook: learners and assignments."""

    assignments: list[GradebookAssignment]
    rows: list[GradebookRow]
    means: dict[str, float | None]
    """The class's mean score by assignment, of those who have one."""


# ---------------------------------------------------------------- policy, extensions, release


class PolicyOut(BaseModel):
    """What holds for an assignment."""

    counting: Counting | None
    late_policy: LatePolicy
    late_percent_per_day: float
    late_max_percent: float
    grace_minutes: int
    due_at: datetime | None
    closes_at: datetime | None
    anonymous: bool
    effective_counting: Counting
    effective_due_at: datetime | None
    effective_closes_at: datetime | None
    published_due_at: datetime | None
    published_closes_at: datetime | None
    grades_released_at: datetime | None
    feedback_released_at: datetime | None
    version: int


class PolicyChange(BaseModel):
    """What of an assignment's rules changes; what is left out stays, null goes back to the default."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    counting: Counting | None = None
    late_policy: LatePolicy = LatePolicy.NONE
    late_percent_per_day: Percent = 10
    late_max_percent: Percent = 100
    grace_minutes: int = Field(default=0, ge=0, le=60 * 24 * 30)
    due_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    anonymous: bool = False
    expected_version: Version | None = None


class ExtensionIn(BaseModel):
    """More time for one learner."""

    model_config = ConfigDict(extra="forbid")

    due_at: AwareDatetime
    closes_at: AwareDatetime | None = None
    reason: str = Field(default="", max_length=1000)


class ExtensionOut(BaseModel):
    """More time that a learner has."""

    learner: LearnerName
    due_at: datetime
    closes_at: datetime | None
    reason: str
    granted_by: str
    granted_at: datetime


class ReleaseGradesIn(BaseModel):
    """What is released."""

    model_config = ConfigDict(extra="forbid")

    feedback: bool = Field(default=True, description="Whether feedback is released with the grades.")


class GradesReleased(BaseModel):
    """What a release of grades did."""

    grades_released_at: datetime | None
    feedback_released_at: datetime | None
    learners: int
    notified: int


# ---------------------------------------------------------------- grading one attempt


class GradingQuery(NoQuery):
    """How an attempt is shown for grading."""

    anonymous: bool = Field(default=False, description="Leave out whose attempt it is.")


class ClaimOut(BaseModel):
    """Who is grading an answer right now."""

    id: uuid.UUID
    attempt_id: uuid.UUID
    test_id: str
    by: str
    until: datetime
    mine: bool


class Answer(BaseModel):
    """What a learner wrote into a cell."""

    source: str
    cell_type: str
    unchanged: bool
    """Whether it is as it was released."""
    html: str | None = None
    """Markdown as a page shows it: HTML of ours that only formats, without scripts, links, classes or addresses."""


class GradedCell(BaseModel):
    """One cell of an attempt: what the judge and what people say of it."""

    test_id: str
    notebook: str
    grade_id: str
    title: str
    kind: Literal["manual", "auto", "answer"]
    """`answer` has no points; only a comment may stand on it."""
    max_points: float
    auto_score: float | None
    manual_score: float | None
    extra_credit: float | None
    comment: str | None
    needs_grading: bool
    answer: Answer | None
    rubric_marks: list[uuid.UUID]
    carried_from: uuid.UUID | None
    graded_by: str | None
    graded_at: datetime | None
    origin: str | None
    claim: ClaimOut | None
    version: int


class PenaltyOut(BaseModel):
    """A notebook's late penalty."""

    raw: float
    penalty: float
    automatic: float
    overridden: bool
    version: int


class FinalOut(BaseModel):
    """An attempt's grade, everything together."""

    raw_score: float
    extra_credit: float
    penalty: float
    score: float
    max_score: float
    needs_grading: bool
    late: bool
    released_at: datetime | None


class GradedAttempt(BaseModel):
    """The attempt that is being graded."""

    id: uuid.UUID
    course: str
    lesson: str
    lesson_title: str
    number: int
    status: str
    submitted_at: datetime
    graded_at: datetime | None
    late: bool
    counts: bool
    flagged: bool
    notebooks: list[str]


class Grading(BaseModel):
    """All that a grader needs of one attempt."""

    attempt: GradedAttempt
    learner: LearnerName | None
    """None when names are hidden."""
    policy: PolicyOut
    cells: list[GradedCell]
    penalties: dict[str, PenaltyOut]
    final: FinalOut
    previous: uuid.UUID | None
    next: uuid.UUID | None


class GradeIn(BaseModel):
    """What a person gives for one cell; null takes a value back."""

    model_config = ConfigDict(extra="forbid")

    test_id: TestId
    manual_score: Points | None = None
    extra_credit: Points | None = None
    comment: str | None = Field(default=None, max_length=20_000)
    rubric_items: list[uuid.UUID] | None = Field(
        default=None,
        max_length=100,
        description="The rubric items that apply; left out, they stay as they are.",
    )
    expected_version: Version


class GradeOut(BaseModel):
    """A cell after it was graded, and what the attempt is worth now."""

    cell: GradedCell
    final: FinalOut


class PenaltyIn(BaseModel):
    """A late penalty in place of the rule's; null lets the rule hold again."""

    model_config = ConfigDict(extra="forbid")

    notebook: str = Field(min_length=1, max_length=200)
    penalty: Points | None
    expected_version: Version | None = None


class PenaltiesOut(BaseModel):
    """All penalties of an attempt, and what it is worth now."""

    penalties: dict[str, PenaltyOut]
    final: FinalOut


# ---------------------------------------------------------------- the queue


class QueueQuestion(BaseModel):
    """A question that people grade, and how far they are."""

    lesson: str
    title: str
    test_id: str
    question: str
    max_points: float
    waiting: int
    graded: int
    claimed: int


class QueueQuery(PageQuery):
    """Which answers of an assignment are wanted."""

    test_id: TestId
    anonymous: bool = Field(default=False, description="Leave out names.")
    include_graded: bool = Field(default=False, description="Answers that have been graded, too.")


class QueueItem(BaseModel):
    """One answer to a question."""

    attempt_id: uuid.UUID
    label: str
    """`Answer 7`: the same answer has the same number for everybody, and the numbers say nothing of names."""
    learner: LearnerName | None
    submitted_at: datetime
    late: bool
    answer: Answer | None
    auto_score: float
    auto_max: float
    """Score and highest score of the attempt's automatic tests."""
    max_points: float
    manual_score: float | None
    extra_credit: float | None
    comment: str | None
    rubric_marks: list[uuid.UUID]
    needs_grading: bool
    carried_from: uuid.UUID | None
    graded_by: str | None
    claim: ClaimOut | None
    version: int


class ClaimIn(BaseModel):
    """An answer that somebody is about to grade."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: uuid.UUID
    test_id: TestId


# ---------------------------------------------------------------- rubric


class RubricQuery(PageQuery):
    """Whose rubric is wanted."""

    test_id: TestId | None = None


class RubricItemIn(BaseModel):
    """A reason for points that graders share."""

    model_config = ConfigDict(extra="forbid")

    test_id: TestId
    title: str = Field(min_length=1, max_length=500)
    points: float = Field(
        ge=-MOST_POINTS, le=MOST_POINTS, allow_inf_nan=False, description="What it adds, or takes."
    )
    position: int | None = Field(default=None, ge=0, le=10_000, description="Left out: after all others.")


class RubricItemChange(BaseModel):
    """What of a rubric item changes; scores that were given with it stay as they are."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, min_length=1, max_length=500)
    points: float | None = Field(default=None, ge=-MOST_POINTS, le=MOST_POINTS, allow_inf_nan=False)
    position: int | None = Field(default=None, ge=0, le=10_000)
    expected_version: Version | None = None


class RubricItemOut(BaseModel):
    """A rubric item."""

    id: uuid.UUID
    test_id: str
    position: int
    title: str
    points: float
    used: int
    """To how many answers it applies."""
    version: int


# ---------------------------------------------------------------- export


class ExportQuery(NoQuery):
    """How a gradebook is exported."""

    format: Literal["csv", "xlsx"] = "csv"
