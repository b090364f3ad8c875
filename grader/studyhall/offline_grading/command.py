"""``studyhall grade``: what is asked, shown and written; grading itself is elsewhere."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from studyhall_judge.report import ReportStatus, Scoring

from studyhall.offline_grading.class_grading import ClassGrading
from studyhall.offline_grading.course_reader import Assignment, StudentFolder, find_students, read_assignment
from studyhall.offline_grading.errors import OfflineGradingError
from studyhall.offline_grading.interruption import stopped_by_signals
from studyhall.offline_grading.judge_process import PRELOAD, JudgeProcess
from studyhall.offline_grading.results import StudentResult, table_of, write_json

NOT_GRADED = 3
"""Exit code when some submission has no verdict because grading itself failed."""

_OnResult = Callable[[StudentResult], None]


def grade(
    course: Path,
    assignment: str,
    *,
    student: str,
    scoring: Scoring | None,
    jobs: int,
    json_file: Path | None,
) -> int:
    """Grade a folder and show what came of it; returns the exit code.

    Raises:
        OfflineGradingError: the folder could not be graded.
        Interrupted: a signal asked for the end.
    """
    out = Console(highlight=False)
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    if json_file is not None:
        _check_writable(json_file)
    subject = read_assignment(course, assignment)
    students = find_students(subject, student)
    for note in _notes(subject):
        err.print(f"Note: {note}", style="yellow", markup=False)
    results = asyncio.run(
        _grade(subject, students, scoring or subject.scoring, jobs or os.cpu_count() or 1, err)
    )
    if json_file is not None:
        try:
            write_json(json_file, subject.name, results)
        except OSError as error:
            raise OfflineGradingError(f"{json_file} could not be written: {error.strerror}.") from error
    out.print(table_of(results))
    for result in results:
        if result.message:
            out.print(f"{result.student}: {result.message}", markup=False, soft_wrap=True)
    return NOT_GRADED if any(one.status is ReportStatus.internal_error for one in results) else 0


def _check_writable(path: Path) -> None:
    """Find out before a class was graded for nothing."""
    if path.is_dir():
        raise OfflineGradingError(f"{path} is a folder. Name a file for the results.")
    if not path.absolute().parent.is_dir():
        raise OfflineGradingError(f"The folder {path.absolute().parent} does not exist. Make it first.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise OfflineGradingError(f"{path} cannot be written. Check the folder's permissions.")


def _notes(assignment: Assignment) -> Iterator[str]:
    yield from assignment.notes
    if assignment.missing_modules:
        names = " ".join(assignment.missing_modules)
        yield (
            f"{assignment.name} imports what is not installed here, so every answer that needs it fails. "
            f"Install it beside Studyhall: pip install {names}"
        )


async def _grade(
    assignment: Assignment, students: list[StudentFolder], scoring: Scoring, jobs: int, err: Console
) -> list[StudentResult]:
    slots = max(1, min(jobs, len(students)))
    preload = tuple(dict.fromkeys((*PRELOAD, *assignment.modules)))
    async with stopped_by_signals(), JudgeProcess(slots=slots, preload=preload) as judge:
        for wall in (await judge.status()).walls:
            if not wall.standing:
                err.print(f"Note: {wall.name}: {wall.detail}", style="yellow", markup=False)
        grading = ClassGrading(judge, assignment, scoring, at_once=slots)
        with _progress(assignment, len(students), err) as on_result:
            return await grading.grade(students, on_result)


@contextmanager
def _progress(assignment: Assignment, total: int, err: Console) -> Iterator[_OnResult]:
    """Show how far it is: a bar for a person, a line per student for a log."""
    if not err.is_terminal:
        done = 0

        def say(result: StudentResult) -> None:
            nonlocal done
            done += 1
            err.print(
                f"{done} of {total}: {result.student}, {result.score:g} of {result.max_score:g}, "
                f"{result.status.value.replace('_', ' ')}",
                markup=False,
            )

        yield say
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(f"Grading {escape(assignment.name)}", total=total)

        def advance(result: StudentResult) -> None:
            bar.update(
                task, advance=1, description=f"Grading {escape(assignment.name)}: {escape(result.student)}"
            )

        yield advance
