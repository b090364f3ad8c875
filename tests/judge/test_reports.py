"""A report can always be sent, whatever a learner's code has printed, shown and raised."""

from __future__ import annotations

import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from studyhall_judge.executed import executed_notebooks
from studyhall_judge.frames import MAX_FRAME, framed
from studyhall_judge.outputs import LEFT_OUT, Share, clean_outputs
from studyhall_judge.rebuild import CellKind, PlannedCell
from studyhall_judge.scoring import CellOutcome, Ending

LONG = "x" * 5000
TEXT = {"text/plain": "1"}


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stdout", "text": LONG},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": [LONG]},
        {"output_type": "display_data", "data": {"text/plain": LONG}, "metadata": {}},
        {"output_type": "display_data", "data": {LONG: "1"}, "metadata": {}},
        {"output_type": "display_data", "data": TEXT, "metadata": {"a": LONG}},
        {"output_type": "execute_result", "data": TEXT, "metadata": {"a": {"b": [LONG]}}},
    ],
)
def test_every_part_of_an_output_counts_for_what_is_kept(output):
    share = Share(12_000)
    kept = [share.take(clean_outputs([output])) for _ in range(3)]
    assert [LEFT_OUT in json.dumps(outputs) for outputs in kept] == [False, False, True]


def test_an_errors_name_is_short():
    (error,) = clean_outputs(
        [{"output_type": "error", "ename": "E" * 1_000_000, "evalue": "", "traceback": []}]
    )
    assert len(error["ename"]) == 2000


def executed(source, text):
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}]
    cells = [PlannedCell(CellKind.learner, source, new_code_cell(source), 0)]
    return new_notebook(), cells, {0: CellOutcome(Ending.finished, outputs)}


def test_of_notebooks_for_which_a_report_has_no_room_the_outputs_are_left_out_and_then_the_text():
    notebooks = {
        "a": executed("1", "x"),
        "b": executed("2", "\x01" * 4_000),
        "c": executed('"' * 4_000, "z"),
        "d": executed("4", "y"),
    }
    texts = executed_notebooks(notebooks.items(), 8_000)
    shown = {name: json.loads(text)["cells"][0] for name, text in texts.items()}
    assert list(shown) == ["a", "b", "d"]
    assert shown["a"]["outputs"][0]["text"] == "x"
    assert (shown["b"]["source"], shown["b"]["outputs"][0]["text"]) == ("2", LEFT_OUT)
    assert shown["d"]["outputs"][0]["text"] == "y"


@pytest.mark.parametrize("sign", ["\x01", '"', "\\", "\N{SLIGHTLY SMILING FACE}", "\ud800", "é"])
def test_notebooks_that_fit_can_be_sent(sign):
    many = {str(number): executed("1", sign * 3_000_000) for number in range(8)}
    texts = executed_notebooks(many.items())
    assert len(framed({"type": "report", "executed_notebooks": texts})) < MAX_FRAME
