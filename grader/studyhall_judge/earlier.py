"""What a lesson looked like when the learner fetched it, where it has been published anew since.

Without it, a learner who has not taken an update would be told that they had changed or deleted tests, and staff too.
"""

from __future__ import annotations

from collections.abc import Iterable

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import grade_id
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook

from studyhall_judge.likeness import metadata_differs, plain


class EarlierVersions:
    """One notebook of a lesson as other releases than the graded one handed it out; often there is none."""

    def __init__(self, notebooks: Iterable[NotebookNode] = ()) -> None:
        self._versions = [
            {str(grade_id(cell)): cell for cell in notebook.cells if grade_id(cell) is not None}
            for notebook in notebooks
        ]

    def __bool__(self) -> bool:
        """Whether the learner's copy may be of another release."""
        return bool(self._versions)

    def has_text(self, label: str, text: str) -> bool:
        """Whether a cell of this label was handed out with this text (as it is compared)."""
        return any(plain(cell.source) == text for cell in self._of(label))

    def has_settings(self, label: str, cell: NotebookNode) -> bool:
        """Whether a cell of this label was handed out with these points and of this kind."""
        return any(not metadata_differs(cell, old) for old in self._of(label))

    def lacks(self, label: str) -> bool:
        """Whether a release was handed out without a cell of this label."""
        return any(label not in version for version in self._versions)

    def _of(self, label: str) -> Iterable[NotebookNode]:
        return (version[label] for version in self._versions if label in version)


def earlier_versions(texts: Iterable[str]) -> EarlierVersions:
    """Return what the texts of earlier releases hold; one that can't be read any more says nothing."""
    notebooks = []
    for text in texts:
        try:
            notebooks.append(read_notebook(text))
        except NotebookError:
            continue
    return EarlierVersions(notebooks)
