"""What is mended in damaged notebooks: each answer is found again, and no damage earns what the answer does not."""

from __future__ import annotations

import asyncio
import copy
import re
import threading

import pytest
from graded_folders import cell
from nbformat.v4 import new_markdown_cell, new_notebook
from studyhall_judge import grading, matching
from studyhall_judge.client import Judge, JudgeUnavailable
from studyhall_judge.halves import MOST_HALVES
from studyhall_judge.likeness import Comparisons
from studyhall_judge.pasted import readable
from studyhall_judge.rebuild import CellKind, rebuild
from studyhall_judge.releases import prepare
from studyhall_judge.report import GradeRequest, Release
from studyhall_judge.submissions import read_submission
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
SQUARES = f"def squares(n):\n    {BEGIN}\n    if n < 1:\n        raise ValueError\n    return list(range(n))\n    {END}"
MEAN = f"def mean(values):\n    {BEGIN}\n    return sum(values) / len(values)\n    {END}"
TOTAL = f"{BEGIN}\nwith open('data.csv') as file:\n    total = len(file.read())\n{END}"


def manual(made, grade_id):
    marks = {"schema_version": 3, "grade_id": grade_id, "grade": True, "solution": True, "locked": False}
    made.metadata["nbgrader"] = {**marks, "points": 2, "task": False}
    return made


def source():
    cells = [
        new_markdown_cell("# Numbers"),
        cell("import csv"),
        cell("import math\nLIMIT = 10", "setup"),
        cell(SQUARES, "squares", solution=True),
        cell("squares(3)"),
        cell("assert squares(1) == [0], 'one'", "test_squares", grade=True, points=2),
        cell(MEAN, "mean", solution=True),
        cell("assert math.isclose(mean([1, 2]), 1.5)", "test_mean", grade=True, points=2),
        cell(TOTAL, "total", solution=True),
        cell("assert total == 60", "test_total", grade=True, points=1),
        manual(new_markdown_cell(f"Explain.\n\n{BEGIN}\nBecause.\n{END}"), "explain"),
        manual(cell(f"{BEGIN}\nprint('drawn')\n{END}"), "draw"),
    ]
    for number, one in enumerate(cells):
        one.id = f"c{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def release():
    return prepare(Release.build({"p1": write_notebook(graded_source(source()))}))


@pytest.fixture(scope="module")
def released(release):
    return release.notebooks["p1"]


@pytest.fixture
def work():
    """Return a right submission, to be damaged."""
    notebook = source()
    for one in notebook.cells:
        one.source = re.sub(r"[ \t]*### (?:BEGIN|END) SOLUTION\n?", "", one.source).rstrip("\n")
    return notebook


def place(work, grade_id):
    marks = [one.metadata.get("nbgrader", {}).get("grade_id") for one in work.cells]
    return marks.index(grade_id)


def find(work, grade_id):
    return work.cells[place(work, grade_id)]


def stub(released, grade_id):
    return next(one.shown for one in released.cells if one.grade_id == grade_id)


def twin(original, text=None, identifier="twin"):
    made = copy.deepcopy(original)
    made.id = identifier
    made.source = original.source if text is None else text
    return made


def texts(rebuilt):
    return {one.released.grade_id: one.source for one in rebuilt.cells if one.released is not None}


def codes(rebuilt):
    return {one.code for one in rebuilt.repairs}


def own(rebuilt):
    return [one.source for one in rebuilt.cells if one.released is None and one.kind is CellKind.learner]


# What mending may cost


def test_no_more_halves_are_joined_than_an_answer_may_have(released, work):
    at = place(work, "mean")
    find(work, "mean").source = "v = 0"
    work.cells[at + 1 : at + 1] = [
        twin(work.cells[at], f"v{n} = {n}", f"q{n}") for n in range(2 * MOST_HALVES)
    ]
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)["mean"].count("=") == MOST_HALVES
    assert {"split_cell", "copied_cell"} <= codes(rebuilt)


def test_a_long_half_is_not_joined(released, work):
    at = place(work, "mean")
    work.cells.insert(at + 1, twin(work.cells[at], "x = 1\n" * 20_000))
    assert "x = 1" not in texts(rebuild(released, work, "default"))["mean"]


def test_comparing_ends_when_its_share_of_work_is_used_up():
    comparisons = Comparisons(steps=100)
    assert comparisons.similarity("one text", "one text!") > 0.9
    assert comparisons.similarity("x" * 90, "x" * 90) == 0
    assert comparisons.exhausted
    assert comparisons.similarity("one text", "one text!") == 0


def test_a_notebook_with_too_much_to_compare_keeps_its_exact_matches_and_says_so(released, work, monkeypatch):
    monkeypatch.setattr(matching, "Comparisons", lambda: Comparisons(steps=50))
    for one in work.cells:
        one.metadata, one.id = {}, f"{one.id}x"
    work.cells[5].source += "\n# tried"
    rebuilt = rebuild(released, work, "default")
    assert "many_cells" in codes(rebuilt)
    assert "missing_test" in codes(rebuilt)
    assert "sum(values)" in texts(rebuilt)["mean"]


@pytest.mark.parametrize(("copies", "beside"), [(0, False), (grading.BIG_CELLS, True)])
def test_only_big_submissions_are_planned_beside_the_event_loop(release, work, monkeypatch, copies, beside):
    work.cells += [cell(f"v{n} = {n}") for n in range(copies)]
    request = GradeRequest(request_id="r", release_hash="h", notebooks={"p1": write_notebook(work)})
    threads = []

    def recording(*words):
        threads.append(threading.current_thread() is not threading.main_thread())
        return rebuild(*words)

    monkeypatch.setattr(grading, "rebuild", recording)
    submission = grading.Submission(request, release, None)
    asyncio.run(submission._plan(read_submission(release, request)))
    assert threads == [beside]


def test_a_judge_that_does_not_say_how_it_is_counts_as_away(tmp_path):
    async def ask():
        waiting = asyncio.Event()

        async def silent(_reader, writer):
            await waiting.wait()
            writer.close()

        server = await asyncio.start_unix_server(silent, tmp_path / "judge.sock")
        async with server:
            with pytest.raises(JudgeUnavailable):
                await Judge(tmp_path / "judge.sock", status_seconds=0.01).status()
            waiting.set()

    asyncio.run(ask())


# What a person grades


def test_a_label_that_the_lesson_does_not_have_is_none(released, work):
    find(work, "explain").source = "Explain.\n\nBecause of this."
    find(work, "explain").metadata["nbgrader"]["grade_id"] = "cell-1234"
    rebuilt = rebuild(released, work, "default")
    assert "Because of this" in texts(rebuilt)["explain"]
    assert rebuilt.missing == set()
    assert "explain" in rebuild(released, work, "nbgrader").missing


@pytest.mark.parametrize(
    ("grade_id", "kind"), [("explain", "code"), ("explain", "raw"), ("draw", "markdown")]
)
@pytest.mark.parametrize("keeps_id", [True, False])
def test_a_retyped_answer_without_its_label_still_meets_a_person(released, work, grade_id, kind, keeps_id):
    answer = find(work, grade_id)
    answer.source, answer.cell_type, answer.metadata = "what the learner wrote", kind, {}
    answer.id = answer.id if keeps_id else "new"
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)[grade_id] == "what the learner wrote"
    assert grade_id not in rebuilt.missing


@pytest.mark.parametrize("grade_id", ["explain", "draw", "mean", "total"])
@pytest.mark.parametrize("far", [True, False])
def test_of_two_copies_the_one_that_was_worked_on_counts(released, work, grade_id, far):
    original = find(work, grade_id)
    copied = twin(original, original.source + "\n# worked on")
    original.source = stub(released, grade_id)
    work.cells.insert(len(work.cells) if far else place(work, grade_id) + 1, copied)
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)[grade_id] == copied.source
    assert own(rebuilt) == ["import csv", "squares(3)"]
    assert codes(rebuilt) <= {"copied_cell", "reordered"}


def test_what_stands_below_an_untouched_answer_is_shown_to_the_person(released, work):
    find(work, "explain").source = stub(released, "explain")
    below = new_markdown_cell("Because of that.")
    work.cells.insert(place(work, "explain") + 1, below)
    assert "Because of that." in texts(rebuild(released, work, "default"))["explain"]
    find(work, "explain").source = "An answer."
    assert texts(rebuild(released, work, "default"))["explain"] == "An answer."


# A notebook without cells


@pytest.mark.parametrize("scoring", ["default", "nbgrader"])
def test_a_notebook_without_cells_is_not_a_missing_one(released, work, scoring):
    work.cells = []
    rebuilt = rebuild(released, work, scoring)
    assert codes(rebuilt) == {"no_cells"}
    assert rebuilt.missing == {"test_squares", "test_mean", "test_total", "explain", "draw"}
    assert rebuilt.flags == []
    if scoring == "nbgrader":
        assert rebuilt.cells == []
    else:
        assert "squares" not in texts(rebuilt)


# Settings in the wrong cells


@pytest.mark.parametrize("ids_too", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [("squares", "mean"), ("squares", "total"), ("mean", "test_mean"), ("total", "test_total"),
     ("test_squares", "test_mean"), ("setup", "mean")],
)  # fmt: skip
def test_cells_with_each_others_settings_are_known_by_their_texts(released, work, first, second, ids_too):
    wanted = {one: find(work, one).source for one in ("squares", "mean", "total")}
    one, two = find(work, first), find(work, second)
    one.metadata, two.metadata = two.metadata, one.metadata
    if ids_too:
        one.id, two.id = two.id, one.id
    found = texts(rebuild(released, work, "default"))
    assert {name: found[name] for name in wanted} == wanted
    assert found["test_mean"] == "assert math.isclose(mean([1, 2]), 1.5)"


@pytest.mark.parametrize("by", [1, -1])
def test_labels_that_slipped_by_one_cell(released, work, by):
    wanted = {one: find(work, one).source for one in ("squares", "mean", "total")}
    settings = [one.metadata for one in work.cells]
    for one, slipped in zip(work.cells, settings[by:] + settings[:by], strict=True):
        one.metadata = slipped
    found = texts(rebuild(released, work, "default"))
    assert {name: found[name] for name in wanted} == wanted


def test_slipped_labels_where_an_answer_is_like_its_test(released, work):
    find(work, "total").source = "total = 60"
    settings = [one.metadata for one in work.cells[:10]]
    for one, slipped in zip(work.cells, [*settings[1:], {}], strict=False):
        one.metadata = slipped
    assert texts(rebuild(released, work, "default"))["total"] == "total = 60"


def test_one_label_on_all_cells_keeps_what_a_person_grades(released, work):
    find(work, "explain").source = "Because of this."
    for one in work.cells:
        if "nbgrader" in one.metadata:
            one.metadata["nbgrader"]["grade_id"] = "squares"
    assert texts(rebuild(released, work, "default"))["explain"] == "Because of this."


def test_ids_that_slipped_by_one_cell(released, work):
    find(work, "explain").source = "Because of this."
    ids = [one.id for one in work.cells]
    for one, slipped in zip(work.cells, ids[1:] + ids[:1], strict=True):
        one.id, one.metadata = slipped, {}
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)["explain"] == "Because of this."
    assert rebuilt.missing == set()


def test_exchanging_settings_with_a_test_brings_no_test_of_ones_own(released, work):
    find(work, "mean").source = "def mean(values):\n    return None"
    answer, test = find(work, "mean"), find(work, "test_mean")
    answer.metadata, test.metadata = test.metadata, answer.metadata
    test.source = "assert True"
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)["test_mean"] == "assert math.isclose(mean([1, 2]), 1.5)"
    assert "changed_test" in {one.code for one in rebuilt.flags}


def test_the_lesson_s_tests_stay_flagged_when_their_labels_were_exchanged(released, work):
    one, two = find(work, "test_squares"), find(work, "test_mean")
    one.metadata, two.metadata = two.metadata, one.metadata
    rebuilt = rebuild(released, work, "default")
    assert {one.test_id for one in rebuilt.flags if one.code == "changed_test"} == {
        "p1/test_squares",
        "p1/test_mean",
    }


# Cells of another type, halves, and cells that were merged


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_code_cell_of_the_lesson_without_a_label_runs_again(released, work, kind):
    work.cells[1].cell_type = kind
    rebuilt = rebuild(released, work, "default")
    assert own(rebuilt) == ["import csv", "squares(3)"]
    assert codes(rebuilt) == {"retyped_cell"}
    work.cells.insert(2, cell("import csv"))
    assert codes(rebuild(released, work, "default")) == set()


def halves(work, grade_id, line):
    lines = find(work, grade_id).source.split("\n")
    find(work, grade_id).source = "\n".join(lines[:line])
    return "\n".join(lines[line:]), "\n".join(lines)


@pytest.mark.parametrize(("grade_id", "line"), [("squares", 2), ("squares", 1), ("squares", 3), ("total", 1)])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("between", [[], [cell("")], [new_markdown_cell("note"), cell(" ")]])
def test_a_second_half_is_found_below_blank_cells_and_without_a_label(
    released, work, grade_id, line, labelled, between
):
    second, whole = halves(work, grade_id, line)
    half = twin(find(work, grade_id), second) if labelled else cell(second)
    at = place(work, grade_id) + 1
    work.cells[at:at] = [*between, half]
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)[grade_id] == whole
    assert "split_cell" in codes(rebuilt)


def test_a_cell_of_ones_own_is_no_half_of_a_complete_answer(released, work):
    work.cells.insert(place(work, "squares") + 1, cell("def broken(:"))
    rebuilt = rebuild(released, work, "default")
    assert own(rebuilt)[1:2] == ["def broken(:"]
    assert codes(rebuilt) == set()


@pytest.mark.parametrize("host", ["test_mean", "test_total"])
def test_an_answer_without_names_is_what_a_neighbouring_test_holds_beyond_its_own(released, work, host):
    answer = find(work, "total").source
    mine = find(work, host).source
    find(work, host).source = f"{mine}\n{answer}" if host == "test_mean" else f"{answer}\n\n{mine}"
    del work.cells[place(work, "total")]
    rebuilt = rebuild(released, work, "default")
    assert texts(rebuilt)["total"] == answer
    assert texts(rebuilt)[host] == mine
    assert "merged_cell" in codes(rebuilt)


# Which notebook is which


@pytest.fixture(scope="module")
def pair():
    """A lesson of two notebooks with other grade ids and texts."""
    second = source()
    for one in second.cells:
        one.source = re.sub(r"\b(squares|mean|total)\b", r"\1_two", one.source)
        marks = one.metadata.get("nbgrader")
        if marks:
            marks["grade_id"] += "_two"
    both = {"p1": source(), "p2": second}
    return prepare(
        Release.build({name: write_notebook(graded_source(one)) for name, one in both.items()})
    ), both


def read(pair, notebooks, scoring="default"):
    written = {name: one if isinstance(one, str) else write_notebook(one) for name, one in notebooks.items()}
    request = GradeRequest(request_id="r", release_hash="h", notebooks=written, scoring=scoring)
    read = read_submission(pair[0], request)
    first = {
        name: None if one is None else one.cells[3].source.split("(")[0]
        for name, one in read.notebooks.items()
    }
    return first, {one.code for one in read.repairs}


RIGHT_PLACES = {"p1": "def squares", "p2": "def squares_two"}


def test_notebooks_with_each_others_names_change_places(pair):
    p1, p2 = pair[1].values()
    assert read(pair, {"p1": p2, "p2": p1}) == (RIGHT_PLACES, {"renamed_notebook"})
    assert read(pair, {"p1": p1, "p2": p2}) == (RIGHT_PLACES, set())
    assert read(pair, {"p1": p2, "p2": p1}, "nbgrader")[0] != RIGHT_PLACES


def test_a_notebook_that_was_saved_twice_is_in_one_place(pair):
    p2 = pair[1]["p2"]
    assert read(pair, {"p1": p2, "p2": p2})[0]["p2"] == "def squares_two"


def test_a_renamed_notebook_without_labels_is_known_by_its_texts(pair):
    p1, p2 = pair[1].values()
    cleared = copy.deepcopy(p1)
    for one in cleared.cells:
        one.metadata, one.id = {}, f"{one.id}x"
    found, said = read(pair, {"final": cleared, "p2": p2})
    assert found == RIGHT_PLACES
    assert said == {"renamed_notebook"}
    stranger = new_notebook(cells=[cell("import csv"), cell("print(1)")])
    assert "extra_notebook" in read(pair, {"final": stranger, "p2": p2})[1]


@pytest.mark.parametrize("broken", ["", "{", "[]"])
def test_an_unreadable_notebook_gives_way_to_its_copy_without_a_word_of_it(pair, broken):
    p1, p2 = pair[1].values()
    assert read(pair, {"p1": broken, "p1-Copy1": p1, "p2": p2}) == (RIGHT_PLACES, {"renamed_notebook"})
    assert read(pair, {"p1": broken, "p2": p2})[1] == {"unreadable"}


def untouched(work, release):
    made = copy.deepcopy(work)
    for one in release.notebooks["p1"].cells:
        if one.is_learners:
            find(made, one.grade_id).source = one.shown
    return made


def test_a_copy_that_was_worked_on_counts_beside_the_notebook_as_it_was_given(release, work):
    given = write_notebook(untouched(work, release))
    worked = write_notebook(work)

    def taken(notebooks, scoring="default"):
        request = GradeRequest(request_id="r", release_hash="h", notebooks=notebooks, scoring=scoring)
        read = read_submission(release, request)
        return find(read.notebooks["p1"], "mean").source, {one.code for one in read.repairs}

    answer, stub_text = find(work, "mean").source, stub(release.notebooks["p1"], "mean")
    assert taken({"p1": given, "p1 (1)": worked}) == (answer, {"worked_copy"})
    assert taken({"p1": worked, "p1 (1)": given}) == (answer, {"extra_notebook"})
    assert taken({"p1": given, "p1-Copy1": given}) == (stub_text, {"extra_notebook"})
    assert taken({"p1": given, "p1 (1)": worked}, "nbgrader") == (stub_text, {"extra_notebook"})
    other = copy.deepcopy(work)
    find(other, "mean").source = "def mean(values):\n    return 0"
    assert taken({"p1": worked, "p1 (1)": write_notebook(other)}) == (answer, {"extra_notebook"})


@pytest.mark.parametrize("text", [f"{'1' * 5000}\n)", f"x = (1 &lt; 2\n&#{'9' * 5000};"])
def test_a_number_of_more_digits_than_python_reads_is_no_number(text):
    assert readable(text) == (text, "")
