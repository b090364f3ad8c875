"""Documentation that cannot drift: what the code has, its document has; what a document names, exists."""

import ast
import json
import os
import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from studyhall.app import documented_routes
from studyhall.audit.service import Action
from studyhall.cli import app
from studyhall.documents import PARTS, stale
from studyhall.errors import ErrorCode
from studyhall.events.models import EventType
from studyhall.permissions import Permission
from studyhall.rewards.service import LISTENS_TO
from studyhall.settings import Settings
from studyhall_extension.app import StudyhallExtension
from studyhall_extension.errors import ErrorCode as ExtensionErrorCode
from studyhall_extension.relay import _PLACEHOLDERS
from studyhall_extension.routes import PREFIX, build_routes
from studyhall_hub.settings import HubSettings
from studyhall_judge.__main__ import parse
from studyhall_judge.program_report import ProgramRequest
from studyhall_notebooks.course import Course, Lesson
from studyhall_notebooks.quiz import Quiz

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_OURS = {"node_modules", "lib", "labextension", "static", "artifacts", "__pycache__", "fixtures"}
"""Folders of other people's files, and of files that are built."""

TOP_FOLDERS = sorted(
    folder.name
    for folder in ROOT.iterdir()
    if folder.is_dir() and not folder.name.startswith(".") and folder.name not in {"build", "dist", "htmlcov"}
)
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *DOCS.glob("*.md"),
        *ROOT.glob("*/README.md"),
        *(ROOT / "notebooks").glob("*/README.md"),
    }
)

LONGER_FILES = {
    "extension/src/api/schema.ts": "generated from docs/openapi.json",
}
"""Files of ours with more than 500 lines, each with its reason."""


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def files_below(*folders, suffixes):
    for folder in folders:
        for place, inner, names in os.walk(ROOT / folder):
            # Not even entered: other people's files are many, and other tests make and remove some right now.
            inner[:] = sorted(name for name in inner if name not in NOT_OURS and not name.startswith("."))
            yield from (Path(place, name) for name in sorted(names) if Path(name).suffix in suffixes)


def row(document, name):
    """Return the table row of a document whose first cell is this name."""
    rows = [line for line in document.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1, f"{len(rows)} rows for {name}"
    return rows[0]


# ---------------------------------------------------------------- what is made from the code


def test_generated_tables_are_what_the_code_says():
    assert [path.name for path in stale(DOCS)] == [], "run `make docs`"


@pytest.mark.parametrize("part", PARTS)
def test_every_generated_table_has_a_place(part):
    places = [
        path.name for path in DOCS.glob("*.md") if f"<!-- made from the code: {part} -->" in path.read_text()
    ]
    assert len(places) == 1


def test_every_setting_says_what_it_is_for():
    document = text_of("docs/settings.md").partition("<!-- end -->")[0]
    for name, field in Settings.model_fields.items():
        assert field.description, name
        row(document, f"STUDYHALL_{name.upper()}")


def test_every_variable_that_the_code_reads_is_documented():
    document = text_of("docs/settings.md")
    sources = [*files_below(*TOP_FOLDERS, suffixes={".py", ".ts", ".tsx", ".mjs"}), ROOT / "Makefile"]
    # What measurements may be told is said in their own files.
    texts = [path.read_text() for path in sources if not path.is_relative_to(ROOT / "tests" / "bench")]
    found = {name for text in texts for name in re.findall(r"STUDYHALL_[A-Z]+(?:_[A-Z]+)*", text)}
    assert sorted(name for name in found if f"`{name}`" not in document) == []


def test_every_permission_and_route_is_in_its_table():
    permissions = text_of("docs/permissions.md")
    routes = text_of("docs/api.md").partition("## In a learner's server")[0]
    for permission in Permission:
        assert f"`{permission.value}`" in permissions
    for route in documented_routes():
        assert f"`{route.method} {route.path}`" in row(permissions, route.permission.value)
        row(routes, f"{route.method} {route.path}")


def test_every_error_code_is_in_its_table():
    service, _, extension = text_of("docs/api.md").partition("## In a learner's server")
    for code in ErrorCode:
        row(service, code.value)
    for code in ExtensionErrorCode:
        row(extension, code.value)


# ---------------------------------------------------------------- what is written by hand


def test_every_event_is_documented_with_its_subscribers():
    document = text_of("docs/events.md")
    for event in EventType:
        assert ("`rewards`" in row(document, event.value)) == (event in LISTENS_TO), event


@pytest.mark.parametrize("name", ["docs/organizations.md", "extension/staff/audit/words.ts"])
def test_every_action_of_the_audit_log_has_its_words(name):
    document = text_of(name)
    assert [
        action for action in Action if f"`{action}`" not in document and f"'{action}'" not in document
    ] == []


def test_every_live_update_is_documented():
    known = re.search(r"isKnown.*?\[(.*?)\]", text_of("extension/src/api/events.ts"), re.DOTALL)
    names = re.findall(r"'([\w.]+)'", known[1])
    assert len(names) >= 6
    document = text_of("docs/api.md")
    assert [name for name in names if f"`{name}`" not in document] == []


def test_every_address_of_the_extension_is_documented():
    nothing = dict.fromkeys(
        ("service", "lessons", "sender", "local_events", "streams", "timing", "recogniser", "runs")
    )
    document = text_of("docs/api.md").partition("## In a learner's server")[2]
    relayed = 0
    for pattern, _, arguments in build_routes(**nothing):
        if not pattern.startswith(PREFIX) or "methods" in arguments:
            relayed += 1
            continue
        path = pattern.removeprefix(PREFIX)
        for name, placeholder in _PLACEHOLDERS.items():
            path = path.replace(f"(?P<{name}>{placeholder})", f"{{{name}}}")
        assert re.search(rf"^\| `[A-Z]+ {re.escape(path)}` \|", document, re.MULTILINE), path
    assert relayed > 10


def sections_of_commands():
    parts = re.split(r"^## ", text_of("docs/commands.md"), flags=re.MULTILINE)
    return {part.splitlines()[0].strip("`"): part for part in parts[1:]}


def commands(group, words=("studyhall",)):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))
GROUPS = "|".join(
    sorted(
        {" ".join(name.split()[1:-1]) for name in COMMANDS if len(name.split()) > 2}, key=len, reverse=True
    )
)
"""Commands that have commands of their own, groups within groups first."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name):
    section = sections_of_commands()[name]
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts]
    missing = [option for option in options if option.startswith("--") and f"`{option}`" not in section]
    assert missing == []


def test_every_option_of_the_judge_is_documented(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    section = sections_of_commands()["studyhall judge"]
    assert len(options) >= 6
    assert sorted(option for option in options if f"`{option}`" not in section) == []


def settings_of(model, prefix=""):
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        parts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for part in parts:
            yield from settings_of(part, f"{prefix}{name}.")
        if not parts:
            yield f"{prefix}{name}"


def test_every_setting_of_the_hub_is_documented():
    document = text_of("hub_config/README.md")
    assert [name for name in settings_of(HubSettings) if f"`{name}`" not in document] == []


def test_every_trait_of_the_extension_is_documented():
    document = text_of("extension/README.md")
    traits = StudyhallExtension.class_own_traits(config=True)
    assert [name for name in traits if f"`{name}`" not in document] == []


def test_every_setting_of_a_lesson_is_documented():
    document = text_of("docs/authoring-a-course.md")
    assert [name for name in Lesson.model_fields if f"`{name}`" not in document] == []


# ---------------------------------------------------------------- folders and files


def test_every_top_folder_has_its_line_and_its_introduction():
    for name in TOP_FOLDERS:
        assert f"`{name}/`" in text_of("README.md"), name
        assert f"`{name}/`" in text_of("docs/folders.md"), name
        assert (ROOT / name / "README.md").is_file() or name == "tests", name


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("grader/studyhall", ""),
        ("grader/studyhall_judge", ""),
        ("extension", ""),
        ("tests", "tests/"),
        ("notebooks", "notebooks/"),
        ("course-content", "course-content/"),
        ("hub_config", "hub_config/"),
    ],
)
def test_every_capability_and_package_has_its_line(folder, prefix):
    document = text_of("docs/folders.md")
    names = [entry.name for entry in (ROOT / folder).iterdir() if entry.is_dir()]
    names = [name for name in names if name not in NOT_OURS and not name.startswith(".")]
    assert names
    assert [name for name in sorted(names) if f"`{prefix}{name}/`" not in document] == []


def test_no_file_of_ours_is_longer_than_500_lines_without_a_reason():
    sources = files_below(
        "grader", "extension", "notebooks", "hub_config", "tests", suffixes={".py", ".ts", ".tsx"}
    )
    longer = {
        path.relative_to(ROOT).as_posix() for path in sources if len(path.read_text().splitlines()) > 500
    }
    assert longer == set(LONGER_FILES)


# ---------------------------------------------------------------- links, pictures, commands, examples


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(path):
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_and_picture_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (document.parent / place).resolve() if place else document
        assert path.exists(), f"{target} leads nowhere"
        assert path.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(path), f"{target} names no heading"


def test_every_picture_is_taken_by_the_browser_test():
    taken = set(
        re.findall(
            r'screenshot\(\w+, "([\w-]+)"\)',
            text_of("tests/end_to_end/test_learners_line.py")
            + text_of("tests/end_to_end/grading/test_grading.py")
            + text_of("tests/end_to_end/grading/test_regrades.py")
            + text_of("tests/end_to_end/grading/test_learners_notebooks.py")
            + text_of("tests/end_to_end/administration/test_owners_walk.py")
            + text_of("tests/graders_week.py"),
        )
    )
    shown = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"screenshots/([\w-]+)\.png", document.read_text(encoding="utf-8"))
    }
    assert shown
    assert shown <= taken


def test_every_document_is_in_the_index():
    index = text_of("docs/README.md")
    assert [
        path.name for path in DOCS.glob("*.md") if path.name != "README.md" and f"]({path.name})" not in index
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_document_names_exists(document):
    found = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", document.read_text(encoding="utf-8"), re.DOTALL)
    code = "\n".join(block or word for block, word in found)
    targets = set(re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), re.MULTILINE))
    for line in code.splitlines():
        if named := re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z]+)", line):
            assert named[1] in targets, line
        if named := re.match(rf"(?:\.venv/bin/)?studyhall ((?:(?:{GROUPS}) )?[a-z][a-z-]*)", line):
            assert f"studyhall {named[1]}" in COMMANDS, line
        if named := re.match(r"(?:\.venv/bin/)?pytest (tests/\S+)", line):
            assert (ROOT / named[1]).exists(), line


def examples(language):
    return [
        pytest.param(textwrap.dedent(block), id=f"{document.stem}: {block.strip().splitlines()[0][:40]}")
        for document in DOCUMENTS
        for block in re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    ]


@pytest.mark.parametrize("example", examples("python"))
def test_python_examples_are_python(example):
    ast.parse(example)


@pytest.mark.parametrize("example", examples("json"))
def test_json_examples_are_json(example):
    json.loads(example)


@pytest.mark.parametrize("example", examples("yaml"))
def test_yaml_examples_are_courses_quizzes_and_problems(example):
    content = yaml.safe_load(example)
    if "tests" in content:
        ProgramRequest.model_validate({**content, "request_id": "1", "language": "python", "code": ""})
    else:
        (Quiz if "questions" in content else Course).model_validate(content)
