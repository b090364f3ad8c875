"""A learner's executed notebook as a document that staff may look at.

What a learner's code put into outputs is hostile by assumption. It is shown in ``<iframe sandbox>`` under a policy
that loads nothing and runs nothing; taking scripts out here is a third wall, not the only one.
"""

import asyncio
import threading

import nh3
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from studyhall_notebooks.parsing import read_notebook

MAX_BYTES = 64_000_000

WORDS = {
    "abbr",
    "b",
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
}
WORDS |= {"a", "br", "strong", "sub", "sup", "u", "var"}
BLOCKS = {
    "blockquote",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "hr",
    "img",
    "li",
    "ol",
    "p",
}
BLOCKS |= {"h1", "h2", "h3", "h4", "h5", "h6", "pre", "summary", "ul"}
TABLES = {"caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
TAGS = WORDS | BLOCKS | TABLES
"""What a page of text, tables and pictures is made of; nothing that runs, loads, sends or leads away."""

ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "title", "dir", "lang", "style"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
"""A link has no ``href``: the frame could only follow it to a page that its policy does not show."""


def _kept(tag: str, name: str, value: str) -> str | None:
    """Keep an attribute's value, but pictures only where they are part of the document."""
    if (tag, name) == ("img", "src") and not value.lower().startswith("data:image/"):
        return None
    return value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    # Pandas puts a style sheet into each of its tables: gone with its text, like the text of scripts.
    clean_content_tags={"script", "style", "template", "title"},
    attributes=ATTRIBUTES,
    attribute_filter=_kept,
    url_schemes={"data"},
    link_rel=None,
    filter_style_properties={"text-align", "font-weight", "font-style", "text-decoration"},
)


def clean(markup: str | bytes) -> str:
    """Return HTML with balanced tags and without anything that is not in :data:`TAGS` and :data:`ATTRIBUTES`."""
    return _cleaner.clean(markup.decode() if isinstance(markup, bytes) else str(markup))


class _Exporters(threading.local):
    """One exporter for each thread: making it compiles its templates, and one notebook at a time may use it."""

    def __init__(self) -> None:
        # `basic` is the notebook's body alone: no MathJax, no require.js, nothing from another host.
        self.mine = HTMLExporter(template_name="basic", sanitize_html=True, embed_images=True)  # type: ignore[no-untyped-call]  # nbconvert ships no types for it
        # Each cell and output by itself, so that no output can close its cell's box and pass for another cell; its
        # own filter knows neither paragraphs nor headings.
        self.mine.register_filter("clean_html", clean)  # type: ignore[no-untyped-call]  # as above


_exporters = _Exporters()


def _render(text: str, title: str) -> str:
    notebook: NotebookNode = read_notebook(text, max_bytes=MAX_BYTES)
    body, _ = _exporters.mine.from_notebook_node(notebook)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>"
        + "".join(character for character in title if character.isalnum() or character in " -_.")
        + "</title><style>"
        + STYLE
        + "</style></head><body>"
        # And the whole once more: the template writes some metadata, such as a picture's width, as it is.
        + clean(body)
        + "</body></html>"
    )


async def notebook_document(text: str, *, title: str) -> str:
    """Return an executed notebook as one HTML document without scripts; rendered in a thread."""
    return await asyncio.to_thread(_render, text, title)


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
blockquote { margin: 0.5em 0; padding-left: 10px; border-left: 2px solid GrayText; }
.anchor-link { display: none; }
.k, .kn, .kc, .kd, .kr, .ow, .ansi-blue-fg, .ansi-blue-intense-fg, .ansi-cyan-fg { color: var(--keyword); }
.s, .s1, .s2, .sa, .sd, .se, .sf, .si, .ansi-green-fg, .ansi-green-intense-fg { color: var(--text); }
.mi, .mf, .mh, .ansi-yellow-fg, .ansi-yellow-intense-fg { color: var(--figure); }
.c, .c1, .cm { color: var(--quiet); font-style: italic; }
.ansi-red-fg, .ansi-red-intense-fg { color: var(--bad); }
.ansi-bold { font-weight: 600; }
"""
