"""What goes through the exchange."""

import uuid
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from studyhall_notebooks.release import ReleaseOptions

from studyhall.courses.schemas import ReleaseFile
from studyhall.web.envelope import PageQuery


class ExchangeFile(BaseModel):
    """A released file by its path inside of the assignment's folder, and what it holds, as a hash."""

    path: str
    sha256: str
    is_notebook: bool


class ExchangeAssignmentOut(BaseModel):
    """A released assignment. ``assignment`` is nbgrader's name for it, ``lesson`` its slug here."""

    course: str
    assignment: str
    lesson: str
    title: str
    release: int
    due_at: datetime | None
    closes_at: datetime | None
    notebooks: list[str]
    files: list[ExchangeFile]


class AssignmentsQuery(PageQuery):
    """Filter of released assignments."""

    course: str | None = Field(
        default=None, max_length=100, description="One course; all of mine without it."
    )
    no_track_activity: str | None = None


class ReleaseIn(BaseModel):
    """An assignment as `nbgrader release_assignment` sends it."""

    model_config = ConfigDict(extra="forbid")

    force: bool = Field(default=False, description="Whether a released version may be replaced.")
    files: list[ReleaseFile] = Field(
        min_length=1, max_length=2000, description="The folder `release/`: what learners get, as it is."
    )
    source: list[ReleaseFile] | None = Field(
        default=None,
        max_length=2000,
        description="The notebooks of the folder `source/`, with solutions and hidden tests; without them attempts are "
        "graded by the visible tests alone.",
    )
    options: ReleaseOptions = Field(
        default_factory=ReleaseOptions, description="How the course marks solutions and hidden tests."
    )
    due_at: AwareDatetime | None = Field(default=None, description="The due date in the course's gradebook.")


class ReleasedOut(BaseModel):
    """What releasing did; ``notes`` are sentences for whoever released it."""

    course: str
    assignment: str
    lesson: str
    release: int
    changed: bool
    tests: int
    hidden_tests: int
    points: float
    notes: list[str]


class SubmittedNotebook(BaseModel):
    """A notebook of a submission; ``feedback_sha256`` is the hash of its feedback, where there is any."""

    notebook: str
    feedback_sha256: str | None


class ExchangeSubmissionOut(BaseModel):
    """A submission as the exchange lists it."""

    id: uuid.UUID
    course: str
    assignment: str
    student: str
    submitted_at: datetime
    number: int
    status: str
    late: bool
    counts: bool
    notebooks: list[SubmittedNotebook]


class SubmittedQuery(PageQuery):
    """Filter of one's own submissions."""

    course: str | None = Field(default=None, max_length=100)
    assignment: str | None = Field(default=None, max_length=200)
    no_track_activity: str | None = None


class CollectQuery(PageQuery):
    """Filter of a course's submissions."""

    assignment: str | None = Field(default=None, max_length=200, description="nbgrader's name or the slug.")
    student: str | None = Field(default=None, max_length=200, description="A learner's hub name.")
    every: bool = Field(default=False, description="All of a learner's submissions, not the latest only.")


class SubmissionContent(BaseModel):
    """A submission with everything in it."""

    submission: ExchangeSubmissionOut
    notebooks: dict[str, str] = Field(description="Text by notebook, without `.ipynb`.")
    files: dict[str, str] = Field(description="The learner's own data files: base64 by path.")


class FeedbackIn(BaseModel):
    """Feedback for one submission, found by learner, assignment and moment."""

    model_config = ConfigDict(extra="forbid")

    student: str = Field(max_length=200)
    assignment: str = Field(max_length=200)
    timestamp: AwareDatetime = Field(description="When it was submitted, as its `timestamp.txt` says.")
    notebooks: dict[str, str] = Field(
        min_length=1, max_length=50, description="HTML by notebook, without `.html`."
    )


class FeedbackOut(BaseModel):
    """One notebook's feedback."""

    notebook: str
    html: str
    sha256: str
    feedback_at: datetime
