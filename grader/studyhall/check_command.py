"""``studyhall check``: what is shown of a course before it is published, and of its lessons when they are tried."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from studyhall_judge.report import GradeReport, TestStatus
from studyhall_notebooks.checks import Finding, Level, check_bundle, check_course
from studyhall_notebooks.course import load_course

from studyhall.offline_grading.course_trial import lessons_to_try, try_course
from studyhall.offline_grading.trial import Tried

_STYLES = {Level.error: "red", Level.warning: "yellow"}


def check(path: Path) -> int:
    """Read a course and show what is found; returns the exit code."""
    return _show(check_course(path), Console(highlight=False, soft_wrap=True))


def check_and_run(path: Path, *, lessons: Sequence[str], jobs: int) -> int:
    """Read a course, then grade each lesson's own solution and an untouched copy of it; returns the exit code.

    What cannot be released is not tried: its errors come first.

    Raises:
        OfflineGradingError: there is no such lesson, or no judge to be had here.
        Interrupted: a signal asked for the end.
    """
    out = Console(highlight=False, soft_wrap=True)
    findings = check_course(path)
    if any(finding.level is Level.error for finding in findings):
        _show(findings, out)
        out.print("No lesson was tried. Mend the errors first.", style="red")
        return 1
    bundle = load_course(path)
    chosen = lessons_to_try(bundle, lessons)
    with _progress(len(chosen)) as on_tried:
        trial = try_course(path, bundle, chosen, jobs=jobs, on_tried=on_tried)
    if trial.tried:
        out.print(_table_of(trial.tried))
        out.print()
    return _show([*check_bundle(bundle), *trial.findings], out)


def _show(findings: Sequence[Finding], out: Console) -> int:
    levels = {finding.level for finding in findings}
    for finding in findings:
        # A line each, and not a table, which breaks the names of files in pieces that nobody can search for or copy.
        style = _STYLES.get(finding.level, "")
        words = ((f"{finding.level.value:7}  ", style), (finding.where, "bold"), f": {finding.message}")
        out.print(Text.assemble(*words), overflow="ignore")
    if levels <= {Level.note}:
        out.print("Nothing to complain about.", style="green")
    return 1 if Level.error in levels else 0


def _table_of(tried: Sequence[Tried]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Lesson", overflow="fold")
    for heading in ("Solution", "Untouched", "Seconds"):
        table.add_column(heading, justify="right")
    for one in tried:
        table.add_row(
            Text(one.folder),
            _points_of(one.solution),
            _points_of(one.untouched),
            f"{one.solution.resources.wall_ms / 1000:.1f}",
        )
    return table


def _points_of(report: GradeReport) -> str:
    by_hand = sum(test.max_points for test in report.tests if test.status is TestStatus.needs_manual)
    shown = f"{report.score:g} of {report.max_score - by_hand:g}"
    return f"{shown}, {by_hand:g} by hand" if by_hand else shown


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Tried], None]]:
    """Show how far it is: a bar for a person, a line per lesson for a log."""
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    if not err.is_terminal:
        yield lambda tried: err.print(f"Tried {tried.folder}: {_points_of(tried.solution)}", markup=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("Trying the lessons", total=total)
        yield lambda tried: bar.update(task, advance=1, description=f"Tried {escape(tried.folder)}")
