import pytest
from studyhall_notebooks.checks import Level, check_course, check_notebook
from studyhall_notebooks.parsing import read_notebook


def found(make, *cells, **more):
    return {
        (finding.code, finding.level)
        for finding in check_notebook(read_notebook(make.notebook_bytes(*cells)), **more)
    }


def titled(make, identifier, source, **told):
    metadata = {**make.nbgrader(identifier, grade=True, locked=True, points=1), "studyhall": {"test": told}}
    return make.cell("code", source, metadata)


IMPORT = "from studyhall_notebooks.driven import check"
HIDDEN = "### BEGIN HIDDEN TESTS\nassert f() == 1\n### END HIDDEN TESTS"


def test_the_sample_course_is_clean(sample_course):
    findings = check_course(sample_course)
    assert {(finding.level, finding.code) for finding in findings} == {(Level.note, "trust_of_tests")}


def test_each_lesson_says_which_tests_can_be_fooled(sample_course):
    first, *_ = check_course(sample_course)
    assert first.where == "source/values-and-names/values-and-names.ipynb"
    driven, _, others = first.message.partition(" Not tamper-proof")
    assert driven == "Tamper-proof: Names typed in a hurry."
    assert "Well-typed names" in others


@pytest.mark.parametrize(
    "source",
    [
        'check.call("f").equals(1)',
        f"{IMPORT}\nprint(1)\ncheck.call('f').equals(1)",
        f"{IMPORT}\ncheck.call('f', g()).equals(1)",
        f"{IMPORT}\n%time\ncheck.call('f').equals(1)",
        f"{IMPORT} as c\nc.call('f').equals(1)",
        "import studyhall_notebooks.driven",
    ],
)
def test_a_test_that_looks_tamper_proof_and_is_not_is_a_warning(make, source):
    assert ("not_driven", Level.warning) in found(make, make.answer(), titled(make, "a", source, title="A"))


def test_a_driven_test_is_no_warning(make):
    source = f"{IMPORT}\ncheck.call('f').equals(1)"
    assert not found(make, make.answer(), titled(make, "a", source, title="A"))


def test_a_good_notebook_is_clean(make):
    assert not found(
        make,
        make.answer(),
        titled(make, "a", "assert f()", title="A"),
        titled(make, "b", HIDDEN, title="B", hint="H"),
    )


def test_habits_that_make_a_lesson_worse(make):
    codes = {
        code
        for code, _level in found(make, titled(make, "t", ""), make.answer(), make.visible_test("h", HIDDEN))
    }
    assert codes == {"no_title", "no_answer_before", "empty_test", "no_hint"}
    worthless = make.cell("code", "assert 1\n" + HIDDEN, make.nbgrader("t", grade=True, points=0))
    codes = {code for code, _level in found(make, make.answer(), worthless)}
    assert codes == {"no_title", "no_points", "no_hint", "mixed_test"}


def test_every_bad_cell_is_named_not_only_the_first(make):
    notebook = read_notebook(
        make.notebook_bytes(
            make.answer("twice"),
            make.answer("twice"),
            make.cell("code", "x", make.nbgrader("g", grade=True)),
            make.cell("code", "x", make.nbgrader("", solution=True)),
        )
    )
    errors = [
        finding for finding in check_notebook(notebook, where="n.ipynb") if finding.level is Level.error
    ]
    assert [(finding.where, finding.code) for finding in errors] == [
        ("n.ipynb, cell 2", "duplicate_grade_id"),
        ("n.ipynb, cell 3", "missing_points"),
        ("n.ipynb, cell 4", "missing_grade_id"),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [("### BEGIN SOLUTION\nx = 1", "unclosed_region"), ("### BEGIN HIDDEN TESTS\nx", "unclosed_region")],
)
def test_regions_without_end_are_errors(make, source, code):
    kind = {"solution": True} if "SOLUTION" in source else {"grade": True, "points": 1}
    assert (code, Level.error) in found(make, make.cell("code", source, make.nbgrader("a", **kind)))


def test_secrets_that_stand_elsewhere_too_are_found(make):
    solution = "def mean(xs):\n    ### BEGIN SOLUTION\n    return sum(xs) / len(xs)\n    ### END SOLUTION"
    codes = found(
        make, make.answer("mean", solution), make.cell("markdown", "Use\n```\nreturn sum(xs) / len(xs)\n```")
    )
    assert codes == {("solution_shown_elsewhere", Level.warning)}
    test = titled(
        make, "t", "### BEGIN HIDDEN TESTS\nassert f(17) == 4711\n### END HIDDEN TESTS", title="T", hint="H"
    )
    codes = found(make, make.answer(), make.cell("code", "assert f(17) == 4711"), test)
    assert codes == {("hidden_test_shown_elsewhere", Level.warning)}
    tagged = make.cell("markdown", "x", {"note": "BEGIN SOLUTION"})
    assert found(make, tagged) == {("marker_left", Level.warning)}


def test_raw_cells_are_not_for_grading(make):
    raw = make.cell("raw", "x", make.nbgrader("a", locked=True))
    assert found(make, raw) == {("raw_cell", Level.warning)}


def test_old_metadata_is_a_note(make):
    old = make.nbgrader("a", solution=True)
    old["nbgrader"]["schema_version"] = 1
    assert found(make, make.cell("code", "x", old)) == {("old_metadata", Level.note)}


def test_of_old_metadata_one_note_is_enough_and_every_fault_is_named(make):
    settings = [make.nbgrader(name, solution=True) for name in "aab"] + [make.nbgrader("t", grade=True)]
    for one in settings:
        one["nbgrader"]["schema_version"] = 1
        one["nbgrader"].pop("points", None)
    cells = [make.cell("code", "x", one) for one in settings]
    findings = check_notebook(read_notebook(make.notebook_bytes(*cells)))
    errors = [(one.where, one.code) for one in findings if one.level is Level.error]
    assert errors == [
        ("notebook, cell 2", "duplicate_grade_id"),
        ("notebook, cell 4", "missing_points"),
    ]
    (note,) = [one.message for one in findings if one.code == "old_metadata"]
    assert note.startswith("The nbgrader settings of 4 of 4 cells are of an older version")


@pytest.mark.parametrize(
    ("source", "is_told"),
    [
        ("df = pd.read_csv('https://example.org/x.csv')", True),
        ("URL = 'https://example.org/'", False),
        ("df = pd.read_csv(URL)", True),
        ("df = pd.read_json(URL + 'x.json')", True),
        ("df = pd.read_csv(f'{URL}x.csv')", True),
        ("df = pd.read_csv(f'https://example.org/{x}.csv')", True),
        ("page = requests.get(link).text", True),
        ("from urllib.request import urlopen\nurlopen(url='http://example.org')", True),
        ("!wget -q https://example.org/x.zip", True),
        ("%%bash\n  curl https://example.org", False),
        ("iris = sns.load_dataset('iris')", True),
        ("df = pd.read_csv('x.csv')", False),
        ("Image('https://example.org/x.png')", False),
        ("words.get('a')", False),
        ("no python (", False),
    ],
)
def test_what_only_a_network_could_give_is_a_warning(make, source, is_told):
    named = make.cell("code", "URL = 'https://example.org/'")
    codes = found(make, named, make.cell("code", source))
    assert (("needs_network", Level.warning) in codes) is is_told


QUIZ = """\
id: q
title: Quiz
lesson: {lesson}
questions:
  - {{id: a, type: short_answer, text: "Two?", accepted: [two], explanation: Because one and one make two.}}
"""


def quiz_findings(write_course, make, lesson="one", source="**Quiz**", identifier="q", kind="markdown"):
    cells = [
        make.cell(kind, source, {"studyhall": {"quiz": {"id": identifier}}}),
        make.answer(),
        make.visible_test(),
    ]
    root = write_course(
        {
            "source/one/n.ipynb": make.notebook_bytes(*cells),
            "source/two/n.ipynb": make.notebook_bytes(),
            "quizzes/q.yaml": QUIZ.format(lesson=lesson),
        }
    )
    findings = check_course(root)
    assert ("source/two", "no_tests") in {(finding.where, finding.code) for finding in findings}
    return {finding.code for finding in findings if "quiz" in finding.code}


def test_quizzes_and_their_cells_fit_together(write_course, make):
    assert quiz_findings(write_course, make) == set()
    assert quiz_findings(write_course, make, lesson="two") == {"quiz_of_other_lesson"}
    assert quiz_findings(write_course, make, identifier="z") == {"unknown_quiz", "quiz_never_shown"}
    assert quiz_findings(write_course, make, kind="code") == {"quiz_not_markdown", "quiz_never_shown"}
    assert quiz_findings(write_course, make, source="because ONE and one make two.") == {"quiz_key_shown"}


def test_an_unreadable_notebook_is_one_error_among_others(write_course, make):
    root = write_course(
        {"source/a/bad.ipynb": "x", "source/b/good.ipynb": make.notebook_bytes(make.answer())}
    )
    findings = check_course(root)
    assert [(finding.where, finding.code) for finding in findings if finding.level is Level.error] == [
        ("source/a/bad.ipynb", "not_json")
    ]


def test_an_unreadable_course_is_one_error(tmp_path):
    (finding,) = check_course(tmp_path)
    assert (finding.level, finding.code, finding.where) == (Level.error, "course_error", "source")


def test_what_was_left_aside_is_noted(write_course, make):
    root = write_course(
        {
            "source/a/n.ipynb": make.notebook_bytes(make.answer(), make.visible_test()),
            "source/a/sub/x.ipynb": "x",
        }
    )
    assert "left_aside" in {finding.code for finding in check_course(root)}


MISSPELT = "### BEGIN SOLUTON\nx = f(1)\n### END SOLUTION\n### BEGIN SOLUTION\ny = 2\n### END SOLUTION"


def test_a_misspelt_mark_that_shows_a_solution_or_a_hidden_test_is_a_warning(make):
    answer = make.cell("code", MISSPELT, make.nbgrader("a", solution=True))
    assert ("end_without_begin", Level.warning) in found(
        make, answer, titled(make, "t", "assert x", title="T")
    )
    hidden = HIDDEN.replace("BEGIN HIDDEN", "BEGIN HIDEN")
    assert ("end_without_begin", Level.warning) in found(
        make, make.answer(), titled(make, "t", hidden, title="T")
    )


def test_hidden_tests_where_they_never_run_are_a_warning(make):
    answer = make.cell("code", f"def f():\n    pass\n{HIDDEN}", make.nbgrader("a", solution=True))
    assert ("hidden_test_in_answer", Level.warning) in found(
        make, answer, titled(make, "t", "assert f", title="T")
    )


@pytest.mark.parametrize("source", ["assert f(1 == 1", "assert f() === 1", "if f():\nassert True"])
def test_a_test_that_is_no_python_is_a_warning(make, source):
    assert ("broken_test", Level.warning) in found(make, make.answer(), titled(make, "t", source, title="T"))


@pytest.mark.parametrize("source", ["%timeit f()\nassert f()", "assert await f()", "!ls\nassert f()", "f?"])
def test_magics_and_top_level_await_are_no_broken_test(make, source):
    assert not found(make, make.answer(), titled(make, "t", source, title="T"))
