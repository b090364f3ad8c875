"""``nbgrader autograde`` without a student's code in the terminal, and feedback without hidden tests.

In ``nbgrader_config.py``, which ``studyhall nbgrader configure`` writes::

    from studyhall_extension.nbgrader_autograde import configure
    configure(c)

:func:`configure` puts three preprocessors into nbgrader's own pipelines and leaves the rest of them as it is:
:class:`Execute` has the notebook run in the judge, :class:`RestoreFormat` keeps one student's labels from stopping
the whole class, :class:`HideTests` takes the source of hidden tests out of the feedback. And formgrader shows what
learners wrote and put out without anything that runs: :mod:`~studyhall_extension.nbgrader_autograde.learners_html`.
"""

from typing import Any

from studyhall_extension.nbgrader_autograde import learners_html
from studyhall_extension.nbgrader_autograde.execute import Execute
from studyhall_extension.nbgrader_autograde.hide_tests import HideTests
from studyhall_extension.nbgrader_autograde.restore_format import RestoreFormat

__all__ = ["Execute", "HideTests", "RestoreFormat", "configure"]


def configure(c: Any) -> None:
    """Set nbgrader's pipelines in a configuration, as ``nbgrader_config.py`` gets it."""
    here, nbgrader = "studyhall_extension.nbgrader_autograde", "nbgrader.preprocessors"
    c.Autograde.sanitize_preprocessors = [
        f"{here}.RestoreFormat",
        f"{nbgrader}.ClearOutput",
        f"{nbgrader}.DeduplicateIds",
        f"{nbgrader}.OverwriteKernelspec",
        f"{nbgrader}.OverwriteCells",
        f"{nbgrader}.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        f"{here}.Execute",
        f"{nbgrader}.IgnorePattern",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        f"{nbgrader}.LimitOutput",
        f"{nbgrader}.SaveAutoGrades",
        f"{nbgrader}.AssignLatePenalties",
        f"{nbgrader}.CheckCellMetadata",
    ]
    c.GenerateFeedback.preprocessors = [
        f"{nbgrader}.GetGrades",
        f"{here}.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    learners_html.configure(c)
