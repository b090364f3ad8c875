"""What `studyhall check` prints of a course is the author's own text, whatever signs are in it."""

import json
import shutil
from pathlib import Path

from studyhall.cli import app
from typer.testing import CliRunner

SAMPLE = Path(__file__).parents[2] / "course-content" / "python-foundations"


def test_brackets_in_a_title_are_printed_as_they_are(tmp_path):
    course = tmp_path / "course"
    shutil.copytree(SAMPLE, course)
    path = course / "source" / "values-and-names" / "values-and-names.ipynb"
    notebook = json.loads(path.read_text())
    (test, *_) = [cell for cell in notebook["cells"] if "test" in cell["metadata"].get("studyhall", {})]
    test["metadata"]["studyhall"]["test"]["title"] = "Sums of [bold] lists [/dim]"
    path.write_text(json.dumps(notebook))
    ran = CliRunner().invoke(app, ["check", str(course)], env={"COLUMNS": "1000"})
    assert ran.exit_code == 0, ran.output
    assert "Sums of [bold] lists [/dim]" in " ".join(ran.output.split())


def test_a_finding_is_one_line_that_names_its_file_whole(tmp_path):
    lesson = tmp_path / "course" / "source" / "a-lesson-with-a-name-that-is-rather-long-for-a-narrow-terminal"
    lesson.mkdir(parents=True)
    (lesson / "first notebook.ipynb").write_text("no notebook")
    ran = CliRunner().invoke(app, ["check", str(tmp_path / "course")], env={"COLUMNS": "60"})
    assert ran.exit_code == 1
    assert f"error    source/{lesson.name}/first notebook.ipynb: This file is not" in ran.output
