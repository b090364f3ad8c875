"""Trying every lesson of a course on itself, with one judge."""

import asyncio
import fnmatch
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studyhall_notebooks.cells import tests_of
from studyhall_notebooks.checks import DEFAULT_ENVIRONMENT, Finding, Level, foreign_language
from studyhall_notebooks.course import CourseBundle, Lesson
from studyhall_notebooks.parsing import read_notebook

from studyhall.offline_grading.class_grading import ClassGrading
from studyhall.offline_grading.course_reader import Assignment, read_assignment
from studyhall.offline_grading.errors import OfflineGradingError
from studyhall.offline_grading.interruption import stopped_by_signals
from studyhall.offline_grading.judge_process import PRELOAD, JudgeProcess
from studyhall.offline_grading.submission_reader import ReadFolder
from studyhall.offline_grading.trial import Handed, Tried, findings_of, handed_in


@dataclass
class CourseTrial:
    """What came of a course: each lesson that was tried, and what its author should know, in the course's order."""

    tried: list[Tried] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def lessons_to_try(bundle: CourseBundle, patterns: Sequence[str]) -> list[Lesson]:
    """Return the lessons with tests whose slug or folder matches one of the patterns.

    Raises:
        OfflineGradingError: one of them is no lesson's name.
    """
    for pattern in patterns:
        if not any(_matches(lesson, pattern) for lesson in bundle.course.lessons):
            known = ", ".join(lesson.slug for lesson in bundle.course.lessons)
            raise OfflineGradingError(f"No lesson matches {pattern!r}. The course has {known}.")
    named = [
        lesson for lesson in bundle.course.lessons if any(_matches(lesson, pattern) for pattern in patterns)
    ]
    return [
        lesson
        for lesson in named
        if any(
            tests_of(read_notebook(data), stem)
            for stem, data in bundle.lessons[lesson.slug].notebooks.items()
        )
    ]


def _languages(bundle: CourseBundle, lesson: Lesson) -> list[str]:
    """Return the languages other than Python that a lesson's tests are written in."""
    notebooks = bundle.lessons[lesson.slug].notebooks.values()
    return sorted({language for data in notebooks if (language := foreign_language(read_notebook(data)))})


def _matches(lesson: Lesson, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (lesson.slug, lesson.source_folder))


def try_course(
    path: Path,
    bundle: CourseBundle,
    lessons: Sequence[Lesson],
    *,
    jobs: int,
    on_tried: Callable[[Tried], None],
) -> CourseTrial:
    """Grade each lesson's own solution and an untouched copy of it; ``on_tried`` hears of each as it comes.

    Args:
        path: the course's folder.
        bundle: the course as it was read from there.
        lessons: those to try.
        jobs: how many at a time; 0 is one for each processor.
        on_tried: called after each lesson.

    Raises:
        OfflineGradingError: there is no judge to be had here.
        Interrupted: a signal asked for the end.
    """
    here = [
        lesson
        for lesson in lessons
        if lesson.environment == DEFAULT_ENVIRONMENT and not _languages(bundle, lesson)
    ]
    assignments = {lesson.slug: read_assignment(path, lesson.slug) for lesson in here}
    done: dict[str, Tried] = {}
    if here:
        slots = max(1, min(jobs or os.cpu_count() or 1, 2 * len(here)))
        done = asyncio.run(_try_all(bundle, here, assignments, slots, on_tried))
    trial = CourseTrial()
    for lesson in lessons:
        place = f"source/{lesson.source_folder}"
        if lesson.slug not in done:
            where = f"in the environment {lesson.environment}"
            if lesson.environment == DEFAULT_ENVIRONMENT:
                where = f"with a kernel for {', '.join(_languages(bundle, lesson))}"
            text = f"This lesson runs {where}, which only the service's judge has. It was not tried."
            trial.findings.append(Finding(Level.note, place, "other_environment", text))
            continue
        if missing := assignments[lesson.slug].missing_modules:
            text = (
                "The lesson imports what is not installed here, so what needs it fails. Install it beside Studyhall: "
                f"pip install {' '.join(missing)}"
            )
            trial.findings.append(Finding(Level.warning, place, "missing_modules", text))
        trial.tried.append(done[lesson.slug])
        trial.findings.extend(findings_of(done[lesson.slug]))
    return trial


async def _try_all(
    bundle: CourseBundle,
    lessons: Sequence[Lesson],
    assignments: dict[str, Assignment],
    slots: int,
    on_tried: Callable[[Tried], None],
) -> dict[str, Tried]:
    modules = [module for assignment in assignments.values() for module in assignment.modules]
    places = asyncio.Semaphore(slots)
    done: dict[str, Tried] = {}

    async def try_one(lesson: Lesson, judge: JudgeProcess) -> None:
        assignment = assignments[lesson.slug]
        grading = ClassGrading(judge, assignment, assignment.scoring, at_once=slots)
        made = handed_in(bundle.lessons[lesson.slug].notebooks, bundle.options)
        async with places:
            reports = [
                await grading.report(f"{lesson.slug}-{which}", ReadFolder(notebooks=made[which]))
                for which in (Handed.solution, Handed.untouched)
            ]
        done[lesson.slug] = Tried(lesson.source_folder, assignment.limits, *reports)
        on_tried(done[lesson.slug])

    async with (
        stopped_by_signals(),
        JudgeProcess(slots=slots, preload=tuple(dict.fromkeys((*PRELOAD, *modules)))) as judge,
    ):
        try:
            async with asyncio.TaskGroup() as tasks:
                for lesson in lessons:
                    tasks.create_task(try_one(lesson, judge))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
    return done
