"""Feedback without the source of hidden tests.

nbgrader puts the hidden tests of the gradebook back into each notebook that it grades, and its feedback shows them. A
learner sees of a hidden test that it failed and what it was worth, nothing of what it asks.
"""

import json
import re
from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import List, Unicode

SHOWN = "# Hidden tests ran here."
FAILED = "A hidden test failed."
WITHHELD = "This output quoted a hidden test and is not shown."

LEAST_TELLING = 8
"""Shorter lines, such as a bare `else:`, say nothing of a test."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ARROW = re.compile(r"^-+>\s*(\d+)", re.MULTILINE)


class HideTests(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Takes hidden tests and whatever quotes them out of a notebook that becomes feedback."""

    begin_test_delimeter = Unicode(help="Begins a hidden test; else as ClearHiddenTests has it.").tag(
        config=True
    )
    end_test_delimeter = Unicode(help="Ends a hidden test; else as ClearHiddenTests has it.").tag(config=True)

    display_data_priority: Any = List(help="Said to every preprocessor by the exporter; not used here.").tag(
        config=True
    )

    def _delimiters(self) -> tuple[str, str]:
        theirs = self.config.get("ClearHiddenTests", {})
        begin = self.begin_test_delimeter or theirs.get("begin_test_delimeter") or "BEGIN HIDDEN TESTS"
        end = self.end_test_delimeter or theirs.get("end_test_delimeter") or "END HIDDEN TESTS"
        return str(begin), str(end)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Take the hidden tests out of every cell, and what quotes them out of every output."""
        begin, end = self._delimiters()
        secrets: set[str] = set()
        for cell in nb.cells:
            if not is_grade(cell) or is_solution(cell):
                continue
            shown, hidden, first = split(cell.source, begin, end)
            if hidden:
                secrets |= {line.strip() for line in hidden if len(line.strip()) >= LEAST_TELLING}
                cell.source = shown
                if cell.cell_type == "code":
                    cell.outputs = [
                        kept
                        for output in cell.outputs
                        if (kept := without_secrets(output, first)) is not None
                    ]
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = [
                    _withheld(output) if _quotes(output, secrets) else output for output in cell.outputs
                ]
        return nb, resources


def split(source: str, begin: str, end: str) -> tuple[str, list[str], int]:
    """Return a test's source with a note in place of each hidden region, the hidden lines, and the first one's number.

    A region that is not closed is hidden to its end. Numbers count from 1.
    """
    shown: list[str] = []
    hidden: list[str] = []
    first, inside = 0, False
    for number, line in enumerate(source.split("\n"), start=1):
        if inside:
            if end in line:
                inside = False
            else:
                hidden.append(line)
        elif begin in line:
            inside, first = True, first or number
            shown.append(SHOWN)
        else:
            shown.append(line)
    # An empty region is one, too: what its cell has put out is not to be looked at.
    return "\n".join(shown), hidden or ([""] if first else []), first


def without_secrets(output: Any, first_hidden: int) -> Any | None:
    """Return an output of a test with a hidden region as a learner may see it; none where it is left out.

    An error of the visible part keeps its message, but not its context, in which the hidden lines stand; any other
    error says only that a hidden test failed. Printed text may quote a test and is left out.
    """
    if output.output_type != "error":
        return None
    arrow = _ARROW.search(_COLOURS.sub("", "\n".join(output.get("traceback", []))))
    is_visible = arrow is not None and int(arrow.group(1)) < first_hidden
    said = f"{output.ename}: {output.evalue}" if is_visible else FAILED
    kept = type(output)(output)
    kept.ename, _, kept.evalue = said.partition(": ") if is_visible else (FAILED, "", "")
    kept.traceback = [said]
    return kept


def _quotes(output: Any, secrets: set[str]) -> bool:
    told = _COLOURS.sub("", _text_of(output))
    return any(line in told for line in secrets)


def _text_of(value: Any) -> str:
    """Return all texts of an output, as they are and as JSON writes them."""
    texts: list[str] = []

    def gather(part: Any) -> None:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            for key, inner in part.items():
                texts.append(str(key))
                gather(inner)
        elif isinstance(part, list):
            texts.append("".join(one for one in part if isinstance(one, str)))
            for inner in part:
                gather(inner)

    gather(value)
    return "\n".join([*texts, json.dumps(value)])


def _withheld(output: Any) -> Any:
    kept = type(output)({"output_type": "stream", "name": "stdout", "text": WITHHELD + "\n"})
    if output.output_type == "error":
        kept = type(output)({"output_type": "error", "ename": FAILED, "evalue": "", "traceback": [WITHHELD]})
    return kept
