"""What graders' terminals send and get for ``nbgrader autograde``."""

import uuid
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from studyhall.nbgrader_gradebooks.models import ExecutionStatus

FileName = Annotated[str, Field(min_length=1, max_length=300)]


class ExecutionIn(BaseModel):
    """A notebook of a submission as ``nbgrader autograde`` has restored it, to be run in the judge."""

    model_config = ConfigDict(extra="forbid")

    assignment: str = Field(min_length=1, max_length=128)
    student: str = Field(min_length=1, max_length=128)
    notebook: str = Field(min_length=1, max_length=128)
    source: str = Field(max_length=30_000_000, description="The notebook as JSON text, tests and all.")
    course_files: dict[FileName, str] = Field(
        default_factory=dict, max_length=500, description="The assignment's own files: base64 by path."
    )
    own_files: dict[FileName, str] = Field(
        default_factory=dict, max_length=500, description="The student's other files: base64 by path."
    )
    cell_seconds: float = Field(default=30, gt=0, le=600, description="How long one cell may run.")
    interactive: bool = Field(
        default=False, description="Whether somebody looks at the notebook and waits: it goes before a class."
    )


class CellEnding(StrEnum):
    """How a cell ended, as seen from outside of the sandbox."""

    FINISHED = "finished"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    MEMORY = "memory"
    DIED = "died"
    TAMPERED = "tampered"
    NOT_RUN = "not_run"


class ExecutedCell(BaseModel):
    """One cell that ran."""

    outputs: list[dict[str, Any]]
    execution_count: int | None
    ending: CellEnding | None = Field(
        default=None, description="How it ended; none where the judge did not come to it."
    )


class ExecutionResult(BaseModel):
    """What became of a notebook's cells; outputs are such that nbgrader reads the judge's points from them."""

    cells: list[ExecutedCell | None] = Field(
        description="In the order of the notebook's cells; none for text."
    )
    notes: list[str] = Field(description="What staff should know, in words.")
    seconds: float = Field(default=0.0, description="How long the judge was at it.")


class ExecutionOut(BaseModel):
    """How far the execution of a notebook has come."""

    id: uuid.UUID
    status: ExecutionStatus
    message: str = Field(description="Why it could not be run, or why it still waits.")
    result: ExecutionResult | None
