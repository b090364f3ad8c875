"""What an author should know before publishing: ``studyhall check`` shows these findings.

Everything here reads; nothing runs. Errors stop a release, warnings are likely mistakes, notes are good to
know.
"""

import copy
import re
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from studyhall_notebooks.cells import (
    CellRole,
    TestInfo,
    grade_id,
    nbgrader_metadata,
    quiz_id,
    role_of,
    studyhall_metadata,
    tests_of,
)
from studyhall_notebooks.course import CourseBundle, load_course
from studyhall_notebooks.driven import parse_driven, why_not_driven
from studyhall_notebooks.errors import CourseError, NotebookError, ReleaseError
from studyhall_notebooks.fetching import fetching_cells
from studyhall_notebooks.nbgrader_metadata import metadata_problem, upgrade_metadata
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.release import (
    DEFAULT_OPTIONS,
    ReleaseOptions,
    graded_source,
    language_of,
    learner_version,
)
from studyhall_notebooks.slips import always_true_assert, missing_pictures, slips_of

DEFAULT_ENVIRONMENT = "default"
"""The environment of lessons that name none: an interpreter of Python."""


class Level(StrEnum):
    """How bad a finding is."""

    error = "error"
    """Stops a release."""
    warning = "warning"
    """Very likely a mistake."""
    note = "note"
    """Good to know."""


@dataclass(frozen=True)
class Finding:
    """One finding: how bad, where (file and cell, for people), a machine word, and words for people."""

    level: Level
    where: str
    code: str
    message: str


def check_course(path: Path | str) -> list[Finding]:
    """Return every finding about a course folder in reading order; an unreadable folder is one error."""
    try:
        bundle = load_course(path)
    except CourseError as error:
        return [Finding(Level.error, error.path, error.code, f"{error.problem} {error.way_out}".strip())]
    return check_bundle(bundle)


def check_bundle(bundle: CourseBundle) -> list[Finding]:
    """Return every finding about a course that is loaded."""
    findings = [Finding(Level.note, ".", "left_aside", note) for note in bundle.notes]
    shown: set[str] = set()
    unread_lessons: set[str] = set()
    without_tests: set[str] = set()
    for lesson in bundle.course.lessons:
        content = bundle.lessons[lesson.slug]
        has_tests = unread = False
        for stem, data in content.notebooks.items():
            where = f"source/{lesson.source_folder}/{stem}.ipynb"
            try:
                notebook = read_notebook(data)
            except NotebookError as error:
                findings.append(Finding(Level.error, where, error.code, error.message))
                unread = True
                continue
            findings.extend(check_notebook(notebook, where=where, options=bundle.options))
            findings.extend(_picture_findings(notebook, where, content.files))
            findings.extend(_trust_findings(notebook, where))
            if lesson.environment == DEFAULT_ENVIRONMENT and (language := foreign_language(notebook)):
                findings.append(
                    Finding(
                        Level.warning,
                        where,
                        "other_language",
                        f"The tests are written in {language}, and the environment {DEFAULT_ENVIRONMENT} runs Python. "
                        "Give the lesson the environment that has this kernel.",
                    )
                )
            has_tests = has_tests or bool(tests_of(notebook, stem))
            findings.extend(_quiz_findings(notebook, where, lesson.slug, bundle, shown))
        if unread:
            unread_lessons.add(lesson.slug)
        elif not has_tests:
            without_tests.add(lesson.slug)
            findings.append(
                Finding(
                    Level.note,
                    f"source/{lesson.source_folder}",
                    "no_tests",
                    "No cell of this lesson is graded, so learners can read it but not submit it.",
                )
            )
    findings.extend(
        Finding(
            Level.warning,
            "course.yaml",
            "never_opens",
            f"The lesson {lesson.slug} can never open: it comes after {lesson.after.lesson}, which has no graded cell "
            "and gives no score. Name another lesson, or grade a cell there.",
        )
        for lesson in bundle.course.lessons
        if lesson.after is not None and lesson.after.lesson in without_tests
    )
    findings.extend(
        Finding(
            Level.warning,
            f"quizzes/{quiz.id}.yaml",
            "quiz_never_shown",
            f"No notebook shows this quiz. Add a quiz cell to the lesson {quiz.lesson}.",
        )
        for quiz in bundle.quizzes.values()
        if quiz.id not in shown and quiz.lesson not in unread_lessons
    )
    return findings


def foreign_language(notebook: NotebookNode) -> str | None:
    """Return the language of tests that are no Python; None where they are, or where people grade everything."""
    language = language_of(notebook)
    if language.lower().startswith(("python", "ipython")):
        return None
    tested = any(role_of(cell) is CellRole.test and cell.cell_type == "code" for cell in notebook.cells)
    return language if tested else None


def check_notebook(
    notebook: NotebookNode, *, where: str = "notebook", options: ReleaseOptions = DEFAULT_OPTIONS
) -> list[Finding]:
    """Return every finding about one source notebook; ``where`` is how findings name its file."""
    findings = list(_metadata_findings(notebook, where))
    if not any(finding.level is Level.error for finding in findings):
        try:
            graded = graded_source(notebook, options)
            learner = learner_version(
                graded, course="c", lesson="l", release=1, notebook="n", options=options
            )
        except ReleaseError as error:
            place = where if error.index is None else f"{where}, cell {error.index + 1}"
            findings.append(Finding(Level.error, place, error.reason, error.message))
        else:
            findings.extend(_leak_findings(notebook, learner, where, options))
    findings.extend(_mark_findings(notebook, where, options))
    findings.extend(_slip_findings(notebook, where, options))
    findings.extend(_habit_findings(notebook, where, options))
    findings.extend(_network_findings(notebook, where))
    return findings


def _trust_findings(notebook: NotebookNode, where: str) -> Iterable[Finding]:
    """Yield one note that says which tests of a notebook a learner's code could fool."""
    tests = {test.grade_id: test for test in tests_of(notebook, "notebook") if not test.manual}
    sources = {grade_id(cell): cell.source for cell in reversed(notebook.cells)}
    driven = [test.title for test in tests.values() if parse_driven(sources[test.grade_id]) is not None]
    others = [test.title for test in tests.values() if test.title not in driven]
    said = [f"Tamper-proof: {_listed(driven)}."] if driven else []
    if others:
        said.append(f"Not tamper-proof, as they run beside the learner's code: {_listed(others)}.")
    if said:
        yield Finding(Level.note, where, "trust_of_tests", " ".join(said))


def _listed(titles: list[str]) -> str:
    return "; ".join(titles)


def _metadata_findings(notebook: NotebookNode, where: str) -> Iterable[Finding]:
    """Yield what nbgrader would refuse, cell by cell, so that an author sees all of it at once."""
    seen: dict[str, int] = {}
    old = [cell for cell in notebook.cells if _is_of_an_older_version(cell)]
    if old:
        yield Finding(
            Level.note,
            where,
            "old_metadata",
            f"The nbgrader settings of {len(old)} of {len(notebook.cells)} cells are of an older version; they are "
            "read as today's. nbgrader itself wants `nbgrader update` first.",
        )
    for index, written in enumerate(notebook.cells):
        place = f"{where}, cell {index + 1}"
        cell = written
        if _is_of_an_older_version(written):
            cell = copy.deepcopy(written)
            upgrade_metadata(cell)
        meta = nbgrader_metadata(cell)
        problem = metadata_problem(cell)
        if problem is not None:
            yield Finding(Level.error, place, *problem)
            continue
        if cell.cell_type == "raw" and role_of(cell) is not CellRole.plain:
            yield Finding(
                Level.warning,
                place,
                "raw_cell",
                "nbgrader cannot store raw cells; use markdown or code here.",
            )
        identifier = grade_id(cell)
        if identifier is None or not (meta.get("grade") or meta.get("solution") or meta.get("locked")):
            continue
        if identifier in seen:
            yield Finding(
                Level.error,
                place,
                "duplicate_grade_id",
                f'Cell {seen[identifier] + 1} has the grade id "{identifier}" too. Rename one of them.',
            )
        seen.setdefault(identifier, index)


def _is_of_an_older_version(cell: NotebookNode) -> bool:
    meta = nbgrader_metadata(cell)
    return bool(meta) and meta.get("schema_version", 0) in (0, 1, 2)


def _leak_findings(
    source: NotebookNode, learner: NotebookNode, where: str, options: ReleaseOptions
) -> Iterable[Finding]:
    """Yield lines of a solution or hidden test that the learner's version still shows somewhere else."""
    text = write_notebook(learner)
    shown = {line.strip() for cell in learner.cells for line in cell.source.splitlines()}
    secret_regions = (
        (options.begin_solution, options.end_solution, "solution_shown_elsewhere", "a solution"),
        (options.begin_hidden, options.end_hidden, "hidden_test_shown_elsewhere", "a hidden test"),
    )
    for index, cell in enumerate(source.cells):
        for begin, end, code, name in secret_regions:
            leaked = [
                line
                for line in lines_between(cell.source, begin, end)
                if _is_telling(line) and line.strip() in shown
            ]
            if leaked:
                yield Finding(
                    Level.warning,
                    f"{where}, cell {index + 1}",
                    code,
                    f"A line of {name} also stands where learners see it: {leaked[0].strip()[:100]!r}.",
                )
    for marker in (options.begin_solution, options.begin_hidden, options.begin_mark_scheme):
        if marker in text:
            yield Finding(
                Level.warning, where, "marker_left", f"The words {marker!r} stay in the learners' version."
            )


def _mark_findings(notebook: NotebookNode, where: str, options: ReleaseOptions) -> Iterable[Finding]:
    """Yield marks of regions that do nothing where they stand, as misspelt ones leave them; nbgrader is silent, too."""
    regions = (
        (options.begin_solution, options.end_solution, "the solution"),
        (options.begin_hidden, options.end_hidden, "the hidden tests"),
        (options.begin_mark_scheme, options.end_mark_scheme, "the mark scheme"),
    )
    for index, cell in enumerate(notebook.cells):
        place = f"{where}, cell {index + 1}"
        for begin, end, name in regions:
            line = _end_without_begin(cell.source, begin, end)
            if line is not None:
                yield Finding(
                    Level.warning,
                    place,
                    "end_without_begin",
                    f"Line {line} ends a region that never began, so learners may see {name} above it. Is the line "
                    f"with {begin} missing or misspelt?",
                )
        if role_of(cell) is CellRole.answer and options.begin_hidden in cell.source:
            yield Finding(
                Level.warning,
                place,
                "hidden_test_in_answer",
                "Hidden tests in an answer cell never run, as the cell is the learner's. Move them to a test cell.",
            )


def _slip_findings(notebook: NotebookNode, where: str, options: ReleaseOptions) -> Iterable[Finding]:
    for index, cell in enumerate(notebook.cells):
        for slip in slips_of(cell, options):
            yield Finding(Level.warning, f"{where}, cell {index + 1}", slip.code, slip.message)


def _picture_findings(notebook: NotebookNode, where: str, files: Collection[str]) -> Iterable[Finding]:
    for index, cell in enumerate(notebook.cells):
        for slip in missing_pictures(cell, files):
            yield Finding(Level.warning, f"{where}, cell {index + 1}", slip.code, slip.message)


def _end_without_begin(source: str, begin: str, end: str) -> int | None:
    """Return the number of the first line that ends a region outside of one."""
    inside = False
    for number, line in enumerate(source.split("\n"), start=1):
        if begin in line:
            inside = True
        elif end in line and not inside:
            return number
        elif end in line:
            inside = False
    return None


def lines_between(source: str, begin: str, end: str) -> list[str]:
    """Return the lines of a source's regions, without the lines that mark them."""
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        if begin in line:
            inside = True
        elif end in line:
            inside = False
        elif inside:
            lines.append(line)
    return lines


def _is_telling(line: str) -> bool:
    """Return whether a line says enough to be a leak: not a bracket, a comment or a bare ``return``."""
    words = line.strip()
    return (
        len(words) >= 12
        and not words.startswith(("#", "import ", "from "))
        and len(re.findall(r"\w+", words)) >= 3
    )


def _habit_findings(notebook: NotebookNode, where: str, options: ReleaseOptions) -> Iterable[Finding]:
    """Yield what makes a lesson worse for its learners although it can be released."""
    tests = {test.grade_id: test for test in tests_of(notebook, "notebook")}
    python = language_of(notebook) == "python"
    answered = False
    for index, cell in enumerate(notebook.cells):
        role = role_of(cell)
        answered = answered or role is CellRole.answer
        test = tests.get(grade_id(cell) or "")
        if role is not CellRole.test or test is None:
            continue
        place = f"{where}, cell {index + 1}"
        if not answered:
            yield Finding(Level.warning, place, "no_answer_before", "No answer cell stands before this test.")
        for code, level, message in _test_habits(cell, test, options):
            yield Finding(level, place, code, message)
        always = always_true_assert(cell.source) if python else None
        if always is not None:
            yield Finding(
                Level.warning,
                place,
                "assert_always_true",
                f"The assert in line {always} is about a tuple, which always holds. Write it without the brackets "
                'around both: assert condition, "message".',
            )
        broken = _broken_line(cell.source) if python else None
        if broken is not None:
            yield Finding(
                Level.warning,
                place,
                "broken_test",
                f"This test is no Python, so it never passes: line {broken[0]}: {broken[1]}.",
            )


def _network_findings(notebook: NotebookNode, where: str) -> Iterable[Finding]:
    if language_of(notebook) != "python":
        return
    for index in fetching_cells(notebook):
        yield Finding(
            Level.warning,
            f"{where}, cell {index + 1}",
            "needs_network",
            "This cell fetches something over the network, which there is none of where submissions are graded. Put "
            "the file beside the notebook, and read it by its name.",
        )


def _broken_line(source: str) -> tuple[int, str] | None:
    """Return where and why a test can't be compiled; magics and shell lines are IPython's and let be."""
    if any(
        line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?")
        for line in source.split("\n")
    ):
        return None
    try:
        compile(source, "<test>", "exec", dont_inherit=True, flags=PyCF_ONLY_AST | PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error)
    return None


def _test_habits(
    cell: NotebookNode, test: TestInfo, options: ReleaseOptions
) -> Iterable[tuple[str, Level, str]]:
    told = studyhall_metadata(cell).get("test")
    hidden = test.hidden or options.begin_hidden in cell.source
    if not isinstance(told, dict) or not told.get("title"):
        yield "no_title", Level.note, f'The test has no title; learners will read "{test.title}".'
    if hidden and not test.hint:
        yield "no_hint", Level.note, "A hidden test without a hint tells a learner only that it failed."
    if test.points == 0:
        yield "no_points", Level.note, "This test gives 0 points."
    why = why_not_driven(cell.source)
    if why is not None:
        yield (
            "not_driven",
            Level.warning,
            f"This test uses check but is not tamper-proof, because {why}.",
        )
    if not cell.source.strip():
        yield "empty_test", Level.warning, "This test is empty, so everyone passes it."
    if hidden and _has_visible_assert(cell.source, options):
        yield (
            "mixed_test",
            Level.note,
            "Visible and hidden tests share this cell, so a learner sees one verdict for both. Split it.",
        )


def _has_visible_assert(source: str, options: ReleaseOptions) -> bool:
    hidden = set(lines_between(source, options.begin_hidden, options.end_hidden))
    return any(
        line.lstrip().startswith(("assert", "check.")) and line not in hidden for line in source.split("\n")
    )


def _quiz_findings(
    notebook: NotebookNode, where: str, lesson: str, bundle: CourseBundle, shown: set[str]
) -> Iterable[Finding]:
    for index, cell in enumerate(notebook.cells):
        identifier = quiz_id(cell)
        if identifier is None:
            continue
        place = f"{where}, cell {index + 1}"
        if cell.cell_type != "markdown":
            yield Finding(Level.error, place, "quiz_not_markdown", "A quiz cell must be a markdown cell.")
            continue
        shown.add(identifier)
        quiz = bundle.quizzes.get(identifier)
        if quiz is None:
            yield Finding(
                Level.error,
                place,
                "unknown_quiz",
                f"There is no quizzes/{identifier}.yaml. "
                + (
                    "The file lies in the lesson's folder, where learners would get it with its answers: move it."
                    if f"{identifier}.yaml" in bundle.lessons[lesson].files
                    else "Add it or mend the cell."
                ),
            )
            continue
        if quiz.lesson != lesson:
            yield Finding(
                Level.error, place, "quiz_of_other_lesson", f"This quiz belongs to the lesson {quiz.lesson}."
            )
        text = cell.source.casefold()
        for question in quiz.questions:
            if question.explanation.strip() and question.explanation.strip().casefold() in text:
                yield Finding(
                    Level.error,
                    place,
                    "quiz_key_shown",
                    f"The explanation of {question.id} stands in the notebook.",
                )
