"""Findings about a notebook's Python by ruff and complexipy, each with its cell and lines."""

import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ruff import find_ruff_bin

from studyhall.ai.programs import output_of
from studyhall.ai.reviewer import CodeSuggestion, WorkCell

RULES = ("E4", "E7", "E9", "F", "B", "C90", "SIM", "RET", "UP", "S")
IGNORED = (
    "E402",  # imports stand where a lesson needs them
    "S101",  # asserts are how learners check themselves
    "S311",  # random numbers of exercises are no secrets
)
FAMILIES = (
    ("invalid-syntax", "Python can't read this"),
    ("F", "Possible mistake"),
    ("E", "Possible mistake"),
    ("B", "Possible trap"),
    ("C90", "Hard to follow"),
    ("SIM", "Could be simpler"),
    ("RET", "Could be simpler"),
    ("UP", "There is a newer way"),
    ("S", "Security"),
)
MAX_BYTES = 2_000_000
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
COMPLEX = 15
"""Cognitive complexity above which complexipy, too, calls a function hard to follow."""


@dataclass(frozen=True)
class CodeFinding:
    """One remark of a checker about a cell; lines are counted from 1 within the cell."""

    cell: WorkCell
    line_start: int
    line_end: int
    text: str
    suggestion: CodeSuggestion | None


@dataclass(frozen=True)
class FunctionComplexity:
    """How hard a function is to follow."""

    cell: WorkCell
    name: str
    complexity: int
    line_start: int
    line_end: int


async def lint(cells: Sequence[WorkCell]) -> list[CodeFinding] | None:
    """Return ruff's remarks about the learner's own cells of one notebook, in its order; None when it can't be run.

    All code cells go in, as a notebook: names that an earlier cell defines are then known in the later ones. A cell
    that Python can't read is taken out after that has been said, so that it does not silence the others.
    """
    code = [cell for cell in cells if cell.kind == "code"]
    if sum(len(cell.source) for cell in code) > MAX_BYTES:
        return None
    found = await _diagnostics(code, [cell.source for cell in code])
    if found is None:
        return None
    broken = {item["cell"] for item in found if item["code"] in {None, "invalid-syntax"}}
    if broken:
        rest = ["" if place in broken else cell.source for place, cell in enumerate(code, start=1)]
        others = await _diagnostics(code, rest) or []
        # One cause is enough: what follows from the first syntax error of a cell is noise.
        firsts = {
            place: next(
                item for item in found if item["cell"] == place and item["code"] in {None, "invalid-syntax"}
            )
            for place in broken
        }
        # The cells that were taken out may define what others use, and use what others import.
        found = [*firsts.values(), *(item for item in others if item["code"] not in {"F821", "F401"})]
    findings = [
        _finding(code[item["cell"] - 1], item)
        for item in found
        if item["cell"] is not None and code[item["cell"] - 1].own
    ]
    order = {cell.cell_id: place for place, cell in enumerate(code)}
    return sorted(findings, key=lambda item: (order[item.cell.cell_id], item.line_start, item.text))


async def _diagnostics(cells: Sequence[WorkCell], sources: Sequence[str]) -> list[dict[str, Any]] | None:
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{place}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": source,
            }
            for place, source in enumerate(sources)
        ],
    }
    printed = await output_of(
        [
            find_ruff_bin(),
            "check",
            "--isolated",
            "--no-cache",
            "--output-format=json",
            "--target-version=py311",
            f"--select={','.join(RULES)}",
            f"--ignore={','.join(IGNORED)}",
            "--stdin-filename=work.ipynb",
            "-",
        ],
        json.dumps(notebook).encode(),
    )
    if printed is None:
        return None
    try:
        found = json.loads(printed)
    except ValueError:
        return None
    return [item for item in found if item["cell"] is None or 1 <= item["cell"] <= len(cells)]


def _finding(cell: WorkCell, item: dict[str, Any]) -> CodeFinding:
    code = item["code"] or "invalid-syntax"
    total = len(cell.lines)
    first = min(max(item["location"]["row"], 1), total)
    last = min(max(item["end_location"]["row"], first), total)
    if last > first and item["end_location"]["column"] == 1:
        last -= 1  # the end is the beginning of the next line
    family = next((words for prefix, words in FAMILIES if code.startswith(prefix)), "Remark")
    message = str(item["message"]).removeprefix("SyntaxError: ").rstrip(".")
    rule = "" if code == "invalid-syntax" else f" (ruff {code})"
    return CodeFinding(
        cell=cell,
        line_start=first,
        line_end=last,
        text=f"{family}: {message}{rule}.",
        suggestion=_suggestion(cell, item.get("fix")),
    )


def _suggestion(cell: WorkCell, fix: dict[str, Any] | None) -> CodeSuggestion | None:
    """Return a safe fix as lines that replace lines, or None where there is none of use."""
    if not fix or fix.get("applicability") != "safe" or not fix["edits"]:
        return None
    starts = [0, *itertools.accumulate(len(line) + 1 for line in cell.lines)]
    spans = []
    for edit in fix["edits"]:
        begin, end = edit["location"], edit["end_location"]
        if not 1 <= begin["row"] <= len(starts) or not 1 <= end["row"] <= len(starts):
            return None
        spans.append(
            (
                starts[begin["row"] - 1] + begin["column"] - 1,
                starts[end["row"] - 1] + end["column"] - 1,
                edit["content"],
            )
        )
    spans.sort()
    if any(second[0] < first[1] for first, second in itertools.pairwise(spans)):
        return None
    first_row = min(edit["location"]["row"] for edit in fix["edits"])
    begin_at = starts[first_row - 1]
    last_end = max(span[1] for span in spans)
    end_at = next((start for start in starts if start >= last_end), starts[-1])
    end_at = max(end_at, starts[first_row]) if first_row < len(starts) else end_at
    current = cell.source[begin_at:end_at]
    suggested, at = "", begin_at
    for begin, end, content in spans:
        suggested += cell.source[at:begin] + content
        at = end
    suggested = (suggested + cell.source[at:end_at]).rstrip("\n")
    if not suggested.strip() or suggested == current.rstrip("\n"):
        return None
    return CodeSuggestion(
        notebook=cell.notebook,
        cell_id=cell.cell_id,
        line_start=first_row,
        line_end=first_row + current.rstrip("\n").count("\n"),
        current_code=current.rstrip("\n"),
        suggested_code=suggested,
        explanation=str(fix.get("message") or "A simpler way to write the same."),
    )


def plain_python(source: str) -> str | None:
    """Return a cell's source with ``pass`` for each of IPython's own lines; None when the cell is another language."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(PYTHON_MAGICS):
        return None
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass"
        if line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?")
        else line
        for line in lines
    )


async def complexities(cells: Iterable[WorkCell]) -> list[FunctionComplexity]:
    """Return the cognitive complexity of each function in the learner's own cells, where it can be worked out."""
    own = [cell for cell in cells if cell.own and cell.kind == "code" and "def " in cell.source]
    sources = [plain_python(cell.source) for cell in own]
    if not own or sum(len(cell.source) for cell in own) > MAX_BYTES:
        return []
    printed = await output_of(
        [sys.executable, "-I", "-m", "studyhall.ai.complexity"], json.dumps(sources).encode()
    )
    if printed is None:
        return []
    return [
        FunctionComplexity(cell, item["name"], item["complexity"], item["line_start"], item["line_end"])
        for cell, functions in zip(own, json.loads(printed), strict=True)
        for item in functions
    ]
