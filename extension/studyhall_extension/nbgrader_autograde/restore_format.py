"""Mending what in a student's labels would stop nbgrader for the whole class."""

from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor

SCHEMA_VERSION = 3
KNOWN = frozenset(
    {
        "schema_version",
        "grade",
        "grade_id",
        "solution",
        "locked",
        "task",
        "points",
        "checksum",
        "cell_type",
    }
)
"""The keys of nbgrader's metadata. An additional one fails the submission, another version stops every later one."""


class RestoreFormat(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Gives nbgrader's metadata of a submitted notebook its version back; what it says is nbgrader's to check."""

    def preprocess_cell(self, cell: Any, resources: Any, _cell_index: int) -> tuple[Any, Any]:
        """Mend one cell."""
        marks = cell.metadata.get("nbgrader")
        if marks is None:
            return cell, resources
        if not isinstance(marks, dict) or not marks:
            del cell.metadata["nbgrader"]
            return cell, resources
        if marks.get("schema_version") != SCHEMA_VERSION:
            self.log.warning(
                "A cell says that it is of version %r of nbgrader's format. It was put back to %d.",
                marks.get("schema_version"),
                SCHEMA_VERSION,
            )
            marks["schema_version"] = SCHEMA_VERSION
        for key in set(marks) - KNOWN:
            del marks[key]
        return cell, resources
