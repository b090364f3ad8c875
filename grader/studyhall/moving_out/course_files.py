"""The files that say what a course folder is: nbgrader's configuration, our own settings, and quizzes. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from studyhall_notebooks.course import Course

from studyhall.courses.models import CourseOffering
from studyhall.moving_out.reading import Assignment
from studyhall.quizzes.models import QuizRelease

CONFIG = '''\
"""An nbgrader course that was moved out of Studyhall. REPORT.md beside this file says what it holds."""

from pathlib import Path

c = get_config()
here = Path(__file__).resolve().parent
c.CourseDirectory.course_id = {course}
c.CourseDirectory.update(root=str(here), db_url=f"sqlite:///{{here / 'gradebook.db'}}")
'''


def nbgrader_config(course: str) -> bytes:
    """Return ``nbgrader_config.py``: it works wherever the folder is moved to."""
    return CONFIG.format(course=repr(course)).encode()


def course_yaml(offering: CourseOffering, assignments: Sequence[Assignment]) -> bytes:
    """Return ``course.yaml``: titles, order, dates and scoring, which nbgrader has no place for."""
    by_slug = {one.slug: one for one in assignments}
    settings = {
        "slug": offering.course.slug,
        "title": offering.course.title,
        "description": offering.course.description,
        "level": offering.course.level,
        "units": [
            {
                "slug": unit["slug"],
                "title": unit["title"],
                "lessons": [_lesson(by_slug[slug]) for slug in unit["lessons"]],
            }
            for unit in offering.release.outline
            if unit["lessons"]
        ],
    }
    Course.model_validate(settings)  # what we write, we can read
    text = yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True, width=110)
    return (
        "# For `studyhall publish` and `studyhall import nbgrader`; nbgrader does not read it.\n" + text
    ).encode()


def _lesson(assignment: Assignment) -> dict[str, Any]:
    lesson = assignment.lesson
    deadlines = assignment.terms.deadlines()
    due_at, closes_at = deadlines.due_at, deadlines.closes_at
    if due_at is not None and closes_at is not None and closes_at < due_at:
        closes_at = None
    found = {
        "slug": assignment.slug,
        "title": lesson.title,
        "folder": assignment.name if assignment.name != assignment.slug else None,
        "minutes": lesson.minutes,
        "pass_score": int(lesson.pass_score),
        "after": lesson.prerequisite,
        "max_attempts": lesson.max_attempts,
        "environment": lesson.environment,
        "scoring": lesson.scoring,
        "reveal": lesson.reveal,
        "due": due_at,
        "closes": closes_at,
        "ai_review": lesson.ai_review,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def quiz_yaml(quiz: QuizRelease, keys: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return a quiz with its keys and explanations, as ``studyhall publish`` reads it."""
    questions = [{**question, **keys.get(question["id"], {})} for question in quiz.questions]
    settings = {
        "id": quiz.quiz.slug,
        "title": quiz.title,
        "lesson": quiz.lesson,
        "pass_score": quiz.pass_score,
        "questions": [
            {name: value for name, value in question.items() if value not in (None, "", [])}
            for question in questions
        ],
    }
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=110).encode()


def _plain(value: Any) -> Any:
    """Return settings with times as text, each in UTC."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
