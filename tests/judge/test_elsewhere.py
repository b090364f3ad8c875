"""What code needs only where it was written is passed over, said, and changes nothing that a lesson is about."""

from __future__ import annotations

import ast
import asyncio

import pytest
from studyhall_judge.elsewhere import Elsewhere
from studyhall_judge.needs import needs_libraries

BODY = "def f(x):\n    return x"
FILES = ("data.csv", "in/rows.txt")


def at_home(source, *, answer=True, lesson=(), files=FILES, own=()):
    return Elsewhere(lesson, files, own).at_home(source, answer=answer)


@pytest.mark.parametrize(
    "line",
    [
        "from google.colab import drive, files",
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "import google.colab",
        "from google import colab",
        "from kaggle_secrets import UserSecretsClient as S",
        "import piplite\nawait piplite.install('numpy')",
        "%tensorflow_version 2.x",
        "%load_ext google.colab.data_table",
        "%autosave 60",
        "%cd /content/drive/MyDrive",
        "import os\nos.chdir(r'C:\\Users\\ann')",
    ],
)
def test_what_exists_only_elsewhere_is_passed_over_and_keeps_the_lines(line):
    text, told = at_home(f"{line}\n{BODY}")
    assert told
    assert text.endswith(BODY)
    assert text.count("\n") == f"{line}\n{BODY}".count("\n")


def test_what_stands_in_for_a_module_can_be_asked_for_anything_and_equals_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("10", encoding="utf-8")
    text, _ = at_home("from google.colab import drive, files\nup = files.upload()\ndata = up['data.csv']")
    names = {}
    exec(text, names)  # noqa: S102 - the test's own text
    assert names["data"] == b"10"
    assert list(names["up"]) == []
    assert names["drive"].mount("/content") != 3

    async def wait():
        return await names["drive"].flush()

    assert asyncio.run(wait()) is None


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import google.colab\n    here = False\nexcept ImportError:\n    here = True",
        "import numpy as np",
        "%%time\nx = 1",
        "%%bash\nls",
        "%load_ext autoreload",
        "%matplotlib inline",
        "%cd data",
        "path = '/usr/lib/other.csv'",
        "os.chdir('data')",
        "frame.to_csv('/content/data.csv')",
        "open('/content/data.csv', 'w').write('1')",
        "open('in/rows.txt')",
        "def f(:\n    from google.colab import drive",
    ],
)
def test_what_can_be_meant_stays(source):
    assert at_home(source) == (source, [])


@pytest.mark.parametrize(
    "source",
    ["from google.colab import drive", "%load_ext sql", "%%timeit\nx = 1", "x = '/content/data.csv'"],
)
def test_what_the_lesson_itself_uses_stays(source):
    assert at_home(source, lesson=[source]) == (source, [])


@pytest.mark.parametrize("magic", ["%%timeit", "%%writefile answer.py", "%%prun", "%%python3", "%%wandb"])
def test_a_magic_that_keeps_an_answer_from_being_defined_is_left_out(magic):
    text, told = at_home(f"{magic}\n{BODY}")
    assert told
    assert "f" in {one.name for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)}
    assert ("answer.py" in text) is ("writefile" in magic)
    assert at_home(f"{magic}\n{BODY}", answer=False) == (f"{magic}\n{BODY}", [])


@pytest.mark.parametrize(
    "expression",
    [
        r"r'C:\Users\Ann\Downloads\data.csv'",
        "'C:/Users/Ann/data.csv'",
        "'/content/drive/MyDrive/Colab Notebooks/data.csv'",
        "'~/Downloads/data.csv'",
        "'../data.csv'",
        "'data (1).csv'",
        "'data-Copy1.csv'",
        "'data.csv.txt'",
        "'Data.csv'",
        "os.path.join('/home/ann', 'data.csv')",
        "'/content/' + 'data.csv'",
        "f'{FOLDER}/data.csv'",
        "FOLDER + '/data.csv'",
    ],
)
def test_the_lessons_file_is_read_where_it_lies(expression):
    text, told = at_home(f"FOLDER = '/content'\nfile = open({expression})\nä = '/'")
    assert text.split("\n")[1] == "file = open('data.csv')"
    assert told
    assert "data.csv" in told[0]


@pytest.mark.parametrize("path", ["r'in\\rows.txt'", "'in\\\\rows.txt'", "r'.\\In\\rows.txt'"])
def test_a_path_in_the_way_of_windows_leads_to_the_lessons_file(path):
    text, told = at_home(f"file = open({path})")
    assert text == "file = open('in/rows.txt')"
    assert told
    assert at_home(path.replace("rows", "other")) == (path.replace("rows", "other"), [])


def test_a_path_object_stays_one_and_an_own_file_is_read():
    text, _ = at_home("p = Path.home() / 'x' / 'data.csv'")
    assert eval(text.partition("=")[2]).name == "data.csv"  # noqa: S307 - the test's own text
    assert at_home("open('data (1).csv')", own=["data (1).csv"]) == ("open('data (1).csv')", [])
    twice = ("a/data.csv", "b/data.csv")
    assert at_home("open('/content/data.csv')", files=twice) == ("open('/content/data.csv')", [])


def test_plots_are_made_without_a_window():
    assert at_home("%matplotlib widget\nx = 1")[0] == "%matplotlib inline\nx = 1"
    assert at_home("import matplotlib\nmatplotlib.use('TkAgg')")[0].endswith("matplotlib.use('Agg')")


def test_answers_that_were_written_on_colab_are_graded(judge, assignment, submit):
    made = assignment("squares")
    lines = "from google.colab import drive\ndrive.mount('/content/drive')\n%load_ext nothing_of_this_name\n"
    case = {"answers": {one: lines + text for one, text in made.solutions.items()}}
    graded = judge.grade(made.release, submit(made, case))
    right = judge.grade(made.release, submit(made, {}))
    assert graded.points() == right.points()
    assert {one.code for one in graded.report.repairs} == {"elsewhere"}
    assert graded.report.flags == []


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize(
    "source", ["\n%%time\nf(1)", "\n\n%%capture out\nf(1)", " \n%%bash\nls", "x = 1\rimport google.colab\r"]
)
def test_a_blank_line_before_a_cells_magic_and_old_line_ends_are_left_as_they_are(source, answer):
    assert at_home(source, answer=answer) == (source, [])


def test_a_cell_may_have_very_many_magics_and_more_empty_lines():
    times = "%%time\n" * 5000
    text, told = at_home(f"{times}import google.colab\n{BODY}")
    assert text.startswith(times)
    assert text.endswith(BODY)
    assert told
    # Hours of work for an expression that looks at all empty lines from each of them.
    assert not needs_libraries(["x = 1" + "\n" * 3_000_000 + "y = 2"], frozenset())
    for _ in range(200):
        empty = "x = 1" + " \n" * 24_000
        assert at_home(empty) == (empty, [])
