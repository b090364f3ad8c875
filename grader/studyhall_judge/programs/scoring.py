"""What tests earn: a test pays its points when it passed and, in a group, when all of the group passed."""

from __future__ import annotations

from studyhall_judge.program_report import ProgramTestResult


def points_of(results: list[ProgramTestResult]) -> list[ProgramTestResult]:
    """Return the results with their points."""
    failed = {result.group for result in results if result.group is not None and not result.passed}
    return [
        result.model_copy(update={"points": result.max_points})
        if result.passed and result.group not in failed
        else result
        for result in results
    ]
