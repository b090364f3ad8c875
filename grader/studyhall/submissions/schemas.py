"""What the API says of attempts."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from studyhall_judge.report import IntegrityFlag, Repair, Resources, TestResult, TestStatus

from studyhall.submissions.models import AttemptStatus
from studyhall.web.envelope import NoQuery, PageQuery


class SubmissionIn(BaseModel):
    """A learner's notebooks, as they are. Who submits is known from the token, never from the body."""

    model_config = ConfigDict(extra="forbid")

    course: str = Field(max_length=100)
    lesson: str = Field(max_length=100)
    release: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="Release that the learner fetched."
    )
    notebooks: dict[str, str] = Field(
        min_length=1, max_length=50, description="Text of each notebook by its name without `.ipynb`."
    )
    files: dict[str, str] = Field(
        default_factory=dict,
        max_length=500,
        description="The learner's own data files: base64 by path inside of the lesson's folder. A released file of "
        "the same path wins.",
    )


class KnownTest(BaseModel):
    """What is known of a test before anything was graded."""

    id: str
    title: str
    points: float
    hidden: bool


class LearnerTest(BaseModel):
    """One test's result as the learner sees it."""

    id: str
    notebook: str
    grade_id: str
    answer_grade_id: str | None
    title: str
    hidden: bool
    kind: str = Field(
        default="assert", description="`assert`, `driven` (checked from outside the notebook) or `manual`."
    )
    points: float
    max_points: float
    status: TestStatus
    message: str
    hint: str
    duration_ms: float


class LearnerRepair(BaseModel):
    """What was mended before grading, in plain words."""

    code: str
    notebook: str
    grade_id: str | None
    message: str


class LearnerReport(BaseModel):
    """A grade report as the learner sees it."""

    status: str
    message: str
    score: float
    max_score: float
    tests: list[LearnerTest]
    repairs: list[LearnerRepair]


class FinalCell(BaseModel):
    """What a person gave for one cell, as its learner sees it."""

    manual_score: float | None
    extra_credit: float | None
    comment: str | None


class FinalGrade(BaseModel):
    """The grade of an attempt that counts, everything together, once grades are released."""

    score: float
    max_score: float
    penalty: float
    extra_credit: float
    needs_grading: bool
    """Whether a person still has to look at an answer."""
    released_at: datetime
    cells: dict[str, FinalCell]
    """By test; only those that a person gave something for."""


class AttemptOut(BaseModel):
    """One attempt."""

    id: uuid.UUID
    course: str
    lesson: str
    lesson_title: str
    number: int
    status: AttemptStatus
    position: int | None
    late: bool
    submitted_at: datetime
    graded_at: datetime | None
    score: float | None
    max_score: float | None
    percent: float | None
    passed: bool | None
    counts: bool
    release: int
    tests: list[KnownTest]
    report: LearnerReport | None = None
    final: FinalGrade | None = None
    """The final grade, for the attempt that counts and from the release of grades on."""


class SubmissionsQuery(PageQuery):
    """Filter of one's own attempts."""

    course: str | None = Field(default=None, max_length=100)
    lesson: str | None = Field(default=None, max_length=100)
    no_track_activity: str | None = None


class StaffAttemptsQuery(PageQuery):
    """Filter and order of a course's attempts."""

    lesson: str | None = Field(default=None, max_length=100)
    learner: str | None = Field(default=None, max_length=100, description="Part of a learner's name.")
    status: str | None = Field(
        default=None, max_length=100, description="One status, or several separated by commas."
    )
    flagged: bool | None = Field(default=None, description="Only attempts with integrity flags, or without.")
    sort_by: str = Field(default="submitted_at", pattern="^(submitted_at|score|number)$")
    order: str = Field(default="desc", pattern="^(asc|desc)$")


class NotebookQuery(NoQuery):
    """What of an executed notebook is wanted."""

    cell: str | None = Field(
        default=None, max_length=200, description="A grade id: only what its cell put out, without its text."
    )


class LearnerName(BaseModel):
    """Whose attempt it is."""

    username: str
    display_name: str


class StaffAttempt(AttemptOut):
    """An attempt in the staff's list."""

    learner: LearnerName
    flagged: bool


class StaffReport(BaseModel):
    """All that the judge said of an attempt, but for the executed notebooks, which have an address of their own."""

    status: str
    message: str
    score: float
    max_score: float
    tests: list[TestResult]
    repairs: list[Repair]
    flags: list[IntegrityFlag]
    resources: Resources
    judge_version: str
    release_hash: str


class StaffAttemptDetail(BaseModel):
    """An attempt with the whole report."""

    attempt: StaffAttempt
    report: StaffReport | None
    notebooks: list[str]
    history: list[AttemptOut]


class LiveState(BaseModel):
    """The first message of a live stream: what is under way right now."""

    attempts_in_flight: list[AttemptOut]
    server_time: datetime
