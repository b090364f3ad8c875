"""Answers that stand elsewhere than in their cell, or came with what Python cannot read, are found and can run."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from graded_folders import cell
from nbformat.v4 import new_markdown_cell, new_notebook
from studyhall_judge.leftovers import without_leftovers
from studyhall_judge.pasted import FENCE, readable
from studyhall_judge.rebuild import CellKind, rebuild
from studyhall_judge.releases import prepare
from studyhall_judge.report import Release
from studyhall_notebooks.parsing import write_notebook
from studyhall_notebooks.release import graded_source

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ANSWERS = {
    "squares": "def squares(n):\n    return [i * i for i in range(n)]",
    "mean": "def mean(values):\n    return sum(values) / len(values)",
    "total": "total = 0\nfor n in range(5):\n    total += n",
}
TESTS = {
    "squares": "assert squares(2) == [0, 1]",
    "mean": "assert mean([1, 2]) == 1.5",
    "total": "assert total == 10",
}


def with_solution(grade_id):
    head, _, body = ANSWERS[grade_id].partition("\n")
    if grade_id == "total":
        return f"{BEGIN}\n{head}\n{body}\n{END}"
    return f"{head}\n    {BEGIN}\n{body}\n    {END}"


@pytest.fixture(scope="module")
def released():
    cells = [new_markdown_cell("# Numbers"), cell("LIMIT = 10", "setup")]
    for grade_id, test in TESTS.items():
        cells.append(cell(with_solution(grade_id), grade_id, solution=True))
        cells.append(cell(test, f"test_{grade_id}", grade=True, points=1))
    for number, one in enumerate(cells):
        one.id = f"c{number}"
    source = write_notebook(graded_source(new_notebook(cells=cells)))
    return prepare(Release.build({"p1": source})).notebooks["p1"]


@pytest.fixture
def work(released):
    """Return what a learner gets, with nothing done."""
    cells = []
    for one in released.cells:
        node = cell(one.shown) if one.is_code else new_markdown_cell(one.shown)
        node.metadata, node.id = one.node.metadata, one.node.id
        cells.append(node)
    return new_notebook(cells=cells)


def place(work, grade_id):
    return [one.metadata.get("nbgrader", {}).get("grade_id") for one in work.cells].index(grade_id)


def running(rebuilt):
    return [one.source for one in rebuilt.cells if one.runs and one.kind in (CellKind.learner, CellKind.test)]


def codes(rebuilt):
    return {repair.code for repair in rebuilt.repairs}


def passes(rebuilt):
    """Run the rebuilt notebook from its top; return the tests that hold."""
    namespace, held = {}, []
    for one in rebuilt.cells:
        if one.runs:
            with contextlib.suppress(NameError, NotImplementedError, SyntaxError, AssertionError):
                exec(one.source, namespace)  # noqa: S102 - the test's own notebook
                if one.kind is CellKind.test:
                    held.append(one.released.grade_id)
    return held


ALL = ["test_squares", "test_mean", "test_total"]


def all_at_the_end(work):
    work.cells.append(cell("\n\n".join(ANSWERS.values())))


def each_at_the_end(work):
    work.cells += [cell(text) for text in reversed(ANSWERS.values())]


def each_after_its_test(work):
    for grade_id, text in ANSWERS.items():
        work.cells.insert(place(work, f"test_{grade_id}") + 1, cell(text))


def each_above_its_cell(work):
    for grade_id, text in ANSWERS.items():
        work.cells.insert(place(work, grade_id), cell(text))


def in_the_tests(work):
    for grade_id, text in ANSWERS.items():
        test = work.cells[place(work, f"test_{grade_id}")]
        test.source = f"{text}\n{test.source}"


def in_emptied_cells_elsewhere(work):
    for grade_id in ANSWERS:
        work.cells[place(work, grade_id)].source = ""
    all_at_the_end(work)


def all_in_the_first_answer(work):
    work.cells[place(work, "squares")].source = "\n\n".join(ANSWERS.values())


def in_notes(work):
    for grade_id, text in ANSWERS.items():
        note = new_markdown_cell(f"My answer:\n\n```python\n{text}\n```")
        work.cells.insert(place(work, grade_id) + 1, note)


@pytest.mark.parametrize(
    "damage",
    [
        in_notes,
        all_in_the_first_answer,
        all_at_the_end,
        each_at_the_end,
        each_after_its_test,
        each_above_its_cell,
        in_the_tests,
        in_emptied_cells_elsewhere,
    ],
)
def test_an_answer_outside_of_its_untouched_cell_is_found(released, work, damage):
    damage(work)
    rebuilt = rebuild(released, work, "default")
    assert passes(rebuilt) == ALL
    assert codes(rebuilt) & {"moved_answer", "merged_cell"}
    assert "reordered" not in codes(rebuilt)


def test_code_that_the_lesson_shows_is_no_answer(released, work):
    shown = f"# Numbers\n\n```python\n{ANSWERS['mean']}\n```"
    lesson = replace(released, cells=(replace(released.cells[0], shown=shown), *released.cells[1:]))
    work.cells[0].source = shown
    assert passes(rebuild(lesson, work, "default")) == []
    work.cells[0].source = f"{shown}\n\nNoted."
    assert passes(rebuild(lesson, work, "default")) == []


def test_a_note_below_an_answer_that_was_moved_keeps_its_place(released, work):
    work.cells.insert(place(work, "mean") + 1, cell("print(mean([3]))"))
    all_at_the_end(work)
    work.cells.append(cell("print('the end')"))
    texts = running(rebuild(released, work, "default"))
    assert texts.index("print(mean([3]))") < texts.index(TESTS["mean"])
    assert texts[-1] == "print('the end')"


def test_an_answer_that_is_there_is_not_replaced_by_a_later_try(released, work):
    for grade_id, text in ANSWERS.items():
        work.cells[place(work, grade_id)].source = text
    work.cells.append(cell("def mean(values):\n    return 0"))
    rebuilt = rebuild(released, work, "default")
    assert passes(rebuilt) == ALL
    assert "moved_answer" not in codes(rebuilt)


def test_an_own_cell_that_runs_in_time_stays_where_it_is(released, work):
    for grade_id, text in ANSWERS.items():
        work.cells.insert(place(work, grade_id) + 1, cell(text))
    rebuilt = rebuild(released, work, "default")
    assert passes(rebuilt) == ALL
    assert "moved_answer" not in codes(rebuilt)


def test_only_a_cell_with_all_that_is_asked_for_is_taken(released, work):
    work.cells.append(cell("def square(n):\n    return [0, 1]"))
    work.cells.append(cell("def mean(values:\n    return 1.5"))
    rebuilt = rebuild(released, work, "default")
    assert passes(rebuilt) == []
    assert "moved_answer" not in codes(rebuilt)


def test_a_variable_of_an_earlier_answer_is_not_the_function_that_is_asked_for_later(released, work):
    work.cells[place(work, "squares")].source = f"mean = 3\n{ANSWERS['squares']}"
    rebuilt = rebuild(released, work, "default")
    assert passes(rebuilt) == ["test_squares"]
    assert "moved_answer" not in codes(rebuilt)
    assert any("NotImplementedError" in one.source for one in rebuilt.cells)


def test_with_nbgraders_scoring_answers_stay_where_nbgrader_runs_them(released, work):
    all_at_the_end(work)
    assert passes(rebuild(released, work, "nbgrader")) == []


@pytest.mark.parametrize(
    "pasted",
    [
        "def f(x):\n\u00a0\u00a0\u00a0\u00a0return x",
        "\u200bdef f(x):\n    return x",
        "\ufeffdef f(x):\n    return x\u200b",
        "```python\ndef f(x):\n    return x\n```",
        "\n~~~\ndef f(x):\n    return x\n~~~\n",
        "Here is the code:\n```python\ndef f(x):\n    return x\n```\nIt is easy!",
        "def f(x):\u2028    return x",
        "def f(x):\x85    return x",
        "def f\uff08x\uff09\uff1a\n\u3000\u3000\u3000\u3000return x",
        "1 def f(x):\n2     return x",
        "In [3]:\ndef f(x):\n    return x",
        "def f(x):\\n    return x",
        "<<<<<<< HEAD\ndef f(x):\n    raise NotImplementedError()\n=======\ndef f(x):\n    return x\n>>>>>>> other\n",
        "def f(x):\n<<<<<<< HEAD\n    return x\n=======\n    return x + 1\n>>>>>>> other\n",
        "<<<<<<< HEAD\ndef f(x):\n    return x",
        "def f(x):\n    return x\x00",
        "python\nCopy code\ndef f(x):\n    return x",
        "python\nCopy\nEdit\n\ndef f(x):\n    return x",
        "Python\ndef f(x):\n    return x",
        "python\n```\ndef f(x):\n    return x\n```",
    ],
)
def test_what_was_copied_along_is_left_out_where_it_keeps_an_answer_from_running(pasted):
    text, told = readable(pasted)
    assert text.strip() == "def f(x):\n    return x"
    assert told


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("x = \u2018a\u2019", "x = 'a'"),
        ("x = \u201cit's\u201d  # \u201cso\u201d", 'x = "it\'s"  # \u201cso\u201d'),
        ("x = \u201d\u201d\u201da\nb\u201d\u201d\u201d", 'x = """a\nb"""'),
        ("x = \u00aba\u00bb", 'x = "a"'),
        ("x = 5 \u2212 3", "x = 5 - 3"),
        ("x = 5 \u00d7 3 \u00f7 2", "x = 5 * 3 / 2"),
        ("x = \uff11\uff12", "x = 12"),
        ("x = '\u2212' \u2013 1", "x = '\u2212' - 1"),
        ("if x \u2265 3:\n    y = [1\uff0c 2]", "if x >= 3:\n    y = [1, 2]"),
        ("if a &lt; b:\n    c = 1", "if a < b:\n    c = 1"),
        ("for i in r:\n\ta = 1\n        b = 2\n    c = 3", None),
        ("for i in r:\n    a = 1\n\tb = 2", "for i in r:\n    a = 1\n    b = 2"),
        ("for i in r:\n    if i:\n\tb = 2", "for i in r:\n    if i:\n        b = 2"),
        ("x = 1\nThis gives the number one.", "x = 1\n# This gives the number one."),
    ],
)
def test_what_a_person_reads_at_once_is_read(typed, meant):
    assert readable(typed)[0] == (typed if meant is None else meant)


def test_of_two_readings_of_tabs_the_one_counts_that_a_notebook_shows():
    typed = "def f(r):\n    for i in r:\n        x = i\n\treturn x"
    assert readable(typed)[0] == "def f(r):\n    for i in r:\n        x = i\n    return x"


STUB = 'def f(x):\n    """Do it."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'


@pytest.mark.parametrize(
    ("source", "is_left_out"),
    [
        ("def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n    return x", True),
        ("def f(x):\n    x.append(1)\n    raise NotImplementedError()", True),
        ("raise NotImplementedError()\nx = 1", True),
        (f"def f(x):\n    return x\n\n{STUB}", True),
        (f"{STUB}\n\ndef f(x):\n    return x", False),
        ("def f(x):\n    return x\n    raise NotImplementedError()", False),
        (STUB, False),
        ("def f(x):\n    if x:\n        raise NotImplementedError()\n    return x", False),
        ("def f(x):\n    y = 1\n    raise NotImplementedError('y')", False),
        ("class A:\n    def f(self):\n        raise NotImplementedError()\n    x = 1", False),
    ],
)
def test_what_is_left_of_the_stub_beside_an_answer_is_left_out(source, is_left_out):
    text, told = without_leftovers(source, STUB)
    assert bool(told) is is_left_out
    assert (text == source) is not is_left_out
    assert text.count("\n") == source.count("\n")
    if is_left_out:
        assert "NotImplementedError" not in text


AROUND = "def cost(x):\n    m = len(x)\n    total = 0\n    raise NotImplementedError()\n    return total"


@pytest.mark.parametrize(
    ("source", "is_left_out"),
    [
        (AROUND, False),
        (f"import math\n\n{AROUND}", False),
        (AROUND.replace("total = 0", "total = sum(x) / m"), True),
        (AROUND.replace("    raise", "    for y in x:\n        total += y\n    raise"), True),
        (AROUND.replace("    m = len(x)\n", ""), False),
    ],
)
def test_what_the_author_wrote_around_the_stub_is_no_answer(source, is_left_out):
    assert bool(without_leftovers(source, AROUND)[1]) is is_left_out


def test_a_lesson_about_what_stands_for_an_answer_keeps_it(released, work):
    text = "def mean(values):\n    raise NotImplementedError()\n    return 1.5"
    work.cells[place(work, "mean")].source = text
    assert "leftover" in codes(rebuild(released, work, "default"))
    about = [*released.cells, replace(released.cells[0], source="It raises NotImplementedError.")]
    assert "leftover" not in codes(rebuild(replace(released, cells=tuple(about)), work, "default"))


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return '\u00a0\u200b'",
        "def f(x:\n\u00a0",
        "```\nno python (\n```",
        "größe = 1",
        "```",
        "python",
        "python = 1\nCopy = 2",
        "python\nno python (",
    ],
)
def test_a_text_that_runs_or_never_will_stays_as_it_is(text):
    assert readable(text) == (text, "")


@pytest.mark.parametrize(
    "text",
    [
        "files = !ls\nn, rest = %sx ls\nfor one in files:\n    !wc {one}\nlen?",
        "%%bash\nmkdir -p data && ls",
        "%%writefile mine.py\nprint 'of Python 2'",
        "x = (7\n% 4)\nfiles = list(x)",
    ],
)
def test_a_cell_with_commands_of_the_notebook_can_run_too(text):
    assert readable(f"```python\n{text}\n```") == (text, FENCE)
    assert readable(f"{text}\n#\t") == (f"{text}\n#\t", "")


def test_lines_of_windows_end_as_python_reads_them_anyway(released, work):
    work.cells[place(work, "mean")].source = "%%bash\r\nmkdir data\r\n"
    work.cells.insert(place(work, "mean"), cell("!ls\r\nx = 1\ry = 2"))
    texts = running(rebuild(released, work, "default"))
    assert "%%bash\nmkdir data\n" in texts
    assert "!ls\nx = 1\ny = 2" in texts
    assert "%%bash\r\nmkdir data\r\n" in running(rebuild(released, work, "nbgrader"))


def test_an_answer_between_the_marks_of_a_code_block_is_said_to_be_mended(released, work):
    work.cells[place(work, "mean")].source = f"```python\n{ANSWERS['mean']}\n```"
    rebuilt = rebuild(released, work, "default")
    assert "test_mean" in passes(rebuilt)
    assert "pasted_text" in codes(rebuilt)
