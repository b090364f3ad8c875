"""``studyhall judge-program``: a problem from a file, a program, and a verdict for each test."""

import asyncio
import uuid
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from studyhall_judge.client import JudgeRefused, JudgeUnavailable
from studyhall_judge.program_report import ProgramProgress, ProgramReport, ProgramRequest, Verdict
from studyhall_judge.report import ReportStatus

from studyhall.offline_grading.errors import OfflineGradingError
from studyhall.offline_grading.judge_process import JudgeProcess

LANGUAGES: Final = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".ts": "typescript",
    ".java": "java",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".cxx": "cpp",
    ".c": "c",
    ".go": "go",
    ".rs": "rust",
}
"""A program's language by the ending of its file."""

LARGEST_FILE: Final = 20_000_000

NOT_ACCEPTED = 1
NOT_JUDGED = 3

_STYLES: Final = {Verdict.accepted: "green", Verdict.internal_error: "yellow"}


def judge_program(problem: Path, program: Path, *, language: str | None, json_file: Path | None) -> int:
    """Judge one program and show what came of it.

    Returns:
        The exit code: 0 when it is accepted, 1 when it is not, 3 when it could not be judged.

    Raises:
        OfflineGradingError: the files cannot be used, or the judge does not start.
    """
    out = Console(highlight=False, markup=False)
    request = read_request(problem, program, language)
    report = asyncio.run(_judge(request, Console(stderr=True, highlight=False)))
    if json_file is not None:
        try:
            json_file.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise OfflineGradingError(f"{json_file} could not be written: {error.strerror}.") from error
    _show(report, out)
    if report.status is not ReportStatus.graded or report.verdict is None:
        return NOT_JUDGED
    return 0 if report.verdict is Verdict.accepted else NOT_ACCEPTED


def read_request(problem: Path, program: Path, language: str | None) -> ProgramRequest:
    """Return what the judge is asked.

    Args:
        problem: a YAML file with the fields of a `ProgramRequest`: ``tests`` and, where they are needed, ``kind``,
            ``function``, ``checker`` and ``limits``.
        program: the program's source.
        language: its language; none to tell it by the file's ending.

    Raises:
        OfflineGradingError: with what is wrong and where.
    """
    chosen = language or LANGUAGES.get(program.suffix.lower())
    if chosen is None:
        known = ", ".join(sorted(LANGUAGES))
        raise OfflineGradingError(
            f"The language of {program.name} is not known by its ending ({known}). Name it with --language."
        )
    try:
        fields: Any = yaml.safe_load(_text(problem))
    except yaml.YAMLError as error:
        raise OfflineGradingError(f"{problem} is not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise OfflineGradingError(f"{problem} does not describe a problem: it needs at least `tests:`.")
    said = {name: value for name, value in fields.items() if name not in ("request_id", "language", "code")}
    try:
        return ProgramRequest.model_validate(
            {**said, "request_id": str(uuid.uuid4()), "language": chosen, "code": _text(program)}
        )
    except ValidationError as error:
        wrong = "\n".join(
            f"  {'.'.join(str(part) for part in one['loc']) or 'the problem'}: {one['msg']}"
            for one in error.errors()
        )
        raise OfflineGradingError(f"{problem} or {program.name} cannot be used:\n{wrong}") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise OfflineGradingError(f"{path} is larger than {LARGEST_FILE // 1_000_000} MB.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise OfflineGradingError(f"{path} could not be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise OfflineGradingError(f"{path} is not UTF-8 text.") from error


async def _judge(request: ProgramRequest, err: Console) -> ProgramReport:
    bar = Progress(TextColumn("Judging"), BarColumn(), MofNCompleteColumn(), console=err, transient=True)
    async with JudgeProcess(slots=1, preload=()) as judge:
        with bar:
            task = bar.add_task("", total=len(request.tests))
            try:
                async with aclosing(judge.client.run_program(request)) as events:  # type: ignore[type-var]  # a generator
                    async for event in events:
                        if isinstance(event, ProgramProgress):
                            bar.update(task, completed=event.done)
                        else:
                            return event
            except JudgeRefused as error:
                raise OfflineGradingError(str(error)) from error
            except JudgeUnavailable as error:
                raise OfflineGradingError(
                    f"{error} Run `studyhall doctor` to see what is missing."
                ) from error
    raise OfflineGradingError("The judge ended without a report.")


def _show(report: ProgramReport, out: Console) -> None:
    if report.message:
        out.print(report.message, markup=False, soft_wrap=True)
    if report.compile_output:
        out.print(report.compile_output, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("test", "verdict"):
        table.add_column(name)
    for name in ("points", "of", "ms", "MB"):
        table.add_column(name, justify="right")
    table.add_column("")
    for test in report.tests:
        table.add_row(
            test.title or test.id,
            test.verdict.value.replace("_", " "),
            f"{test.points:g}",
            f"{test.max_points:g}",
            "" if test.time_ms is None else f"{test.time_ms:.0f}",
            "" if test.memory_mb is None else f"{test.memory_mb:.0f}",
            test.staff_message or test.message,
            style=_STYLES.get(test.verdict, "red"),
        )
    if report.tests:
        out.print(table)
    if report.verdict is not None:
        verdict = report.verdict.value.replace("_", " ")
        out.print(f"{verdict}: {report.score:g} of {report.max_score:g} points", markup=False)
