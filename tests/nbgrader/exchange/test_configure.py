"""`studyhall nbgrader configure`: shown first, written between marks, undone without a trace, and read by nbgrader."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from studyhall.access.tokens_file import KeptToken, read_tokens, write_tokens
from studyhall.exchange.configuring import BEGIN, ConfigureError, named_course, planned

OWN = 'c = get_config()\nc.CourseDirectory.course_id = "my-course"\nc.ClearSolutions.text_stub = "Here."\n'

SHOW = """
import json, os
from nbgrader.apps import NbGrader
app = NbGrader()
app.config_file_paths.append(os.getcwd())
app.load_config_file()
print(json.dumps({
    "course": app.config.CourseDirectory.course_id,
    "db_url": str(app.config.CourseDirectory.get("db_url", "")),
    "collect": app.config.ExchangeFactory.collect,
    "stub": app.config.ClearSolutions.text_stub,
    "execute": app.config.Autograde.autograde_preprocessors[0],
}))
"""


@pytest.fixture(scope="session")
def nbgrader_python(newest_nbgrader_python):
    """What is written is ours, so that one version is enough."""
    return newest_nbgrader_python


def configure(folder, *words, answer=""):
    return subprocess.run(
        [sys.executable, "-m", "studyhall.cli", "nbgrader", "configure", "--course-dir", str(folder), *words],
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_shows_asks_writes_once_and_leaves_no_trace(tmp_path):
    file = tmp_path / "nbgrader_config.py"
    file.write_text(OWN)
    refused = configure(tmp_path, answer="n\n")
    assert refused.returncode == 1
    assert file.read_text() == OWN
    done = configure(tmp_path, answer="y\n")
    assert '+c.CourseDirectory.course_id = "my-course"' in done.stdout
    assert file.read_text().startswith(OWN)
    again = configure(tmp_path, "--yes")
    assert "is as it should be" in again.stdout
    changed = configure(tmp_path, "--yes", "--course", "another")
    assert '-c.CourseDirectory.course_id = "my-course"' in changed.stdout
    file.write_text(file.read_text() + "c.Exchange.timezone = 'CET'\n")
    configure(tmp_path, "--yes", "--remove")
    assert file.read_text() == OWN + "c.Exchange.timezone = 'CET'\n"
    assert "is as it should be" in configure(tmp_path, "--remove").stdout


def test_a_file_that_is_only_ours_goes_with_our_lines(tmp_path):
    configure(tmp_path, "--yes")
    text = (tmp_path / "nbgrader_config.py").read_text()
    assert "course_id" not in text
    assert "autograde" not in text, "a student's terminal grades nothing"
    configure(tmp_path, "--yes", "--remove")
    assert not (tmp_path / "nbgrader_config.py").exists()


@pytest.mark.parametrize("text", [f"{BEGIN}\nx = 1\n", f"{BEGIN}\n"])
def test_a_lonely_mark_is_not_guessed_at(tmp_path, text):
    (tmp_path / "nbgrader_config.py").write_text(text)
    with pytest.raises(ConfigureError, match="only one of the two marks"):
        planned(tmp_path, course="x")
    with pytest.raises(ConfigureError, match="no folder"):
        planned(tmp_path / "none", course="x")


@pytest.mark.parametrize("course", ["a b", "../x", '"', "x\ny"])
def test_a_course_that_is_no_slug_is_refused(tmp_path, course):
    with pytest.raises(ConfigureError, match="can't be a course's name"):
        planned(tmp_path, course=course)


def test_the_course_is_read_and_never_run():
    assert named_course("raise SystemExit\nc.CourseDirectory.course_id = 'x'\n") == "x"
    assert named_course("c.CourseDirectory.course_id = f()\n") == ""
    assert named_course("not python") == ""


@pytest.mark.asyncio
async def test_nbgrader_reads_it_and_the_gradebook_comes_from_the_sign_in(grader, tmp_path):
    (grader.folder / "nbgrader_config.py").write_text(OWN)
    planned(grader.folder, course=None).write()
    told = json.loads((await grader.python_says(SHOW)).splitlines()[-1])
    assert told == {
        "course": "my-course",
        "db_url": "",
        "collect": "studyhall_extension.nbgrader_exchange.ExchangeCollect",
        "stub": "Here.",
        "execute": "studyhall_extension.nbgrader_autograde.Execute",
    }
    file = grader.home / ".config" / "studyhall" / "tokens.json"
    write_tokens(file, [kept("my-course", gradebook="postgresql+psycopg://a@b/c")])
    told = json.loads((await grader.python_says(SHOW)).splitlines()[-1])
    assert told["db_url"] == "postgresql+psycopg://a@b/c"
    said = await grader.nbgrader("--version")
    assert said.text.strip()


def kept(course, *, hours=1, gradebook=""):
    return KeptToken(
        service="http://127.0.0.1:1/services/studyhall",
        course=course,
        token="t",
        token_id="a1",
        username="ines",
        role="instructor",
        expires_at=(datetime.now(UTC) + timedelta(hours=hours)).isoformat(),
        gradebook_login="",
        gradebook=gradebook,
    )


def test_the_tokens_file_is_for_its_owner_and_goes_with_the_last_token(tmp_path):
    file = tmp_path / "deep" / "tokens.json"
    write_tokens(file, [kept("one"), kept("two")])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [row["course"] for row in read_tokens(file)] == ["one", "two"]
    write_tokens(file, [])
    assert not file.exists()
    assert read_tokens(file) == []
    file.write_text("not JSON")
    assert read_tokens(file) == []


@pytest.mark.asyncio
async def test_tokens_that_others_may_read_or_that_ran_out_are_not_used(grader, course):
    del grader.variables["STUDYHALL_TOKEN"]
    file = grader.home / ".config" / "studyhall" / "tokens.json"
    write_tokens(file, [kept(course, hours=-1)])
    said = await grader.nbgrader("collect", "ps1", code=1)
    assert "studyhall login" in said.text
    write_tokens(file, [kept(course)])
    os.chmod(file, 0o644)  # noqa: PTH101 - as a person would
    said = await grader.nbgrader("collect", "ps1", code=1)
    assert "chmod 600" in said.text
