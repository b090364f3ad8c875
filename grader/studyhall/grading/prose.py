"""Markdown and HTML that learners wrote, as HTML which only formats.

Everything here is hostile by assumption. What comes out holds text, tables, formulas and pictures that are part of it:
nothing that runs, loads, sends or leads away.
"""

import mimetypes
import re
from base64 import b64encode
from collections.abc import Mapping
from html import escape, unescape
from posixpath import normpath
from urllib.parse import unquote

import nh3
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from studyhall.grading.formulas import Formulas

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
FORMULAS = {"math", "menclose", "mfrac", "mi", "mn", "mo", "mover", "mpadded", "mphantom", "mroot", "mrow"}
FORMULAS |= {"ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr"}
FORMULAS |= {"munder", "munderover"}
TAGS = WORDS | BLOCKS | TABLES | FORMULAS
"""What a page of text, tables, formulas and pictures is made of; nothing that runs, loads, sends or leads away."""

_OF_FORMULAS = {
    "math": {"display"},
    "menclose": {"notation"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mn": {"mathvariant"},
    "mo": {
        "accent",
        "fence",
        "form",
        "lspace",
        "mathvariant",
        "maxsize",
        "minsize",
        "movablelimits",
        "rspace",
    }
    | {"separator", "stretchy", "symmetric"},
    "mover": {"accent"},
    "mpadded": {"width", "height", "depth"},
    "mspace": {"width"},
    "mstyle": {"displaystyle", "mathcolor", "scriptlevel"},
    "mtable": {"columnalign", "columnlines", "displaystyle", "rowlines"},
    "mtd": {"columnalign"},
    "mtext": {"mathvariant"},
    "munder": {"accentunder"},
}

ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "title", "dir", "lang", "style"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    **_OF_FORMULAS,
}
"""A link has no ``href``: the frame could only follow it to a page that its policy does not show."""

IN_A_PAGE: dict[str, set[str]] = {**ATTRIBUTES, "*": {"dir", "lang", "title"}}
"""Within one of our own pages, no class and no style: a learner's text must not look like a part of the page."""


def _kept(tag: str, name: str, value: str) -> str | None:
    """Keep an attribute's value, but pictures only where they are part of the document."""
    if (tag, name) == ("img", "src") and not value.lower().startswith("data:image/"):
        return None
    return value


def _cleaner(attributes: dict[str, set[str]]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        # Pandas puts a style sheet into each of its tables: gone with its text, like the text of scripts.
        clean_content_tags={"script", "style", "template", "title"},
        attributes=attributes,
        attribute_filter=_kept,
        url_schemes={"data"},
        link_rel=None,
        filter_style_properties={"text-align", "font-weight", "font-style", "text-decoration"},
    )


_of_documents = _cleaner(ATTRIBUTES)
_of_pages = _cleaner(IN_A_PAGE)


def clean(markup: str | bytes) -> str:
    """Return HTML with balanced tags and without anything that is not in :data:`TAGS` and :data:`ATTRIBUTES`."""
    return _of_documents.clean(markup.decode(errors="replace") if isinstance(markup, bytes) else str(markup))


Pictures = Mapping[str, bytes]
"""Files that stand beside a notebook, by their path from there."""

SHOWN_KINDS = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
"""What an ``<img>`` draws, without running anything of it; the best of an attachment's kinds first."""


def data_address(content: bytes, kind: str) -> str:
    """Return the address that holds a picture itself."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def picture_kind(path: str) -> str | None:
    """Return the media type of a picture that can be shown, by its name; None for any other file."""
    kind, _ = mimetypes.guess_type(path)
    return kind if kind in SHOWN_KINDS else None


_TAG = re.compile(r"<[^>]*>")
_IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_SRC, _ALT = (
    re.compile(rf"""(\b{name}\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE) for name in ("src", "alt")
)


def _absent(name: str) -> str:
    return f"<em>[picture: {escape(name)}]</em>"


class _Renderer(IPythonRenderer):
    """Nbconvert's own, but with formulas as MathML, and pictures from nowhere but the notebook and its lesson."""

    def __init__(self, attachments: Mapping[str, object], pictures: Pictures, formulas: Formulas) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._attached = attachments
        self._beside = pictures
        self._formulas = formulas

    def _address(self, place: str) -> str | None:
        if place.lower().startswith("data:"):
            return place
        if place.startswith("attachment:"):
            kinds = self._attached.get(unquote(place.removeprefix("attachment:")))
            if not isinstance(kinds, Mapping):
                return None
            found = next((kind for kind in SHOWN_KINDS if kind in kinds), None)
            return None if found is None else f"data:{found};base64,{kinds[found]}"
        path = normpath(unquote(place))
        kind = picture_kind(path)
        return data_address(self._beside[path], kind) if kind and path in self._beside else None

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Draw a picture, or say which one is not here."""
        address = self._address(url)
        if address is None:
            return _absent(unescape(_TAG.sub("", text)) or url)
        # The alternative text stands in an attribute; mistune hands it over as HTML.
        name = escape(unescape(_TAG.sub("", text)))
        return f'<img src="{escape(address)}" alt="{name}" title="{escape(title or "")}">'

    def _with_pictures(self, html: str) -> str:
        return _IMG.sub(self._placed, html)

    def _placed(self, img: re.Match[str]) -> str:
        named, placed = _ALT.search(img[0]), _SRC.search(img[0])
        place = unescape(placed[2].strip("\"'")) if placed else ""
        name = unescape(named[2].strip("\"'")) if named else ""
        address = self._address(place)
        if placed is None or address is None:
            return _absent(name or place)
        alone = f'{placed[1]}"{escape(address)}"' + ("" if named else ' alt=""')
        return img[0][: placed.start()] + alone + img[0][placed.end() :]

    def block_html(self, html: str) -> str:
        """Keep HTML as it is but for its pictures."""
        return super().block_html(self._with_pictures(html))

    def inline_html(self, html: str) -> str:
        """Keep HTML as it is but for its pictures."""
        return super().inline_html(self._with_pictures(html))

    def inline_math(self, body: str) -> str:
        """Draw a formula in a line."""
        return self._formulas.drawn(body, display=False)

    def block_math(self, body: str) -> str:
        """Draw a formula of its own."""
        return self._formulas.drawn(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        """Draw an environment, which is a formula of its own."""
        return self._formulas.drawn(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)


def drawn(
    source: str,
    *,
    attachments: Mapping[str, object] | None = None,
    pictures: Pictures | None = None,
    formulas: Formulas | None = None,
) -> str:
    """Return markdown as HTML that is not cleaned yet; what is too long to be read as markdown stays as written."""
    formulas = formulas or Formulas()
    if not formulas.may_search(source):
        return f"<pre>{escape(source)}</pre>"
    renderer = _Renderer(attachments or {}, pictures or {}, formulas)
    return str(MarkdownWithMath(renderer=renderer).render(source))


def page_part(source: str, *, attachments: Mapping[str, object], pictures: Pictures) -> str:
    """Return markdown as HTML for a place within one of our pages, where it can only format itself."""
    return _of_pages.clean(drawn(source, attachments=attachments, pictures=pictures))
