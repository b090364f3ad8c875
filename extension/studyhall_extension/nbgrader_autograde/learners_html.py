"""What learners wrote and put out, as formgrader may show it: HTML that only formats, and nothing that runs.

Formgrader makes its pages with nbconvert's ``HTMLExporter`` and shows them on the origin of a grader's own server, so a
script in an output would act with that grader's power. nbconvert's ``sanitize_html`` drops scripts and widgets, but
spoils tables of data, and formgrader's own template passes by it where it shows markdown. Hence the two filters here
under nbconvert's names, and :class:`OnlyFormatting` for what no filter sees.
"""

import re
from html import escape
from typing import Any

import nh3
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from traitlets import Bool

WORDS = {
    "a",
    "abbr",
    "b",
    "br",
    "cite",
    "code",
    "del",
    "em",
    "i",
    "ins",
    "kbd",
    "mark",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "time",
    "u",
    "var",
}
BLOCKS = {
    "blockquote",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "summary",
    "ul",
}
TABLES = {"caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
TAGS = WORDS | BLOCKS | TABLES
"""No forms and no frames: what looks like a field of formgrader's is one."""

ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"alt", "height", "src", "title", "width"},
    "ol": {"start"},
    "table": {"border"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
}
"""No class and no id: formgrader finds its own fields by them."""

SHOWN = {"text/html", "text/markdown", "text/plain", "text/latex", "image/png", "image/jpeg", "image/svg+xml"}
"""Kinds of output that are text, that the filters clean, or that stand in an ``<img>``."""

_NAME = re.compile(r"[A-Za-z0-9_.+-]+")
"""What a language, and nbgrader's id of a cell, consist of."""


def _kept(tag: str, name: str, value: str) -> str | None:
    """Keep a picture that is part of the page: one from elsewhere would tell its host who is graded, and when."""
    place = value.strip().lower()
    if (tag, name) == ("img", "src"):
        return value if place.startswith("data:image/") else None
    return None if place.startswith("data:") else value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags={"script", "style", "template", "title"},
    attributes=ATTRIBUTES,
    attribute_filter=_kept,
    url_schemes={"http", "https", "mailto", "data"},
    link_rel="noopener noreferrer",
)


def clean_html(shown: str | bytes) -> str:
    """Return HTML with balanced tags and without whatever does more than to format."""
    return _cleaner.clean(shown.decode(errors="replace") if isinstance(shown, bytes) else str(shown))


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """Return markdown as HTML that only formats; pictures that are attached to its cell are part of it."""
    attachments = (context.get("cell") or {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


class OnlyFormatting(Preprocessor):
    """Takes out of a notebook what a template would write as it is: raw cells, and what is said about outputs."""

    enabled = Bool(True, help="Whether learners' HTML is cleaned.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Clean a notebook; of what it says about itself only its language stays."""
        language = nb.metadata.get("language_info", {}).get("name")
        nb.metadata = type(nb.metadata)()
        if isinstance(language, str) and _NAME.fullmatch(language):
            nb.metadata["language_info"] = type(nb.metadata)(name=language)
        for cell in nb.cells:
            _clean_cell(cell)
        return nb, resources


def _clean_cell(cell: Any) -> None:
    """Clean one cell; its text and its place stay."""
    if cell.cell_type == "raw":
        cell.cell_type = "markdown"
        cell.source = f"<pre>{escape(cell.source)}</pre>"
    cell.metadata.pop("alt", None)
    if not _NAME.fullmatch(str(cell.metadata.get("nbgrader", {}).get("grade_id", "none"))):
        del cell.metadata["nbgrader"]
    for output in cell.get("outputs", []):
        if "data" in output:
            output.metadata = type(output.metadata)()
            for kind in set(output.data) - SHOWN:
                del output.data[kind]


def configure(c: Any) -> None:
    """Have formgrader show learners' work so. Feedback, which learners open, keeps what their code put out."""
    here = __name__
    c.HTMLExporter.sanitize_html = True
    c.HTMLExporter.filters = {
        "clean_html": f"{here}.clean_html",
        "markdown2html": f"{here}.markdown2html",
    }
    c.HTMLExporter.preprocessors = [f"{here}.OnlyFormatting"]
    c.GenerateFeedback.HTMLExporter.sanitize_html = False
    c.GenerateFeedback.HTMLExporter.filters = {}
    c.GenerateFeedback.HTMLExporter.preprocessors = []
