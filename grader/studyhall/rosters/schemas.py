"""What the API takes and says of a roster."""

from pydantic import BaseModel, ConfigDict, Field

from studyhall.rosters.reading import LARGEST_BYTES


class RosterIn(BaseModel):
    """A roster that is only to be looked at."""

    model_config = ConfigDict(extra="forbid")

    csv: str = Field(max_length=LARGEST_BYTES, description="The file's text.")


class RosterApply(RosterIn):
    """A roster that is to be done."""

    expected_changes: int = Field(
        ge=0, description="How many changes were shown; others meanwhile, and nothing is done."
    )


class RosterLine(BaseModel):
    """One line of the file that means something, or has a mistake."""

    line: int
    """Where it begins in the file, counted from 1."""
    username: str
    """Empty where the line could not be read."""
    what: str
    """What it changes, in words; empty when it changes nothing or has a mistake."""
    problem: str | None


class RosterPreview(BaseModel):
    """What a roster means for the cohort."""

    lines: list[RosterLine]
    """Mistakes if there are any, else changes, by line; the first ones of very many."""
    changes: int
    """People and parts in courses that are added or changed; none while there are mistakes."""
    unchanged: int
    """Lines that are so already."""
    problems: int
