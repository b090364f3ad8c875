"""Driven tests through a real judge: what reaches the sandbox, and what does not."""

from __future__ import annotations

import json

import pytest
from driven_notebooks import IMPORT, answered, build
from driven_statements import FAILS, HOLDS, LEARNERS
from studyhall_judge.driven import DrivenRun, is_large, question
from studyhall_judge.report import Limits
from studyhall_judge.scoring import CellOutcome, Ending
from studyhall_notebooks.driven import parse_driven

TEST = """
from studyhall_notebooks.driven import check
### BEGIN HIDDEN TESTS
secret = "QWX-83125"
def is_secret(value):
    return value == "QWX-60218"
check.call("probe", "RZV-41907").equals("QWX-83125")
check.call("probe", "RZV-41907").equals(secret)
check.call("probe", "RZV-41907").approx(["QWX-90155"])
check.call("probe", "RZV-41907").prints("QWX-11873")
check.call("probe", "RZV-41907").raises("QWX_55410")
check.call("probe", "RZV-41907").satisfies(is_secret)
### END HIDDEN TESTS
"""

SEARCH = r"""
import gc, glob, os, re, sys

EXPECTED, ARGUMENT = rb"QWX[-_]\d{5}", rb"RZV-\d{5}"
found = {}

def note(where, data):
    for name, pattern in (("expected", EXPECTED), ("argument", ARGUMENT)):
        found.setdefault(name, {}).setdefault(where, 0)
        found[name][where] += len(re.findall(pattern, data))

def frames():
    frame, texts = sys._getframe(), []
    while frame is not None:
        texts.append(repr(frame.f_locals) + repr(frame.f_code.co_consts) + repr(frame.f_code.co_names))
        frame = frame.f_back
    return texts

def search(where, texts):
    try:
        for text in texts():
            note(where, text.encode("utf-8", "replace"))
    except Exception as error:
        print("no", where, type(error).__name__)

def reach():
    seen, waiting = set(), [sys.modules, globals()]
    while waiting and len(seen) < 400_000:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (str, bytes)):
            yield value if isinstance(value, str) else value.decode("latin-1")
        elif isinstance(value, dict):
            waiting += [*dict.keys(value), *dict.values(value)]
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += list(value)
        else:
            try:
                waiting.append(vars(value))
            except TypeError:
                pass
            for name in ("__closure__", "__code__", "__self__", "__func__", "__defaults__", "cell_contents"):
                try:
                    waiting.append(getattr(value, name))
                except BaseException:
                    pass

def memory():
    for maps in glob.glob("/proc/[0-9]*/maps"):
        try:
            mem = open(maps.replace("maps", "mem"), "rb", buffering=0)
            lines = open(maps).read().splitlines()
        except OSError:
            continue
        for line in lines:
            span, mode = line.split()[:2]
            if not mode.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in span.split("-"))
            try:
                mem.seek(start)
                yield mem.read(min(end - start, 1 << 26)).decode("latin-1")
            except (OSError, ValueError, OverflowError):
                continue

def files():
    for pattern in ("/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/tmp/**/*", "./**/*", "/dev/shm/**/*"):
        for path in glob.glob(pattern, recursive=True):
            try:
                yield open(path, "rb").read(1 << 20).decode("latin-1")
            except OSError:
                continue

def probe(text):
    for where in (frames, reach, files, memory):
        search(where.__name__, where)
    search("collector", lambda: map(repr, gc.get_objects()))
    print("FOUND", found)
    sys.stdout.flush()
    return text
"""


UNHURRIED = Limits(cell_seconds=300, total_seconds=1200)
"""For a search through all of a process's memory, which takes a busy machine its time."""

LEFT_LYING = """import pathlib
expected = "QWX-83125"
pathlib.Path("expected.txt").write_text(expected)
assert probe("RZV-41907") == expected"""


def outputs_of(report):
    notebook = json.loads(report.executed_notebooks["n"])
    return [out for cell in notebook["cells"] for out in cell.get("outputs", [])]


def streams_of(report):
    return "".join(out["text"] for out in outputs_of(report) if out["output_type"] == "stream")


def test_what_is_expected_is_nowhere_in_the_learners_process(judge):
    release, learner = build(
        [("answer", "def probe(text):\n    ...", 0)]
        + [
            (f"test_{number}", "\n".join([*TEST.splitlines()[:6], line, "### END HIDDEN TESTS"]), 1)
            for number, line in enumerate(TEST.splitlines()[6:-1])
        ]
    )
    report = judge.grade(release, answered(learner, {"answer": SEARCH}), limits=UNHURRIED).report
    assert report.score == 0
    assert {test.kind for test in report.tests} == {"driven"}
    found = [line for line in streams_of(report).splitlines() if line.startswith("FOUND")]
    assert len(found) == len(report.tests) == 6
    for line in found:
        counts = eval(line.removeprefix("FOUND "), {})  # noqa: S307 - our own learner's dictionary
        assert counts["argument"]["frames"] > 0  # the search works: it finds what did go in
        assert not any(counts["expected"].values()), counts
    assert {"frames", "reach", "files"} <= set(counts["argument"])


def test_what_is_sent_holds_nothing_of_what_is_expected():
    test = parse_driven(TEST)
    assert test is not None
    assert len(test.checks) == 6
    for check in test.checks:
        sent = json.dumps(question(check))
        assert "RZV-41907" in sent
        assert "QWX" not in sent
        assert "is_secret" not in sent


def test_the_search_finds_an_expected_value_of_an_assert_cell(judge):
    """The same search is not harmless: it finds what a test that runs inside leaves where code can look."""
    release, learner = build(
        [
            ("answer", "def probe(text):\n    ...", 0),
            ("test", LEFT_LYING, 1),
        ]
    )
    report = judge.grade(release, answered(learner, {"answer": SEARCH}), limits=UNHURRIED).report
    (line,) = [line for line in streams_of(report).splitlines() if line.startswith("FOUND")]
    counts = eval(line.removeprefix("FOUND "), {})  # noqa: S307 - our own learner's dictionary
    assert any(counts["expected"].values())
    assert report.tests[0].kind == "assert"


def test_staff_see_each_check_with_what_came_back(judge):
    source = "from studyhall_notebooks.driven import check\n" + "\n".join(
        f'check.call("square", {n}).equals({n * n})' for n in (2, 3)
    )
    release, learner = build([("answer", "def square(n):\n    ...", 0), ("test", source, 2)])
    report = judge.grade(release, answered(learner, {"answer": "def square(n):\n    return n + 2"})).report
    shown = streams_of(report)
    assert "line 2: square(2) gave 4; holds" in shown
    assert "line 3: square(3) gave 5; does not hold" in shown
    assert report.tests[0].learner_message == "square(3) gave 5, expected 9."


def test_numpy_and_pandas_come_back_as_lists(judge):
    answer = """
import numpy as np, pandas as pd
grid = np.array([[1, 2], [3, 4]])
table = pd.DataFrame({"name": ["a", "b"], "price": [1.5, float("nan")]})
"""
    test = """
from studyhall_notebooks.driven import check
check.variable("grid").as_list().equals([[1, 2], [3, 4]])
check.variable("table").as_list().equals([["a", 1.5], ["b", float("nan")]])
check.variable("table").as_dict().equals({"name": ["a", "b"], "price": [1.5, float("nan")]})
"""
    release, learner = build([("answer", "grid = table = None", 0), ("test", test, 1)])
    report = judge.grade(release, answered(learner, {"answer": answer})).report
    assert report.score == 1, report.tests


@pytest.mark.parametrize(
    ("comparator", "status", "note"),
    [
        ("return value == 9", "passed", ""),
        ("return value > 100", "failed", "gave 9"),
        ("assert value > 100, 'too small'", "failed", "too small"),
        ("import re; return re.match('9', str(value))", "passed", ""),
        ("import decimal; return decimal.Decimal(value)", "passed", ""),
        ("import re; return re.match('8', str(value))", "failed", "gave 9"),
        ("return 0.0", "failed", "gave 9"),
        ("return value.nothing", "error", "The comparator raised AttributeError"),
        ("while True: pass", "error", "did not end"),
        ("import os; os._exit(0)", "error", "did not end"),
    ],
)
def test_comparators(judge, comparator, status, note, limits):
    test = (
        "from studyhall_notebooks.driven import check\n"
        f"def fits(value):\n    {comparator}\n"
        'check.call("square", 3).satisfies(fits)\n'
        'check.call("square", 4).equals(16)'
    )
    release, learner = build(
        [
            ("answer", "def square(n):\n    ...", 0),
            ("test", test, 2),
            ("test_after", "assert square(2) == 4", 1),
        ]
    )
    texts = answered(
        learner, {"answer": "def square(n):\n    return n * n\ndef fits(value):\n    return True"}
    )
    report = judge.grade(release, texts, limits=limits({"limits": {"cell_seconds": 3}})).report
    assert [str(one.status) for one in report.tests] == [status, "passed"]
    assert note in report.tests[0].staff_message
    if status == "error":
        assert "could not decide" in report.tests[0].learner_message
        assert "AttributeError" not in report.tests[0].learner_message


def test_a_comparator_does_not_run_beside_the_learners_code(judge):
    """Neither the learner's names nor what the learner patched or wrote is there."""
    test = """
from studyhall_notebooks.driven import check
import os
def alone(value):
    assert "square" not in globals() and "planted" not in dir(__builtins__)
    assert not os.path.exists("planted.txt") and not os.path.exists("/tmp/planted.txt")
    return value == 9
check.call("square", 3).satisfies(alone)
"""
    answer = """
import builtins
builtins.planted = True
for path in ("planted.txt", "/tmp/planted.txt"):
    open(path, "w").write("x")
def square(n):
    return n * n
"""
    release, learner = build([("answer", "def square(n):\n    ...", 0), ("test", test, 2)])
    report = judge.grade(release, answered(learner, {"answer": answer})).report
    assert report.score == 2, report.tests


@pytest.mark.parametrize("scoring", ["default", "nbgrader"])
def test_points_of_parts(judge, scoring):
    test = """
from studyhall_notebooks.driven import check
parts = check.partial()
parts.call("square", 3).equals(9)
parts.call("square", 4).equals(17)
parts.call("square", "x").equals("xx")
parts.points(6)
"""
    release, learner = build([("answer", "def square(n):\n    ...", 0), ("test", test, 6)])
    texts = answered(learner, {"answer": "def square(n):\n    return n * n"})
    report = judge.grade(release, texts, scoring=scoring).report
    assert (report.score, str(report.tests[0].status)) == (2.0, "partial")


@pytest.mark.parametrize("scoring", ["default", "nbgrader"])
def test_the_judge_says_of_every_statement_what_a_kernel_says(judge, scoring):
    cells = [(f"test_{number}", IMPORT + test, 1) for number, test in enumerate([*HOLDS, *FAILS])]
    release, learner = build([("answer", "...", 0), *cells])
    report = judge.grade(release, answered(learner, {"answer": LEARNERS}), scoring=scoring).report
    assert {test.kind for test in report.tests} == {"driven"}
    right, wrong = report.tests[: len(HOLDS)], report.tests[len(HOLDS) :]
    lost = [
        (source, test.staff_message) for source, test in zip(HOLDS, right, strict=True) if not test.points
    ]
    assert not lost
    assert [test.points for test in wrong] == [0.0] * len(FAILS)
    for test, (source, said) in zip(wrong, FAILS.items(), strict=True):
        if "def bad" in source:
            assert "could not decide" in test.learner_message
        elif "ended with an error" not in said:  # told in other words: the learner reads no error's name
            assert test.learner_message.startswith(said)


def test_a_test_that_uses_check_beside_asserts_runs_inside(judge):
    source = IMPORT + 'assert square(2) == 4\ncheck.call("square", 3).equals({})'
    cells = [("right", source.format(9), 1), ("wrong", source.format(10), 1)]
    release, learner = build([("answer", "...", 0), *cells])
    report = judge.grade(release, answered(learner, {"answer": "def square(n):\n    return n * n"})).report
    assert [(test.kind, test.points) for test in report.tests] == [("assert", 1.0), ("assert", 0.0)]
    patch = "from studyhall_notebooks.driven.kernel import Statement\nStatement.equals = lambda *_: None"
    texts = answered(learner, {"answer": f"{patch}\ndef square(n):\n    return 4"})
    report = judge.grade(release, texts).report
    assert report.score == 0
    assert "tampered" in {flag.code for flag in report.flags}


LARGE = ["l", [["l", []]] * 5_000]


@pytest.mark.parametrize(
    ("value", "large"),
    [(1, False), (["l", [1] * 100], False), (LARGE, True), ("x" * 9_000, True), (["l", ["x" * 9_000]], True)],
)
def test_which_values_are_large(value, large):
    assert is_large({"value": value}) is large


def test_a_large_value_is_forgotten_once_it_is_decided_and_still_shown():
    test = parse_driven(f'{IMPORT}check.call("f").equals(1)\n')
    run = DrivenRun(test)
    run.add(test.checks[0], CellOutcome(Ending.finished), {"value": LARGE})
    ((_, seen, judgement),) = run.seen
    assert judgement.held is False
    assert not isinstance(seen.value, list)
    assert "f() gave [[], [], " in run.outcome(0).outputs[-1]["text"]


def test_a_large_value_that_a_comparator_decides_about_is_kept():
    test = parse_driven(f'{IMPORT}def fits(v):\n    return True\ncheck.call("f").satisfies(fits)\n')
    run = DrivenRun(test)
    run.add(test.checks[0], CellOutcome(Ending.finished), {"value": LARGE})
    assert run.seen[0][1].value == [[]] * 5_000
