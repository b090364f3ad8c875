"""The judge beside nbgrader on the same notebooks in one run, interleaved: how much faster, and where its time goes.

Compares medians of the same machine in the same minutes, asserts that every cell has the same points on both sides,
and never fails on a time. ``--docs`` writes the tables into ``docs/benchmarks.md``; ``--students N`` takes fewer of
the 40.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import nbgrader_class  # noqa: E402 - found through the path above
from bare_cells import BareCells  # noqa: E402 - beside this file
from nbgrader_process import VERSION, Nbgrader, make_environment, same_packages  # noqa: E402 - as above
from studyhall.offline_grading.course_reader import read_assignment  # noqa: E402 - as above
from studyhall.offline_grading.judge_process import PRELOAD, JudgeProcess  # noqa: E402 - as above
from studyhall.offline_grading.submission_reader import read_folder  # noqa: E402 - as above
from studyhall_judge.report import GradeReport, GradeRequest, Progress  # noqa: E402 - as above

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- judge beside nbgrader: begin -->", "<!-- judge beside nbgrader: end -->"
ASSIGNMENTS = {"ps1": 100, "ps2": 20}
"""The assignments, and how many times faster than nbgrader each is to be graded."""

ROUNDS = 3
WARM_UP = 4


@dataclass
class Times:
    """Milliseconds of each submission of one assignment; ``cells`` counts cells with the same points."""

    nbgrader: list[float] = field(default_factory=list)
    nbgrader_processor: list[float] = field(default_factory=list)
    judge: list[float] = field(default_factory=list)
    in_slot: list[float] = field(default_factory=list)
    until_first: list[float] = field(default_factory=list)
    tests: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    cells: int = 0
    notebooks: int = 0


class Side:
    """One judge with the assignments of the class."""

    def __init__(self, judge, assignments, submissions):
        self._judge = judge.client
        self._assignments = assignments
        self._submissions = submissions

    async def grade(self, name, student):
        """Grade one submission; returns its report, milliseconds, and milliseconds until the first verdict."""
        assignment = self._assignments[name]
        request = GradeRequest(
            request_id=student,
            release_hash=assignment.release.hash,
            scoring="nbgrader",
            notebooks=self._submissions[name][student],
            limits=assignment.limits,
        )

        async def send():
            return assignment.release

        began = time.perf_counter()
        first = None
        async for event in self._judge.grade(request, send):
            if isinstance(event, Progress):
                first = first or time.perf_counter() - began
            elif isinstance(event, GradeReport):
                return event, (time.perf_counter() - began) * 1000, (first or 0.0) * 1000
        raise SystemExit("The judge sent no report.")

    async def grade_all(self, name, students, at_once):
        """Grade a class, ``at_once`` at a time; returns the seconds."""
        places = asyncio.Semaphore(at_once)

        async def one(student):
            async with places:
                await self.grade(name, student)

        began = time.perf_counter()
        await asyncio.gather(*(one(student) for student in students))
        return time.perf_counter() - began


def points_of(report):
    return {
        (test.notebook, test.grade_id): (test.points, str(test.status) == "needs_manual")
        for test in report.tests
    }


def check_same(student, report, answer):
    """Assert that both sides give every cell the same points; returns how many cells there are."""
    theirs = {
        (notebook, name): (cell["score"], cell["needs_manual"])
        for notebook, cells in answer["cells"].items()
        for name, cell in cells.items()
    }
    ours = points_of(report)
    different = {place: (points, ours[place]) for place, points in theirs.items() if points != ours[place]}
    assert not different, (student, different)
    return len(theirs)


async def side_by_side(name, students, nbgrader, side, bare):
    """Grade each student on both sides in turn."""
    times = Times(notebooks=0)
    for student in students[:WARM_UP]:
        await side.grade(name, student)
        nbgrader.ask("autograde", name, student)
    for student in students:
        answer = nbgrader.ask("autograde", name, student)
        assert answer is not None
        assert answer["graded"], answer
        times.nbgrader.append(answer["milliseconds"])
        times.nbgrader_processor.append(answer["processor"])
        report, milliseconds, first = await side.grade(name, student)
        times.cells += check_same(student, report, answer)
        times.judge.append(milliseconds)
        times.in_slot.append(report.resources.wall_ms)
        times.processor.append(report.resources.cpu_ms)
        times.until_first.append(first)
        times.tests.append(sum(test.duration_ms for test in report.tests))
        times.bare.append(sum(bare.run(text) for text in report.executed_notebooks.values()))
        times.notebooks = len(report.executed_notebooks)
    return times


async def slots_against_slot(name, students, one, two):
    """Return the seconds of a class with one slot and with two, the median of interleaved rounds."""
    seconds = {1: [], 2: []}
    await two.grade_all(name, students[:WARM_UP], 2)
    for _ in range(ROUNDS):
        seconds[1].append(await one.grade_all(name, students, 1))
        seconds[2].append(await two.grade_all(name, students, 3))
    return statistics.median(seconds[1]), statistics.median(seconds[2])


def machine():
    """Describe where this was measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {model}, Linux {platform.release()}, Python "
        f"{platform.python_version()}, nbgrader {VERSION}. Load average at the end: {load}."
    )


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def met(yes):
    return "met" if yes else "not met in this run"


def median(values):
    return statistics.median(values)


def tables(measured, slots, students):
    """Return all tables as text."""
    speed, where = [], []
    for name, times in measured.items():
        theirs, ours = median(times.nbgrader), median(times.judge)
        ratio, budget = theirs / ours, ASSIGNMENTS[name]
        over = (ours - median(times.bare)) / times.notebooks
        speed.append(
            [
                f"{name} ({times.notebooks} notebook{'s' if times.notebooks > 1 else ''})",
                f"{theirs:,.0f} ms",
                f"{ours:.1f} ms",
                f"**{ratio:.0f}x**",
                f"≥ {budget}x: {met(ratio >= budget)}",
                f"{over:.1f} ms",
                f"≤ 8 ms: {met(over <= 8)}",
                f"{times.cells} of {times.cells}",
            ]
        )
        parts = {
            "socket, reading, waiting": median(
                [a - b for a, b in zip(times.judge, times.in_slot, strict=True)]
            ),
            "until the first verdict": median(times.until_first),
            "test cells": median(times.tests),
            "the bare cells, all": median(times.bare),
            "in the slot, all": median(times.in_slot),
            "processor: sandbox": median(times.processor),
            "processor: nbgrader": median(times.nbgrader_processor),
        }
        where.append([name, *(f"{value:.1f}" for value in parts.values())])
        heads = ["ms for a submission", *parts]
    two = [
        [
            name,
            f"{len(students) / one:.1f}/s",
            f"{len(students) / both:.1f}/s",
            f"**{one / both:.2f}x**",
            f"≥ 1.8x: {met(one / both >= 1.8)}",
        ]
        for name, (one, both) in slots.items()
    ]
    head = [
        "a submission of",
        "nbgrader",
        "judge",
        "faster",
        "budget",
        "over the bare cells, a notebook",
        "budget",
        "cells with equal points",
    ]
    return "\n".join(
        [
            machine(),
            "",
            table(head, speed),
            table(["a class of", "one slot", "two slots", "gain", "budget"], two),
            table(heads, where),
        ]
    )


async def measure(folder, options):
    course, _scores = nbgrader_class.unpack(folder)
    with (course / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write("c.ExecutePreprocessor.timeout = 60\n")  # a busy machine must not change a verdict
    assignments = {name: read_assignment(course, name) for name in ASSIGNMENTS}
    students = [f"ok{number:03}" for number in range(40)][: options.students]
    submissions = {
        name: {one: read_folder(course / "submitted" / one / name, assignment).notebooks for one in students}
        for name, assignment in assignments.items()
    }
    packages = same_packages("numpy", "pandas", "matplotlib", "ipython", "ipykernel")
    python = make_environment(options.environment or folder / "environment", *packages)
    nbgrader = Nbgrader(python, course)
    measured, slots = {}, {}
    try:
        for name in ASSIGNMENTS:
            answer = nbgrader.ask("generate", name)
            assert answer is not None
            assert not answer["error"], answer
        async with (
            JudgeProcess(slots=1, preload=PRELOAD) as first,
            JudgeProcess(slots=2, preload=PRELOAD) as second,
        ):
            one, two = (Side(judge, assignments, submissions) for judge in (first, second))
            with BareCells(course / "source") as bare:
                for name in ASSIGNMENTS:
                    measured[name] = await side_by_side(name, students, nbgrader, one, bare)
            for name in ASSIGNMENTS:
                slots[name] = await slots_against_slot(name, students, one, two)
    finally:
        nbgrader.close()
    return tables(measured, slots, students)


def write_document(text):
    old = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Measure the judge beside nbgrader.")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/benchmarks.md")
    parser.add_argument("--students", type=int, default=40, help="how many of the 40 ordinary students")
    parser.add_argument(
        "--environment", help="keep nbgrader's environment in this folder, or use the one there"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        text = asyncio.run(measure(Path(folder), options))
    sys.stdout.write(text)
    if options.docs:
        write_document(text)


if __name__ == "__main__":
    main()
