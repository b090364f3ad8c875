"""nbgrader's checksum of a cell, which tells whether a learner changed it."""

import hashlib

from nbformat.notebooknode import NotebookNode

from studyhall_notebooks.cells import grade_id, is_grade, is_locked, is_solution, nbgrader_metadata, points


def compute_checksum(cell: NotebookNode) -> str:
    """Return the md5 hex digest that nbgrader 0.9 computes (``nbgrader.utils.compute_checksum``).

    Over the source, the cell type, ``str`` of is-grade, is-solution and is-locked, the grade id and, for a
    graded cell, ``str(float(points))``. A cell without a usable grade id counts as one with an empty id.
    """
    parts = [
        cell.source,
        cell.cell_type,
        str(is_grade(cell)),
        str(is_solution(cell)),
        str(is_locked(cell)),
        grade_id(cell) or "",
    ]
    if is_grade(cell):
        parts.append(str(points(cell)))
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part.encode("utf-8", "replace"))
    return digest.hexdigest()


def is_unchanged(cell: NotebookNode) -> bool:
    """Return whether a released cell still has the text (and settings) that it was released with."""
    return nbgrader_metadata(cell).get("checksum") == compute_checksum(cell)
