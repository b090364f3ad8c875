"""A learner's executed notebook as a document that staff may look at.

What a learner's code put into outputs is hostile by assumption. It is shown in ``<iframe sandbox>`` under a policy
that loads nothing and runs nothing; taking scripts out here is a third wall, not the only one.
"""

import asyncio
import threading
from typing import Any

from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from studyhall_notebooks.parsing import read_notebook

from studyhall.grading.formulas import Formulas
from studyhall.grading.prose import Pictures, clean, drawn

MAX_BYTES = 64_000_000

_BUDGET, _PICTURES = "studyhall_formulas", "studyhall_pictures"


@pass_context
def _markdown(context: Any, source: str) -> str:
    """Draw a cell's or an output's markdown with the pictures that are attached to the cell or stand beside it."""
    resources = context.get("resources", {})
    attachments = (context.get("cell") or {}).get("attachments", {})
    return drawn(source, attachments=attachments, pictures=resources[_PICTURES], formulas=resources[_BUDGET])


class _Exporters(threading.local):
    """One exporter for each thread: making it compiles its templates, and one notebook at a time may use it."""

    def __init__(self) -> None:
        # `basic` is the notebook's body alone: no MathJax, no require.js, nothing from another host.
        self.mine = HTMLExporter(template_name="basic", sanitize_html=True)  # type: ignore[no-untyped-call]  # nbconvert ships no types for it
        # Each cell and output by itself, so that no output can close its cell's box and pass for another cell; its
        # own filter knows neither paragraphs nor headings.
        self.mine.register_filter("clean_html", clean)  # type: ignore[no-untyped-call]  # as above
        self.mine.register_filter("markdown2html", _markdown)  # type: ignore[no-untyped-call]  # as above


_exporters = _Exporters()


def _formulas_as_markdown(notebook: NotebookNode) -> None:
    """Let LaTeX that code put out, such as sympy's, go the way of markdown; nbconvert leaves it to MathJax."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/latex" in data:
                data.setdefault("text/markdown", data.pop("text/latex"))


def _only_outputs(notebook: NotebookNode, grade_id: str) -> bool:
    """Leave of a notebook what one cell put out; say whether there is anything."""
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id and cell.get("outputs")
    ]
    for cell in notebook.cells:
        # As nbconvert's own preprocessors tell its templates.
        cell.metadata["transient"] = {"remove_source": True}
    return bool(notebook.cells)


def _render(text: str, title: str, pictures: Pictures, grade_id: str | None) -> str:
    notebook: NotebookNode = read_notebook(text, max_bytes=MAX_BYTES)
    if grade_id is not None and not _only_outputs(notebook, grade_id):
        return _page(title, "<p>This cell put nothing out.</p>")
    _formulas_as_markdown(notebook)
    body, _ = _exporters.mine.from_notebook_node(
        notebook, resources={_BUDGET: Formulas(), _PICTURES: pictures}
    )
    # The whole once more: the template writes some metadata, such as a picture's width, as it is.
    return _page(title, clean(body))


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>"
        + "".join(character for character in title if character.isalnum() or character in " -_.")
        + "</title><style>"
        + STYLE
        + "</style></head><body>"
        + body
        + "</body></html>"
    )


async def notebook_document(
    text: str, *, title: str, pictures: Pictures | None = None, grade_id: str | None = None
) -> str:
    """Return an executed notebook as one HTML document without scripts; rendered in a thread.

    Args:
        text: the notebook's JSON.
        title: of the document.
        pictures: the lesson's own, by their path from the notebook.
        grade_id: with it the document holds only what that cell put out.
    """
    return await asyncio.to_thread(_render, text, title, pictures or {}, grade_id)


def not_run_document(title: str) -> str:
    """Return the document in place of what was never put out."""
    return _page(title, "<p>This attempt was not run, so there is nothing that the cell put out.</p>")


STYLE = """
:root { color-scheme: light dark; --keyword: #0f5fb4; --text: #1b6e31; --figure: #855000; --bad: #b3261e;
  --quiet: #5b626a; }
@media (prefers-color-scheme: dark) {
  :root { --keyword: #7ab8f5; --text: #78d190; --figure: #f2b65a; --bad: #ff9a91; --quiet: #a4acb5; }
}
body { font: 14px/1.5 system-ui, sans-serif; margin: 16px; color: CanvasText; background: Canvas;
  overflow-wrap: anywhere; }
pre, code { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: 0; padding: 8px 10px; overflow-x: auto; white-space: pre-wrap; }
.input_area { background: color-mix(in srgb, CanvasText 5%, Canvas); border-radius: 4px; }
.prompt { color: var(--quiet); font: 12px ui-monospace, monospace; padding: 6px 0 2px; }
.prompt:empty { display: none; }
.cell { margin: 10px 0; }
.output_area { padding-left: 10px; border-left: 2px solid color-mix(in srgb, CanvasText 15%, Canvas); margin: 6px 0; }
.output_error { border-left: 2px solid var(--bad); }
.output_stderr pre { color: var(--bad); }
h1 { font-size: 1.5em; } h2 { font-size: 1.25em; } h3, h4, h5, h6 { font-size: 1.05em; }
h1, h2, h3, h4, h5, h6 { margin: 0.8em 0 0.4em; line-height: 1.25; } p { margin: 0.5em 0; }
img { max-width: 100%; height: auto; background: #fff; }
table { border-collapse: collapse; } td, th { border: 1px solid GrayText; padding: 2px 8px; }
math[display=block] { margin: 0.6em 0; overflow-x: auto; }
mtd[columnalign=left] { text-align: left; } mtd[columnalign=right] { text-align: right; }
[mathvariant^=bold] { font-weight: bold; }
blockquote { margin: 0.5em 0; padding-left: 10px; border-left: 2px solid GrayText; }
.anchor-link { display: none; }
.k, .kn, .kc, .kd, .kr, .ow, .ansi-blue-fg, .ansi-blue-intense-fg, .ansi-cyan-fg { color: var(--keyword); }
.s, .s1, .s2, .sa, .sd, .se, .sf, .si, .ansi-green-fg, .ansi-green-intense-fg { color: var(--text); }
.mi, .mf, .mh, .ansi-yellow-fg, .ansi-yellow-intense-fg { color: var(--figure); }
.c, .c1, .cm { color: var(--quiet); font-style: italic; }
.ansi-red-fg, .ansi-red-intense-fg { color: var(--bad); }
.ansi-bold { font-weight: 600; }
"""
