"""``studyhall grade``: what is asked, shown and written; grading itself is elsewhere."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from studyhall_judge.report import ReportStatus, Scoring

from studyhall.offline_grading.class_grading import ClassGrading
from studyhall.offline_grading.course_reader import Assignment, StudentFolder, find_students, read_assignment
from studyhall.offline_grading.errors import Interrupted, OfflineGradingError
from studyhall.offline_grading.judge_process import JudgeProcess
from studyhall.offline_grading.results import StudentResult, table_of, write_json

PRELOAD = ("numpy", "pandas", "matplotlib.pyplot", "matplotlib_inline.backend_inline")
"""What the judge imports in advance beside the assignment's own imports: students use more than the lesson does."""

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
    async with _stopped_by_signals(), JudgeProcess(slots=slots, preload=preload) as judge:
        for wall in (await judge.status()).walls:
            if not wall.standing:
                err.print(f"Note: {wall.name}: {wall.detail}", style="yellow", markup=False)
        grading = ClassGrading(judge, assignment, scoring, at_once=slots)
        with _progress(assignment, len(students), err) as on_result:
            return await grading.grade(students, on_result)


class _stopped_by_signals:  # noqa: N801 - it reads as a sentence where it is used
    """Turns the first SIGINT, SIGTERM or SIGHUP into an orderly end; later ones do not disturb it."""

    def __init__(self) -> None:
        self._told = 0

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def on_signal(number: int) -> None:
            if not self._told and task is not None:
                self._told = number
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, on_signal, number)

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if self._told:
            raise Interrupted(self._told)


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
