"""Jupyter's trust, kept off for learners' notebooks: HTML and scripts in their outputs are never shown as they are.

A signature says that this person has run a notebook or pressed *Trust*. It is no reason to trust what a learner hands
in: the same bytes may have been signed where they were harmless, in a sandbox's result that was saved, or by mistake.
"""

from collections.abc import Callable, Mapping
from typing import Any

IsLearners = Callable[[str, Mapping[str, Any]], bool]
"""Says of a path and Studyhall's metadata whether they are a learner's notebook."""


def keep_untrusted(contents: Any, is_learners: IsLearners) -> None:
    """Have a contents manager neither trust nor sign learners' notebooks, whatever program opens or saves them."""
    mark_as_usual, sign_as_usual = contents.mark_trusted_cells, contents.check_and_sign

    def mark_trusted_cells(nb: Any, path: str = "") -> None:
        if is_learners(path, metadata_of(nb)):
            contents.notary.mark_cells(nb, trusted=False)
        else:
            mark_as_usual(nb, path)

    def check_and_sign(nb: Any, path: str = "", **more: Any) -> None:
        if not is_learners(path, metadata_of(nb)):
            sign_as_usual(nb, path, **more)

    contents.mark_trusted_cells = mark_trusted_cells
    contents.check_and_sign = check_and_sign


def metadata_of(notebook: Any) -> Mapping[str, Any]:
    """Return Studyhall's metadata of a notebook; empty when it has none."""
    metadata = notebook.get("metadata") if isinstance(notebook, Mapping) else None
    ours = metadata.get("studyhall") if isinstance(metadata, Mapping) else None
    return ours if isinstance(ours, Mapping) else {}
