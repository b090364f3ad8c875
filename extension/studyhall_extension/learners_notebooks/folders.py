"""Which notebooks are a learner's work: by the folder that they lie in, or by what a submission carries.

Nothing here is asked of the learner's work itself that could be left out or forged: folders are the grader's own, and
a notebook without Studyhall's metadata, or with somebody else's, only loses the second way of being known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_core.paths import jupyter_config_path
from studyhall_notebooks.nbgrader_settings import NbgraderSettings, read_nbgrader_settings

SETTINGS_FILE = "nbgrader_config.py"
MOST_SETTINGS_BYTES = 1_000_000
SUFFIX = ".ipynb"


@dataclass(frozen=True, slots=True)
class LearnersWork:
    """One notebook of a learner. What is not known is empty."""

    course: str
    """Slug of the course."""
    student: str
    assignment: str
    notebook: str
    """Name without its ending."""
    folder: Path
    """Where it lies, with the learner's other files beside it."""
    given: Path | None = None
    """Where the assignment's own files are, in an nbgrader course."""

    def public(self) -> dict[str, str]:
        """Return what the browser shows of it."""
        return {
            "course": self.course,
            "student": self.student,
            "assignment": self.assignment,
            "notebook": self.notebook,
        }


def in_course_folder(file: Path) -> LearnersWork | None:
    """Return whose work a file is that lies below `submitted/` or `autograded/` of an nbgrader course.

    The outermost course counts: one that a learner has handed in along with the work changes nothing.
    """
    places = [file.absolute()]
    if file.resolve() != places[0]:
        places.append(file.resolve())
    for place in places:
        for root in reversed(place.parents):
            found = _below_course(root, place)
            if found is not None:
                return found
    return None


def _below_course(root: Path, file: Path) -> LearnersWork | None:
    inner = file.relative_to(root).parts
    settings = _settings_of(root)
    if settings is None:
        return None
    for step in (settings.submitted_directory, settings.autograded_directory):
        names = PurePosixPath(step).parts
        if inner[: len(names)] != names or len(inner) <= len(names):
            continue
        student, assignment = (*inner[len(names) : -1], "", "")[:2]
        given = root / settings.source_directory / assignment if assignment else None
        return LearnersWork(
            course=settings.course_id or _persons_course(),
            student=student,
            assignment=assignment or file.stem,
            notebook=file.stem,
            folder=file.parent,
            given=given,
        )
    return None


def _settings_of(root: Path) -> NbgraderSettings | None:
    """Return the settings of the nbgrader course in a folder; none where there is no course."""
    if (root / SETTINGS_FILE).is_file():
        return _read(root / SETTINGS_FILE)
    if (root / "gradebook.db").is_file() or (root / "source").is_dir():
        return NbgraderSettings()
    return None


def _persons_course() -> str:
    """Return the course that the person's own configuration of nbgrader names, if any."""
    for folder in jupyter_config_path():
        file = Path(folder, SETTINGS_FILE)
        if file.is_file() and (course := _read(file).course_id):
            return course
    return ""


def _read(file: Path) -> NbgraderSettings:
    """Read settings as text; they are a program and are never run here."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return read_nbgrader_settings(opened.read(MOST_SETTINGS_BYTES))
    except OSError:
        return NbgraderSettings()


def carrying_metadata(root: Path, file: Path, ours: Mapping[str, Any]) -> LearnersWork | None:
    """Return whose work a notebook is that was released by Studyhall and is not this person's own copy.

    Args:
        root: the server's folder, where one's own lessons lie in `<course>/<lesson>/`.
        file: the notebook.
        ours: Studyhall's metadata of it.
    """
    course, lesson, name = ours.get("course"), ours.get("lesson"), ours.get("notebook")
    if not (isinstance(course, str) and course and isinstance(lesson, str) and lesson):
        return None
    if file.is_relative_to(root / course / lesson):
        return None
    return LearnersWork(
        course=course,
        student="",
        assignment=lesson,
        notebook=name if isinstance(name, str) and name else file.stem,
        folder=file.parent,
    )
