"""What the API says of courses and lessons."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studyhall.settings import ReviewedBy


class CourseSummary(BaseModel):
    """A course that the person is enrolled in."""

    slug: str
    title: str
    description: str
    level: str
    role: str
    release: int
    lessons_total: int
    lessons_passed: int
    rewards_enabled: bool


class OutlineState(StrEnum):
    """State of a lesson as the outline draws it."""

    LOCKED = "locked"
    NEW = "new"
    STARTED = "started"
    SUBMITTED = "submitted"
    PASSED = "passed"


class OutlineLesson(BaseModel):
    """One row of the outline."""

    slug: str
    title: str
    minutes: int
    state: OutlineState
    locked_reason: str | None
    update_available: bool
    release: int
    fetched_release: int | None
    due_at: datetime | None
    closes_at: datetime | None
    score: float | None
    max_score: float | None
    best_percent: float | None
    pass_score: float
    attempts_used: int
    attempts_max: int | None
    notebooks: list[str]
    first_notebook: str
    quizzes: list[str]
    has_tests: bool
    ai_review: bool
    ai_reviewer: ReviewedBy | None = Field(
        description="Who reads an attempt that a review is asked for: Claude, outside of the classroom, or automatic "
        "checks; null where the lesson or the installation gives no reviews."
    )


class OutlineUnit(BaseModel):
    """A section of the outline."""

    slug: str
    title: str
    lessons: list[OutlineLesson]


class OutlineCourse(BaseModel):
    """The course that an outline is of."""

    slug: str
    title: str
    description: str
    release: int


class ContinueWith(BaseModel):
    """The lesson that a learner would go on with."""

    lesson: str
    title: str


class Outline(BaseModel):
    """A course as one learner sees it."""

    course: OutlineCourse
    continue_with: ContinueWith | None = Field(serialization_alias="continue", validation_alias="continue")
    units: list[OutlineUnit]

    model_config = ConfigDict(populate_by_name=True)


class OfferedFile(BaseModel):
    """A file of a lesson, with its content."""

    path: str
    encoding: Literal["text", "base64"]
    content: str
    sha256: str
    is_notebook: bool


class StartedLesson(BaseModel):
    """All that a learner needs to work on a lesson."""

    course: str
    lesson: str
    title: str
    release: int
    first_notebook: str
    files: list[OfferedFile]


class StartIn(BaseModel):
    """How a lesson is fetched."""

    model_config = ConfigDict(extra="forbid")

    update: bool = Field(
        default=False,
        description="Whether the learner takes the newest release; else a lesson fetched before stays at its own.",
    )


class StaffCourse(BaseModel):
    """A course that the person grades or teaches."""

    slug: str
    title: str
    role: str
    release: int
    learners: int
    lessons: int


class StaffAssignment(BaseModel):
    """A lesson with graded cells, as staff see it in the list."""

    lesson: str
    title: str
    unit: str
    points: float
    due_at: datetime | None
    closes_at: datetime | None
    learners: int
    started: int
    submitted: int
    passed: int
    mean_percent: float | None


class ReleaseFile(BaseModel):
    """One file of a course folder."""

    path: str = Field(max_length=400)
    content: str = Field(description="The file's bytes in base64.")


class ReleaseUpload(BaseModel):
    """A whole course folder, to be published."""

    model_config = ConfigDict(extra="forbid")

    files: list[ReleaseFile] = Field(max_length=5000)


class PublishedLesson(BaseModel):
    """What a publication did to one lesson; `settings`: its dates or rules changed, and its notebooks did not."""

    slug: str
    title: str
    change: Literal["new", "changed", "settings", "unchanged", "removed"]
    tests: int
    points: float


class Published(BaseModel):
    """What a publication did.

    `outcome` says by which release the cohort's grades go from now on: `published`, one that is new; `returned`,
    another one that was published before; `taken_over`, one that another cohort had first; `unchanged`, the same as
    before. `former_release` is the one by which they went before, if any. `changed` says whether the release is new.
    """

    course: str
    title: str
    release: int
    former_release: int | None
    outcome: Literal["published", "returned", "taken_over", "unchanged"]
    changed: bool
    lessons: list[PublishedLesson]
    quizzes: int
    warnings: list[str]
