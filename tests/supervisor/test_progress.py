import io
from pathlib import Path

import pytest
from rich.console import Console
from studyhall.supervisor.installation import Installation, Ports
from studyhall.supervisor.keys import Keys
from studyhall.supervisor.parts import Part, State
from studyhall.supervisor.plan import checkout_of, explain_judge
from studyhall.supervisor.progress import Progress, show_welcome


@pytest.fixture
def parts():
    def never():
        pytest.fail("nothing is started here")

    return [Part(name=name, title=f"the {name}", log=Path(name), launch=never) for name in ("one", "two")]


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, highlight=False)


def test_without_a_terminal_each_change_is_one_line(parts):
    page = console(terminal=False)
    with Progress(page) as progress:
        progress.starting(parts)
        parts[0].state = State.STARTING
        progress.starting(parts)
        progress.starting(parts)
        parts[0].state, parts[0].took, parts[1].state = State.READY, 1.26, State.STARTING
        progress.starting(parts)
        progress.say("It happened.")
    lines = page.file.getvalue().splitlines()
    assert lines[:3] == ["  the one: starting …", "  the one: ready (1.3 s)", "  the two: starting …"]
    assert lines[3].endswith("  It happened.")


def test_on_a_terminal_there_is_a_table_of_all_parts(parts):
    page = console(terminal=True)
    parts[0].state = State.READY
    parts[1].state = State.STARTING
    with Progress(page) as progress:
        progress.starting(parts)
        progress.say("It happened.")
    shown = page.file.getvalue()
    assert "✓  the one  ready" in shown
    assert "the two" in shown
    assert shown.index("the two") < shown.index("It happened.")


def test_the_welcome_has_one_address_and_every_account(tmp_path):
    keys = Keys.made()
    at = Installation(
        data=tmp_path,
        course=tmp_path,
        host="127.0.0.1",
        ports=Ports(8000, 1, 2, 3, 4),
        sockets=tmp_path / "run",
    )
    page = console(terminal=False)
    show_welcome(page, at, keys, seconds=3.2)
    shown = page.file.getvalue()
    assert shown.count("http") == 1
    assert "http://127.0.0.1:8000/" in shown
    for account in keys.accounts:
        assert account.name in shown
        assert account.password in shown


def test_a_judge_that_refuses_is_quoted(tmp_path):
    log = tmp_path / "judge.log"
    log.write_text("noise\nThe judge refuses to start: no walls.\nTraceback\n  more noise\n")
    assert explain_judge(log).startswith("The judge refuses to start: no walls. ")
    log.write_text("just noise\n")
    assert explain_judge(log) == f"The judge did not start; its log is {log}:\njust noise"


def test_the_checkout_around_a_course_is_found(tmp_path):
    course = tmp_path / "checkout" / "course-content" / "x"
    course.mkdir(parents=True)
    assert checkout_of(course) == []
    (tmp_path / "checkout" / ".git").mkdir()
    assert checkout_of(course) == [str(tmp_path / "checkout")]
