"""What the automatic checks find, and that code made to break them costs one result and no worker."""

import pytest
from studyhall.ai.code_checks import complexities, lint, plain_python
from studyhall.ai.offline import OfflineReviewer
from studyhall.ai.programs import output_of
from studyhall.ai.reviewer import Material, TestOutcome, WorkCell

pytestmark = pytest.mark.asyncio


def cells(*sources, own=True, notebook="lesson"):
    return [
        WorkCell(notebook=notebook, cell_id=f"c{place}", kind="code", source=source, own=own)
        for place, source in enumerate(sources, start=1)
    ]


def material(*work, tests=(), passed=False, language="python"):
    return Material(
        lesson="Values",
        language=language,
        passed=passed,
        score=1,
        max_score=2,
        tasks=(),
        cells=tuple(work),
        tests=tuple(tests),
    )


def outcome(title, status="failed", *, hidden=False, message="", hint="", cell_id="c1"):
    return TestOutcome(
        title=title,
        status=status,
        hidden=hidden,
        points=0,
        max_points=1,
        message=message,
        hint=hint,
        notebook="lesson",
        cell_id=cell_id,
    )


async def found(*sources, **kwargs):
    return [
        (item.cell.cell_id, item.line_start, item.line_end, item.text)
        for item in await lint(cells(*sources, **kwargs))
    ]


@pytest.mark.parametrize(
    ("source", "line", "rule"),
    [
        ("x = 1\nif x == None:\n    pass", 2, "E711"),
        ("def add(item, items=[]):\n    items.append(item)\n    return items", 1, "B006"),
        ("eval(input())", 1, "S307"),
        ("def f(a):\n    if a:\n        return 1\n    else:\n        return 2", 4, "RET505"),
        ("import os", 1, "F401"),
        ("\n\nprint(unknown_name)", 3, "F821"),
    ],
)
async def test_a_remark_names_the_cell_the_line_and_the_rule(source, line, rule):
    ((cell, start, _, text),) = [item for item in await found("y = 1", source) if rule in item[3]]
    assert (cell, start) == ("c2", line)
    assert text.endswith(f"(ruff {rule}).")


async def test_names_and_imports_of_other_cells_are_known():
    assert await found("import math", "radius = 2", "math.pi * radius") == []


async def test_the_authors_cells_are_read_but_not_reviewed():
    given = cells("import os\nx = None\nx == None", own=False)
    mine = WorkCell(notebook="lesson", cell_id="mine", kind="code", source="print(x)", own=True)
    assert await lint([*given, mine]) == []


async def test_ipython_lines_are_no_mistakes_and_keep_their_line_numbers():
    source = "%matplotlib inline\n!ls -l\nprint?\nfiles = !ls\nif files == None:\n    pass"
    assert [item[1] for item in await found(source, "%%bash\nfor x in $(ls); do :; done")] == [5]


async def test_a_cell_that_python_cannot_read_is_named_once_and_does_not_silence_the_rest():
    items = await found("def half(:\n    return 1", "half(2)\nif half == None:\n    pass", "import os")
    assert [(item[0], item[1]) for item in items] == [("c1", 1), ("c2", 2)]
    assert items[0][3].startswith("Python can't read this")


async def test_a_safe_fix_becomes_lines_that_replace_lines():
    source = "def f(é):\n    if é:\n        return 1\n    else:\n        return 2"
    (finding,) = await lint(cells(source))
    suggestion = finding.suggestion
    assert (suggestion.line_start, suggestion.line_end) == (4, 5)
    assert suggestion.current_code == "    else:\n        return 2"
    assert suggestion.suggested_code == "    return 2"
    lines = source.split("\n")
    lines[3:5] = suggestion.suggested_code.split("\n")
    exec(compile("\n".join(lines), "fixed", "exec"), {})  # noqa: S102 - the test's own code


async def test_a_fix_within_a_line_keeps_the_rest_of_it():
    source = 'name = "Ö"\ntext = "é" + "{}".format(name) + "!"  # greeting\nprint(text)'
    (suggestion,) = [item.suggestion for item in await lint(cells(source)) if item.suggestion]
    assert suggestion.line_start == suggestion.line_end == 2
    assert suggestion.current_code == source.split("\n")[1]
    assert suggestion.suggested_code == 'text = "é" + f"{name}" + "!"  # greeting'


async def test_removing_a_line_is_a_remark_and_no_suggestion():
    (finding,) = await lint(cells("import os"))
    assert finding.suggestion is None


@pytest.mark.parametrize(
    "bomb",
    [
        "-" * 300_000 + "1",
        "(" * 100_000,
        "x = " + "[" * 20_000 + "]" * 20_000,
        "f" + "(1)" * 200_000,
        "def f():\n    return " + "not " * 300_000 + "1",
        "if x:\n" + "".join("    " * depth + "if x:\n" for depth in range(1, 400)),
        "\x00",
        "#" * 1_900_000,
    ],
    ids=range(8),
)
async def test_code_made_to_break_the_checks_costs_one_result_only(bomb):
    review = await OfflineReviewer().review(material(*cells("def fine():\n    return 1", bomb)))
    assert review.summary


async def test_too_much_code_is_not_checked_and_says_so():
    review = await OfflineReviewer().review(material(*cells("#" * 2_100_000)))
    assert "could not be checked" in review.summary


async def test_a_checker_that_never_ends_is_stopped():
    assert await output_of(["sleep", "60"], b"", seconds=0.2) is None


async def test_a_checker_sees_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("STUDYHALL_CONTENT_KEY", "secret")
    printed = await output_of(["env"], b"")
    assert b"STUDYHALL" not in printed
    assert b"secret" not in printed


TANGLE = """\
%time
def tangle(a, b):
    for x in a:
        if x:
            for y in b:
                if y and x:
                    if x > y:
                        while y:
                            y -= 1
    return a
"""


async def test_functions_that_are_hard_to_follow_are_named_with_their_lines():
    (function,) = await complexities(cells("x = 1", TANGLE))
    assert function.name == "tangle"
    assert (function.line_start, function.line_end) == (2, 10)
    assert function.complexity > 15
    review = await OfflineReviewer().review(material(*cells("x = 1", TANGLE)))
    assert any(item.cell_id == "c2" and "`tangle`" in item.text for item in review.improvements)
    assert f"`tangle` {function.complexity}" in review.complexity_analysis


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "x = 1"),
        ("  %time\nx", "  pass\nx"),
        ("!ls\nx?", "pass\npass"),
        ("%%timeit\nx = 1", "pass\nx = 1"),
        ("%%bash\necho", None),
        ("\n%%html\n<b>", None),
    ],
)
async def test_plain_python(source, expected):
    assert plain_python(source) == expected


async def test_the_offline_review_speaks_of_tests_as_the_learner_sees_them():
    tests = [
        outcome("Round prices", "passed"),
        outcome("Odd cents", message="9 is not 9.5", hint="Use two decimals."),
        outcome("Many items", hidden=True, hint="Think of none."),
        outcome("Slow", "timed_out", cell_id=None),
        outcome("An essay", "needs_manual"),
    ]
    review = await OfflineReviewer().review(material(*cells("x = 1"), tests=tests))
    assert review.summary.startswith("1 of 5 tests passed.")
    assert review.strengths == [
        "Passed: Round prices",
        "No remarks about mistakes, traps, style or security.",
    ]
    assert [item.text for item in review.improvements] == [
        "Odd cents: 9 is not 9.5 — Hint: Use two decimals.",
        "Many items (hidden test): it does not hold yet — Hint: Think of none.",
        "Slow: it took too long",
    ]
    assert review.improvements[0].cell_id == "c1"
    assert review.improvements[2].cell_id is None
    assert review.overall_score is None
    assert review.dimensions is None, "automatic checks give no scores"


async def test_the_offline_review_is_always_the_same_and_says_what_it_is():
    work = material(*cells("import os, sys", TANGLE, "x == None"), tests=[outcome("A test")])
    reviews = [await OfflineReviewer().review(work) for _ in range(3)]
    assert reviews[0] == reviews[1] == reviews[2]
    assert OfflineReviewer().speaker(passed=True) == "Automatic checks (no AI)"


async def test_other_languages_and_empty_work_get_a_true_sentence():
    r = await OfflineReviewer().review(material(*cells("x <- 1"), language="R"))
    assert "not checked automatically" in r.summary
    assert r.improvements == []
    nothing = await OfflineReviewer().review(material(*cells("given", own=False)))
    assert "no code of your own" in nothing.summary


async def test_a_flood_of_remarks_is_cut_with_a_count():
    work = cells("\n".join(["x == None"] * 50))
    remarks = len(await lint(work))
    assert remarks > 50
    review = await OfflineReviewer().review(material(*work))
    assert len(review.improvements) == 21
    assert review.improvements[-1].text == f"… and {remarks - 20} more remarks."
