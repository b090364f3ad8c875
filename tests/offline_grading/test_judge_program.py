"""``studyhall judge-program``: the command as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROBLEM = """
tests:
  - {id: one, input: "1 2", expected: "3", sample: true}
  - {id: two, input: "5 7", expected: "12", points: 2, title: Larger numbers}
"""
RIGHT = "a, b = map(int, input().split())\nprint(a + b)\n"


@pytest.fixture
def judge_program(tmp_path):
    def run(code=RIGHT, problem=PROBLEM, name="main.py", *options):
        (tmp_path / "problem.yaml").write_text(problem)
        (tmp_path / name).write_text(code)
        words = ["judge-program", "problem.yaml", name, *options]
        command = [str(Path(sys.executable).parent / "studyhall"), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)

    return run


def test_an_accepted_program(judge_program, tmp_path):
    done = judge_program(RIGHT, PROBLEM, "main.py", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    assert "accepted: 3 of 3 points" in done.stdout
    assert "Larger numbers" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert [test["verdict"] for test in report["tests"]] == ["accepted", "accepted"]


def test_a_wrong_program_ends_with_one(judge_program):
    done = judge_program("print(3)")
    assert done.returncode == 1, done.stderr
    assert "wrong answer: 1 of 3 points" in done.stdout


def test_a_program_that_does_not_compile_shows_what_the_compiler_said(judge_program):
    done = judge_program("print(")
    assert done.returncode == 1, done.stderr
    assert "SyntaxError" in done.stdout
    assert "compilation error" in done.stdout


@pytest.mark.parametrize(
    ("problem", "name", "says"),
    [
        ("tests: [", "main.py", "is not YAML"),
        ("just words", "main.py", "needs at least `tests:`"),
        ("tests: []", "main.py", "tests: List should have at least 1 item"),
        ("kind: function\n" + PROBLEM, "main.py", "needs to say which function"),
        (PROBLEM, "main.abc", "Name it with --language"),
    ],
    ids=["yaml", "words", "no tests", "no function", "ending"],
)
def test_what_cannot_be_used_is_said(judge_program, problem, name, says):
    done = judge_program(RIGHT, problem, name)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_language_that_is_not_there_is_said(judge_program):
    done = judge_program(RIGHT, PROBLEM, "main.py", "--language", "cobol")
    assert done.returncode == 3
    assert "cobol" in done.stdout
