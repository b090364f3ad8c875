"""Reading what a learner sent: which notebook is which, and which can be read at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import grade_id, studyhall_metadata
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import ParsedNotebook, parse_notebook

from studyhall_judge.likeness import plain
from studyhall_judge.releases import PreparedRelease, ReleasedNotebook
from studyhall_judge.report import GradeRequest, IntegrityFlag, Repair

BIG_TEXT = 300_000
"""Above this many characters of its notebooks a submission is read beside the event loop."""

ENOUGH_ALIKE = 2
"""Cells with a text of the lesson's that make a notebook without any label one of the lesson's."""


@dataclass
class ReadSubmission:
    """The notebooks by released name (None: cannot be read). ``refusal`` is set when there is nothing to grade."""

    notebooks: dict[str, NotebookNode | None] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    flags: list[IntegrityFlag] = field(default_factory=list)
    refusal: str = ""

    def repair(self, code: str, notebook: str, message: str) -> None:
        """List a repair of a whole notebook."""
        self.repairs.append(Repair(code=code, notebook=notebook, grade_id=None, message=message))


async def read_aside(release: PreparedRelease, request: GradeRequest) -> ReadSubmission:
    """As `read_submission`; others go on meanwhile when it is a big one: to find what is left of it takes seconds."""
    if sum(map(len, request.notebooks.values())) > BIG_TEXT:
        return await asyncio.to_thread(read_submission, release, request)
    return read_submission(release, request)


def read_submission(release: PreparedRelease, request: GradeRequest) -> ReadSubmission:
    """Read all notebooks of a submission. One that cannot be read costs only itself."""
    read = ReadSubmission()
    spare: dict[str, ParsedNotebook] = {}
    problems: dict[str, str] = {}
    for name, text in request.notebooks.items():
        try:
            parsed = parse_notebook(text, salvaging=True)
        except NotebookError as error:
            problems[name] = str(error)
            continue
        by_name = name in release.notebooks
        if by_name and (request.scoring == "nbgrader" or not _fits_another(release, name, parsed.notebook)):
            _place(read, release.notebooks[name], parsed)
        else:
            spare[name] = parsed
    _place_spare(release, read, spare, as_nbgrader=request.scoring == "nbgrader")
    if not read.notebooks:
        read.refusal = next(iter(problems.values()), "The submission holds no notebook of this lesson.")
        return read
    for name in release.notebooks:
        if name in read.notebooks:
            continue
        read.notebooks[name] = None
        if name in problems:
            read.repair(
                "unreadable",
                name,
                f"This notebook could not be read, so its tasks count as open. {problems[name]}",
            )
        else:
            read.repair(
                "missing_notebook", name, "This notebook was not in the submission; its tasks count as open."
            )
    return read


def _place(read: ReadSubmission, released: ReleasedNotebook, parsed: ParsedNotebook) -> None:
    read.notebooks[released.name] = parsed.notebook
    for repair in parsed.repairs:
        read.repair(repair.code, released.name, repair.message)
    _check_kernel(read, released, parsed.notebook)


def _fits_another(release: PreparedRelease, name: str, notebook: NotebookNode) -> bool:
    """Whether a notebook holds more of another one of the lesson than of the one whose name it has."""
    ids = _ids(notebook)
    fits = {wanted: _shared(released, ids) for wanted, released in release.notebooks.items()}
    return max(fits.values()) > fits[name]


def _place_spare(
    release: PreparedRelease, read: ReadSubmission, spare: dict[str, ParsedNotebook], *, as_nbgrader: bool
) -> None:
    """Recognise notebooks under another name: the best fit first, by their grade ids, what they say, their texts."""
    while spare:
        free = [name for name in release.notebooks if name not in read.notebooks]
        fits = [
            (fit, name, wanted)
            for name, parsed in spare.items()
            for wanted in free
            if any(fit := _fit(release.notebooks[wanted], parsed.notebook))
        ]
        if not fits:
            break
        _, name, wanted = max(fits, key=lambda one: one[0])
        _place(read, release.notebooks[wanted], spare.pop(name))
        if name != wanted:
            read.repair(
                "renamed_notebook",
                wanted,
                "This notebook had another name and was recognised by its content.",
            )
    if not as_nbgrader:
        _take_worked_copies(release, read, spare)
    for name, parsed in spare.items():
        if name in release.notebooks and name not in read.notebooks:
            _place(read, release.notebooks[name], parsed)
        else:
            read.repair("extra_notebook", name, "This notebook is not part of the lesson and was left out.")


def _take_worked_copies(
    release: PreparedRelease, read: ReadSubmission, spare: dict[str, ParsedNotebook]
) -> None:
    """Where a notebook is as the learner got it, take the copy that was worked on: a browser has named it anew."""
    for wanted, released in release.notebooks.items():
        notebook = read.notebooks.get(wanted)
        if not spare or notebook is None or _is_worked_on(released, notebook) is not False:
            continue
        copies = [name for name, parsed in spare.items() if _is_worked_on(released, parsed.notebook)]
        if copies:
            name = max(copies, key=lambda one: _fit(released, spare[one].notebook))
            read.repairs = [one for one in read.repairs if one.notebook != wanted]
            _place(read, released, spare.pop(name))
            read.repair(
                "worked_copy",
                wanted,
                f"The notebook {wanted} was as you got it, and your work stood in {name}. It was taken from there.",
            )


def _is_worked_on(released: ReleasedNotebook, notebook: NotebookNode) -> bool | None:
    """Whether any answer is more than what the learner got; None where no answer can be told by its label."""
    mine = {grade_id(cell): plain(cell.source) for cell in notebook.cells}
    answers = [cell for cell in released.cells if cell.is_learners and cell.grade_id in mine]
    if not answers:
        return None
    return any(mine[cell.grade_id] not in ("", cell.plain) for cell in answers)


def _fit(released: ReleasedNotebook, notebook: NotebookNode) -> tuple[int, bool, int]:
    """Return how well a notebook under another name fits; the texts are only asked when nothing else says."""
    shared = _shared(released, _ids(notebook))
    told = studyhall_metadata(notebook).get("notebook") == released.name
    return shared, told, 0 if shared or told else _alike(released, notebook)


def _ids(notebook: NotebookNode) -> set[str | None]:
    return {grade_id(cell) for cell in notebook.cells} - {None}


def _shared(released: ReleasedNotebook, ids: set[str | None]) -> int:
    return sum(1 for cell in released.cells if cell.is_anchor and cell.grade_id in ids)


def _alike(released: ReleasedNotebook, notebook: NotebookNode) -> int:
    """Return how many cells have the text of the lesson's; fewer than `ENOUGH_ALIKE` may be chance."""
    texts = {plain(cell.source) for cell in notebook.cells}
    alike = sum(1 for cell in released.cells if cell.plain and cell.plain in texts)
    return alike if alike >= ENOUGH_ALIKE else 0


def _check_kernel(read: ReadSubmission, released: ReleasedNotebook, submitted: NotebookNode) -> None:
    wanted = released.node.metadata.get("kernelspec")
    language = wanted.get("language", "python") if isinstance(wanted, dict) else "python"
    found = submitted.metadata.get("kernelspec")
    name = found.get("language", language) if isinstance(found, dict) else None
    if name is None and wanted is not None:
        read.repair(
            "kernel", released.name, "The notebook did not name its kernel. The lesson's kernel was used."
        )
    elif name is not None and name != language:
        read.repair(
            "kernel", released.name, "The notebook named another kernel. The lesson's kernel was used."
        )
