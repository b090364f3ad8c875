"""What goes into the judge and what comes out: the types shared with the classroom service.

Two audiences read a report. Staff see all of it. Learners see only what ``learner_message``, ``hint``,
``title``, ``status`` and the points say; for a hidden test ``learner_message`` is always the empty string.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scoring = Literal["default", "nbgrader"]
Positive = Annotated[float, Field(gt=0)]


class TestStatus(StrEnum):
    """How one test ended."""

    __test__ = False  # pytest must not take the name for a test class

    passed = "passed"
    partial = "partial"
    failed = "failed"
    error = "error"
    timed_out = "timed_out"
    memory_exceeded = "memory_exceeded"
    not_run = "not_run"
    needs_manual = "needs_manual"


class ReportStatus(StrEnum):
    """How grading as a whole ended."""

    graded = "graded"
    needs_manual = "needs_manual"
    refused = "refused"
    internal_error = "internal_error"


class Model(BaseModel):
    """A value object. Unknown fields are refused, so that two versions never misread each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ReleaseNotebook(Model):
    """One notebook of a release: ``source`` is the JSON text of the graded source (hidden tests included)."""

    name: str
    source: str


class Release(Model):
    """A published version of an assignment. ``files`` maps a relative path to base64."""

    hash: str
    notebooks: list[ReleaseNotebook]
    files: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def build(cls, notebooks: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> Release:
        """Make a release, with its content hash, from notebook texts by stem and files by relative path."""
        digest = hashlib.sha256()
        for name, source in sorted(notebooks.items()):
            digest.update(f"notebook {len(name)} {len(source)}\n{name}{source}".encode())
        for path, content in sorted((files or {}).items()):
            digest.update(f"file {len(path)} {len(content)}\n{path}".encode())
            digest.update(content)
        return cls(
            hash=digest.hexdigest(),
            notebooks=[ReleaseNotebook(name=name, source=source) for name, source in notebooks.items()],
            files={path: base64.b64encode(content).decode() for path, content in (files or {}).items()},
        )


class Limits(Model):
    """What one submission may use. Seconds are wall time, sizes are what the names say."""

    cell_seconds: Positive = 30
    total_seconds: Positive = 120
    memory_mb: int = Field(default=512, ge=32)
    pids: int = Field(default=50, ge=4)
    output_bytes: int = Field(default=1_000_000, ge=1_000)
    disk_mb: int = Field(default=64, ge=1)


class GradeRequest(Model):
    """One submission to grade. ``notebooks`` maps a stem to the submitted text, however damaged.

    ``files`` are the learner's own data files, base64 by relative path; a released file of the same path wins.
    ``earlier`` holds, by stem, what learners got of the notebook in the other releases that the submission says it
    comes from: what differs only because the lesson was published anew is not held against them.
    """

    request_id: str
    release_hash: str
    environment: str = "default"
    scoring: Scoring = "default"
    notebooks: dict[str, str]
    files: dict[str, str] = Field(default_factory=dict)
    earlier: dict[str, list[str]] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)


class Progress(Model):
    """One test has ended. ``done`` of ``total`` tests are known now."""

    test_id: str
    status: TestStatus
    done: int
    total: int


class TestResult(Model):
    """One test's verdict. ``id`` is ``<notebook>/<grade_id>``.

    ``cell_index`` is the place, in the notebook that the learner sent, of the test cell or of the nearest
    answer cell before it; ``answer_grade_id`` names that answer cell. Both are None when the learner's
    notebook has neither.
    """

    __test__ = False

    id: str
    notebook: str
    grade_id: str
    title: str
    hidden: bool
    kind: Literal["assert", "driven", "manual"]
    points: float
    max_points: float
    status: TestStatus
    learner_message: str
    hint: str
    staff_message: str
    duration_ms: float
    cell_index: int | None
    answer_grade_id: str | None


class Repair(Model):
    """Something the judge mended in the submitted notebook, said to the learner in plain words."""

    code: str
    notebook: str
    grade_id: str | None
    message: str


class IntegrityFlag(Model):
    """Something that an honest submission rarely does. For staff only; it never changes a score by itself."""

    code: str
    test_id: str | None
    message: str


class Resources(Model):
    """What the submission used: wall and processor time in milliseconds, peak memory of one process in MB."""

    wall_ms: float = 0
    cpu_ms: float = 0
    peak_memory_mb: float = 0


class GradeReport(Model):
    """The outcome of one grade request.

    ``executed_notebooks`` (by stem, JSON text) contain hidden tests and their outputs: staff only.
    ``message`` says why a submission was refused or what went wrong inside, in words for people.
    """

    request_id: str
    release_hash: str
    status: ReportStatus
    score: float
    max_score: float
    tests: list[TestResult]
    repairs: list[Repair]
    flags: list[IntegrityFlag]
    resources: Resources
    executed_notebooks: dict[str, str]
    message: str
    judge_version: str


class Wall(Model):
    """One protection between a submission and the machine; ``detail``: what it rests on or what is missing."""

    name: str
    standing: bool
    required: bool
    detail: str


class EnvironmentStatus(Model):
    """A named interpreter with the modules that are imported before a submission arrives."""

    name: str
    python: str
    preload: list[str]
    missing: list[str]


class LanguageStatus(Model):
    """A language of program problems; ``reason`` says what is missing when it is not available."""

    id: str
    name: str
    available: bool
    reason: str


class JudgeStatus(Model):
    """What a running judge says of itself. ``waiting`` counts requests that have no slot yet."""

    version: str
    slots: int
    busy: int
    waiting: int
    graded: int
    walls: list[Wall]
    environments: list[EnvironmentStatus]
    languages: list[LanguageStatus] = Field(default_factory=list)
