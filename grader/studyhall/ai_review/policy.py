"""Pure rules of reviews: which cells are the learner's own, and which texts are the tasks."""

from collections.abc import Iterable, Mapping

from nbformat import NotebookNode
from studyhall_notebooks.cells import CellRole, grade_id, role_of

from studyhall.ai.reviewer import Material, TaskText, TestOutcome, WorkCell
from studyhall.submissions.schemas import LearnerReport

WRITTEN_BY_LEARNERS = (CellRole.answer, CellRole.manual)
MAX_TASK_CELLS = 3
"""Markdown cells right before an answer cell that are taken as its task."""


def work_cells(submitted: NotebookNode, released: NotebookNode | None, *, notebook: str) -> list[WorkCell]:
    """Return a submitted notebook's cells, each marked as the learner's own or the author's.

    Own is an answer cell that was changed, and any cell that the release does not have. Test cells, locked cells and
    quizzes are never own: what a learner made of them is of no interest, and what an author put there stays here.

    Args:
        submitted: what the learner sent.
        released: the notebook as learners fetched it; none when the lesson has no notebook of that name.
        notebook: its name.
    """
    given = {cell.source.strip() for cell in released.cells} if released is not None else set()
    cells = []
    for cell in submitted.cells:
        if cell.cell_type not in {"code", "markdown"}:
            continue
        role = role_of(cell)
        own = role in (*WRITTEN_BY_LEARNERS, CellRole.plain) and cell.source.strip() not in given
        cells.append(
            WorkCell(notebook=notebook, cell_id=cell.id, kind=cell.cell_type, source=cell.source, own=own)
        )
    return cells


def answer_cells(submitted: NotebookNode) -> dict[str, str]:
    """Return the cell id of each answer cell by its grade id; the first one counts, as it does in grading."""
    found: dict[str, str] = {}
    for cell in submitted.cells:
        name = grade_id(cell)
        if name is not None and role_of(cell) in WRITTEN_BY_LEARNERS:
            found.setdefault(name, cell.id)
    return found


def task_texts(released: NotebookNode, *, notebook: str) -> list[TaskText]:
    """Return the public texts of a released notebook's tasks: the markdown right before each answer cell."""
    texts: list[TaskText] = []
    before: list[str] = []
    for cell in released.cells:
        role = role_of(cell)
        if cell.cell_type == "markdown" and role in (CellRole.plain, CellRole.read_only, CellRole.task):
            before.append(cell.source)
            if role is CellRole.task:
                texts.append(TaskText(notebook=notebook, text=cell.source))
                before.clear()
            continue
        if role in WRITTEN_BY_LEARNERS and before:
            texts.append(TaskText(notebook=notebook, text="\n\n".join(before[-MAX_TASK_CELLS:])))
        before.clear()
    return texts


def outcomes(report: LearnerReport | None, answers: Mapping[str, Mapping[str, str]]) -> Iterable[TestOutcome]:
    """Return the learner's view of the results; of a hidden test there is no message, whatever the report holds.

    Args:
        report: the learner's view of the report.
        answers: cell id by grade id, by notebook.
    """
    for test in report.tests if report else ():
        yield TestOutcome(
            title=test.title,
            status=test.status,
            hidden=test.hidden,
            points=test.points,
            max_points=test.max_points,
            message="" if test.hidden else test.message,
            hint=test.hint,
            notebook=test.notebook,
            cell_id=answers.get(test.notebook, {}).get(test.answer_grade_id or test.grade_id),
        )


def language_of(notebooks: Iterable[NotebookNode]) -> str:
    """Return the language that the notebooks are written in, as their kernel calls it."""
    for notebook in notebooks:
        for name, key in (("language_info", "name"), ("kernelspec", "language"), ("kernelspec", "name")):
            part = notebook.metadata.get(name)
            if isinstance(part, dict) and isinstance(part.get(key), str) and part[key]:
                return str(part[key])[:40]
    return "python"


def material(
    *,
    lesson: str,
    passed: bool,
    score: float | None,
    max_score: float | None,
    submitted: Mapping[str, NotebookNode],
    released: Mapping[str, NotebookNode],
    report: LearnerReport | None,
    focus: Iterable[str],
) -> Material:
    """Return all that a reviewer gets of an attempt."""
    return Material(
        lesson=lesson,
        language=language_of(released.values()),
        passed=passed,
        score=score,
        max_score=max_score,
        tasks=tuple(
            text for name, notebook in released.items() for text in task_texts(notebook, notebook=name)
        ),
        cells=tuple(
            cell
            for name, notebook in submitted.items()
            for cell in work_cells(notebook, released.get(name), notebook=name)
        ),
        tests=tuple(outcomes(report, {name: answer_cells(notebook) for name, notebook in submitted.items()})),
        focus=tuple(focus),
    )
