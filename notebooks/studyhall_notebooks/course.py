"""A course as files: ``course.yaml``, ``source/<lesson>/`` with notebooks and data, ``quizzes/<id>.yaml``.

The folder is also a valid nbgrader course. Without ``course.yaml`` any nbgrader course is one: its folders
become the lessons of one unit.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from studyhall_notebooks.course_files import DEFAULT_LIMITS, CourseFolder, FolderLimits
from studyhall_notebooks.errors import CourseError, NotebookError
from studyhall_notebooks.headings import first_heading
from studyhall_notebooks.nbgrader_settings import NbgraderSettings, read_nbgrader_settings
from studyhall_notebooks.parsing import read_notebook
from studyhall_notebooks.quiz import Quiz
from studyhall_notebooks.release import ReleaseOptions
from studyhall_notebooks.settings_files import read_settings

SLUG_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
_Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _nothing_is_none(value: Any) -> Any:
    """Read an empty value, ``null`` or ``~`` as not given: YAML is read as plain texts here."""
    return None if isinstance(value, str) and value.strip() in ("", "~", "null") else value


_Optional = BeforeValidator(_nothing_is_none)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prerequisite(_Strict):
    """A lesson opens only after ``lesson`` was passed with at least ``score`` percent."""

    lesson: Slug
    score: int = Field(default=70, ge=0, le=100)


class Lesson(_Strict):
    """A lesson's settings: scores in percent, times aware, ``folder`` only where it is not the slug."""

    slug: Slug
    title: _Title = ""
    folder: str = ""
    minutes: Annotated[int | None, _Optional] = Field(default=None, ge=1, le=10_000)
    pass_score: int = Field(default=70, ge=0, le=100)
    after: Annotated[Prerequisite | None, _Optional] = None
    max_attempts: Annotated[int | None, _Optional] = Field(default=None, ge=1, le=100_000)
    environment: str = Field(default="default", pattern=SLUG_PATTERN)
    scoring: Literal["default", "nbgrader"] = "default"
    reveal: Literal["never", "after_due", "always"] = "never"
    due: Annotated[AwareDatetime | None, _Optional] = None
    closes: Annotated[AwareDatetime | None, _Optional] = None
    ai_review: bool = True

    @model_validator(mode="after")
    def _closes_after_due(self) -> Self:
        if self.due is not None and self.closes is not None and self.closes < self.due:
            raise ValueError("closes is before due")
        return self

    @property
    def source_folder(self) -> str:
        """Return the name of the lesson's folder in ``source/``."""
        return self.folder or self.slug


class Unit(_Strict):
    """A part of a course with its lessons in order."""

    slug: Slug
    title: _Title
    lessons: list[Lesson] = Field(min_length=1)


class Course(_Strict):
    """A course's settings."""

    slug: Slug
    title: _Title
    description: str = Field(default="", max_length=20_000)
    language: str = Field(default="en", max_length=35)
    level: str = Field(default="", max_length=50)
    units: list[Unit] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        lessons = self.lessons
        for kind, names in (
            ("units", [unit.slug for unit in self.units]),
            ("lessons", [lesson.slug for lesson in lessons]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {kind} have the slug {twice[0]}")
        known = {lesson.slug: lesson for lesson in lessons}
        for lesson in lessons:
            if lesson.after is not None and lesson.after.lesson not in known:
                raise ValueError(
                    f"the lesson {lesson.slug} comes after {lesson.after.lesson}, which is not a lesson here"
                )
            chain = {lesson.slug}
            step = lesson
            while step.after is not None:
                step = known.get(step.after.lesson, lesson)
                if step.slug in chain:
                    raise ValueError(
                        f"the lesson {lesson.slug} can never open: its prerequisites lead back to themselves"
                    )
                chain.add(step.slug)
        return self

    @property
    def lessons(self) -> list[Lesson]:
        """Return all lessons in order."""
        return [lesson for unit in self.units for lesson in unit.lessons]


@dataclass(frozen=True)
class LessonBundle:
    """Source notebooks by stem, in reading order, and data files by their path inside the lesson."""

    notebooks: dict[str, bytes]
    files: dict[str, bytes]


@dataclass(frozen=True)
class CourseBundle:
    """A whole course.

    ``options`` is what to hand to `graded_source` and `learner_version` with its notebooks. ``notes`` says
    what of the folder was left aside, for people.
    """

    course: Course
    lessons: dict[str, LessonBundle]
    quizzes: dict[str, Quiz]
    options: ReleaseOptions = field(default_factory=ReleaseOptions)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SingleLesson:
    """One lesson read without the rest of its course, and what the course says about every lesson.

    ``submitted`` is the folder of handed-in work relative to the course; ``cell_seconds`` is how long the course
    lets one cell run, None where it does not say.
    """

    lesson: Lesson
    bundle: LessonBundle
    options: ReleaseOptions
    submitted: str
    cell_seconds: float | None
    notes: tuple[str, ...] = ()


def load_lesson(path: Path | str, name: str, *, limits: FolderLimits = DEFAULT_LIMITS) -> SingleLesson:
    """Return one lesson of a course folder, by its slug or its folder's name, whatever state the others are in.

    Raises:
        CourseError: there is no such lesson, or a file of it cannot be read; nothing else.
    """
    folder = CourseFolder(Path(path), limits)
    notes: list[str] = []
    settings = _settings(folder, notes)
    source = _source(folder, settings)
    lesson = _lesson_named(folder, source, name, notes)
    return SingleLesson(
        lesson=lesson,
        bundle=_lesson_bundle(folder, source, lesson, notes),
        options=_options(folder, settings),
        submitted=settings.submitted_directory,
        cell_seconds=settings.cell_seconds,
        notes=tuple(notes),
    )


def _lesson_named(folder: CourseFolder, source: Path, name: str, notes: list[str]) -> Lesson:
    """Return the lesson as ``course.yaml`` describes it, or with every setting's default."""
    yaml_path = folder.root / "course.yaml"
    if folder.exists(yaml_path):
        try:
            lessons = read_settings(folder, yaml_path, Course).lessons
        except CourseError as error:
            notes.append(f"{error} The lesson's settings in it are left aside.")
        else:
            for lesson in lessons:
                if name in (lesson.slug, lesson.source_folder):
                    return lesson
    folders = [entry.name for entry in folder.entries(source) if folder.checked(entry).is_dir()]
    if name not in folders:
        known = f"The course has {', '.join(folders)}." if folders else "The course has none yet."
        raise CourseError(f"{folder.shown(source)}/{name}", "There is no such assignment.", known)
    return Lesson(slug=slugify(name), folder=name)


def load_course(path: Path | str, *, limits: FolderLimits = DEFAULT_LIMITS) -> CourseBundle:
    """Return the course in a folder: with ``course.yaml``, or any nbgrader course root.

    Hidden files, checkpoints and what nbgrader ignores are left out; notebooks below a lesson's sub-folders
    too.

    Raises:
        CourseError: with the file at fault and the way out; nothing else, whatever the folder holds.
    """
    folder = CourseFolder(Path(path), limits)
    notes: list[str] = []
    settings = _settings(folder, notes)
    source = _source(folder, settings)
    yaml_path = folder.root / "course.yaml"
    if folder.exists(yaml_path):
        course = read_settings(folder, yaml_path, Course)
    else:
        course = _course_of_folders(folder, source, settings)
    lessons: dict[str, LessonBundle] = {}
    for lesson in course.lessons:
        lessons[lesson.slug] = _lesson_bundle(folder, source, lesson, notes)
    notes.extend(_folders_left_out(folder, source, course))
    course = _with_titles(course, lessons)
    return CourseBundle(
        course=course,
        lessons=lessons,
        quizzes=_quizzes(folder, course),
        options=_options(folder, settings),
        notes=tuple(notes),
    )


def slugify(name: str) -> str:
    """Return a name as a slug: what a slug cannot hold becomes ``-``; ``course`` when nothing is left."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
    return words[:100] or "course"


def _source(folder: CourseFolder, settings: NbgraderSettings) -> Path:
    source = folder.root / settings.source_directory
    if not folder.exists(source) or not folder.checked(source).is_dir():
        for above in folder.root.parents[:2]:
            inside = (above / settings.source_directory, above / "quizzes")
            if (above / settings.source_directory).is_dir() and any(map(folder.root.is_relative_to, inside)):
                raise CourseError(
                    ".", "This folder is a part of a course.", f"Name the whole course's folder: {above}"
                )
        raise CourseError(
            settings.source_directory,
            "There is no such folder in the course.",
            "Put each lesson into a folder of its own below it: source/<lesson>/<notebook>.ipynb.",
        )
    return source


def _settings(folder: CourseFolder, notes: list[str]) -> NbgraderSettings:
    path = folder.root / "nbgrader_config.py"
    if not folder.exists(path):
        return NbgraderSettings()
    settings = read_nbgrader_settings(folder.read(path, 1_000_000).decode("utf-8", "replace"))
    notes.extend(
        f"nbgrader_config.py, {left}: not a plain value, so it was left aside"
        for left in settings.not_understood
    )
    for name in ("source_directory", "submitted_directory"):
        place = Path(getattr(settings, name))
        if place.is_absolute() or ".." in place.parts:
            raise CourseError(
                "nbgrader_config.py",
                f"CourseDirectory.{name} leaves the course folder.",
                "Name a folder inside of it.",
            )
    return settings


def _options(folder: CourseFolder, settings: NbgraderSettings) -> ReleaseOptions:
    parts = {"header": settings.header, "footer": settings.footer}
    cells = {name: _cells_of(folder, path) for name, path in parts.items() if path}
    return ReleaseOptions(**settings.options, **cells)


def _cells_of(folder: CourseFolder, path: str) -> tuple[dict[str, Any], ...]:
    where = folder.root / path
    if not folder.exists(where):
        raise CourseError(
            path, "nbgrader_config.py names this header or footer, which is missing.", "Add or unname it."
        )
    try:
        return tuple(read_notebook(folder.read(where, folder.limits.notebook_bytes)).cells)
    except CourseError:
        raise
    except NotebookError as error:
        raise CourseError(path, error.message, "") from error


def _course_of_folders(folder: CourseFolder, source: Path, settings: NbgraderSettings) -> Course:
    lessons: list[Lesson] = []
    taken: set[str] = set()
    for entry in folder.entries(source):
        if not folder.checked(entry).is_dir() or not _notebook_paths(folder, entry):
            continue
        slug = base = slugify(entry.name)
        number = 2
        while slug in taken:
            slug = f"{base[:96]}-{number}"
            number += 1
        taken.add(slug)
        lessons.append(Lesson(slug=slug, folder="" if slug == entry.name else entry.name))
        if len(lessons) > folder.limits.lessons:
            raise CourseError(folder.shown(source), "There are too many lessons.", "Split the course.")
    if not lessons:
        raise CourseError(
            folder.shown(source),
            "No folder here holds a notebook.",
            "Put each lesson into a folder of its own: source/<lesson>/<notebook>.ipynb.",
        )
    name = (settings.course_id or folder.root.name).encode("utf-8", "replace").decode()
    return Course(
        slug=slugify(name),
        title=_words(name),
        units=[Unit(slug="lessons", title="Lessons", lessons=lessons)],
    )


def _folders_left_out(folder: CourseFolder, source: Path, course: Course) -> list[str]:
    """Say which folders with notebooks no lesson uses, and which settings file has the wrong name."""
    used = {lesson.source_folder for lesson in course.lessons}
    notes = [
        f"{folder.shown(entry)}: course.yaml does not name this lesson, so it is not published"
        for entry in folder.entries(source)
        if entry.name not in used and folder.checked(entry).is_dir() and _notebook_paths(folder, entry)
    ]
    notes.extend(
        f"{folder.shown(entry)}: a notebook beside the lessons' folders is not published; give it a folder of its own"
        for entry in _notebook_paths(folder, source)
    )
    if folder.exists(folder.root / "course.yml") and not folder.exists(folder.root / "course.yaml"):
        notes.append("course.yml: only a file named course.yaml is read")
    return notes


def _notebook_paths(folder: CourseFolder, lesson: Path) -> list[Path]:
    return [
        entry
        for entry in folder.entries(lesson)
        if entry.suffix == ".ipynb" and not folder.checked(entry).is_dir()
    ]


def _lesson_bundle(folder: CourseFolder, source: Path, lesson: Lesson, notes: list[str]) -> LessonBundle:
    place = source / lesson.source_folder
    if lesson.source_folder in (".", "..") or re.search(r"[/\\\0]", lesson.source_folder):
        raise CourseError("course.yaml", f"{lesson.source_folder!r} is not the name of a folder.", "Mend it.")
    if not folder.exists(place) or not folder.checked(place).is_dir():
        raise CourseError(
            folder.shown(place),
            f"The lesson {lesson.slug} has no folder.",
            "Add the folder, or take the lesson out of course.yaml.",
        )
    notebooks: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    total = 0
    for path in _notebook_paths(folder, place):
        notebooks[path.stem] = data = folder.read(path, folder.limits.notebook_bytes)
        total += len(data)
    for path in folder.files_below(place):
        if path.suffix == ".ipynb":
            if path.parent != place:
                notes.append(f"{folder.shown(path)}: notebooks in sub-folders are not part of a lesson")
            continue
        if folder.checked(path).suffix == ".ipynb":
            raise CourseError(
                folder.shown(path),
                "This link would give learners a source notebook.",
                "Put a copy of the data here.",
            )
        data = folder.read(path, folder.limits.file_bytes)
        files[path.relative_to(place).as_posix()] = data
        total += len(data)
        if total > folder.limits.lesson_bytes or len(files) > folder.limits.lesson_files:
            raise CourseError(
                folder.shown(place),
                f"This lesson holds more than {folder.limits.lesson_bytes / 1_000_000:g} MB or "
                f"{folder.limits.lesson_files} files.",
                "Make its data smaller, or let the notebook load it from somewhere else.",
            )
    if not notebooks:
        raise CourseError(folder.shown(place), "This lesson holds no notebook.", "Add a .ipynb file.")
    return LessonBundle(notebooks=notebooks, files=files)


def _with_titles(course: Course, lessons: dict[str, LessonBundle]) -> Course:
    """Give every lesson without a title the first heading of its first notebook, or its folder's name."""
    units = [
        unit.model_copy(
            update={
                "lessons": [
                    lesson
                    if lesson.title
                    else lesson.model_copy(update={"title": _title_of(lessons[lesson.slug], lesson)})
                    for lesson in unit.lessons
                ]
            }
        )
        for unit in course.units
    ]
    return course.model_copy(update={"units": units})


def _title_of(bundle: LessonBundle, lesson: Lesson) -> str:
    for data in bundle.notebooks.values():
        try:
            notebook = read_notebook(data)
        except NotebookError:
            continue  # checks and publishing say what is wrong with it; a title is no reason to stop
        heading = first_heading(notebook)
        if heading:
            return heading
    return _words(lesson.source_folder)


def _words(name: str) -> str:
    words = re.sub(r"[-_]+", " ", name).strip()
    return (words[:1].upper() + words[1:])[:200] or "Course"


def _quizzes(folder: CourseFolder, course: Course) -> dict[str, Quiz]:
    quizzes: dict[str, Quiz] = {}
    place = folder.root / "quizzes"
    if not folder.exists(place):
        return quizzes
    slugs = {lesson.slug for lesson in course.lessons}
    for path in folder.entries(place):
        if path.suffix not in (".yaml", ".yml"):
            continue
        quiz = read_settings(folder, path, Quiz)
        if quiz.id != path.stem:
            raise CourseError(
                folder.shown(path),
                f"The quiz calls itself {quiz.id}.",
                f"Make its id {path.stem}, or rename the file.",
            )
        if quiz.lesson not in slugs:
            raise CourseError(
                folder.shown(path),
                f"There is no lesson {quiz.lesson}.",
                "Name the lesson that shows this quiz.",
            )
        if quiz.id in quizzes:
            raise CourseError(
                folder.shown(path), f"There are two files for the quiz {quiz.id}.", "Remove one."
            )
        quizzes[quiz.id] = quiz
    return quizzes
