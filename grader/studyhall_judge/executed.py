"""The notebook that ran, as staff can open it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nbformat.notebooknode import NotebookNode

from studyhall_judge.frames import MAX_FRAME
from studyhall_judge.outputs import LEFT_OUT
from studyhall_judge.rebuild import PlannedCell
from studyhall_judge.scoring import CellOutcome

MOST_BYTES = MAX_FRAME - 12_000_000
"""What the notebooks of one report may take in it: there is still to be room for everything else."""

_LEFT_OUT: dict[str, Any] = {"output_type": "stream", "name": "stdout", "text": LEFT_OUT}

Executed = tuple[NotebookNode, list[PlannedCell], dict[int, CellOutcome]]
"""A notebook as it was released, the cells that ran, and their outcomes by place."""


def executed_notebooks(notebooks: Iterable[tuple[str, Executed]], most: int = MOST_BYTES) -> dict[str, str]:
    """Return the notebooks that ran, by name, as they fit into a report.

    Where there is no room for a notebook's outputs they are left out, and where there is none for its text neither, it
    is left out itself: a report that cannot be sent would cost the whole submission its verdict.
    """
    texts: dict[str, str] = {}
    for name, notebook in notebooks:
        for with_outputs in (True, False):
            text = executed_notebook(notebook, with_outputs=with_outputs)
            size = _size_within(text)
            if size <= most:
                texts[name] = text
                most -= size
                break
    return texts


def _size_within(text: str) -> int:
    """Return the bytes that a text takes within JSON; in JSON itself, no other signs than these are written longer."""
    return len(text.encode("utf-8", "surrogatepass")) + text.count('"') + text.count("\\")


def executed_notebook(notebook: Executed, *, with_outputs: bool = True) -> str:
    """Return the notebook that ran, with its outputs, as JSON text. Holds hidden tests: for staff only."""
    released, cells, outcomes = notebook
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
            outputs = [] if outcome is None else outcome.outputs
            if outputs and not with_outputs:
                outputs = [_LEFT_OUT]
            shown["outputs"] = [_written(output, count) for output in outputs]
            shown["execution_count"] = count if outcome is not None else None
        written.append(shown)
    metadata = {
        key: released.metadata[key] for key in ("kernelspec", "language_info") if key in released.metadata
    }
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": written}
    return json.dumps(whole, ensure_ascii=False)


def _written(output: dict[str, Any], count: int) -> dict[str, Any]:
    return output | {"execution_count": count} if output["output_type"] == "execute_result" else output
