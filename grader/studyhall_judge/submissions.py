"""Reading what a learner sent: which notebook is which, and which can be read at all."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import grade_id, studyhall_metadata
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import parse_notebook

from studyhall_judge.releases import PreparedRelease, ReleasedNotebook
from studyhall_judge.report import GradeRequest, IntegrityFlag, Repair


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


def read_submission(release: PreparedRelease, request: GradeRequest) -> ReadSubmission:
    """Read all notebooks of a submission. One that cannot be read costs only itself."""
    read = ReadSubmission()
    spare: dict[str, NotebookNode] = {}
    problems: list[str] = []
    for name, text in request.notebooks.items():
        try:
            parsed = parse_notebook(text)
        except NotebookError as error:
            problems.append(str(error))
            if name in release.notebooks:
                read.notebooks[name] = None
                read.repair(
                    "unreadable",
                    name,
                    f"This notebook could not be read, so its tasks count as open. {error}",
                )
            continue
        if name in release.notebooks:
            read.notebooks[name] = parsed.notebook
            for repair in parsed.repairs:
                read.repair(repair.code, name, repair.message)
            _check_kernel(read, release.notebooks[name], parsed.notebook)
        else:
            spare[name] = parsed.notebook
    _place_renamed(release, read, spare)
    if not any(notebook is not None for notebook in read.notebooks.values()):
        read.refusal = problems[0] if problems else "The submission holds no notebook of this lesson."
        return read
    for name in release.notebooks:
        if name not in read.notebooks:
            read.notebooks[name] = None
            read.repair(
                "missing_notebook", name, "This notebook was not in the submission; its tasks count as open."
            )
    return read


def _place_renamed(release: PreparedRelease, read: ReadSubmission, spare: dict[str, NotebookNode]) -> None:
    """Recognise notebooks under another name by what they say of themselves, then by their grade ids."""
    for name, notebook in spare.items():
        free = [wanted for wanted in release.notebooks if read.notebooks.get(wanted) is None]
        told = studyhall_metadata(notebook).get("notebook")
        ids = {grade_id(cell) for cell in notebook.cells} - {None}
        best = max(
            free, key=lambda wanted: (wanted == told, _shared(release.notebooks[wanted], ids)), default=None
        )
        if best is not None and (best == told or _shared(release.notebooks[best], ids) > 0):
            read.notebooks[best] = notebook
            read.repair(
                "renamed_notebook", best, "This notebook had another name and was recognised by its content."
            )
        else:
            read.repair("extra_notebook", name, "This notebook is not part of the lesson and was left out.")


def _shared(released: ReleasedNotebook, ids: set[str | None]) -> int:
    return sum(1 for cell in released.cells if cell.is_anchor and cell.grade_id in ids)


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
