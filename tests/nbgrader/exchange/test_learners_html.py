"""What formgrader's page of a hostile submission is made of, with the configuration that the command writes."""

import json
from html.parser import HTMLParser

import pytest
from studyhall.exchange.configuring import block

pytestmark = pytest.mark.asyncio

PAGE = """
import json, os, warnings
from nbformat import from_dict
from nbconvert.exporters import HTMLExporter
from nbgrader.apps import NbGrader
from nbgrader.server_extensions.formgrader import handlers
app = NbGrader()
app.config_file_paths.append(os.getcwd())
app.load_config_file()
app.config.HTMLExporter.template_name = "formgrade"
app.config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
about = dict(assignment_id="ps1", notebook_id="ps1", submission_id="s", index=0, total=1, base_url="",
    student="lea", last_name="", first_name="", notebook_path="p")
warnings.simplefilter("ignore")
with open("hostile.json") as file:
    pages = [HTMLExporter(config=app.config).from_notebook_node(from_dict(one), resources=dict(about))[0]
             for one in json.load(file)]
print(json.dumps(pages))
"""

BAD = """
<script>attack()</script><img src=x onerror=attack()><svg onload=attack()><style>* {display: none}</style>
<a href='javascript:attack()'>x</a><a href='data:text/html,attack'>y</a>
<iframe src='/api'></iframe><object data='/api'></object>
<form action='/api'><input class='score tabbable' id='why'><button>ok</button></form>
<div class='score' id='why'>2</div></div></div></div>
<base href='https://elsewhere.invalid/'><meta http-equiv=refresh>
"""
TABLE = "<table border='1' class='dataframe'><thead><tr><th>wine</th></tr></thead><tr><td>4</td></tr></table>"
ANSWER = {"nbgrader": {"grade_id": "why", "grade": True, "solution": True, "points": 2}}


def notebook(*cells, **metadata):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def markdown(source, **more):
    return {"cell_type": "markdown", "id": "a", "metadata": {}, "source": source, **more}


def code(*outputs, source="1"):
    return {
        "cell_type": "code",
        "id": "b",
        "metadata": {},
        "source": source,
        "execution_count": 1,
        "outputs": list(outputs),
    }


def shows(kind, what, **metadata):
    return {"output_type": "display_data", "data": {kind: what}, "metadata": metadata}


HARMLESS = notebook(markdown("Because it rises.", metadata=ANSWER), code(source="print(1)"))
HOSTILE = notebook(
    markdown(f"Because it rises, $a<b$.\n\n{BAD}\n\n[z](javascript:attack())", metadata=ANSWER),
    markdown(BAD),
    markdown(BAD, metadata={"nbgrader": {"grade_id": '"><script>attack()</script>', "solution": True}}),
    {"cell_type": "raw", "id": "c", "metadata": {}, "source": BAD},
    code(
        shows("text/html", BAD + TABLE),
        shows("text/html", BAD, **{"text/html": {"isolated": True}}),
        shows("text/markdown", BAD),
        shows("text/latex", BAD),
        shows("application/javascript", "attack()"),
        shows("image/svg+xml", "<svg onload=attack()></svg>"),
        shows("image/png", 'x" onerror="attack()'),
        shows("image/png", "iVBORw0K", width="1 onerror=attack()", alt='"><script>attack()</script>'),
        shows("image/png", "iVBORw0K", **{"image/png": {"height": "1 onerror=attack()"}}),
        shows("application/vnd.jupyter.widget-view+json", {"model_id": "</script><script>attack()"}),
        shows("application/vnd.plotly.v1+json", {"x": BAD}),
        {"output_type": "stream", "name": "stdout", "text": BAD},
        {"output_type": "error", "ename": "<b>", "evalue": BAD, "traceback": [BAD, "\x1b[31m" + BAD]},
        source="# </script>" + BAD,
    ),
    title=BAD,
    language_info={"name": '"><script>attack()</script>', "pygments_lexer": BAD},
    widgets={"application/vnd.jupyter.widget-state+json": {"state": {"x": "</script><script>attack()"}}},
)


class Elements(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.all = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, {name: value or "" for name, value in attributes}))

    handle_startendtag = handle_starttag

    def handle_data(self, text):
        self.text += text

    def having(self, *tags):
        return [element for element in self.all if element[0] in tags]


@pytest.fixture
def grader(grader):
    """A terminal with what `studyhall nbgrader configure` writes."""
    (grader.folder / "nbgrader_config.py").write_text(block("ps"))
    return grader


async def test_nothing_of_a_submission_runs_in_formgrader_or_looks_like_its_fields(grader):
    (grader.folder / "hostile.json").write_text(json.dumps([HARMLESS, HOSTILE]))
    said = await grader.python_says(PAGE)
    harmless, hostile = (Elements(page) for page in json.loads(said.strip().splitlines()[-1]))
    active = (
        "script",
        "style",
        "link",
        "base",
        "meta",
        "object",
        "embed",
        "form",
        "input",
        "button",
        "textarea",
    )
    assert hostile.having(*active) == harmless.having(*active)
    assert hostile.having("iframe") == []
    ours = {(tag, tuple(about.items())) for tag, about in harmless.all}
    for tag, about in hostile.all:
        if (tag, tuple(about.items())) in ours:
            continue
        assert not [name for name in about if name.startswith("on")], (tag, about)
        assert not about.get("href", "").lower().startswith(("javascript:", "data:")), about
        assert tag != "img" or about.get("src", "data:image/").startswith("data:image/"), about
        assert {"score", "comment", "extra-credit", "tabbable"}.isdisjoint(about.get("class", "").split()), (
            about
        )


async def test_what_formats_stays(grader):
    (grader.folder / "hostile.json").write_text(json.dumps([HOSTILE]))
    (shown,) = json.loads((await grader.python_says(PAGE)).strip().splitlines()[-1])
    page = Elements(shown)
    assert "Because it rises, $a<b$." in page.text
    assert [tag for tag, _ in page.having("table", "thead", "th", "td")] == ["table", "thead", "th", "td"]
    assert ("img", "data:image/png;base64,iVBORw0K") in {(tag, about.get("src")) for tag, about in page.all}
    assert "attack()" in page.text, "a program's text is shown as text"
