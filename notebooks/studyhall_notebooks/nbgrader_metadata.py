"""The rules of nbgrader's cell metadata, schema version 3: what is refused, how older ones are read."""

import math
import re
from typing import Any, Final

from nbformat.notebooknode import NotebookNode

from studyhall_notebooks.errors import ReleaseError

SCHEMA_VERSION: Final = 3
KNOWN_KEYS: Final = (
    "schema_version",
    "grade",
    "solution",
    "locked",
    "task",
    "grade_id",
    "points",
    "checksum",
    "cell_type",
)
_GRADE_ID_OR_NOTHING: Final = re.compile(r"[a-zA-Z0-9_\-]*")


def check_metadata(notebook: NotebookNode) -> None:
    """Raise ReleaseError for the first cell whose metadata nbgrader's own check refuses."""
    seen: dict[str, int] = {}
    for index, cell in enumerate(notebook.cells):
        problem = metadata_problem(cell)
        if problem is not None:
            raise ReleaseError(
                f"Cell {index + 1}: {problem[1]}", reason=problem[0], cell=f"cell {index + 1}", index=index
            )
        meta = cell.metadata.get("nbgrader")
        if meta is None or not (meta["grade"] or meta["solution"] or meta["locked"]):
            continue
        identifier = meta["grade_id"]
        if identifier in seen:
            raise ReleaseError(
                f'Cells {seen[identifier] + 1} and {index + 1} both have the grade id "{identifier}". '
                "Rename one of them.",
                reason="duplicate_grade_id",
                cell=identifier,
                index=index,
            )
        seen[identifier] = index


def metadata_problem(cell: NotebookNode) -> tuple[str, str] | None:
    """Return (reason, message for people) when nbgrader would refuse this one cell's metadata, else None."""
    meta = cell.metadata.get("nbgrader")
    if meta is None:
        return None
    if not isinstance(meta, dict) or not all(
        isinstance(meta.get(key, False if key == "task" else None), bool)
        for key in ("grade", "solution", "locked", "task")
    ):
        return (
            "damaged_metadata",
            "its nbgrader settings are damaged; choose its type again in the cell toolbar.",
        )
    return _id_problem(meta) or _points_problem(meta) or _type_problem(cell, meta)


def _id_problem(meta: dict[str, Any]) -> tuple[str, str] | None:
    identifier = meta.get("grade_id")
    if "grade_id" in meta and not (
        isinstance(identifier, str) and _GRADE_ID_OR_NOTHING.fullmatch(identifier)
    ):
        return (
            "bad_grade_id",
            f"the grade id {str(identifier)[:60]!r} may hold only English letters, digits, - and _.",
        )
    if not identifier and (meta["grade"] or meta["solution"] or meta["locked"] or meta.get("task")):
        return "missing_grade_id", "a graded, answer or read-only cell needs a grade id."
    return None


def _points_problem(meta: dict[str, Any]) -> tuple[str, str] | None:
    worth = meta.get("points")
    if "points" not in meta:
        if meta["grade"] or meta.get("task"):
            return (
                "missing_points",
                f'the graded cell "{meta["grade_id"]}" does not say how many points it gives.',
            )
        return None
    if isinstance(worth, bool) or not isinstance(worth, int | float) or not math.isfinite(worth) or worth < 0:
        return "bad_points", "its points must be a number from 0 up."
    return None


def _type_problem(cell: NotebookNode, meta: dict[str, Any]) -> tuple[str, str] | None:
    if meta.get("task"):
        if cell.cell_type != "markdown":
            return "task_not_markdown", f'the task "{meta["grade_id"]}" must be a markdown cell.'
    elif cell.cell_type == "markdown" and meta["grade"] != meta["solution"]:
        return (
            "markdown_role",
            "a graded markdown cell must be a manually graded answer, since markdown cannot run as a test.",
        )
    return None


def upgrade_metadata(cell: NotebookNode) -> None:
    """Read schema versions 0 to 2 as ``nbgrader update`` does, and drop keys the schema does not know."""
    meta = cell.metadata.get("nbgrader")
    if not isinstance(meta, dict):
        if meta is not None:
            del cell.metadata["nbgrader"]
        return
    version = meta.get("schema_version", 0)
    if version == 0:
        for key in ("grade", "solution", "locked"):
            meta.setdefault(key, False)
        if not (meta["grade"] or meta["solution"] or meta["locked"]):
            del cell.metadata["nbgrader"]
            return
        if not meta["grade"]:
            meta.pop("points", None)
        else:
            meta["points"] = _points_of_version_0(meta.get("points"))
    if version in (1, 2) and "checksum" in meta:
        meta.setdefault("cell_type", cell.cell_type)
    meta["schema_version"] = SCHEMA_VERSION
    for key in [key for key in meta if key not in KNOWN_KEYS]:
        del meta[key]


def _points_of_version_0(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(number, 0.0) if math.isfinite(number) else 0.0
