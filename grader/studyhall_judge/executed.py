"""The notebook that ran, as staff can open it."""

from __future__ import annotations

import json
from typing import Any

from nbformat.notebooknode import NotebookNode

from studyhall_judge.rebuild import PlannedCell
from studyhall_judge.scoring import CellOutcome


def executed_notebook(
    released: NotebookNode, cells: list[PlannedCell], outcomes: dict[int, CellOutcome]
) -> str:
    """Return the notebook that ran, with its outputs, as JSON text. Holds hidden tests: for staff only."""
    written: list[dict[str, Any]] = []
    count = 0
    for place, cell in enumerate(cells):
        kind = cell.node.cell_type
        shown: dict[str, Any] = {
            "id": f"cell-{place}",
            "cell_type": kind,
            "metadata": {"studyhall_judge": {"kind": str(cell.kind)}},
            "source": cell.source,
        }
        if cell.released is not None and cell.released.grade_id is not None:
            shown["metadata"]["nbgrader"] = dict(cell.released.node.metadata.get("nbgrader", {}))
        if cell.node.get("attachments") and kind != "code":
            shown["attachments"] = cell.node.attachments
        if kind == "code":
            outcome = outcomes.get(place)
            count += outcome is not None
            if outcome is not None:
                shown["metadata"]["studyhall_judge"]["ending"] = str(outcome.ending)
            shown["outputs"] = (
                [] if outcome is None else [_written(output, count) for output in outcome.outputs]
            )
            shown["execution_count"] = count if outcome is not None else None
        written.append(shown)
    metadata = {
        key: released.metadata[key] for key in ("kernelspec", "language_info") if key in released.metadata
    }
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": written}
    return json.dumps(notebook, ensure_ascii=False)


def _written(output: dict[str, Any], count: int) -> dict[str, Any]:
    return output | {"execution_count": count} if output["output_type"] == "execute_result" else output
