"""The cells that a learner sent, and what there is to say of them, while a notebook is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from nbformat.notebooknode import NotebookNode

from studyhall_judge.likeness import LONGEST_PARSED, plain
from studyhall_judge.pasted import readable
from studyhall_judge.releases import ReleasedCell, top_level_names
from studyhall_judge.report import IntegrityFlag, Repair


@dataclass
class SubmittedCell:
    """One cell as it was sent. ``grade_id`` is the label that is believed, ``match`` the released cell that it is.

    ``moved`` is an answer that stood at another place, ``place_of`` the answer whose place an untouched cell keeps.
    What costs time is worked out once: a damaged notebook may hold thousands of cells.
    """

    index: int
    node: NotebookNode
    source: str
    grade_id: str | None
    match: ReleasedCell | None = None
    dropped: bool = False
    moved: bool = False
    place_of: str | None = None

    @property
    def free(self) -> bool:
        """Whether it is not yet known what the cell is."""
        return self.match is None and not self.dropped

    @property
    def is_code(self) -> bool:
        """Whether it was sent as a cell that runs."""
        return bool(self.node.cell_type == "code")

    @cached_property
    def plain(self) -> str:
        """Its text as it is compared."""
        return plain(self.source)

    @cached_property
    def names(self) -> set[str]:
        """What it defines at its top level; of a text too long to parse, what its beginning seems to define."""
        source = self.source
        if not self.is_code and "```" in source:
            source = readable(source)[0]
        return top_level_names(source[:LONGEST_PARSED])


@dataclass
class Remarks:
    """What was mended in one notebook, for the learner, and what staff should look at. Nothing is said twice."""

    notebook: str
    flags: list[IntegrityFlag] = field(default_factory=list)
    _repairs: dict[Repair, None] = field(default_factory=dict)

    @property
    def repairs(self) -> list[Repair]:
        """What was mended, in the order in which it was found."""
        return list(self._repairs)

    def repair(self, code: str, released: ReleasedCell | None, message: str) -> None:
        """Say that something was mended."""
        identifier = None if released is None else released.grade_id
        self._repairs[Repair(code=code, notebook=self.notebook, grade_id=identifier, message=message)] = None

    def flag(self, code: str, released: ReleasedCell, message: str) -> None:
        """Note for staff what an honest submission rarely does."""
        test = f"{self.notebook}/{released.grade_id}"
        self.flags.append(IntegrityFlag(code=code, test_id=test, message=message))
