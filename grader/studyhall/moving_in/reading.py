"""Reading an nbgrader course from disk: sources, submissions, and the gradebook that nbgrader kept in SQLite.

Nothing is written and nothing of the course is run.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from studyhall_notebooks.course import CourseBundle, load_course
from studyhall_notebooks.course_files import IGNORED

GRADEBOOK = "gradebook.db"
SUBMITTED = ("submitted", "autograded")
"""Where a submission is looked for: as it was handed in, else as it was graded."""
BOOKKEEPING = frozenset({"timestamp.txt", "submission_secret.txt"})
TIMESTAMPS = ("%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S")

_EPOCH = datetime.fromtimestamp(0, UTC)
"""SQLAlchemy writes a span of time into SQLite as the moment so long after this one."""

_PLACE = """
 FROM {table} AS found
 JOIN base_cell ON found.cell_id = base_cell.id
 JOIN submitted_notebook ON found.notebook_id = submitted_notebook.id
 JOIN notebook ON submitted_notebook.notebook_id = notebook.id
 JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
 JOIN assignment ON submitted_assignment.assignment_id = assignment.id
"""


@dataclass(frozen=True)
class FoundStudent:
    """A student of the gradebook, or one who has only a folder."""

    name: str
    display_name: str = ""


@dataclass
class FoundMark:
    """What a person gave for one cell."""

    manual_score: float | None = None
    extra_credit: float | None = None
    comment: str | None = None


@dataclass
class FoundSubmission:
    """One student's work for one assignment, with what people gave for it. Marks are by ``<notebook>/<cell>``."""

    student: str
    assignment: str
    submitted_at: datetime
    notebooks: dict[str, str]
    files: dict[str, bytes]
    marks: dict[str, FoundMark] = field(default_factory=dict)
    penalties: dict[str, float] = field(default_factory=dict)


@dataclass
class FoundCourse:
    """A whole course. ``notes`` are sentences about what can't be taken."""

    bundle: CourseBundle
    students: dict[str, FoundStudent]
    due: dict[str, datetime]
    submissions: list[FoundSubmission]
    notes: list[str]
    extensions: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Until when somebody has time: by student, as the hub has the name, and assignment."""


class MovingInError(Exception):
    """The course was left as it is; the message says why and what to do."""


def read_course(path: Path) -> FoundCourse:
    """Read a course folder.

    Raises:
        studyhall_notebooks.errors.CourseError: the folder holds no course that can be published.
        MovingInError: the gradebook can't be read.
    """
    bundle = load_course(path)
    if not (path / "course.yaml").exists():
        bundle = _as_nbgrader_scores(bundle)
    found = FoundCourse(bundle, {}, {}, [], list(bundle.notes))
    marks: dict[tuple[str, str], FoundSubmission] = {}
    gradebook = path / GRADEBOOK
    if gradebook.is_file():
        try:
            with closing(sqlite3.connect(f"file:{gradebook}?mode=ro", uri=True)) as connection:
                marks = _read_gradebook(connection, found)
        except sqlite3.Error as error:
            raise MovingInError(
                f"{gradebook} can't be read ({error}). Run `nbgrader db upgrade` in the course folder and try again."
            ) from error
    else:
        found.notes.append(
            f"There is no {GRADEBOOK}: students and submissions are taken from the folders alone."
        )
    assignments = {lesson.source_folder for lesson in bundle.course.lessons}
    for (student, assignment), known in sorted(marks.items()):
        if assignment not in assignments:
            found.notes.append(
                f"{student}, {assignment}: there is no source/{assignment}, so its grades stay behind."
            )
            continue
        if _fill(path, known, found.notes):
            found.submissions.append(known)
    _read_folders(path, found, assignments, known=set(marks))
    return found


def _as_nbgrader_scores(bundle: CourseBundle) -> CourseBundle:
    """Have lessons without settings of their own scored as nbgrader did."""
    units = [
        unit.model_copy(
            update={"lessons": [one.model_copy(update={"scoring": "nbgrader"}) for one in unit.lessons]}
        )
        for unit in bundle.course.units
    ]
    return CourseBundle(
        course=bundle.course.model_copy(update={"units": units}),
        lessons=bundle.lessons,
        quizzes=bundle.quizzes,
        options=bundle.options,
        notes=bundle.notes,
    )


def _read_gradebook(
    connection: sqlite3.Connection, found: FoundCourse
) -> dict[tuple[str, str], FoundSubmission]:
    for name, first, last in connection.execute("SELECT id, first_name, last_name FROM student ORDER BY id"):
        _add_student(found, str(name), " ".join(part for part in (first, last) if part))
    for name, due in connection.execute("SELECT name, duedate FROM assignment"):
        moment = _moment(due)
        if moment is not None:
            found.due[str(name)] = moment
    submissions: dict[tuple[str, str], FoundSubmission] = {}
    for student, assignment, timestamp, extension in connection.execute(
        "SELECT student_id, assignment.name, timestamp, extension FROM submitted_assignment "
        "JOIN assignment ON submitted_assignment.assignment_id = assignment.id"
    ):
        moment = _moment(timestamp)
        submissions[student, assignment] = FoundSubmission(
            student, assignment, moment or datetime.fromtimestamp(0, UTC), {}, {}
        )
        until = _moment(extension)
        if until is not None and until > _EPOCH:
            _extend(found, str(student), str(assignment), until - _EPOCH)
    place = "student_id, assignment.name, notebook.name, base_cell.name"
    for *where, manual, extra in connection.execute(
        f"SELECT {place}, manual_score, extra_credit {_PLACE.format(table='grade')} "
        "WHERE manual_score IS NOT NULL OR extra_credit IS NOT NULL"
    ):
        mark = _mark(submissions, where)
        mark.manual_score, mark.extra_credit = manual, extra
    for *where, comment in connection.execute(
        f"SELECT {place}, manual_comment {_PLACE.format(table='comment')} "
        "WHERE manual_comment IS NOT NULL AND manual_comment != ''"
    ):
        _mark(submissions, where).comment = comment
    for student, assignment, notebook, penalty in connection.execute(
        "SELECT student_id, assignment.name, notebook.name, late_submission_penalty FROM submitted_notebook "
        "JOIN notebook ON submitted_notebook.notebook_id = notebook.id "
        "JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id "
        "JOIN assignment ON submitted_assignment.assignment_id = assignment.id WHERE late_submission_penalty > 0"
    ):
        submissions[student, assignment].penalties[notebook] = penalty
    return submissions


def _extend(found: FoundCourse, student: str, assignment: str, longer: timedelta) -> None:
    """Note until when a student has time, counted as nbgrader does from the assignment's due date."""
    lessons = {lesson.source_folder: lesson for lesson in found.bundle.course.lessons}
    if assignment not in lessons:
        return
    due = found.due.get(assignment) or lessons[assignment].due
    if due is None:
        found.notes.append(
            f"{student}, {assignment}: an extension was granted, but the assignment has no due date that it could be "
            "counted from."
        )
    else:
        found.extensions[student.lower(), assignment] = due + longer


def _mark(submissions: dict[tuple[str, str], FoundSubmission], where: list[Any]) -> FoundMark:
    student, assignment, notebook, cell = where
    return submissions[student, assignment].marks.setdefault(f"{notebook}/{cell}", FoundMark())


def _add_student(found: FoundCourse, name: str, display_name: str = "") -> None:
    if name != name.lower():
        found.notes.append(
            f"{name}: the hub's names are in lower case, so this student is {name.lower()} here."
        )
    known = found.students.get(name.lower())
    if known is not None and display_name and known.display_name not in ("", display_name):
        found.notes.append(f"{name}: two students of the gradebook have this name in different letter case.")
        return
    found.students[name.lower()] = FoundStudent(name.lower(), display_name)


def _read_folders(
    path: Path, found: FoundCourse, assignments: set[str], *, known: set[tuple[str, str]]
) -> None:
    """Take what is in submitted/ and was never graded."""
    for folder in sorted((path / SUBMITTED[0]).glob("*/*")):
        student, assignment = folder.parts[-2:]
        if not folder.is_dir() or student.startswith(".") or (student, assignment) in known:
            continue
        if assignment not in assignments:
            found.notes.append(
                f"{student}, {assignment}: there is no source/{assignment}, so it stays behind."
            )
            continue
        if student.lower() not in found.students:
            _add_student(found, student)
        submission = FoundSubmission(student, assignment, datetime.fromtimestamp(0, UTC), {}, {})
        if _fill(path, submission, found.notes):
            found.submissions.append(submission)


def _fill(path: Path, submission: FoundSubmission, notes: list[str]) -> bool:
    """Read a submission's files and moment; says whether there is anything to hand in."""
    who = f"{submission.student}, {submission.assignment}"
    for step in SUBMITTED:
        folder = path / step / submission.student / submission.assignment
        if folder.is_dir() and any(folder.glob("*.ipynb")):
            break
    else:
        notes.append(f"{who}: the gradebook has grades and no folder has the work, so they stay behind.")
        return False
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if not file.is_file() or file.is_symlink() or any(part in IGNORED for part in relative.parts):
            continue
        if len(relative.parts) == 1 and file.suffix == ".ipynb":
            submission.notebooks[file.stem] = file.read_text(encoding="utf-8", errors="replace")
        elif relative.as_posix() not in BOOKKEEPING:
            submission.files[relative.as_posix()] = file.read_bytes()
    stamp = folder / "timestamp.txt"
    moment = _moment(stamp.read_text(encoding="utf-8", errors="replace")) if stamp.is_file() else None
    if moment is not None:
        submission.submitted_at = moment
    elif submission.submitted_at.timestamp() == 0:
        newest = max(file.stat().st_mtime for file in folder.glob("*.ipynb"))
        submission.submitted_at = datetime.fromtimestamp(newest, UTC)
        notes.append(f"{who}: nothing says when it was submitted; the notebook's own date is taken.")
    return True


def _moment(text: Any) -> datetime | None:
    """Return a time as nbgrader writes it: in UTC where it says no zone, or another one than UTC can't be known."""
    for pattern in TIMESTAMPS:
        try:
            return datetime.strptime(str(text).strip(), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
