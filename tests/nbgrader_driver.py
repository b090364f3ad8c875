"""Runs inside an environment that has the real nbgrader: grades what it is told, one JSON line in, one out.

``python nbgrader_driver.py COURSE`` answers ``{"op": "generate", "assignment"}``, ``{"op": "autograde", "assignment",
"student"}`` and ``{"op": "feedback", "assignment", "student"}``. All in one process, as nbgrader grades a class.
It imports nothing of ours.
"""

import contextlib
import json
import logging
import os
import resource
import sys
import time
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

CONVERTERS = {"generate": GenerateAssignment, "autograde": Autograde, "feedback": GenerateFeedback}


def config_of(course):
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    return config


def processor_milliseconds():
    """Return the processor time of this process and of the kernels that it has ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return 1000 * sum(use.ru_utime + use.ru_stime for use in uses)


def convert(course, command):
    config = Config(config_of(course))
    config.CourseDirectory.assignment_id = command["assignment"]
    config.CourseDirectory.student_id = command.get("student", "*")
    directory = CourseDirectory(config=config)
    converter = CONVERTERS[command["op"]](coursedir=directory, config=config)
    converter.force = True
    converter.create = True
    began = time.perf_counter()
    error = ""
    try:
        converter.start()
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001 - nbgrader ends with SystemExit where it gives up
        error = f"{type(problem).__name__}: {problem}"
    return directory, (time.perf_counter() - began) * 1000, error


def scores(directory, command):
    with Gradebook(directory.db_url) as gradebook:
        try:
            submission = gradebook.find_submission(command["assignment"], command["student"])
        except MissingEntry:
            return {}
        return {
            notebook.name: {
                grade.cell.name: {
                    "score": grade.score,
                    "max_score": grade.max_score,
                    "needs_manual": grade.needs_manual_grade,
                    "auto_score": grade.auto_score,
                }
                for grade in notebook.grades
            }
            for notebook in submission.notebooks
        }


def answer(course, command, said):
    said.clear()
    before = processor_milliseconds()
    directory, milliseconds, error = convert(course, command)
    reply = {"milliseconds": milliseconds, "processor": processor_milliseconds() - before}
    reply |= {"error": error, "log": "\n".join(said)[-4000:]}
    if command["op"] == "autograde":
        place = Path(directory.format_path("autograded", command["student"], command["assignment"]))
        graded = place.is_dir() and any(place.glob("*.ipynb"))
        reply |= {"graded": graded, "cells": scores(directory, command) if graded else {}}
    elif command["op"] == "feedback":
        place = Path(directory.format_path("feedback", command["student"], command["assignment"]))
        pages = place.glob("*.html") if place.is_dir() else ()
        reply["pages"] = [page.read_text(encoding="utf-8", errors="replace") for page in pages]
    return reply


class Said(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def main():
    course = Path(sys.argv[1])
    # What kernels and converters print must not look like an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    said = Said()
    logging.getLogger("traitlets").addHandler(said)
    logging.getLogger().addHandler(said)
    os.chdir(course)
    for line in sys.stdin:
        with contextlib.suppress(BrokenPipeError):
            answers.write(json.dumps(answer(course, json.loads(line), said.lines)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
