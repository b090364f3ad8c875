"""From an author's source notebook to what the judge keeps and what a learner gets.

Three forms: *source* (with solutions and hidden tests) → `graded_source` (solutions replaced by stubs,
hidden tests kept, checksums; what the judge rebuilds from) → `learner_version` (hidden tests and mark
schemes removed too). Sources, checksums and nbgrader's metadata equal those of ``nbgrader
generate_assignment`` 0.9.6. Four things differ on purpose, all so that nothing leaks: attachments that only
a removed text used are removed, widget state is removed, only known keys of ``metadata.studyhall`` are kept,
and the notebook gets ``metadata.studyhall`` of its own.
"""

import copy
import re
from typing import Any, Final, Literal

from nbformat.notebooknode import NotebookNode
from pydantic import BaseModel, ConfigDict, Field

from studyhall_notebooks.cells import (
    BEGIN_HIDDEN,
    END_HIDDEN,
    is_grade,
    is_locked,
    is_solution,
    is_task,
    quiz_id,
    studyhall_metadata,
)
from studyhall_notebooks.checksum import compute_checksum
from studyhall_notebooks.errors import ReleaseError
from studyhall_notebooks.nbgrader_metadata import check_metadata, upgrade_metadata
from studyhall_notebooks.solutions import bound_builtins, changed_names
from studyhall_notebooks.structure import as_node

_INDENT: Final = re.compile(r"\A\s*")
_CLASS: Final = re.compile(r"^[^\S\n]*class\s+(\w+)", re.MULTILINE)


class ReleaseOptions(BaseModel):
    """What a course may change about releases; the defaults are nbgrader's.

    ``code_stub`` maps a kernelspec's language to the code that replaces a solution. ``header`` and
    ``footer`` are cells (as JSON objects) put before and after every notebook of the course.
    """

    model_config = ConfigDict(frozen=True)

    code_stub: dict[str, str] = Field(
        default_factory=lambda: {
            "python": "# YOUR CODE HERE\nraise NotImplementedError()",
            "R": "# YOUR CODE HERE\nfail()",
            "matlab": "% YOUR CODE HERE\nerror('No Answer Given!')",
            "octave": "% YOUR CODE HERE\nerror('No Answer Given!')",
            "sas": "/* YOUR CODE HERE */\n %notImplemented;",
            "java": "// YOUR CODE HERE",
        }
    )
    text_stub: str = "YOUR ANSWER HERE"
    begin_solution: str = "BEGIN SOLUTION"
    end_solution: str = "END SOLUTION"
    begin_hidden: str = BEGIN_HIDDEN
    end_hidden: str = END_HIDDEN
    begin_mark_scheme: str = "BEGIN MARK SCHEME"
    end_mark_scheme: str = "END MARK SCHEME"
    lock_solution_cells: bool = True
    lock_grade_cells: bool = True
    lock_readonly_cells: bool = True
    lock_all_cells: bool = False
    header: tuple[dict[str, Any], ...] = ()
    footer: tuple[dict[str, Any], ...] = ()


DEFAULT_OPTIONS: Final = ReleaseOptions()


def graded_source(notebook: NotebookNode, options: ReleaseOptions = DEFAULT_OPTIONS) -> NotebookNode:
    """Return what the judge rebuilds a submission from: stubs for solutions, hidden tests kept, checksums.

    A test with a hidden region gets ``metadata.studyhall.test.hidden = true``, so that the learner's version
    still knows it. Names of Python classes that only solutions define, and those that solutions change in place or
    take from Python's builtins, are kept in the notebook's ``metadata.studyhall`` (``solution_classes``,
    ``solution_changes``, ``solution_binds``), which no learner gets: the judge has to know whose objects compare
    themselves, and what an answer may change or replace. The notebook handed in stays as it is.

    Raises:
        ReleaseError: nbgrader would refuse the notebook too (repeated grade id, missing points, a region
            without an end, a solution outside of an answer cell), or it holds AUTOTEST lines, which only
            nbgrader can fill in.
    """
    result = copy.deepcopy(notebook)
    result.cells = [
        *(as_node(copy.deepcopy(cell)) for cell in options.header),
        *result.cells,
        *(as_node(copy.deepcopy(cell)) for cell in options.footer),
    ]
    _give_header_cells_ids(result)
    language = language_of(result)
    result.metadata.pop("celltoolbar", None)
    result.metadata.pop("widgets", None)
    for index, cell in enumerate(result.cells):
        upgrade_metadata(cell)
        _refuse_autotest(cell, index)
        _lock(cell, options)
        _clear_solution(cell, index, language, options)
        _clear_output(cell)
        _keep_known_studyhall_metadata(cell)
    check_metadata(result)
    if language == "python":
        _note_solution(notebook, result)
    for index, cell in enumerate(result.cells):
        _note_hidden_region(cell, index, options)
        # A region whose end is missing must be refused now: the learner's version is made from this one.
        _without_mark_scheme(cell, index, options)
        _add_checksum(cell)
    return result


def with_default_delimiters(graded: NotebookNode, options: ReleaseOptions) -> NotebookNode:
    """Return `graded_source`'s notebook with the delimiters that are nbgrader's own, for whoever has no options.

    The judge is such a reader: it gets a notebook, not a course. The notebook handed in stays as it is.
    """
    marks = (
        (options.begin_hidden, DEFAULT_OPTIONS.begin_hidden),
        (options.end_hidden, DEFAULT_OPTIONS.end_hidden),
        (options.begin_mark_scheme, DEFAULT_OPTIONS.begin_mark_scheme),
        (options.end_mark_scheme, DEFAULT_OPTIONS.end_mark_scheme),
    )
    if all(own == default for own, default in marks):
        return graded
    result = copy.deepcopy(graded)
    for cell in result.cells:
        lines = cell.source.split("\n")
        for place, line in enumerate(lines):
            for own, default in marks:
                if own in line and default not in line:
                    lines[place] = line.replace(own, default)
        source = "\n".join(lines)
        if source != cell.source:
            cell["source"] = source
            _add_checksum(cell)
    return result


def learner_version(
    graded: NotebookNode,
    *,
    course: str,
    lesson: str,
    release: int,
    notebook: str,
    options: ReleaseOptions = DEFAULT_OPTIONS,
) -> NotebookNode:
    """Return what a learner gets: `graded_source` without hidden tests and mark schemes, outputs cleared.

    Args:
        graded: what `graded_source` returned.
        course: the course's slug, written into ``metadata.studyhall`` with the next three.
        lesson: the lesson's slug.
        release: the version that is published, counted from 1.
        notebook: the notebook's file name without ``.ipynb``.
        options: the course's options, as for `graded_source`.

    Raises:
        ReleaseError: a region has no end or stands in a cell that may not have one.
    """
    result = copy.deepcopy(graded)
    for index, cell in enumerate(result.cells):
        source, removed = _without_hidden_tests(cell, index, options)
        _refuse_other_options(cell, index, removed=removed)
        _replace_source(cell, source)
        _replace_source(cell, _without_mark_scheme(cell, index, options)[0])
        _clear_output(cell)
        _add_checksum(cell)
    check_metadata(result)
    result.metadata["studyhall"] = as_node(
        {"course": course, "lesson": lesson, "notebook": notebook, "release": release}
    )
    return result


def _give_header_cells_ids(notebook: NotebookNode) -> None:
    """Header cells come from another file: an id that is missing or taken is replaced by one of its own."""
    taken: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        identifier = cell.get("id")
        if not isinstance(identifier, str) or identifier in taken:
            number = place
            while f"cell-{number}" in taken:
                number += len(notebook.cells)
            cell["id"] = identifier = f"cell-{number}"
        taken.add(identifier)


def language_of(notebook: NotebookNode) -> str:
    """Return the language that a notebook's kernel runs."""
    kernelspec = notebook.metadata.get("kernelspec", {})
    language = kernelspec.get("language", "python") if isinstance(kernelspec, dict) else "python"
    return language if isinstance(language, str) else "python"


def _refuse_autotest(cell: NotebookNode, index: int) -> None:
    if cell.cell_type == "code" and any(
        "AUTOTEST" in line and line.strip().startswith("#") for line in cell.source.split("\n")
    ):
        raise ReleaseError(
            f"Cell {index + 1} holds AUTOTEST lines, which nbgrader turns into tests by running the "
            "solution. Run "
            "`nbgrader generate_assignment --source_with_tests` and publish the folder source_with_tests "
            "instead.",
            reason="autotest",
            cell=f"cell {index + 1}",
            index=index,
        )


def _lock(cell: NotebookNode, options: ReleaseOptions) -> None:
    solution, grade = is_solution(cell), is_grade(cell)
    if solution and ((options.lock_solution_cells) or (grade and options.lock_grade_cells)):
        cell.metadata["deletable"] = False
    elif (
        (grade and options.lock_grade_cells)
        or (is_locked(cell) and options.lock_readonly_cells)
        or options.lock_all_cells
    ):
        cell.metadata["deletable"] = False
        cell.metadata["editable"] = False


def _clear_solution(cell: NotebookNode, index: int, language: str, options: ReleaseOptions) -> None:
    is_code = cell.cell_type == "code"
    solution = is_solution(cell)
    if not solution and options.begin_solution not in cell.source and options.end_solution not in cell.source:
        return
    stub = options.code_stub.get(language) if is_code else options.text_stub
    if stub is None:
        raise ReleaseError(
            f'There is no stub for the language "{language}" to put in the place of solutions. Add one to '
            "ClearSolutions.code_stub in nbgrader_config.py.",
            reason="unknown_language",
            cell=f"cell {index + 1}",
            index=index,
        )
    source, replaced = _without_region(
        cell, index, options.begin_solution, options.end_solution, kind="solution", stub=stub.split("\n")
    )
    if replaced and not solution:
        raise ReleaseError(
            f"Cell {index + 1} holds a solution but is not an answer cell, so learners would keep the "
            "solution's "
            "place without being graded. Make it an answer cell.",
            reason="solution_outside_answer",
            cell=f"cell {index + 1}",
            index=index,
        )
    _replace_source(cell, source if replaced or not solution else stub)


def _clear_output(cell: NotebookNode) -> None:
    if cell.cell_type == "code":
        cell["outputs"] = []
        cell["execution_count"] = None
        for key in ("collapsed", "scrolled"):
            cell.metadata.pop(key, None)


def _keep_known_studyhall_metadata(cell: NotebookNode) -> None:
    """Keep a test's title, hint and declared scoring and a quiz's id; an author's notes never reach a learner."""
    if "studyhall" not in cell.metadata:
        return
    told = studyhall_metadata(cell)
    kept: dict[str, Any] = {}
    test = told.get("test")
    if isinstance(test, dict):
        kept["test"] = {key: test[key] for key in ("title", "hint") if isinstance(test.get(key), str)}
        if test.get("text_result") == "full_marks":
            kept["test"]["text_result"] = "full_marks"
    identifier = quiz_id(cell)
    if identifier is not None:
        kept["quiz"] = {"id": identifier}
    if kept:
        cell.metadata["studyhall"] = as_node(kept)
    else:
        del cell.metadata["studyhall"]


def _note_solution(notebook: NotebookNode, result: NotebookNode) -> None:
    told = studyhall_metadata(result)
    found = {
        "solution_classes": _classes_of(notebook) - _classes_of(result),
        "solution_changes": changed_names(_answers(notebook)),
        "solution_binds": bound_builtins(_answers(notebook)),
    }
    noted = dict(told)
    for name, names in found.items():
        before = told.get(name)
        known = {str(one) for one in before} if isinstance(before, list) else set()
        if known | names:
            noted[name] = sorted(known | names)
    if noted:
        result.metadata["studyhall"] = as_node(noted)


def _answers(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code" and is_solution(cell)]


def _classes_of(notebook: NotebookNode) -> set[str]:
    """Return the names of the classes that answer cells define."""
    return {name for source in _answers(notebook) for name in _CLASS.findall(source)}


def _note_hidden_region(cell: NotebookNode, index: int, options: ReleaseOptions) -> None:
    _source, removed = _without_hidden_tests(cell, index, options)
    if removed:
        told = dict(studyhall_metadata(cell))
        told["test"] = {**told.get("test", {}), "hidden": True}
        cell.metadata["studyhall"] = as_node(told)


def _refuse_other_options(cell: NotebookNode, index: int, *, removed: bool) -> None:
    """Hidden tests that were found while grading was prepared but not now would be shown to every learner."""
    test = studyhall_metadata(cell).get("test")
    if isinstance(test, dict) and test.get("hidden") is True and not removed:
        raise ReleaseError(
            f"Cell {index + 1} holds hidden tests that were marked in another way. Build the learners' "
            "version with "
            "the same options as the graded one.",
            reason="other_options",
            cell=f"cell {index + 1}",
            index=index,
        )


def _without_hidden_tests(cell: NotebookNode, index: int, options: ReleaseOptions) -> tuple[str, bool]:
    source, removed = _without_region(
        cell, index, options.begin_hidden, options.end_hidden, kind="hidden test"
    )
    if removed and not is_grade(cell):
        raise ReleaseError(
            f"Cell {index + 1} holds hidden tests but is not a test cell, so they would never run. Make it "
            "an "
            "autograder tests cell.",
            reason="hidden_tests_outside_test",
            cell=f"cell {index + 1}",
            index=index,
        )
    return source, removed


def _without_mark_scheme(cell: NotebookNode, index: int, options: ReleaseOptions) -> tuple[str, bool]:
    source, removed = _without_region(
        cell, index, options.begin_mark_scheme, options.end_mark_scheme, kind="mark scheme"
    )
    if removed and not is_task(cell):
        raise ReleaseError(
            f"Cell {index + 1} holds a mark scheme but is not a manually graded task. Make it one.",
            reason="mark_scheme_outside_task",
            cell=f"cell {index + 1}",
            index=index,
        )
    return source, removed


def _without_region(
    cell: NotebookNode,
    index: int,
    begin: str,
    end: str,
    *,
    kind: Literal["solution", "hidden test", "mark scheme"],
    stub: list[str] | None = None,
) -> tuple[str, bool]:
    """Return the source with every region replaced by the stub, and whether there was one."""
    kept: list[str] = []
    inside = removed = False
    for line in cell.source.split("\n"):
        if begin in line:
            if inside:
                raise ReleaseError(
                    f"Cell {index + 1} begins a {kind} region inside another one.",
                    reason="nested_region",
                    cell=f"cell {index + 1}",
                    index=index,
                )
            inside = removed = True
            indent = line[: len(line) - len(_INDENT.sub("", line))]
            kept.extend(indent + stub_line for stub_line in stub or [])
        elif end in line:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise ReleaseError(
            f"Cell {index + 1} begins a {kind} region that never ends; learners would see or lose the rest "
            "of the "
            f"cell. Add a line with {end}.",
            reason="unclosed_region",
            cell=f"cell {index + 1}",
            index=index,
        )
    return "\n".join(kept), removed


def _replace_source(cell: NotebookNode, source: str) -> None:
    """Set the text and drop attachments that only the old text used: they may show the answer."""
    if source == cell.source:
        return
    cell["source"] = source
    attachments = cell.get("attachments")
    if attachments is None:
        return
    kept = {name: bundle for name, bundle in attachments.items() if f"attachment:{name}" in source}
    if kept:
        cell["attachments"] = as_node(kept)
    else:
        del cell["attachments"]


def _add_checksum(cell: NotebookNode) -> None:
    if is_grade(cell) or is_solution(cell) or is_locked(cell):
        cell.metadata["nbgrader"]["checksum"] = compute_checksum(cell)
        cell.metadata["nbgrader"]["cell_type"] = cell.cell_type
