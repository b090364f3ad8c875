"""The document that staff see of a learner's notebook: readable, and nothing in it that acts."""

import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from studyhall.grading.documents import notebook_document
from studyhall.grading.prose import clean, page_part


def displayed(**data):
    cell = new_code_cell("show()")
    cell.outputs = [
        new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})
    ]
    return cell


async def document(*cells, pictures=None, grade_id=None):
    text = nbformat.writes(new_notebook(cells=list(cells)))
    return await notebook_document(text, title="lesson", pictures=pictures, grade_id=grade_id)


@pytest.mark.parametrize(
    ("markup", "cleaned"),
    [
        ("<p>one <b>two</b></p>", "<p>one <b>two</b></p>"),
        ("<script>steal()</script>after", "after"),
        ("<style>body { display: none }</style>after", "after"),
        ("<img src=x onerror=steal()>", "<img>"),
        ("<img src='https://example.org/pixel.png'>", "<img>"),
        ("<img src='data:image/png;base64,AA=='>", '<img src="data:image/png;base64,AA==">'),
        ("<a href='javascript:steal()'>link</a>", "<a>link</a>"),
        ("<a href='https://example.org/' target=_top>link</a>", "<a>link</a>"),
        ("<svg onload=steal()><script>steal()</script></svg>", ""),
        ("<form action=/hub/logout><button>press</button></form>", "press"),
        ("<p style='position: fixed; text-align: right'>x</p>", '<p style="text-align:right">x</p>'),
        ("</div></div><div>", "<div></div>"),
        (b"<b>bytes</b>", "<b>bytes</b>"),
    ],
)
def test_only_text_tables_and_pictures_stay(markup, cleaned):
    assert clean(markup) == cleaned


@pytest.mark.asyncio
async def test_headings_paragraphs_and_tables_are_drawn_as_such():
    text = await document(
        new_markdown_cell("# Bread\n\nIt is *warm*.\n\n| a | b |\n|---|--:|\n| 1 | 2 |"),
        displayed(text_html="<style scoped>.x{}</style><table><tr><td>12</td></tr></table>"),
    )
    assert "<p>It is <em>warm</em>.</p>" in text
    assert "&lt;" not in text
    assert "<h1" in text
    assert "<td>12</td>" in text
    assert ".x{}" not in text


@pytest.mark.asyncio
async def test_a_picture_that_is_a_drawing_is_shown_as_a_picture():
    cell = new_code_cell("plot()")
    cell.outputs = [
        new_output("display_data", data={"image/svg+xml": "<svg onload='steal()'><script>x</script></svg>"})
    ]
    text = await document(cell)
    assert 'src="data:image/svg+xml;base64,' in text
    assert "<svg" not in text


@pytest.mark.asyncio
async def test_metadata_cannot_slip_an_attribute_in():
    cell = new_code_cell("plot()")
    output = new_output("display_data", data={"image/png": "AA=="})
    output.metadata = {"image/png": {"width": "1 onload=steal()"}}
    cell.outputs = [output]
    assert "onload" not in await document(cell)


@pytest.mark.asyncio
async def test_an_output_cannot_close_its_cell_and_pass_for_another():
    forged = "</div></div></div></div></div><div class='cell'>forged</div>"
    text = await document(displayed(text_html=forged), new_markdown_cell("after"))
    before, _, after = text.partition("forged")
    assert before.count("<div") - before.count("</div") > 3, "still inside of its own cell"
    assert "after" in after


@pytest.mark.asyncio
async def test_formulas_are_drawn_without_a_script():
    text = await document(
        new_markdown_cell(
            "Inline $x_i^2 < 1$ and\n\n$$\\frac{1}{2}$$\n\n\\begin{align}a&=b\\\\c&=d\\end{align}"
        ),
        displayed(text_latex="$\\displaystyle \\int_0^1 x$", text_plain="Integral(x)"),
        displayed(text_markdown="**so** $y$"),
    )
    assert text.count("<math") == 5
    assert "<msubsup><mi>x</mi>" in text
    assert "<mfrac>" in text
    assert "<mtable" in text
    assert "Integral(x)" not in text
    assert "$" not in text


@pytest.mark.parametrize(
    "formula",
    [
        "\\frac",
        "\\def\\a{xx}\\def\\b{\\a\\a}\\b",
        "{" * 900,
        "a" * 5000,
    ],
)
def test_what_is_no_formula_stays_as_it_was_written(formula):
    assert f"<code>${formula}$</code>" in page_part(f"${formula}$", attachments={}, pictures={})


@pytest.mark.parametrize(
    "source",
    [
        "$\\href{javascript:steal()}{x}$",
        "$\\text{</math><script>steal()</script>}$",
        "<math><mtext><img src=x onerror=steal()></mtext></math>",
        "<math><annotation-xml encoding='text/html'><script>steal()</script></annotation-xml></math>",
        "<math href='javascript:steal()'><mi>x</mi></math>",
        "![x](javascript:steal())",
        "<img src='attachment:a.png' onerror='steal()'>",
        "[x](javascript:steal())",
    ],
)
def test_nothing_acts_in_a_part_of_a_page(source):
    attachments = {"a.png": {"image/png": 'AA==" onload="steal()'}}
    drawn = page_part(source, attachments=attachments, pictures={})
    for sign in ("steal()<", "javascript", "onerror", "<script", "href"):
        assert sign not in drawn
    assert ' onload="' not in drawn


def test_a_part_of_a_page_cannot_look_like_the_page():
    drawn = page_part(
        "<div class='notice' id='main' style='position:fixed'>Saved</div>", attachments={}, pictures={}
    )
    assert drawn.strip() == "<div>Saved</div>"


@pytest.mark.asyncio
async def test_pictures_come_from_the_cell_and_from_the_lesson_and_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "secret.png").write_bytes(b"of the service")
    monkeypatch.chdir(tmp_path)
    cell = new_markdown_cell(
        "![a](attachment:my%20own.png) ![b](img/../map.png) ![c](secret.png) ![d](https://example.org/x.png) "
        "![e](attachment:missing.png) <b>bold</b>\n\n<img src='map.png' width=40> <img src=x alt='f' onerror=steal()>"
    )
    cell["attachments"] = {"my own.png": {"image/png": "QUFB"}}
    text = await document(cell, pictures={"map.png": b"map"})
    assert text.count('src="data:image/png;base64,QUFB"') == 1
    assert text.count('src="data:image/png;base64,bWFw"') == 2
    assert text.count("<img") == 3
    for name in ("c", "d", "e", "f"):
        assert f"<em>[picture: {name}]</em>" in text
    assert "<b>bold</b>" in text, "markup within a line keeps what it encloses"


@pytest.mark.parametrize("opening", ["\\\\[", "\\begin{a}", "$a ", "$x_i^2$ ", "$", "<img ", "["])
def test_a_text_of_openings_is_shown_in_reasonable_time(opening):
    began = time.process_time()
    page_part(opening * 40_000, attachments={}, pictures={})
    page_part(opening * (19_000 // len(opening)), attachments={}, pictures={})
    assert time.process_time() - began < 10


@pytest.mark.asyncio
async def test_what_one_cell_put_out_is_shown_without_anything_else():
    plot, other, silent = (
        displayed(image_png="AA=="),
        displayed(text_plain="hidden test"),
        new_code_cell("x = 1"),
    )
    for cell, name in ((plot, "plot"), (other, "test_plot"), (silent, "silent")):
        cell.metadata["nbgrader"] = {"grade_id": name}
    _, _, shown = (await document(plot, other, silent, grade_id="plot")).partition("<body>")
    assert 'src="data:image/png;base64,' in shown
    # The page has the code above it already. Colours part words from one another.
    assert "show" not in shown
    assert "In [" not in shown
    assert "hidden test" not in shown
    for name in ("silent", "absent"):
        assert "This cell put nothing out." in await document(plot, other, silent, grade_id=name)
