"""Which languages a machine offers, and how it says what is missing."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess

import pytest
from studyhall_judge.client import JudgeRefused
from studyhall_judge.frames import read_frame, write_frame
from studyhall_judge.program_report import ProgramTest
from studyhall_judge.programs.languages import find_languages, folders_of, from_text, to_text
from studyhall_judge.report import ReportStatus

ALL = ["python", "javascript", "typescript", "java", "cpp", "c", "go", "rust"]


def _tool(folder, name, says):
    folder.mkdir(parents=True, exist_ok=True)
    tool = folder / name
    tool.write_text(f"#!/bin/sh\necho '{says}'\n")
    tool.chmod(0o755)
    return tool


def test_the_judge_lists_all_eight_with_reasons(programs):
    assert list(programs.languages) == ALL
    for language in programs.languages.values():
        assert language.available != bool(language.reason)
    assert programs.languages["python"].available


@pytest.mark.parametrize(
    ("name", "tool"), [("java", "javac"), ("cpp", "g++"), ("c", "gcc"), ("go", "go"), ("rust", "rustc")]
)
def test_a_language_is_there_when_its_tools_are(programs, name, tool):
    if shutil.which(tool):
        assert programs.languages[name].available
    else:
        assert tool in programs.languages[name].reason


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = find_languages(str(tmp_path))
    assert found["python"].available
    assert found["c"].reason == "gcc or cc is not installed"
    assert "javac" in found["java"].reason


def test_a_tool_that_is_too_old_is_named_with_its_version(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path / "nothing"))
    _tool(tmp_path / "bin", "node", "v20.1.0")
    found = find_languages(str(tmp_path / "bin"))
    assert found["javascript"].available
    assert (
        found["typescript"].reason == "node 22.18 or newer is needed, found 20.1.0; or tsc is not installed"
    )


def test_typescript_has_a_second_way(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path / "nothing"))
    _tool(tmp_path / "bin", "node", "v20.1.0")
    tsc = _tool(tmp_path / "bin", "tsc", "Version 6")
    language = find_languages(str(tmp_path / "bin"))["typescript"]
    assert language.available
    words = language.words(language.compile, 128, "main.ts", "main.ts", ["main.ts"])
    assert words[-2:] == [str(tsc), "main.ts"]


COMPILER = """
const about = (text) => text.split("\\n").flatMap((line, number) => line.includes("=;") ? [number] : []);
exports.ScriptTarget = { ES2022: 9 };
exports.ModuleKind = { CommonJS: 1 };
exports.getLineAndCharacterOfPosition = (file, start) => ({ line: start });
exports.flattenDiagnosticMessageText = (text) => text;
exports.transpileModule = (text, options) => ({
  outputText: "// " + JSON.stringify(options.compilerOptions) + "\\n" + text.replace(": number", ""),
  diagnostics: about(text).map((start) => ({ file: options.fileName, start, messageText: "Expression expected." })),
});
"""
"""Stands for the compiler's library: what the second way asks of it is what every version from 3 to 6 has."""


def test_the_second_way_of_typescript_only_takes_types_away(tmp_path, monkeypatch):
    node = find_languages()["javascript"].tools["node"]
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path / "nothing"))
    _tool(tmp_path / "bin", "node", "v20.1.0")
    _tool(tmp_path / "typescript" / "bin", "tsc", "Version 5.9")
    (tmp_path / "typescript" / "lib").mkdir()
    (tmp_path / "typescript" / "lib" / "typescript.js").write_text(COMPILER)
    (tmp_path / "bin" / "tsc").symlink_to(tmp_path / "typescript" / "bin" / "tsc")
    language = find_languages(str(tmp_path / "bin"))["typescript"]
    assert str(tmp_path / "typescript") in language.folders
    words = language.words(language.compile, 128, "main.ts", "main.ts", ["main.ts"])
    (tmp_path / "work" / "out").mkdir(parents=True)
    for text, code, said in (
        ("let n: number = 1;", 0, ""),
        ("\nlet n =;", 1, "main.ts:2: Expression expected."),
    ):
        (tmp_path / "work" / "main.ts").write_text(text)
        done = subprocess.run(
            [node, *words[1:]], cwd=tmp_path / "work", capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr.strip()) == (code, said)
    made = (tmp_path / "work" / "out" / "main.js").read_text()
    assert made.splitlines()[-1] == "let n = 1;"
    assert '"module":1' in made


def test_a_tool_behind_a_proxy_is_found_where_it_is(tmp_path, monkeypatch):
    home = tmp_path / "a" / "toolchain"
    _tool(home / "bin", "rustc", "rustc")
    _tool(tmp_path / "bin", "rustc", str(home))
    _tool(tmp_path / "bin", "cc", "cc")
    rust = find_languages(str(tmp_path / "bin"))["rust"]
    assert rust.tools["rustc"] == str(home / "bin" / "rustc")
    assert str(home) in rust.folders
    _tool(tmp_path / "bin", "rustc", "nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not find_languages(str(tmp_path / "bin"))["rust"].available


def test_a_persons_own_folder_is_never_shown_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    _tool(tmp_path / "bin", "gcc", "gcc")
    c = find_languages(str(tmp_path / "bin"))["c"]
    assert c.folders == [str(tmp_path / "bin" / "gcc")]


def test_languages_survive_the_way_through_the_wall():
    found = find_languages()
    again = from_text(to_text(found))
    assert again == found
    assert folders_of(again) == folders_of(found)


def test_an_unknown_language_is_refused_with_the_known_ones(programs):
    report, progress = programs.run(language="cobol", code="", tests=[ProgramTest(id="a")])
    assert report.status is ReportStatus.refused
    assert report.verdict is None
    assert "python, javascript" in report.message
    assert progress == []


def test_a_request_that_cannot_be_read_is_refused(programs):
    async def send() -> dict:
        async with programs.client._connection() as (reader, writer):
            await write_frame(writer, {"type": "run_program", "request": {"language": "python"}})
            return await read_frame(reader)

    answer = asyncio.run(send())
    assert answer["type"] == "refused"
    assert answer["code"] == "bad_request"
    assert issubclass(JudgeRefused, Exception)
    assert json.dumps(answer)
